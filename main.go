// Command tacenda keeps secrets in a vault and puts them where templates name
// them. Everything it does is in internal/cli; this file is the only one that
// calls os.Exit.
package main

import (
	"os"

	"tacenda/internal/cli"
)

func main() {
	os.Exit(cli.Main(cli.System{
		Args:   os.Args[1:],
		Getenv: os.Getenv,
		Stdin:  os.Stdin,
		Stdout: os.Stdout,
		Stderr: os.Stderr,
	}))
}

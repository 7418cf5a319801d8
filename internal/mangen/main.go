// Command mangen writes the manual, one page a command, from the same tree that
// the program runs: what it says of an option is what the option's help says. It
// stays out of the program itself, which has no use for a troff writer.
//
//	go run ./internal/mangen docs/man
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"tacenda/internal/cli"
)

//go:generate go run . ../../docs/man

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: mangen DIRECTORY")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintf(os.Stderr, "mangen: %v\n", err)
		os.Exit(1)
	}
}

// edition stands at the foot of each page. It is fixed, so that writing the pages
// again changes nothing that did not change; it moves with a release.
var edition = time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)

// escape keeps the library from reading the descriptions as Markdown: a
// backslash, a star or a _ in them is one.
func escape(c *cobra.Command) {
	c.Long = strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "`", "\\`", "<", `\<`, "&", `\&`).Replace(c.Long)
	for _, sub := range c.Commands() {
		escape(sub)
	}
}

// write replaces the pages in dir: those of commands that are gone go too.
func write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(dir, "tacenda*.1"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	root := cli.Manual()
	root.DisableAutoGenTag = true
	escape(root)
	header := doc.GenManHeader{Section: "1", Date: &edition, Source: "Tacenda", Manual: "Tacenda Manual"}
	return doc.GenManTree(root, &header, dir)
}

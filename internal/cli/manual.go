package cli

import "github.com/spf13/cobra"

// Manual returns the whole tree of commands, for whoever writes the manual from
// it. The commands are not for running.
func Manual() *cobra.Command {
	a := &app{out: newStream(nil), err: newStream(nil)}
	return newRoot(a, nil)
}

package cli

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// help writes a command's help: what it does, how it is called, an example, and
// the options. It is written by hand because the templates that cobra would use
// cost more than everything else a start does.
func (a *app) help(c *cobra.Command, _ []string) {
	var b strings.Builder
	text := c.Long
	if text == "" {
		text = c.Short
	}
	fmt.Fprintf(&b, "%s\n\nUsage:\n", strings.TrimSpace(text))
	if c.HasParent() {
		if c.Runnable() && !c.HasSubCommands() {
			fmt.Fprintf(&b, "  %s\n", c.UseLine())
		}
		if c.HasSubCommands() {
			fmt.Fprintf(&b, "  %s COMMAND\n", c.CommandPath())
		}
	} else {
		b.WriteString("  tacenda [flags]              open the terminal interface\n" +
			"  tacenda COMMAND [flags]\n  tacenda --resolve FILE|-     the same as: tacenda resolve FILE|-\n")
	}
	if c.Example != "" {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", strings.TrimRight(c.Example, "\n"))
	}
	helpCommands(&b, c)
	if c.HasAvailableLocalFlags() {
		fmt.Fprintf(&b, "\nOptions:\n%s", c.LocalNonPersistentFlags().FlagUsages())
	}
	if !c.HasParent() {
		fmt.Fprintf(&b, "\nOptions of every command:\n%s", c.PersistentFlags().FlagUsages())
		b.WriteString("\ntacenda COMMAND --help says more about a command.\n")
	} else {
		b.WriteString("\ntacenda --help lists the options of every command (--vault, --project, --identity, …).\n")
	}
	_, _ = io.WriteString(a.out, b.String())
}

// helpCommands lists the commands below c, in the root by their groups.
func helpCommands(b *strings.Builder, c *cobra.Command) {
	if c.HasParent() {
		if !c.HasAvailableSubCommands() {
			return
		}
		b.WriteString("\nCommands:\n")
		for _, sub := range c.Commands() {
			fmt.Fprintf(b, "  %-11s %s\n", sub.Name(), sub.Short)
		}
		return
	}
	rows := commands()
	for _, g := range groups {
		fmt.Fprintf(b, "\n%s:\n", g.Title)
		for _, row := range rows {
			if row.group == g.ID {
				fmt.Fprintf(b, "  %-11s %s\n", row.name, row.short)
			}
		}
	}
}

// helpCommand is `tacenda help [COMMAND…]`.
func (a *app) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:  "help [COMMAND]",
		Long: "Show what a command does, its options and an example.",
		RunE: func(c *cobra.Command, args []string) error {
			target, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(target, rest)
			}
			a.help(target, nil)
			return nil
		},
	}
}

// unknownCommand refuses what is left of the arguments of a command that only
// leads to others, and names the ones that were probably meant.
func unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	if c.HasParent() {
		for _, sub := range c.Commands() {
			names = append(names, sub.Name())
		}
	} else {
		for _, row := range commands() {
			names = append(names, row.name)
		}
	}
	err := usagef("unknown command %q", strings.TrimSpace(strings.TrimPrefix(c.CommandPath()+" "+args[0], "tacenda")))
	if near := nearest(args[0], names); near != "" {
		return hinted(err, "did you mean "+c.CommandPath()+" "+near+"?")
	}
	return hinted(err, c.CommandPath()+" --help lists the commands")
}

// nearest returns the name within two edits of word, or the one that word
// begins; "" when there is none.
func nearest(word string, names []string) string {
	best, distance := "", 3
	for _, n := range names {
		d := edits(word, n)
		if len(word) > 1 && strings.HasPrefix(n, word) {
			d = min(d, 1)
		}
		if d < distance && d < len(n) && d < len(word) {
			best, distance = n, d
		}
	}
	return best
}

// edits is the number of insertions, deletions, replacements and swaps of
// neighbours that make b of a.
func edits(a, b string) int {
	if len(a) > 32 { // no command is that long
		return len(a)
	}
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}

// subject is a command in an error, whose line begins with tacenda anyhow.
func subject(c *cobra.Command) string { return strings.TrimPrefix(c.CommandPath(), "tacenda ") }

// parent is a command that only leads to others.
func parent(use, long, example string, subs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Long: long, Example: example, Args: unknownCommand}
	c.RunE = func(c *cobra.Command, _ []string) error {
		var names []string
		for _, sub := range c.Commands() {
			names = append(names, sub.Name())
		}
		return hinted(usagef("%s needs a command", subject(c)), "one of "+strings.Join(names, ", "))
	}
	c.AddCommand(subs...)
	return c
}

// flagError is a mistake in the options: exit 2 with a pointer to the help. It
// notes whether JSON was asked for, as parsing may have stopped before.
func (a *app) flagError(c *cobra.Command, err error) error {
	a.json = a.json || slices.Contains(a.sys.Args, "--json")
	hint := c.CommandPath() + " --help lists the options"
	if name, ok := strings.CutPrefix(err.Error(), "unknown flag: --"); ok && (name == "value" || name == "password" || name == "passphrase") {
		hint = "values and passphrases are never arguments: use --value-file, --passphrase-file or the prompt"
	}
	return hinted(usagef("%s", flagText(err)), hint)
}

// exactly, atLeast and atMost check the number of arguments. They never repeat
// an argument: it may be a value that somebody hoped to pass.
func exactly(n int, want string) cobra.PositionalArgs {
	return counted(func(got int) bool { return got == n }, want)
}

func atLeast(n int, want string) cobra.PositionalArgs {
	return counted(func(got int) bool { return got >= n }, want)
}

func atMost(n int, want string) cobra.PositionalArgs {
	return counted(func(got int) bool { return got <= n }, want)
}

// number is n things, or one thing.
func number(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return strconv.Itoa(n) + " " + thing
}

// someNames names ten at most: a message is one line that somebody reads.
func someNames(names []string) string {
	const most = 10
	text := strings.Join(names[:min(len(names), most)], ", ")
	if len(names) > most {
		text += fmt.Sprintf(" and %d others", len(names)-most)
	}
	return text
}

func counted(ok func(int) bool, want string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if ok(len(args)) {
			return nil
		}
		return hinted(usagef("%s takes %s, not %s", subject(c), want, number(len(args), "argument")), c.CommandPath()+" --help")
	}
}

package cli

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"tacenda/internal/vault"
)

func (a *app) instructionCommand() *cobra.Command {
	return parent("instruction", `Instructions are texts for a model: system prompts, runbooks, anything that an
agent is told. The project keeps them sealed, with their placeholders. Values
are put in when one is resolved, and a model reads only those that are marked
safe for it (tacenda edit NAME --llm-safe).`,
		"  tacenda instruction set billing-runbook -f runbook.md\n  tacenda instruction list\n  tacenda resolve --instruction billing-runbook --preview",
		a.instructionListCommand(), a.instructionSetCommand(), a.instructionShowCommand(), a.instructionDeleteCommand())
}

// instructionJSON is an instruction as list and show print it.
type instructionJSON struct {
	Name         string   `json:"name"`
	Text         string   `json:"text"`
	Placeholders []string `json:"placeholders"` // names, sorted
}

func toInstructionJSON(t vault.Text) (instructionJSON, error) {
	names, err := placeholders(t)
	return instructionJSON{t.Name, t.Text, names}, err
}

func (a *app) instructionListCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the project's instructions",
		Long:    "List the project's instructions with the placeholders in them.",
		Example: "  tacenda instruction list\n  tacenda instruction list --json",
		Args:    exactly(0, "no arguments"),
		RunE:    func(c *cobra.Command, _ []string) error { return a.instructionList(c.Context()) },
	}
	a.jsonFlag(c)
	return c
}

func (a *app) instructionList(ctx context.Context) error {
	project, v, err := a.openProject(ctx, forReading)
	if err != nil {
		return err
	}
	defer v.Close()
	texts, err := v.Texts(ctx, project, vault.Instruction)
	if err != nil {
		return err
	}
	items := make([]instructionJSON, len(texts))
	t := &table{header: []string{"NAME", "PLACEHOLDERS", "UPDATED", "VERSION"}, flex: 1}
	for i, text := range texts {
		if items[i], err = toInstructionJSON(text); err != nil {
			return err
		}
		t.add(text.Name, strings.Join(items[i].Placeholders, " "), localTime(text.Updated), strconv.FormatUint(text.Version, 10))
	}
	switch {
	case a.json:
		return writeJSONList(a.out, items)
	case len(texts) == 0:
		a.note("no instructions")
		return nil
	}
	return a.draw(t)
}

func (a *app) instructionShowCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "show NAME",
		Short: "Print an instruction's text",
		Long: `Print an instruction's text as it was set, with its placeholders. A preview with
hints is shown by tacenda resolve --instruction NAME --preview.

Exit codes: 2 malformed name; 5 no such instruction.`,
		Example: "  tacenda instruction show billing-runbook > runbook.md",
		Args:    exactly(1, "one NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.showText(c.Context(), vault.Instruction, args[0], func(t vault.Text) (any, error) { return toInstructionJSON(t) })
		},
	}
	a.jsonFlag(c)
	return c
}

func (a *app) instructionSetCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "set NAME -f FILE|-",
		Short: "Create an instruction, or replace its text",
		Long: `Create an instruction from a file, or replace the text of one. The text is UTF-8
of at most 1 MiB. A placeholder that names no secret, and what looks like a
placeholder and is none, draws a warning.

Exit codes: 2 malformed name, or no text; 5 no such file or project.`,
		Example: "  tacenda instruction set billing-runbook -f runbook.md\n  cat *.md | tacenda instruction set handbook -f -",
		Args:    exactly(1, "one NAME (the text comes from -f FILE)"),
		RunE:    func(c *cobra.Command, args []string) error { return a.instructionSet(c.Context(), args[0], file) },
	}
	c.Flags().StringVarP(&file, "file", "f", "", "read the text from `FILE`, - for standard input")
	return c
}

func (a *app) instructionSet(ctx context.Context, name, file string) error {
	return a.setText(ctx, vault.Instruction, name, textFile{
		path: file, what: "text",
		warn: func(t vault.Text, names []string) error { return a.warnText(t, file, names) },
	})
}

func (a *app) instructionDeleteCommand() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:     "delete NAME",
		Short:   "Delete an instruction for good",
		Long:    "Delete an instruction for good.\n\nExit codes: 2 no terminal to ask, and no --yes; 5 no such instruction.",
		Example: "  tacenda instruction delete billing-runbook",
		Args:    exactly(1, "one NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.deleteText(c.Context(), vault.Instruction, args[0], yes)
		},
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

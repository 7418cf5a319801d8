package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"tacenda/internal/vault"
)

func (a *app) projectCommand() *cobra.Command {
	c := parent("project", `Projects keep secrets, tools and instructions apart: they share nothing. A
command works in the project of --project, TACENDA_PROJECT or a .tacenda file,
else in "default".`, "  tacenda project list\n  tacenda project create staging\n  tacenda project diff default staging",
		a.projectListCommand(), a.projectCreateCommand(), a.projectRenameCommand(),
		a.projectDeleteCommand(), a.projectDuplicateCommand(), a.projectDiffCommand())
	return c
}

// projectJSON is a project as list prints it.
type projectJSON struct {
	Name         string   `json:"name"`
	Secrets      int      `json:"secrets"`
	Tools        int      `json:"tools"`
	Instructions int      `json:"instructions"`
	Permissions  []string `json:"permissions"`
}

func (a *app) projectListCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "list",
		Short:   "List projects and what they hold",
		Example: "  tacenda project list --json",
		Args:    exactly(0, "no arguments"),
		RunE:    func(c *cobra.Command, _ []string) error { return a.projectList(c.Context()) },
	}
	a.jsonFlag(c)
	return c
}

func (a *app) projectList(ctx context.Context) error {
	v, err := a.openVault(ctx, forReading)
	if err != nil {
		return err
	}
	defer v.Close()
	projects, err := v.Projects(ctx)
	if err != nil {
		return err
	}
	if a.json {
		items := make([]projectJSON, len(projects))
		for i, p := range projects {
			items[i] = projectJSON{p.Name, p.Secrets, p.Tools, p.Instructions, list(p.Permissions)}
		}
		return writeJSONList(a.out, items)
	}
	t := &table{header: []string{"NAME", "SECRETS", "TOOLS", "INSTRUCTIONS", "PERMISSIONS"}, flex: 4}
	for _, p := range projects {
		t.add(p.Name, strconv.Itoa(p.Secrets), strconv.Itoa(p.Tools), strconv.Itoa(p.Instructions), strings.Join(p.Permissions, " "))
	}
	return a.draw(t)
}

func (a *app) projectCreateCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "create NAME",
		Short:   "Create an empty project",
		Long:    "Create an empty project.\n\nExit codes: 2 malformed name; 6 the name is taken.",
		Example: "  tacenda project create staging",
		Args:    exactly(1, "one NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.changeProjects(c.Context(), args, "created project "+args[0], func(ctx context.Context, v gate) error {
				return v.CreateProject(ctx, args[0])
			})
		},
	}
}

func (a *app) projectRenameCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "rename NAME NEW",
		Short:   "Give a project another name",
		Long:    "Give a project another name. What it holds stays as it is.\n\nExit codes: 5 no such project; 6 the new name is taken.",
		Example: "  tacenda project rename web website",
		Args:    exactly(2, "a NAME and a NEW one"),
		RunE: func(c *cobra.Command, args []string) error {
			done := fmt.Sprintf("renamed project %s to %s", args[0], args[1])
			return a.changeProjects(c.Context(), args, done, func(ctx context.Context, v gate) error {
				return v.RenameProject(ctx, args[0], args[1])
			})
		},
	}
}

func (a *app) projectDuplicateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "duplicate SRC DST",
		Short: "Copy a project into a new one",
		Long: `Copy a project into a new one: its secrets first, then its tools and
instructions, all or nothing.

Exit codes: 5 no such project; 6 the new name is taken.`,
		Example: "  tacenda project duplicate production staging",
		Args:    exactly(2, "a SRC and a DST"),
		RunE: func(c *cobra.Command, args []string) error {
			done := fmt.Sprintf("duplicated project %s as %s", args[0], args[1])
			return a.changeProjects(c.Context(), args, done, func(ctx context.Context, v gate) error {
				return v.DuplicateProject(ctx, args[0], args[1])
			})
		},
	}
}

func (a *app) projectDeleteCommand() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:     "delete NAME",
		Short:   "Delete a project and everything in it",
		Long:    "Delete a project and everything in it, for good.\n\nExit codes: 2 no terminal to ask, and no --yes; 5 no such project.",
		Example: "  tacenda project delete staging",
		Args:    exactly(1, "one NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			if !yes && !a.hasTerminal() {
				return hinted(usagef("project delete: there is no terminal to ask"), "add --yes")
			}
			return a.changeProjects(c.Context(), args, "", func(ctx context.Context, v gate) error {
				return a.projectDelete(ctx, v, args[0], yes)
			})
		},
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

func (a *app) projectDelete(ctx context.Context, v gate, name string, yes bool) error {
	if !yes {
		projects, err := v.Projects(ctx)
		if err != nil {
			return err
		}
		for _, p := range projects {
			if p.Name != name {
				continue
			}
			ok, err := a.confirm(ctx, fmt.Sprintf("Delete project %s with %s? This cannot be undone.", name, holds(p)))
			if err != nil {
				return err
			}
			if !ok {
				return errors.New("nothing was deleted")
			}
		}
	}
	if err := v.DeleteProject(ctx, name); err != nil {
		return err
	}
	a.note("deleted project " + name)
	return nil
}

// holds says what goes when a project goes.
func holds(p vault.Project) string {
	text := number(p.Secrets, "secret")
	if p.Tools > 0 {
		text += ", " + number(p.Tools, "tool")
	}
	if p.Instructions > 0 {
		text += ", " + number(p.Instructions, "instruction")
	}
	return text
}

// changeProjects checks the names, opens the vault, makes the change and says
// what was done.
func (a *app) changeProjects(ctx context.Context, names []string, done string, change func(context.Context, gate) error) error {
	for _, name := range names {
		if err := vault.CheckName("project", name); err != nil {
			return err
		}
	}
	v, err := a.openVault(ctx, forChange)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := change(ctx, v); err != nil {
		return err
	}
	if done != "" {
		a.note(done)
	}
	return nil
}

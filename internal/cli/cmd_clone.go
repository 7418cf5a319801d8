package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tacenda/internal/vault"
)

func (a *app) cloneCommand() *cobra.Command {
	var to string
	var overwrite bool
	c := &cobra.Command{
		Use: "clone NAME... --to PROJECT",
		Long: `Copy secrets to another project: name, value, description and flags. From then
on the copy lives its own life.

Several names are copied together or not at all.

Exit codes: 2 malformed name; 5 no such secret or project; 6 the name is taken
there, unless --overwrite.`,
		Example: "  tacenda clone API_KEY --to staging\n  tacenda -p web clone DB_USER DB_PASSWORD --to api --overwrite",
		Args:    atLeast(1, "at least one NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.clone(c.Context(), args, to, overwrite)
		},
	}
	c.Flags().StringVar(&to, "to", "", "the `PROJECT` that gets the copies")
	c.Flags().BoolVar(&overwrite, "overwrite", false, "replace secrets of the same name there")
	return c
}

func (a *app) clone(ctx context.Context, names []string, to string, overwrite bool) error {
	if to == "" {
		return usagef("clone needs --to PROJECT")
	}
	if err := vault.CheckName("project", to); err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	if err := checkSecretNames(names); err != nil {
		return err
	}
	if from, err := a.projectName(); err != nil {
		return err
	} else if from == to {
		return usagef("--to: project %s is where the secrets are", to)
	}
	project, v, err := a.openProject(ctx, forChange)
	if err != nil {
		return err
	}
	defer v.Close()
	names = distinct(names)
	if err := v.CloneSecrets(ctx, project, names, to, overwrite); err != nil {
		return err
	}
	a.note(fmt.Sprintf("cloned %s from project %s to %s", strings.Join(names, ", "), project, to))
	return nil
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

)

func (a *app) deleteCommand() *cobra.Command {
	var force, yes bool
	c := &cobra.Command{
		Use: "delete NAME...",
		Long: `Delete secrets for good: nothing of them can be read from the vault afterwards.

Several names are deleted together or not at all. While a tool or an
instruction refers to one of them nothing is deleted, unless --force.

Exit codes: 2 no terminal to ask, and no --yes; 5 no such secret; 10 in use.`,
		Example: "  tacenda delete OLD_TOKEN\n  tacenda delete --yes A_KEY B_KEY",
		Args:    atLeast(1, "at least one NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.deleteSecrets(c.Context(), args, force, yes)
		},
	}
	c.Flags().BoolVar(&force, "force", false, "delete although something refers to it")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

func (a *app) deleteSecrets(ctx context.Context, names []string, force, yes bool) error {
	if err := checkSecretNames(names); err != nil {
		return err
	}
	if !yes && !a.hasTerminal() {
		return hinted(usagef("delete: there is no terminal to ask"), "add --yes")
	}
	project, err := a.projectName()
	if err != nil {
		return err
	}
	v, err := a.openVault(ctx, forChange)
	if err != nil {
		return err
	}
	defer v.Close()
	names = distinct(names)
	for _, name := range names {
		if _, err := v.Secret(ctx, project, name); err != nil {
			return err
		}
	}
	if !force {
		if err := a.refuseInUse(ctx, v, project, names); err != nil {
			return err
		}
	}
	if !yes {
		ok, err := a.confirm(ctx, fmt.Sprintf("Delete %s from project %s? This cannot be undone.", strings.Join(names, ", "), project))
		if err != nil {
			return err
		}
		if !ok {
			return errors.New("nothing was deleted")
		}
	}
	if err := v.DeleteSecrets(ctx, project, names); err != nil {
		return err
	}
	a.note(fmt.Sprintf("deleted %s from project %s", strings.Join(names, ", "), project))
	return nil
}

// distinct is names without the repeated ones, in their order.
func distinct(names []string) []string {
	var once []string
	for _, name := range names {
		if !slices.Contains(once, name) {
			once = append(once, name)
		}
	}
	return once
}

// refuseInUse lists where the names are used, and fails if anywhere.
func (a *app) refuseInUse(ctx context.Context, v gate, project string, names []string) error {
	used, err := v.References(ctx, project)
	if err != nil {
		return err
	}
	var first string
	uses := 0
	for _, name := range names {
		for _, r := range used[name] {
			a.line(fmt.Sprintf("%s: %s %s, %s", name, r.Kind, r.Name, r.Where))
			if first == "" {
				first = name
			}
			uses++
		}
	}
	if uses == 0 {
		return nil
	}
	return hinted(failf(exitInUse, "delete %s: in use in %s", first, number(uses, "place")), "change what uses it, or delete with --force")
}

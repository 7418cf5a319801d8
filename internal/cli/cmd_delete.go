package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tacenda/resolver"
)

func (a *app) deleteCommand() *cobra.Command {
	var force, yes bool
	var in []string
	c := &cobra.Command{
		Use: "delete NAME...",
		Long: `Delete secrets for good: nothing of them can be read from the vault afterwards.

Several names are deleted together or not at all. While a tool or an
instruction refers to one of them nothing is deleted and every place is listed,
unless --force. With --in the same goes for templates.

Exit codes: 2 no terminal to ask, and no --yes; 5 no such secret; 10 in use.`,
		Example: "  tacenda delete OLD_TOKEN\n  tacenda delete OLD_TOKEN --in deploy/\n  tacenda delete --yes A_KEY B_KEY",
		Args:    atLeast(1, "at least one NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.deleteSecrets(c.Context(), args, in, force, yes)
		},
	}
	c.Flags().BoolVar(&force, "force", false, "delete although something refers to it")
	c.Flags().StringArrayVar(&in, "in", nil, "templates that must not refer to it: a file or directory `PATH`; repeatable")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

func (a *app) deleteSecrets(ctx context.Context, names, in []string, force, yes bool) error {
	if err := checkSecretNames(names); err != nil {
		return err
	}
	if force && len(in) > 0 {
		return usagef("--in and --force exclude each other")
	}
	if err := a.claimPaths(in); err != nil {
		return err
	}
	if !yes && !a.hasTerminal() {
		return hinted(usagef("delete: there is no terminal to ask"), "add --yes")
	}
	project, v, err := a.openProject(ctx, forChange)
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
		if err := a.refuseInUse(ctx, v, project, names, in); err != nil {
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

// refuseInUse lists where the names are used, in the project and in the
// templates below the paths, and fails if anywhere.
func (a *app) refuseInUse(ctx context.Context, v gate, project string, names, paths []string) error {
	references, err := v.References(ctx, project)
	if err != nil {
		return err
	}
	uses := map[string][]useJSON{}
	for _, name := range names {
		for _, r := range references[name] {
			uses[name] = append(uses[name], toUseJSON(r))
		}
	}
	err = a.walkTemplates(ctx, paths, nil, func(file string, o resolver.Occurrence) error {
		if slices.Contains(names, o.Name) {
			uses[o.Name] = append(uses[o.Name], useJSON{"file", file, fmt.Sprintf("%d:%d", o.Line, o.Column)})
		}
		return nil
	})
	if err != nil {
		return err
	}
	var used []string
	places := 0
	for _, name := range names {
		for _, u := range uses[name] {
			a.line(name + ": " + u.String())
		}
		if places += len(uses[name]); len(uses[name]) > 0 {
			used = append(used, name)
		}
	}
	if places == 0 {
		return nil
	}
	hint := "change what uses it, or delete with --force"
	if len(paths) > 0 {
		hint += " and without --in"
	}
	return hinted(failf(exitInUse, "deleting %s: in use in %s; nothing was deleted", strings.Join(used, ", "), number(places, "place")), hint)
}

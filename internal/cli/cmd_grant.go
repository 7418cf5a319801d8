package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"tacenda/internal/vault"
)

func (a *app) grantCommand() *cobra.Command {
	var serverOnly bool
	c := &cobra.Command{
		Use: "grant NAME PERMISSION...",
		Long: `Set what a member may do in the project, whatever that was before:

  secrets:read    names, hints, descriptions, tools and instructions
  secrets:use     resolve, run, call, redact and scan; includes read
  secrets:manage  create, edit, delete and clone; includes read, not use

With --server-only the member gets no key: only a server that has the vault open
serves them. Else a manager's keys could open values with a program of their own.
Taking a key away makes new keys for the project, as revoke does.

Exit codes: 2 unknown permission; 4 you are no owner; 5 no such member or project.`,
		Example: "  tacenda grant ann secrets:use secrets:manage -p web\n  tacenda grant ci secrets:manage -p web --server-only",
		Args:    atLeast(2, "a member's NAME and PERMISSIONs"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.grant(c.Context(), args[0], args[1:], serverOnly)
		},
	}
	a.jsonFlag(c)
	c.Flags().BoolVar(&serverOnly, "server-only", false, "give no key: a server acts on it, the file does not")
	return c
}

func (a *app) grant(ctx context.Context, member string, words []string, serverOnly bool) error {
	p, err := vault.ParsePermission(words)
	if err != nil {
		return err
	}
	return a.changeGrant(ctx, member, func(v gate, project string, step func(done, total int)) ([]string, string, error) {
		lost, err := v.Grant(ctx, member, project, p, serverOnly, step)
		done := member + " has " + strings.Join(p.Strings(), " ") + " in project " + project
		if serverOnly {
			done += ", by a server only"
		}
		return lost, done, err
	})
}

func (a *app) revokeCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "revoke NAME",
		Long: `Take from a member all that they were granted in the project. If they had keys,
the project gets new ones and everything in it is resealed. The secrets that they
could have read are printed: change these where they come from, as nothing can take
back what somebody knows, or has in an old copy of the vault.

Exit codes: 4 you are no owner; 5 no such member or project, or nothing to revoke.`,
		Example: "  tacenda revoke ann -p web",
		Args:    exactly(1, "one NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.revoke(c.Context(), args[0])
		},
	}
	a.jsonFlag(c)
	return c
}

func (a *app) revoke(ctx context.Context, member string) error {
	return a.changeGrant(ctx, member, func(v gate, project string, step func(done, total int)) ([]string, string, error) {
		lost, err := v.Revoke(ctx, member, project, step)
		return lost, member + " has nothing in project " + project + " any more", err
	})
}

// changeGrant opens the vault, changes what a member may do in the project, and
// says what was done and what is to be changed now.
func (a *app) changeGrant(ctx context.Context, member string, change func(v gate, project string, step func(done, total int)) ([]string, string, error)) error {
	if err := vault.CheckName("member", member); err != nil {
		return err
	}
	project, v, err := a.openProject(ctx, forChange)
	if err != nil {
		return err
	}
	defer v.Close()
	p := a.progress("resealing")
	defer p.end()
	lost, done, err := change(v, project, p.step)
	if err != nil {
		return err
	}
	p.end()
	a.note(done)
	return a.printLost(member, map[string][]string{project: lost})
}

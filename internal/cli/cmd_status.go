package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"tacenda/internal/agent"
	"tacenda/internal/plain"
)

// statusJSON is what status prints as JSON.
type statusJSON struct {
	Vault    string  `json:"vault"`
	Unlocked bool    `json:"unlocked"`
	Expires  *string `json:"expires"`
	Project  string  `json:"project"`
}

func (a *app) statusCommand() *cobra.Command {
	var short bool
	c := &cobra.Command{
		Use: "status",
		Long: `Show which vault and project commands use here, and whether an unlock agent has
the vault open. Nothing is opened for it.

--short prints one word, "unlocked", or nothing, for the prompt of a shell.

Exit codes: 0 unlocked or not; 5 no vault there (not with --short).`,
		Example: "  tacenda status\n  PS1='$(tacenda status --short) $ '",
		Args:    exactly(0, "no arguments"),
		RunE:    func(c *cobra.Command, _ []string) error { return a.status(c.Context(), short) },
	}
	a.jsonFlag(c)
	c.Flags().BoolVar(&short, "short", false, "one word, or nothing")
	return c
}

func (a *app) status(ctx context.Context, short bool) error {
	if short && a.json {
		return usagef("--short and --json exclude each other")
	}
	at, err := a.vaultWhere()
	if err != nil {
		return err
	}
	if at.remote != nil { // no agent has it open, and none is needed
		return a.remoteStatus(at, short)
	}
	if short {
		if st, _ := a.agentStatus(ctx, at); !st.Expires.IsZero() {
			_, err = fmt.Fprintln(a.out, "unlocked")
		}
		return err
	}
	project, err := a.projectName()
	if err != nil {
		return err
	}
	if _, err := os.Stat(at.path); err != nil {
		err := fmt.Errorf("looking for the vault: %w", plainPathError(err))
		if isNotExist(err) {
			return hinted(err, "create a vault with: tacenda init")
		}
		// The code of a vault's file that is refused, which "permission denied" has not.
		return &failure{code: exitFailure, hint: "tacenda doctor shows what is wrong with the file and how to mend it", err: err}
	}
	st, why := a.agentStatus(ctx, at)
	if err := ctx.Err(); err != nil {
		return err
	}
	unlocked := !st.Expires.IsZero() // who answers has it open, whatever the clock on the wall was set to since
	if a.json {
		return writeJSON(a.out, statusJSON{Vault: at.path, Unlocked: unlocked, Expires: jsonTime(st.Expires), Project: project})
	}
	state := "no"
	switch {
	case unlocked:
		state = "until " + localTime(st.Expires)
	case why != nil:
		state = "no: " + why.Error()
	}
	_, err = fmt.Fprintf(a.out, "vault     %s\nunlocked  %s\nproject   %s\n", plain.String(at.path), plain.String(state), project)
	return err
}

// remoteStatus is the status of a vault behind a server, which is not asked.
func (a *app) remoteStatus(at place, short bool) error {
	project, err := a.projectName()
	if err != nil || short {
		return err
	}
	if a.json {
		return writeJSON(a.out, statusJSON{Vault: at.path, Project: project})
	}
	_, err = fmt.Fprintf(a.out, "vault     %s\nunlocked  by the server, for your SSH key\nproject   %s\n", plain.String(at.path), plain.String(project))
	return err
}

// agentStatus asks the vault's agent; the zero Status when none serves, and why
// if that is worth a word.
func (a *app) agentStatus(ctx context.Context, at place) (agent.Status, error) {
	socket := a.agentSocket(at.path)
	if socket == "" {
		return agent.Status{}, nil
	}
	st, err := agent.Ask(ctx, socket, agent.Options{
		Path: at.path, Owner: a.globals.owner, Mounted: true, LockTimeout: a.globals.lockTimeout,
	})
	if errors.Is(err, agent.ErrNone) {
		err = nil
	}
	return st, err
}

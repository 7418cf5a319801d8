package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"tacenda/internal/agent"
)

func (a *app) lockCommand() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use: "lock",
		Long: `End the unlock agent of the vault and wait until its memory is wiped. Where none
runs there is nothing to do, which is no error.`,
		Example: "  tacenda lock\n  tacenda lock --all",
		Args:    exactly(0, "no arguments"),
		RunE:    func(c *cobra.Command, _ []string) error { return a.lock(c.Context(), all) },
	}
	c.Flags().BoolVar(&all, "all", false, "end the agents of all vaults")
	return c
}

func (a *app) lock(ctx context.Context, all bool) error {
	dir, err := a.agentDir()
	if err != nil {
		return err
	}
	var sockets []string
	if all {
		if sockets, err = agent.Sockets(dir); err != nil {
			return err
		}
	} else {
		at, err := a.vaultPlace()
		if err != nil {
			return err
		}
		sockets = []string{agent.Socket(dir, agent.Canonical(at.path))}
	}
	ended := 0
	var failed []error
	for _, socket := range sockets {
		switch err := agent.Lock(ctx, socket); {
		case err == nil:
			ended++
		case !errors.Is(err, agent.ErrNone):
			failed = append(failed, err)
		}
	}
	switch {
	case len(failed) > 0:
		return errors.Join(failed...)
	case ended == 0:
		a.note("nothing was unlocked")
	case all:
		a.note(fmt.Sprintf("locked %d", ended))
	default:
		a.note("locked")
	}
	return nil
}

package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"tacenda/internal/mcp"
	"tacenda/internal/vault"
)

// mcpFlags are the options of mcp.
type mcpFlags struct {
	only     []string
	readOnly bool
	maxCalls int
}

func (a *app) mcpCommand() *cobra.Command {
	var f mcpFlags
	c := &cobra.Command{
		Use: "mcp",
		Long: `Offer a project's tools and instructions to an agent over the Model Context
Protocol, on standard input and output. An agent starts this itself; its
configuration needs the command, the project and a way to open the vault:

  {"mcpServers": {"tacenda": {"command": "tacenda", "args": ["mcp", "-p", "web"],
    "env": {"TACENDA_IDENTITY": "/home/me/.config/tacenda/agent.key"}}}}

The agent calls tools and is told what the API answered, without any value of
the project. It cannot read a value, create or change anything, or reach another
project. Tools and instructions that are added or changed later are not offered
before a restart; deleted ones leave at once. An instruction that names a secret
not marked safe for the model (tacenda edit NAME --llm-safe) is refused.

Nothing is ever asked: without a way to open the vault this ends.

Exit codes: 2 wrong options; 3 the vault did not open; 5 no such project, tool
or instruction.`,
		Example: `  tacenda mcp -p web
  tacenda mcp -p web --read-only
  tacenda mcp -p web --only weather,deploy --max-calls 20`,
		Args: exactly(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error { return a.mcp(c, &f) },
	}
	fl := c.Flags()
	fl.StringSliceVar(&f.only, "only", nil, "offer only the tools and instructions `A,B`")
	fl.BoolVar(&f.readOnly, "read-only", false, "offer only tools with the methods GET and HEAD")
	fl.IntVar(&f.maxCalls, "max-calls", 0, "answer `N` calls of tools, and refuse those after them")
	return c
}

// check refuses options before anything is read.
func (f *mcpFlags) check(c *cobra.Command) error {
	if c.Flags().Changed("max-calls") && f.maxCalls < 1 {
		return usagef("--max-calls %d: at least 1", f.maxCalls)
	}
	if c.Flags().Changed("only") && len(f.only) == 0 {
		return usagef("--only must not be empty")
	}
	for _, name := range f.only {
		if err := vault.CheckName("tool", name); err != nil {
			return fmt.Errorf("--only: %w", err)
		}
	}
	return nil
}

func (a *app) mcp(c *cobra.Command, f *mcpFlags) error {
	ctx := c.Context()
	if err := f.check(c); err != nil {
		return err
	}
	if err := a.claimStdin("the agent's requests", "-"); err != nil {
		return err
	}
	a.overwriteFreed("the HTTP library copies of values")
	// The agent may well run on a terminal. A question on it would stand across
	// the agent's screen, and a program that waits for the answer looks dead.
	a.unattended = true
	project, v, err := a.openProject(ctx, forReading)
	if err != nil {
		return explainLocked(err)
	}
	defer v.Close()
	sweeps := newSweeper()
	go sweeps.run(ctx)
	s, err := mcp.New(ctx, mcp.Config{
		Vault: v, Project: project, Version: versionInfo().Version,
		Only: f.only, ReadOnly: f.readOnly, MaxCalls: f.maxCalls, Note: a.note, Used: sweeps.wake,
	})
	if err != nil {
		return err
	}
	in, err := a.openInput(ctx, "-")
	if err != nil {
		return err
	}
	if term.IsTerminal(int(a.sys.Stdin.Fd())) {
		a.note("waiting for an agent on standard input: this is for an agent's configuration, see tacenda mcp --help; ctrl+d ends it")
	}
	err = s.Serve(ctx, in, a.out)
	if errors.Is(err, context.Canceled) {
		err = nil // the signal says it
	}
	return err
}

// explainLocked says what an agent's configuration lacks: whoever reads it has
// no terminal to try things at.
func explainLocked(err error) error {
	if code, _ := verdict(err); code != exitLocked {
		return err
	}
	return &failure{code: exitLocked, err: err,
		hint: `add to the agent's configuration "env": {"TACENDA_IDENTITY": "/path/to/key"}, or run tacenda unlock before the agent starts`}
}

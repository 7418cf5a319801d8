package cli

import (
	"context"
	"errors"
	"os"

	"tacenda/internal/agent"
	"tacenda/internal/vault"
)

// agentDir is where this user's unlock agents listen.
func (a *app) agentDir() (string, error) {
	return agent.Directory(a.sys.Getenv("XDG_RUNTIME_DIR"), a.stateDir())
}

// agentSocket is the socket of the agent that may have the vault open; "" when
// there is none to ask, which mostly costs one look at a directory.
func (a *app) agentSocket(path string) string {
	if !agent.Supported || a.globals.acceptRollback { // an agent's vault was opened without
		return ""
	}
	dir, err := a.agentDir()
	if err != nil {
		return ""
	}
	if _, err := os.Lstat(dir); err != nil {
		return ""
	}
	socket := agent.Socket(dir, agent.Canonical(path))
	if _, err := os.Lstat(socket); err != nil {
		return ""
	}
	return socket
}

// openOrAsk opens the vault in the order that docs/agent.md promises: what was
// given, the agent, the desktop's keyring, a prompt.
func (a *app) openOrAsk(ctx context.Context, acc access) (gate, error) {
	at, err := a.vaultWhere()
	if err != nil {
		return nil, err
	}
	if at.remote != nil {
		return a.openRemote(ctx, at)
	}
	socket := a.agentSocket(at.path)
	if socket == "" {
		return asGate(a.openOwner(ctx, acc))
	}
	if len(a.globals.identities) > 0 || a.globals.passphraseFile != "" {
		return a.openGiven(ctx, at, acc, socket)
	}
	g, missed := a.askAgent(ctx, at, acc, socket)
	if g != nil {
		return g, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	engine, err := a.openEngine(ctx, at, acc)
	if err != nil {
		return nil, err
	}
	ways, err := a.findWays(ctx)
	if err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	defer ways.wipe()
	ways.agent = missed
	v, err := ways.open(ctx, engine, a.vaultOptions(), ways.list)
	a.noteMissed(err, missed)
	return asGate(a.settled(at, v, ways.explain(at.path, err)))
}

// openGiven opens the vault with what was given, which wins over an agent, and
// asks the agent when that does not open it.
func (a *app) openGiven(ctx context.Context, at place, acc access, socket string) (gate, error) {
	engine, err := a.openEngine(ctx, at, acc)
	if err != nil {
		return nil, err
	}
	ways, err := a.findWays(ctx)
	if err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	defer ways.wipe()
	n := 0
	for n < len(ways.list) && ways.list[n].given {
		n++
	}
	v, err := ways.open(ctx, engine, a.vaultOptions(), ways.list[:n])
	if !errors.Is(err, vault.ErrLocked) {
		return asGate(a.settled(at, v, err))
	}
	g, missed := a.askAgent(ctx, at, acc, socket)
	if g != nil {
		return g, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if engine, err = a.openEngine(ctx, at, acc); err != nil {
		return nil, err
	}
	ways.agent = missed
	v, after := ways.open(ctx, engine, a.vaultOptions(), ways.list[n:])
	a.noteMissed(after, missed)
	if errors.Is(after, vault.ErrLocked) {
		after = errors.Join(after, err) // what the given ways said counts as well
	}
	return asGate(a.settled(at, v, ways.explain(at.path, after)))
}

// noteMissed tells why the agent did not help, where something else did: the
// error of a vault that stays closed says it itself.
func (a *app) noteMissed(err, missed error) {
	if err == nil && missed != nil {
		a.note(missed.Error())
	}
}

// askAgent asks the agent behind a socket; nil without one that serves this
// command, with why if that is worth a word.
func (a *app) askAgent(ctx context.Context, at place, acc access, socket string) (gate, error) {
	c, err := agent.Dial(ctx, socket, agent.Options{
		Path: at.path, Owner: a.globals.owner, Mounted: a.globals.allowMounted && acc == forReading,
		LockTimeout: a.globals.lockTimeout, Note: a.note,
	})
	var refused *agent.RefusedError
	switch {
	case err == nil:
	case errors.Is(err, agent.ErrNone), ctx.Err() != nil:
		return nil, nil //nolint:nilnil,nilerr // nobody there
	case errors.As(err, &refused):
		return nil, err
	default: // a socket that somebody may have planted
		a.warn(err.Error())
		return nil, nil //nolint:nilnil // as if nobody were there
	}
	if at.file && !vault.Seen(a.stateDir(), c.ID()) { // the long way asks whether to trust the file that names the vault
		c.Close()
		return nil, nil //nolint:nilnil // as if nobody were there
	}
	if a.guard.Warning != "" {
		a.warn(a.guard.Warning)
		a.guard.Warning = ""
	}
	return c, nil
}

// asGate keeps a nil vault from becoming a gate that is not nil.
func asGate(v *vault.Vault, err error) (gate, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

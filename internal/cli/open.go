package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"tacenda/internal/prompt"
	"tacenda/internal/vault"
	"tacenda/keyring"
	"tacenda/keyring/secret"
	"tacenda/store"
)

// An access says what a command is about to do with the vault.
type access int

const (
	forReading access = iota
	forChange
)

// boltOptions are how the file is opened. --allow-mounted is for reading: what
// root owns, or what others can read, is nothing to write secrets to.
func (a *app) boltOptions(acc access) store.BoltOptions {
	timeout := a.globals.lockTimeout
	if timeout == 0 {
		timeout = -1 // one try; the engine takes 0 for its default
	}
	return store.BoltOptions{LockTimeout: timeout, Mounted: a.globals.allowMounted && acc == forReading}
}

func (a *app) vaultOptions() vault.Options {
	return vault.Options{
		State: a.stateDir(), Owner: a.globals.owner, AcceptRollback: a.globals.acceptRollback, Note: a.note,
	}
}

// openVault finds the vault and opens it with what it was given. The caller
// closes it.
func (a *app) openVault(ctx context.Context, acc access) (gate, error) {
	if a.caller != nil {
		return lent{a.caller.gate}, nil
	}
	return a.openOrAsk(ctx, acc)
}

// openOwner is openVault for what touches the vault's keys or the whole file,
// and is never done for somebody by another process.
func (a *app) openOwner(ctx context.Context, acc access) (*vault.Vault, error) {
	if a.caller != nil {
		return nil, usagef("this is not available here")
	}
	at, err := a.vaultPlace()
	if err != nil {
		return nil, err
	}
	engine, err := a.openEngine(ctx, at, acc)
	if err != nil {
		return nil, err
	}
	v, err := a.unlock(ctx, engine, at.path, a.vaultOptions())
	return a.settled(at, v, err)
}

// settled closes a vault that is not the one this machine knows at its place.
func (a *app) settled(at place, v *vault.Vault, err error) (*vault.Vault, error) {
	if err != nil {
		return nil, err
	}
	if err := a.settle(at, v.ID()); err != nil {
		v.Close()
		return nil, err
	}
	return v, nil
}

// openEngine opens a vault's file, if whoever named it may.
func (a *app) openEngine(ctx context.Context, at place, acc access) (store.Engine, error) {
	engine, err := store.OpenBolt(at.path, a.boltOptions(acc))
	if err != nil {
		return nil, err
	}
	if at.file {
		if err := a.trustPlace(ctx, at, engine); err != nil {
			return nil, errors.Join(err, engine.Close())
		}
	}
	return engine, nil
}

// unlock opens a vault with all ways that findWays found, in their order. The
// engine becomes the vault's, also when it fails.
func (a *app) unlock(ctx context.Context, engine store.Engine, path string, opts vault.Options) (*vault.Vault, error) {
	ways, err := a.findWays(ctx)
	if err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	defer ways.wipe()
	v, err := ways.open(ctx, engine, opts, ways.list)
	return v, ways.explain(path, err)
}

// findWays reads what the vault may be opened with. The caller wipes it.
func (a *app) findWays(ctx context.Context) (*openers, error) {
	if a.guard.Warning != "" {
		a.warn(a.guard.Warning)
		a.guard.Warning = "" // once is enough
	}
	ways := &openers{quiet: a.inInterface || a.unattended}
	if err := ways.find(ctx, a); err != nil {
		ways.wipe()
		return nil, err
	}
	return ways, nil
}

// open opens the vault with some of the ways. The engine becomes the vault's,
// also when it fails.
func (o *openers) open(ctx context.Context, engine store.Engine, opts vault.Options, some []*attempt) (*vault.Vault, error) {
	list := make([]keyring.Unlocker, len(some))
	for i, w := range some {
		list[i] = w
	}
	v, err := vault.Open(ctx, engine, list, opts)
	if err != nil && errors.Is(o.ended, prompt.ErrInterrupted) {
		return nil, o.ended
	}
	return v, err
}

// openers are the ways to open a vault that this run has.
type openers struct {
	list  []*attempt
	held  []*secret.Bytes
	quiet bool  // never ask: the interface has the terminal, and a box for the passphrase
	ended error // how a prompt ended that got no answer
	agent error // why the unlock agent did not help; nil when there was none
}

// wipe destroys what the openers hold.
func (o *openers) wipe() {
	for _, b := range o.held {
		b.Destroy()
	}
}

// find collects the openers in the order that docs/agent.md promises.
func (o *openers) find(ctx context.Context, a *app) error {
	ask := func(question string) (*secret.Bytes, error) { return o.ask(ctx, question) }
	if o.quiet {
		ask = nil
	}
	for _, path := range a.globals.identities {
		ids, err := a.readIdentity(ctx, path, ask)
		if err != nil {
			return err
		}
		for _, id := range ids {
			o.list = append(o.list, &attempt{Unlocker: id, name: id.String(), given: true})
		}
	}
	if path := a.globals.passphraseFile; path != "" {
		pass, err := a.readPassphrase(ctx, "--passphrase-file", path)
		if err != nil {
			return err
		}
		o.held = append(o.held, pass)
		o.list = append(o.list, &attempt{
			Unlocker: keyring.Passphrase(pass, a.globals.allowCostly), name: "the passphrase in " + path, given: true,
		})
	}
	o.list = append(o.list, &attempt{Unlocker: keyring.OSKeyring(), name: "the desktop's keyring"})
	for range promptTries {
		if o.quiet {
			break
		}
		p := &prompter{costly: a.globals.allowCostly, wrong: func() { a.line("wrong passphrase") }}
		p.ask = func() (*secret.Bytes, error) {
			pass, err := o.ask(ctx, "Passphrase")
			o.held = append(o.held, pass)
			return pass, err
		}
		o.list = append(o.list, &attempt{Unlocker: p, name: "a prompt"})
	}
	return nil
}

// ask asks for a passphrase. Whoever ended one prompt is not shown another.
func (o *openers) ask(ctx context.Context, question string) (*secret.Bytes, error) {
	if o.ended != nil {
		return nil, o.ended
	}
	pass, err := prompt.Secret(ctx, question, maxPassphrase)
	o.ended = err
	return pass, err
}

// readIdentity reads the private keys of one file.
func (a *app) readIdentity(ctx context.Context, path string, ask func(string) (*secret.Bytes, error)) ([]keyring.Unlocker, error) {
	in, err := a.openInput(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("--identity: %w", err)
	}
	defer in.Close()
	data, err := secret.ReadAll(in, keyring.MaxIdentityFile)
	if errors.Is(err, secret.ErrTooLarge) {
		return nil, usagef("--identity: %s is too long to be an identity file", path)
	}
	if err != nil {
		return nil, fmt.Errorf("--identity: reading %s: %w", path, err)
	}
	defer data.Destroy()
	ids, err := keyring.ParseIdentities(path, data, ask)
	if err != nil {
		err = fmt.Errorf("--identity: %w", err)
		if code, _ := verdict(err); code == exitFailure {
			err = failf(exitLocked, "%w", err) // for a script it is a key that does not open
		}
		return nil, err
	}
	a.warnExposed(path, in.file)
	return ids, nil
}

// warnExposed says that others can read a file that opens the vault. What the
// caller passed as a descriptor has no place of which to say it.
func (a *app) warnExposed(path string, f *os.File) {
	if _, passed := descriptor(path); passed || isStdin(path) {
		return
	}
	info, err := f.Stat()
	if err != nil {
		return
	}
	if why := exposed(info, a.globals.allowMounted); why != "" {
		a.warn(path + " " + why)
	}
}

// An attempt is one way to open the vault, and what became of it.
type attempt struct {
	keyring.Unlocker
	name  string
	given bool  // the user named it, and wants to hear of it in any case
	mine  bool  // some slot was for it
	err   error // why the first of those did not open
}

func (t *attempt) String() string { return t.name }

// Unlock notes what the unlocker says.
func (t *attempt) Unlock(vaultID [16]byte, s *keyring.Slot) (*secret.Bytes, error) {
	root, err := t.Unlocker.Unlock(vaultID, s)
	if err != nil && !errors.Is(err, keyring.ErrNotMine) && !t.mine {
		t.mine, t.err = true, err
	}
	return root, err
}

// Recipient, Prepare and OpenGrant make an attempt the keyring.Holder that its
// unlocker is; with what is none it has no recipient, and is asked no more.
func (t *attempt) Recipient() string {
	if h, ok := t.Unlocker.(keyring.Holder); ok {
		return h.Recipient()
	}
	return ""
}

// Prepare notes what the private key says.
func (t *attempt) Prepare() error {
	h, ok := t.Unlocker.(keyring.Holder)
	if !ok {
		return keyring.ErrNotMine
	}
	err := h.Prepare()
	if err != nil && !t.mine {
		t.mine, t.err = true, err
	}
	return err
}

// OpenGrant opens a member's grant with the private key.
func (t *attempt) OpenGrant(g *keyring.Grant, bound ...[]byte) (*secret.Bytes, error) {
	h, ok := t.Unlocker.(keyring.Holder)
	if !ok {
		return nil, keyring.ErrNotMine
	}
	return h.OpenGrant(g, bound...)
}

// explain says what was tried and what to do, when nothing opened; other errors
// it returns as they are.
func (o *openers) explain(path string, err error) error {
	if !errors.Is(err, vault.ErrLocked) {
		return err
	}
	var tried []string
	agent := o.agent
	for _, t := range o.list {
		if !t.given && agent != nil { // its place in the order
			tried, agent = append(tried, fmt.Sprintf("the unlock agent (%v)", agent)), nil
		}
		switch {
		case t.mine:
			tried = append(tried, fmt.Sprintf("%s (%v)", t.name, t.err))
		case t.given:
			tried = append(tried, t.name+" (fits no key of the vault)")
		}
	}
	tried = slices.Compact(tried) // a prompt comes three times
	stays := &unopenedError{path: path}
	if len(tried) > 0 {
		stays.tried = "tried " + strings.Join(tried, ", ")
	}
	hint := "give --identity FILE or --passphrase-file FILE, or run it at a terminal"
	if errors.Is(err, keyring.ErrCostly) {
		hint = "add --allow-costly if you made the vault so"
	}
	code, _ := verdict(err)
	return &failure{code: code, hint: hint, err: stays}
}

// unopenedError is the vault.ErrLocked of a vault that stays closed: the interface asks
// for the passphrase then.
type unopenedError struct{ path, tried string }

func (e *unopenedError) Error() string {
	text := e.tried
	if text == "" {
		text = "there is nothing to open it with"
	}
	return "opening " + e.path + ": " + text
}

func (e *unopenedError) Unwrap() error { return vault.ErrLocked }

// Tried is what was tried and why it did not help; empty when there was nothing.
// The interface shows it above its question.
func (e *unopenedError) Tried() string { return e.tried }

// promptTries is how often a passphrase may be typed wrong.
const promptTries = 3

// A prompter asks for the passphrase at the terminal, when the first slot
// comes that wants one: a vault without any never asks.
type prompter struct {
	ask    func() (*secret.Bytes, error) // what it returns is wiped by its owner
	wrong  func()
	costly bool
	asked  bool
	pass   *secret.Bytes
	failed error
	told   bool
}

func (p *prompter) String() string { return "a prompt" }

// Unlock tries what was typed on every slot with a passphrase.
func (p *prompter) Unlock(vaultID [16]byte, s *keyring.Slot) (*secret.Bytes, error) {
	if s.Kind != keyring.KindPassphrase {
		return nil, keyring.ErrNotMine
	}
	if !p.asked {
		p.asked = true
		p.pass, p.failed = p.ask()
	}
	if p.failed != nil {
		return nil, p.failed
	}
	root, err := keyring.Passphrase(p.pass, p.costly).Unlock(vaultID, s)
	if errors.Is(err, keyring.ErrWrongPassphrase) && !p.told {
		p.told = true
		p.wrong()
	}
	return root, err
}

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"tacenda/internal/agent"
	"tacenda/internal/prompt"
	"tacenda/internal/vault"
	"tacenda/store"
)

// unlockFlags are the options of unlock.
type unlockFlags struct {
	ttl        string
	foreground bool
	report     int // a descriptor, for the process that is to become the agent
}

// maxTTL bounds how long a vault stays unlocked: longer is a service, which can
// be given a key of its own.
const maxTTL = 366 * 24 * time.Hour

func (a *app) unlockCommand() *cobra.Command {
	var f unlockFlags
	c := &cobra.Command{
		Use: "unlock",
		Long: `Open the vault once and keep it open for this user: a process in the background,
the unlock agent, answers every command that follows, without a key or a prompt.
It ends after --ttl (time asleep counts), with tacenda lock, when you log out, or
by a signal, and wipes its memory. No key ever leaves it.

What is given with --identity or --passphrase-file is still used first. Commands
that touch the vault's keys or the whole file (key, backup, verify, restore) ask
for a key all the same. Unlocking again replaces the agent.

Exit codes: 2 malformed --ttl; 3 the vault did not open; 5 no vault there.`,
		Example: "  tacenda unlock\n  tacenda unlock --ttl 30m\n  tacenda unlock --foreground --passphrase-file /run/keys/vault",
		Args:    exactly(0, "no arguments"),
		RunE:    func(c *cobra.Command, _ []string) error { return a.unlockAgent(c.Context(), f) },
	}
	c.Flags().StringVar(&f.ttl, "ttl", "8h", "end after `TIME`, such as 30m, 8h or 2d")
	c.Flags().BoolVar(&f.foreground, "foreground", false, "stay in the foreground, for a service manager")
	c.Flags().IntVar(&f.report, "report-to", 0, "")
	_ = c.Flags().MarkHidden("report-to") // it exists
	return c
}

func (a *app) unlockAgent(ctx context.Context, f unlockFlags) error {
	if !agent.Supported {
		return failf(exitFailure, "the unlock agent does not work on this system")
	}
	ttl, ok := parseAge(f.ttl)
	if !ok || ttl < time.Second || ttl > maxTTL {
		return usagef("--ttl %q: write 30m, 8h or 2d, at most a year", f.ttl)
	}
	if a.globals.acceptRollback {
		return hinted(usagef("an unlock agent does not accept an older vault"), "accept it once with another command, then unlock")
	}
	if !f.foreground && f.report == 0 {
		return a.startAgent(ctx)
	}
	var up reporter
	if f.report != 0 {
		pipe, err := dupDescriptor(f.report, "--report-to")
		if err != nil {
			return usagef("--report-to is for tacenda itself")
		}
		up.pipe = pipe
	}
	return up.failed(a.serveAgent(ctx, ttl, &up))
}

// serveAgent opens the vault and serves it until its end.
func (a *app) serveAgent(ctx context.Context, ttl time.Duration, up *reporter) error {
	at, err := a.vaultPlace()
	if err != nil {
		return err
	}
	dir, err := a.agentDir()
	if err != nil {
		return err
	}
	path := agent.Canonical(at.path)
	socket := agent.Socket(dir, path)
	if err := agent.Prepare(socket); err != nil { // before anybody is asked for anything
		return err
	}
	served, err := a.openServed(ctx, at, path)
	if err != nil {
		return err
	}
	defer served.vault.Close()
	server, err := agent.Listen(agent.Config{
		Vault: served.vault, Path: path, Socket: socket, TTL: ttl, Mounted: a.globals.allowMounted,
		Check: served.check, LockTimeout: served.setTimeout,
	})
	if err != nil {
		return err
	}
	served.noteTo(server.Note)
	a.note(fmt.Sprintf("unlocked %s until %s; tacenda lock ends it", at.path, localTime(server.Expires())))
	if err := up.ready(a); err != nil {
		return errors.Join(err, a.endUnready(ctx, server))
	}
	if err := agent.Notify(a.sys.Getenv("NOTIFY_SOCKET"), "READY=1"); err != nil {
		a.warn(err.Error())
	}
	return server.Serve(ctx)
}

// endUnready takes back a socket that nobody will serve.
func (a *app) endUnready(ctx context.Context, server *agent.Server) error {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	err := server.Serve(ctx)
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return err
}

// served is the vault of an agent, and the engine below it. Between operations
// it holds no lock of the file.
type served struct {
	vault   *vault.Vault
	path    string
	options store.BoltOptions

	mu      sync.Mutex
	note    func(string)
	engine  store.Engine
	timeout time.Duration // of engine
	wanted  time.Duration // by the client whose turn it is
}

// openServed opens the vault as any command does, with everything that this
// takes.
func (a *app) openServed(ctx context.Context, at place, path string) (*served, error) {
	opts := a.boltOptions(forChange)
	opts.Mounted = a.globals.allowMounted
	engine, err := store.OpenBolt(at.path, opts)
	if err != nil {
		return nil, err
	}
	if at.file {
		if err := a.trustPlace(ctx, at, engine); err != nil {
			return nil, errors.Join(err, engine.Close())
		}
	}
	s := &served{path: path, options: opts, note: a.note, engine: engine, timeout: opts.LockTimeout, wanted: opts.LockTimeout}
	options := a.vaultOptions()
	options.Note = s.tell
	v, err := a.unlock(ctx, s, at.path, options)
	s.vault, err = a.settled(at, v, err)
	return s, err
}

func (s *served) tell(text string) {
	s.mu.Lock()
	note := s.note
	s.mu.Unlock()
	note(text)
}

// noteTo sends what the vault tells its user to who asked for the operation.
func (s *served) noteTo(note func(string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note = note
}

// setTimeout is told how long the next operation may wait for other processes.
func (s *served) setTimeout(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d == 0 {
		d = -1 // one try; the engine takes 0 for its default
	}
	s.wanted = d
}

// current is the engine that waits as long as is wanted.
func (s *served) current() (store.Engine, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wanted == s.timeout {
		return s.engine, nil
	}
	opts := s.options
	opts.LockTimeout = s.wanted
	engine, err := store.OpenBolt(s.path, opts)
	if err != nil {
		return nil, err // which the operation would have met, too
	}
	old := s.engine
	s.engine, s.timeout = engine, s.wanted
	return engine, old.Close()
}

// View implements store.Engine.
func (s *served) View(ctx context.Context, fn func(store.Tx) error) error {
	e, err := s.current()
	if err != nil {
		return err
	}
	return e.View(ctx, fn)
}

// Update implements store.Engine.
func (s *served) Update(ctx context.Context, fn func(store.Tx) error) error {
	e, err := s.current()
	if err != nil {
		return err
	}
	return e.Update(ctx, fn)
}

// Close implements store.Engine.
func (s *served) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.engine.Close()
}

// check tells whether the file still holds this vault, under the keys that
// opened it.
func (s *served) check(ctx context.Context) error {
	opts := s.options
	opts.LockTimeout = -1 // one try: who waits is the operation, as long as its client wants
	engine, err := store.OpenBolt(s.path, opts)
	if err != nil {
		return err
	}
	defer engine.Close()
	info, err := vault.Peek(ctx, engine)
	switch {
	case err != nil:
		return err
	case info.ID != s.vault.ID():
		return errors.New("the unlock agent has another vault open, which was at this place before")
	case info.Owner != s.vault.OwnerFingerprint():
		return fmt.Errorf("%w: the vault's keys were rotated since; unlock it again", vault.ErrLocked)
	}
	return nil
}

// A reporter tells the command that started an agent how that went.
type reporter struct {
	pipe *os.File // nil in the foreground
}

// report is what it says: nothing of it when all is well.
type report struct {
	Error       string   `json:"error,omitempty"`
	Hint        string   `json:"hint,omitempty"`
	Code        exitCode `json:"code,omitempty"`
	Interrupted bool     `json:"interrupted,omitempty"` // at a prompt
}

// ready leaves whoever started this process, and tells them.
func (r *reporter) ready(a *app) error {
	if r.pipe == nil {
		return nil
	}
	if err := a.detach(); err != nil {
		return err
	}
	return r.send(report{})
}

// failed passes an error on: the other end reports it.
func (r *reporter) failed(err error) error {
	if err == nil || r.pipe == nil {
		return err
	}
	code, hint := verdict(err)
	_ = r.send(report{Error: err.Error(), Hint: hint, Code: code, Interrupted: errors.Is(err, prompt.ErrInterrupted)})
	return errFindings // which prints nothing
}

func (r *reporter) send(what report) error {
	pipe := r.pipe
	r.pipe = nil
	defer pipe.Close()
	return json.NewEncoder(pipe).Encode(what)
}

// err is what the report says, as the error that it was.
func (what report) err() error {
	switch {
	case what.Interrupted:
		return prompt.ErrInterrupted
	case what.Error != "":
		return &failure{code: what.Code, hint: what.Hint, err: errors.New(what.Error)}
	}
	return nil
}

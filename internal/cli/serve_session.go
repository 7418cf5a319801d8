package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/anmitsu/go-shlex"

	"tacenda/internal/agent"
	"tacenda/internal/audit"
	"tacenda/internal/bastion"
	"tacenda/internal/vault"
	"tacenda/keyring/secret"
	"tacenda/tui"
)

// gateCommand is what a tacenda elsewhere asks for when its --vault is an ssh://
// place: not a command for people, but the gate's operations by name.
const gateCommand = "gate"

// handle serves one session: a command, the interface, or the gate.
func (s *server) handle(ctx context.Context, ses *bastion.Session) int {
	v, err := s.view(ctx, ses)
	if err == nil {
		err = s.record(ses.Identity, ses.Remote, audit.Unlocked, "", nil)
	}
	if err != nil {
		s.notes.Error("a session could not begin", "session", ses.ID, "error", err.Error())
		fmt.Fprintln(ses.Stderr, "tacenda: the vault cannot be opened now: ask whoever runs this server")
		code, _ := verdict(err)
		return int(code)
	}
	defer v.Close()
	words, err := shlex.Split(ses.Command, true)
	if err != nil {
		return s.refuse(ses, unknownToCallers, "the command line ends within quotes")
	}
	if len(words) > 0 && words[0] == "tacenda" {
		words = words[1:]
	}
	switch {
	case len(words) == 0 && !ses.Terminal:
		return s.refuse(ses, "shell", "no command was named\nhint: "+namesCommands)
	case len(words) == 0:
		return s.interfaceFor(ctx, v, ses)
	case len(words) == 1 && words[0] == gateCommand && !ses.Terminal:
		return s.gateFor(ctx, v, ses)
	}
	return s.command(ctx, v, ses, words)
}

// refuse ends a session that named nothing to run.
func (s *server) refuse(ses *bastion.Session, what, says string) int {
	s.refused(ses.Identity, ses.Remote, what)
	s.notes.Info("command", "session", ses.ID, "member", ses.Member, "command", what, "exit", int(exitUsage))
	fmt.Fprintf(ses.Stderr, "tacenda: %s\n", says)
	return int(exitUsage)
}

// view is the vault with the member's permissions, and no others.
func (s *server) view(ctx context.Context, ses *bastion.Session) (*vault.Vault, error) {
	seen := func(action audit.Action, project string, objects []string) error {
		return s.record(ses.Identity, ses.Remote, action, project, objects)
	}
	as := s.vault.As
	if ses.Owner {
		as = s.vault.AsOwner
	}
	v, err := as(ctx, ses.Member)
	if err != nil {
		return nil, err
	}
	// Between the login and what is asked for, as long as a client likes, the name
	// may have been given to another key.
	if v.Key() != ses.Fingerprint {
		v.Close()
		return nil, fmt.Errorf("%w: %s came in with a key that is no longer theirs", vault.ErrLocked, ses.Member)
	}
	return v.Watched(seen), nil
}

// record writes what happened to the server's own log.
func (s *server) record(who bastion.Identity, remote string, action audit.Action, project string, objects []string) error {
	return damagedLog(s.log.Append(audit.Entry{
		Time: time.Now(), Member: who.Member, Key: who.Fingerprint, Action: action,
		Project: project, Objects: objects, Origin: remote,
	}))
}

// refused records what SSH has and is not served here. It is refused even where
// that cannot be recorded.
func (s *server) refused(who bastion.Identity, remote, what string) {
	if err := s.record(who, remote, audit.Denied, "", []string{what}); err != nil {
		s.notes.Error("recording a denial", "error", err.Error())
	}
}

// callerOf is the member of a session, as commands and tools know them.
func (s *server) callerOf(ses *bastion.Session, v gate) *caller {
	denied := func(project string, what ...string) error {
		return s.record(ses.Identity, ses.Remote, audit.Denied, project, what)
	}
	return &caller{gate: v, denied: denied, allow: func(addr netip.AddrPort) error {
		err := s.allowed(addr)
		if err != nil {
			err = errors.Join(err, denied("", addr.String()))
		}
		return err
	}}
}

// command runs one command. Its streams are pipes, which is how commands know
// them: whatever they do with a file works, and waiting ends with ctx.
func (s *server) command(ctx context.Context, v *vault.Vault, ses *bastion.Session, words []string) int {
	over := make(chan struct{})
	defer close(over)
	in, err := pipeFrom(ses.Stdin, over)
	if err != nil {
		return s.exhausted(ses, err)
	}
	defer in.Close()
	out, outDone, err := pipeTo(ses.Stdout)
	if err != nil {
		return s.exhausted(ses, err)
	}
	errs, errsDone, err := pipeTo(ses.Stderr)
	if err != nil {
		_ = out.Close()
		return s.exhausted(ses, err)
	}
	log := *s.history
	log.all = ses.Owner
	c := s.callerOf(ses, v)
	c.getenv, c.log = lookupIn(ses.Environ), &log
	c.verdict = func(command string, code exitCode, _ error) {
		s.notes.Info("command", "session", ses.ID, "member", ses.Member, "command", command, "exit", int(code))
	}
	if ses.Terminal {
		const narrowest = 20
		c.columns = 80
		select {
		case size := <-ses.Sizes:
			c.columns = max(size.Width, narrowest)
		default:
		}
	}
	code := runFor(ctx, c, words, in, out, errs)
	_ = errors.Join(out.Close(), errs.Close())
	<-outDone
	<-errsDone
	return int(code)
}

func (s *server) exhausted(ses *bastion.Session, err error) int {
	s.notes.Error("a session could not begin", "session", ses.ID, "error", err.Error())
	fmt.Fprintln(ses.Stderr, "tacenda: the server has no room for this command now; try again")
	return int(exitFailure)
}

// lookupIn looks up variables of a session.
func lookupIn(environ []string) func(string) string {
	return func(name string) string {
		for _, v := range environ {
			if value, ok := strings.CutPrefix(v, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

// pumpSize is how much a pump moves at once, in bytes.
const pumpSize = 32 << 10

// pump moves bytes through guarded memory until one of the two ends says
// otherwise. It destroys buf.
func pump(to io.Writer, from io.Reader, buf *secret.Bytes) error {
	defer buf.Destroy()
	return buf.Relay(to, from)
}

// pipeFrom is a file that gives what a stream says. It ends where the stream
// does; where the stream was cut it does not end before over is closed: a command
// must not take half of something for the whole, and learns from its context
// that nobody is there.
func pipeFrom(stream io.Reader, over <-chan struct{}) (*os.File, error) {
	buf, err := secret.New(pumpSize)
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		buf.Destroy()
		return nil, err
	}
	go func() {
		if err := pump(w, stream, buf); !errors.Is(err, io.EOF) {
			<-over
		}
		_ = w.Close()
	}()
	return r, nil
}

// pipeTo is a file whose content goes to a stream; done says that all of it did.
func pipeTo(stream io.Writer) (_ *os.File, done <-chan struct{}, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	buf, err := secret.New(pumpSize)
	if err != nil {
		return nil, nil, errors.Join(err, r.Close(), w.Close())
	}
	moved := make(chan struct{})
	go func() {
		defer close(moved)
		_ = pump(stream, r, buf) // a client that went is noticed by its context
		_ = r.Close()            // whoever still writes learns that nobody reads
	}()
	return w, moved, nil
}

// duplex is the two directions of a session as one.
type duplex struct {
	io.Reader
	io.Writer
}

// interfaceFor shows the terminal interface.
func (s *server) interfaceFor(ctx context.Context, v *vault.Vault, ses *bastion.Session) int {
	sizes := make(chan tui.Size, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case size := <-ses.Sizes:
				select {
				case sizes <- tui.Size(size):
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	err := tui.RunOver(ctx, duplex{ses.Stdin, ses.Stdout}, sizes, s.interfaceConfig(v, ses))
	switch {
	case errors.Is(err, tui.ErrNoTerminal):
		fmt.Fprintf(ses.Stderr, "tacenda: the terminal is too plain for the interface\nhint: %s\n", namesCommands)
		return int(exitUsage)
	case err != nil && ctx.Err() == nil:
		s.notes.Error("the interface stopped", "session", ses.ID)
		return int(exitFailure)
	}
	return int(exitDone)
}

// interfaceConfig is the interface's, for somebody who sees no file of this
// machine: it begins unlocked, and unlocks again with enter, since who somebody
// is was settled when they logged in.
func (s *server) interfaceConfig(v *vault.Vault, ses *bastion.Session) tui.Config {
	a := &app{caller: s.callerOf(ses, v), out: s.a.out, err: s.a.err, inInterface: true}
	return tui.Config{
		Name: s.name, Place: s.name, Project: s.project, Environ: ses.Environ, Mouse: true, IdleLock: defaultIdleLock,
		CheckTool: checkTool, CallTool: a.callTool, CheckRecipient: checkRecipient,
		Open: func(ctx context.Context) (tui.Vault, error) { return opened(s.view(ctx, ses)) },
		Unlock: func(context.Context, *secret.Bytes) (tui.Vault, error) {
			return nil, fmt.Errorf("%w: this vault opens by the key that you logged in with", vault.ErrLocked)
		},
		Create: func(context.Context, tui.Setup) (tui.Vault, error) {
			return nil, fmt.Errorf("%w: a server makes no vault", vault.ErrDenied)
		},
	}
}

// roomOf is what all the sessions of one key share.
func (s *server) roomOf(fingerprint string) agent.Room {
	room, _ := s.rooms.LoadOrStore(fingerprint, agent.NewRoom())
	return room.(agent.Room) //nolint:forcetypeassert // nothing else is stored
}

// gateFor answers the gate's operations for a tacenda elsewhere.
func (s *server) gateFor(ctx context.Context, v *vault.Vault, ses *bastion.Session) int {
	ours, theirs, err := socketPair()
	if err != nil {
		return s.exhausted(ses, err)
	}
	var bufs [2]*secret.Bytes
	for i := range bufs {
		if bufs[i], err = secret.New(pumpSize); err != nil {
			bufs[0].Destroy()
			return s.exhausted(ses, errors.Join(err, ours.Close(), theirs.Close()))
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = pump(ses.Stdout, theirs, bufs[0])
	}()
	go func() { // ends with the session's stream
		_ = pump(theirs, ses.Stdin, bufs[1])
		_ = ours.Close() // the client is gone, whatever is under way
	}()
	agent.Answer(ctx, ours, v, s.roomOf(ses.Fingerprint))
	_ = ours.Close()
	<-done // what was said until then has gone out
	_ = theirs.Close()
	return int(exitDone)
}

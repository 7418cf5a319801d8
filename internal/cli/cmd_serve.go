package cli

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	gossh "golang.org/x/crypto/ssh"

	"tacenda/internal/agent"
	"tacenda/internal/apitool"
	"tacenda/internal/audit"
	"tacenda/internal/bastion"
	"tacenda/internal/vault"
)

// serveFlags are the options of serve.
type serveFlags struct {
	listen  string
	hostKey string
	allow   []string
	idle    time.Duration
	max     time.Duration
}

func (a *app) serveCommand() *cobra.Command {
	var f serveFlags
	c := &cobra.Command{
		Use: "serve",
		Long: `Serve the vault over SSH, for a bastion host: members and owners log in with the
SSH keys that the vault knows them by, and get the terminal interface, or one
command at a time, with the permissions they were granted.

The vault is opened once, at the start: with --identity, with --passphrase-file
or with a systemd credential. Let the server be a member of its own, so that it
holds the keys of the projects that it serves and of no other.

Nothing but commands and the interface is served: no shell, no forwarding, no
file transfer. docs/bastion.md has a systemd unit.

Exit codes: 1 nobody could log in, or the address cannot be listened on; 2 a
malformed option; 3 the vault did not open, or opens no more; 8 the server's log
was changed.`,
		Example: `  tacenda serve --listen :2222 --identity /etc/tacenda/bastion.key
  tacenda serve --identity bastion.key --allow-net 10.0.0.0/8`,
		Args: exactly(0, "no argument"),
		RunE: func(c *cobra.Command, _ []string) error {
			a.overwriteFreed("the SSH library copies of values")
			return a.serve(c.Context(), f)
		},
	}
	fl := c.Flags()
	fl.StringVar(&f.listen, "listen", "127.0.0.1:2222", "`ADDR` to listen on")
	fl.StringVar(&f.hostKey, "host-key", "", "the server's own SSH key, a `FILE` that is made when it is not there")
	fl.StringSliceVar(&f.allow, "allow-net", nil, "let call reach this private network, a `CIDR`; repeatable")
	fl.DurationVar(&f.idle, "idle", 15*time.Minute, "end a connection after this `TIME` without a byte")
	fl.DurationVar(&f.max, "max", 12*time.Hour, "end a connection after this `TIME`")
	return c
}

// A server is what one run of serve keeps.
type server struct {
	a     *app
	vault *vault.Vault
	log   *audit.Log

	history *serverLog // the same, to be read
	notes   *slog.Logger
	allow   []netip.Prefix
	sweeps  sweeper
	lost    chan error // the vault that was opened opens no more
	rooms   sync.Map   // of agent.Room, by the fingerprint of a key; there are as many as members

	name    string // of the vault, in headers
	project string // where an interface begins
}

// stopGrace is how long sessions may take to end when the server stops. After
// grace the process would end whatever they do.
const stopGrace = grace * 3 / 4

func (a *app) serve(ctx context.Context, f serveFlags) error {
	s := &server{a: a, sweeps: newSweeper(), lost: make(chan error, 1)}
	for _, text := range f.allow {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return usagef("--allow-net %q: not a network, such as 10.0.0.0/8", text)
		}
		s.allow = append(s.allow, p)
	}
	if f.idle <= 0 || f.max <= 0 {
		return usagef("--idle and --max must be more than nothing")
	}
	// Nothing would be every address of this machine, as an unset variable makes it.
	if _, port, err := net.SplitHostPort(f.listen); err != nil || port == "" {
		return usagef("--listen %q: not an address with a port, such as :2222 or 127.0.0.1:2222", f.listen)
	}
	state := a.stateDir()
	if state == "" {
		return hinted(errors.New("serve keeps its host key and its log, and has no place for them"), "set HOME or XDG_STATE_HOME")
	}
	if f.hostKey == "" {
		f.hostKey = filepath.Join(state, "server", "host_key")
	}
	at, err := a.vaultPlace()
	if err != nil {
		return err
	}
	s.name = strings.TrimSuffix(filepath.Base(at.path), filepath.Ext(at.path))
	if s.project, err = a.projectName(); err != nil {
		return err
	}
	if s.vault, err = a.openOwner(ctx, forChange); err != nil {
		return err
	}
	defer s.vault.Close()
	if err := s.check(ctx); err != nil {
		return err
	}
	key, made, err := bastion.HostKey(f.hostKey)
	if err != nil {
		return err
	}
	path := serverLogPath(state, s.vault.ID())
	reserved, err := reserveServerLog(path)
	if err != nil {
		return err
	}
	defer reserved.Close()
	if s.log, s.history, err = a.openServerLog(path, key); err != nil {
		return err
	}
	defer s.log.Close() //nolint:errcheck // each entry was written when it was made
	return s.listen(ctx, f, key, made)
}

// check makes sure that somebody can come in, and says when the server could do
// more than it needs to.
func (s *server) check(ctx context.Context) error {
	if s.vault.Owner() {
		s.a.warn("serving with an owner's key: whoever breaks into this machine owns the vault; add the server as a member of its own")
	}
	n, err := s.vault.Doors(ctx)
	if err != nil {
		return err
	}
	if n == 0 {
		return hinted(errors.New("nobody could log in: no member and no owner has an SSH key"), "tacenda member add NAME --recipient 'ssh-ed25519 …'")
	}
	return nil
}

// verifyBy checks what the server signed.
func verifyBy(key gossh.PublicKey) func(text, signature []byte) bool {
	return func(text, signature []byte) bool {
		var sig gossh.Signature
		return gossh.Unmarshal(signature, &sig) == nil && key.Verify(text, &sig) == nil
	}
}

func (s *server) listen(ctx context.Context, f serveFlags, key gossh.Signer, made bool) error {
	s.notes = slog.New(slog.NewJSONHandler(s.a.err, nil))
	if s.a.err.terminal() {
		s.notes = slog.New(slog.NewTextHandler(s.a.err, nil))
	}
	ssh, err := bastion.New(bastion.Config{
		Authenticate: s.authenticate, Handle: s.handle, HostKey: key, Log: s.notes, Idle: f.idle, Max: f.max,
		Refused: s.refused, Ended: s.sweeps.wake,
	})
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", f.listen)
	if err != nil {
		return failf(exitFailure, "listening on %s: %v", f.listen, err) // also where a port needs a right: no permission of the vault's
	}
	s.notes.Info("listening", "address", l.Addr().String(), "host_key", gossh.FingerprintSHA256(key.PublicKey()), "new_host_key", made)
	go s.sweeps.run(ctx)
	ended := make(chan error, 1)
	go func() { ended <- ssh.Serve(l) }()
	if err := agent.Notify(s.a.sys.Getenv("NOTIFY_SOCKET"), "READY=1"); err != nil {
		s.notes.Warn("telling the service manager", "error", err.Error())
	}
	var lost error
	select {
	case err := <-ended:
		return err
	case lost = <-s.lost:
	case <-ctx.Done():
		select { // both may have come to pass
		case lost = <-s.lost:
		default:
		}
	}
	s.notes.Info("stopping", "sessions", ssh.Sessions())
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer cancel()
	ssh.Shutdown(grace)
	if lost != nil {
		return errors.Join(<-ended, lost) // which says more than the signal that may have come as well
	}
	return errors.Join(<-ended, ctx.Err())
}

// authenticate says whose a public key is.
func (s *server) authenticate(key string) (bastion.Identity, bool) {
	name, owner, err := s.vault.MemberByKey(context.Background(), key)
	switch {
	case err == nil:
	case errors.Is(err, vault.ErrLocked): // new keys, or the server is no member any more: another start may open it
		select {
		case s.lost <- err:
		default:
		}
		return bastion.Identity{}, false
	default:
		if !errors.Is(err, vault.ErrNotFound) {
			s.notes.Error("looking up a key", "error", err.Error())
		}
		return bastion.Identity{}, false
	}
	return bastion.Identity{Member: name, Owner: owner}, true
}

// allowed decides where a tool may go for somebody who is not on this machine:
// to public addresses, and to the networks that --allow-net names. It is asked
// for the address that is dialled, whatever its name was.
func (s *server) allowed(addr netip.AddrPort) error {
	if slices.ContainsFunc(s.allow, func(p netip.Prefix) bool { return p.Contains(addr.Addr().Unmap()) }) {
		return nil
	}
	return apitool.Public(addr)
}

// Package bastion is the SSH server: it lets members in by their public keys and
// hands each session, a command or a terminal, to whoever serves the vault.
//
// It keeps connections, their limits and their deadlines. It promises that who
// somebody is follows from the key that authenticated the connection and from
// nothing else; that nothing but a command or a terminal is ever opened: no
// forwarding, no file transfer, no shell; and that strangers can neither pile up
// nor keep members out. It refuses to know vaults, commands and what is typed.
package bastion

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	gossh "golang.org/x/crypto/ssh"
)

// An Identity is who a key belongs to.
type Identity struct {
	Member      string // an owner's is the label of their slot
	Owner       bool
	Fingerprint string // of the key, as OpenSSH shows it
}

// Config is what a server needs. Authenticate, Handle, HostKey and Log are
// required; zero limits mean the defaults.
type Config struct {
	// Authenticate says whose a public key is, in authorized_keys form; false
	// for nobody's. It is asked for every key that is offered, and once more for
	// the one that proved itself, at the beginning of each session.
	Authenticate func(key string) (Identity, bool)
	// Handle serves one session and returns its exit code.
	Handle func(ctx context.Context, s *Session) int
	// Refused is told what a member was refused, before they are: channels,
	// requests and subsystems by a name of this package's, each once for a
	// connection, and "connection" where theirs did not begin. Nil drops it.
	Refused func(who Identity, remote, what string)
	// Ended is told when a session, and when a connection has ended: what the
	// library copied of it is garbage by then. Nil drops it.
	Ended   func()
	HostKey gossh.Signer
	Log     *slog.Logger

	Login           time.Duration // from accept to authenticated; default 10 s
	Idle            time.Duration // without a byte either way; default 15 min
	Max             time.Duration // of a connection; default 12 h
	Unauthenticated int           // connections at once; default 10
	Connections     int           // connections at once; default 64
	OfOneKey        int           // of these; default half of them, so that one member does not keep the others out
}

func (c *Config) complete() error {
	if c.Authenticate == nil || c.Handle == nil || c.HostKey == nil || c.Log == nil {
		return errors.New("starting the server: Authenticate, Handle, HostKey and Log are required")
	}
	if c.Ended == nil {
		c.Ended = func() {}
	}
	if c.Refused == nil {
		c.Refused = func(Identity, string, string) {}
	}
	orDefault := func(d *time.Duration, to time.Duration) {
		if *d <= 0 {
			*d = to
		}
	}
	orDefault(&c.Login, 10*time.Second)
	orDefault(&c.Idle, 15*time.Minute)
	orDefault(&c.Max, 12*time.Hour)
	if c.Unauthenticated <= 0 {
		c.Unauthenticated = 10
	}
	if c.Connections <= 0 {
		c.Connections = 64
	}
	if c.OfOneKey <= 0 {
		c.OfOneKey = max(1, c.Connections/2)
	}
	return nil
}

// A Server serves until Shutdown.
type Server struct {
	cfg  Config
	ssh  *gossh.ServerConfig
	door *door
	ctx  context.Context //nolint:containedctx // the life of all sessions, ended by Shutdown
	stop context.CancelFunc

	mu       sync.Mutex
	listener net.Listener
	ended    bool
	live     map[*Session]struct{}
	conns    sync.WaitGroup
	sessions sync.WaitGroup
}

// New makes a server.
func New(cfg Config) (*Server, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, live: map[*Session]struct{}{}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.door = newDoor(&s.cfg)
	// A public key is the only way in: no other callback is ever set, and
	// NoClientAuth stays false.
	s.ssh = &gossh.ServerConfig{
		ServerVersion: "SSH-2.0-tacenda", MaxAuthTries: maxAuthTries, PublicKeyCallback: s.offered,
	}
	s.ssh.AddHostKey(cfg.HostKey)
	return s, nil
}

// maxAuthTries is how many keys a connection may offer; OpenSSH's default.
const maxAuthTries = 6

// Serve accepts connections from l until Shutdown, which closes l.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	s.listener = l
	if s.ended {
		s.mu.Unlock()
		return l.Close()
	}
	ctx, cancel := context.WithCancel(s.ctx)
	defer s.door.dismiss()
	defer cancel()
	s.conns.Go(func() { s.usher(ctx) })
	s.mu.Unlock()
	return s.accept(l)
}

// accept puts whoever comes into the line.
func (s *Server) accept(l net.Listener) error {
	var wait time.Duration
	for {
		conn, err := l.Accept()
		if s.ctx.Err() != nil {
			if err == nil {
				_ = conn.Close()
			}
			return nil
		}
		if err != nil {
			// No descriptor left, or a connection that went before it came: the
			// next may do better.
			if errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("serving: %w", err)
			}
			wait = min(max(2*wait, 5*time.Millisecond), time.Second)
			s.cfg.Log.Warn("accepting a connection", "error", err.Error())
			select {
			case <-time.After(wait):
			case <-s.ctx.Done():
			}
			continue
		}
		wait = 0
		s.door.join(conn)
	}
}

// usher leads one after the other from the line to the door.
func (s *Server) usher(ctx context.Context) {
	for g := s.door.next(ctx); g != nil; g = s.door.next(ctx) {
		s.conns.Go(func() { s.connection(g) })
	}
}

// connection serves one connection to its end.
func (s *Server) connection(g *guest) {
	defer s.cfg.Ended()
	defer g.Close()
	defer context.AfterFunc(s.ctx, g.hurry)()
	conn, channels, requests, err := gossh.NewServerConn(g, s.ssh)
	if err != nil {
		var auth *gossh.ServerAuthError
		refused := errors.As(err, &auth) && slices.ContainsFunc(auth.Errors, func(err error) bool { return errors.Is(err, errNobody) })
		s.door.failed(g, refused)
		s.cfg.Log.Info("connection ended before it was let in", "remote", address(g.RemoteAddr()), "refused", refused)
		return
	}
	defer func() {
		_ = conn.Close()
		for range channels { // whatever was opened meanwhile must not hold up the library's own end
		}
	}()
	key := conn.Permissions.Extensions[keyExtension]
	id, ok := s.cfg.Authenticate(key)
	err = errNoMore
	if ok {
		err = s.door.letIn(g, key)
	}
	id.Fingerprint = conn.Permissions.Extensions[fingerprintExtension]
	c := &connection{server: s, id: id, key: key, remote: address(g.RemoteAddr())}
	if err != nil {
		go gossh.DiscardRequests(requests)
		s.cfg.Log.Warn("connection refused", "remote", c.remote, "key", id.Fingerprint, "why", err.Error())
		if ok { // it is somebody's
			s.cfg.Refused(id, c.remote, "connection")
		}
		return
	}
	c.serve(channels, requests)
}

// What the key that authenticated a connection is kept as: the library returns
// the permissions of that key, and of no other that was offered.
const (
	keyExtension         = "key"
	fingerprintExtension = "fingerprint"
)

// Shutdown ends every session, each with a word about why, and waits for them
// until ctx ends; then it cuts what is left.
func (s *Server) Shutdown(ctx context.Context) {
	s.mu.Lock()
	s.ended = true
	listener := s.listener
	s.mu.Unlock()
	s.stop()
	if listener != nil {
		_ = listener.Close()
	}
	wait := func(of *sync.WaitGroup) {
		left := make(chan struct{})
		go func() { of.Wait(); close(left) }()
		select {
		case <-left:
		case <-ctx.Done():
		}
	}
	wait(&s.sessions)
	s.door.cut()
	wait(&s.conns)
}

// offered decides about a key that somebody says they have. It is not theirs
// before the library has checked their signature, so that nothing is kept of it
// here.
func (s *Server) offered(conn gossh.ConnMetadata, key gossh.PublicKey) (*gossh.Permissions, error) {
	text := authorized(key)
	fingerprint := gossh.FingerprintSHA256(key)
	if _, ok := s.cfg.Authenticate(text); !ok {
		s.cfg.Log.Info("key refused", "remote", address(conn.RemoteAddr()), "key", fingerprint)
		return nil, errNobody
	}
	return &gossh.Permissions{Extensions: map[string]string{keyExtension: text, fingerprintExtension: fingerprint}}, nil
}

var (
	errNobody = errors.New("nobody's key")
	errNoMore = errors.New("the key is no longer let in")
)

// authorized is a key as authorized_keys has it, without a comment.
func authorized(key gossh.PublicKey) string {
	return strings.TrimSpace(string(gossh.MarshalAuthorizedKey(key)))
}

// enter counts a session in, unless the server is stopping.
func (s *Server) enter(session *Session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.live[session] = struct{}{}
	s.sessions.Add(1)
	return true
}

func (s *Server) leave(session *Session) {
	s.mu.Lock()
	delete(s.live, session)
	s.mu.Unlock()
	s.sessions.Done()
}

// Sessions is how many sessions are under way.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live)
}

// newID names a session in the log.
func newID() string {
	var b [6]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func address(a net.Addr) string {
	if a == nil {
		return "unknown"
	}
	return a.String()
}

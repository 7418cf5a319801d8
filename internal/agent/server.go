package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"tacenda/internal/vault"
	"tacenda/store"
)

// Config is what an agent serves, and how long.
type Config struct {
	// Vault is the opened vault. It becomes the agent's, which closes it.
	Vault Vault
	// Path is the canonical path of the vault's file: clients that mean another
	// file are turned away.
	Path string
	// Socket is where to listen; its directory was prepared.
	Socket string
	// TTL is after how long the agent ends by itself.
	TTL time.Duration
	// Mounted says that the file was accepted as containers mount it, which
	// holds for no client that did not ask for it.
	Mounted bool
	// Check tells whether the file still holds the vault that was opened, under
	// the keys that were. It is asked when the file changed, and nil asks nothing.
	Check func(context.Context) error
	// LockTimeout is told before each operation how long its client wants to
	// wait for other processes; nil drops it.
	LockTimeout func(time.Duration)
	// Tick is how often the agent looks at the clock and at its socket; 0 is a
	// second.
	Tick time.Duration
}

const (
	// maxConnections bounds the clients at once: interfaces in every window, and
	// the commands of a parallel build.
	maxConnections = 64
	// maxOpen bounds the values that one client has open, each a piece of locked
	// memory.
	maxOpen = 16
	// endTime is how long the end of the agent waits for operations that were
	// cancelled. What hangs in a file system must not keep the keys.
	endTime = 2 * time.Second
)

// Server is a running agent.
type Server struct {
	config   Config
	listener *net.UnixListener
	socket   file // what was bound, to notice that it was replaced
	until    time.Duration
	expires  time.Time

	turn chan struct{} // one token: operations take turns, as the vault's own calls do

	mu      sync.Mutex
	conns   map[*conn]struct{}
	lockers []*net.UnixConn // who asked for the end, and waits for it
	ending  bool
	end     chan struct{} // closed when something ended the agent
	dead    error         // why the vault opens no more: its keys were rotated
	used    bool          // since the last collection
	checked string        // how the file looked when Check agreed
	notes   *[]string     // of the operation that has the turn; nil between them

	checking sync.Mutex
	work     sync.WaitGroup
}

// Listen binds the socket of an agent. One that listened there already is told
// to end: its vault was just opened anew. Clients are served by Serve, which the
// caller must call.
func Listen(c Config) (*Server, error) {
	if !Supported {
		return nil, errors.New("the unlock agent does not work on this system")
	}
	if c.Tick == 0 {
		c.Tick = time.Second
	}
	if err := Prepare(c.Socket); err != nil {
		return nil, err
	}
	if err := Lock(context.Background(), c.Socket); err != nil && !errors.Is(err, ErrNone) {
		return nil, err
	}
	s := &Server{
		config: c, until: elapsed() + c.TTL, expires: time.Now().Add(c.TTL).Round(0),
		turn: make(chan struct{}, 1), conns: make(map[*conn]struct{}), end: make(chan struct{}),
	}
	if err := s.bind(); err != nil {
		return nil, fmt.Errorf("listening on %s: %w", c.Socket, err)
	}
	return s, nil
}

// bind makes the socket under another name and moves it to its place, which
// replaces a stale one. Nobody can connect before its mode is right: the
// directory is this user's alone.
func (s *Server) bind() error {
	temp := filepath.Join(filepath.Dir(s.config.Socket), strconv.Itoa(os.Getpid())+".tmp")
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: temp, Net: "unix"})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false) // by its old name
	s.listener = l
	err = os.Chmod(temp, 0o600)
	if err == nil {
		err = os.Rename(temp, s.config.Socket)
	}
	if err != nil {
		return errors.Join(err, l.Close(), os.Remove(temp))
	}
	bound, ok := fileOf(s.config.Socket, os.Lstat)
	if !ok {
		return errors.Join(errors.New("the socket is gone"), l.Close())
	}
	s.socket = bound
	return nil
}

// Expires is when the agent will end, on the wall's clock.
func (s *Server) Expires() time.Time { return s.expires }

// Serve serves clients until something ends the agent, and then closes the
// vault. It returns ctx's error when that was it.
func (s *Server) Serve(ctx context.Context) error {
	debug.FreeOSMemory() // copies of keys that opening left
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.work.Go(func() {
		s.accept(ctx)
	})
	s.watch(ctx)
	err := ctx.Err()
	cancel()
	s.finish()
	return err
}

// watch returns when the agent is to end.
func (s *Server) watch(ctx context.Context) {
	tick := time.NewTicker(s.config.Tick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.end:
			return
		case <-tick.C:
			if s.over() {
				return
			}
			s.collect()
		}
	}
}

// over tells whether the time is over, or the socket is not the one that was
// bound: a user who logged out, or another agent.
func (s *Server) over() bool {
	now, ok := fileOf(s.config.Socket, os.Lstat)
	return s.expired() || !ok || now != s.socket
}

func (s *Server) expired() bool { return elapsed() >= s.until }

// collect frees what operations left on the heap, where Go's own crypto packages
// leave copies of keys, once nobody works.
func (s *Server) collect() {
	s.mu.Lock()
	idle := s.used
	for c := range s.conns {
		idle = idle && c.idle()
	}
	if idle {
		s.used = false
	}
	s.mu.Unlock()
	if idle {
		debug.FreeOSMemory()
	}
}

// stop ends the agent; a second call is fine.
func (s *Server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ending {
		s.ending = true
		close(s.end)
	}
}

// finish ends what is under way and wipes the keys.
func (s *Server) finish() {
	s.stop()
	_ = s.listener.Close() // clients notice in any case
	if now, ok := fileOf(s.config.Socket, os.Lstat); ok && now == s.socket {
		_ = os.Remove(s.config.Socket)
	}
	s.mu.Lock()
	for c := range s.conns {
		_ = c.net.Close()
	}
	s.mu.Unlock()
	done := make(chan struct{})
	go func() { s.work.Wait(); close(done) }()
	select {
	case <-done:
		s.config.Vault.Close()
	case <-time.After(endTime):
		// The vault waits for whoever uses it; the end of the process, which
		// wipes its memory, does not.
	}
	debug.FreeOSMemory()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.lockers {
		_ = c.Close()
	}
}

// accept takes connections of this user.
func (s *Server) accept(ctx context.Context) {
	for {
		c, err := s.listener.AcceptUnix()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // too many open files: others will close theirs
			select {
			case <-ctx.Done():
				return
			case <-time.After(50 * time.Millisecond):
			}
			continue
		}
		if uid, _, err := peer(c); err != nil || uid != os.Geteuid() {
			_ = c.Close()
			continue
		}
		s.admit(ctx, c)
	}
}

// admit makes room for a connection, by ending one that nobody uses, or turns it
// away.
func (s *Server) admit(ctx context.Context, nc *net.UnixConn) {
	c := &conn{server: s, net: nc, since: time.Now(), values: make(map[uint64]kept)}
	s.mu.Lock()
	var idlest *conn
	if len(s.conns) >= maxConnections {
		for other := range s.conns {
			if other.idle() && (idlest == nil || other.idleSince().Before(idlest.idleSince())) {
				idlest = other
			}
		}
	}
	full := s.ending || len(s.conns) >= maxConnections && (idlest == nil || !idlest.retire())
	if !full {
		delete(s.conns, idlest)
		s.conns[c] = struct{}{}
		s.work.Add(1)
	}
	s.mu.Unlock()
	if full {
		go turnAway(nc, response{Error: toWire(errFull)})
		return
	}
	if idlest != nil {
		idlest.farewell()
	}
	go func() {
		defer s.work.Done()
		c.serve(ctx)
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
}

var errFull = fmt.Errorf("the unlock agent has %d clients already", maxConnections)

// Note is told what the vault wants its user to know. It reaches the client
// whose operation it is about.
func (s *Server) Note(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.notes != nil {
		*s.notes = append(*s.notes, text)
	}
}

// died notes that the vault opens no more, and wipes its keys: they open old
// copies of the file, and nothing else.
func (s *Server) died(err error) {
	s.mu.Lock()
	first := s.dead == nil
	if first {
		s.dead = err
	}
	s.mu.Unlock()
	if first {
		s.config.Vault.Close()
	}
}

// alive is why the agent cannot answer, nil if it can.
func (s *Server) alive() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ending || s.expired():
		return errOver
	case s.dead != nil:
		return s.dead
	}
	return nil
}

var errOver = fmt.Errorf("%w: the unlock agent's time is over", vault.ErrLocked)

// check asks whether the file still holds the vault, if it changed since that
// was asked last.
func (s *Server) check(ctx context.Context) error {
	if s.config.Check == nil {
		return nil
	}
	s.checking.Lock()
	defer s.checking.Unlock()
	look := "gone"
	if info, err := os.Stat(s.config.Path); err == nil {
		at, _ := fileOf(s.config.Path, os.Stat)
		look = fmt.Sprint(at, info.Size(), info.ModTime().UnixNano())
	}
	if look == s.checked {
		return nil
	}
	err := s.config.Check(ctx)
	switch {
	case err == nil:
		s.checked = look
	case errors.Is(err, store.ErrBusy):
		return nil // somebody writes: the operation itself will see what
	case errors.Is(err, vault.ErrLocked):
		s.died(err)
	}
	return err
}

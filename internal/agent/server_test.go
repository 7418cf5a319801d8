package agent_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tacenda/internal/agent"
	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/store"
)

// TestEnds: what ends an agent closes the vault and removes its socket, and a
// client that is connected gets the error of a locked vault.
func TestEnds(t *testing.T) {
	for _, tt := range []struct {
		name string
		ttl  time.Duration
		end  func(*running) error
		want error
		left bool // the socket is somebody else's
	}{
		{name: "lock", end: func(r *running) error { return agent.Lock(context.Background(), r.config.Socket) }},
		{name: "cancel", end: func(r *running) error { r.cancel(); return nil }, want: context.Canceled},
		{name: "ttl", ttl: 50 * time.Millisecond, end: func(*running) error { return nil }},
		{name: "socket removed", end: func(r *running) error { return os.Remove(r.config.Socket) }},
		{name: "directory removed", end: func(r *running) error { return os.RemoveAll(filepath.Dir(r.config.Socket)) }},
		{name: "directory renamed", end: func(r *running) error {
			return os.Rename(filepath.Dir(r.config.Socket), filepath.Dir(r.config.Socket)+".old")
		}},
		{name: "socket replaced", left: true, end: func(r *running) error {
			if err := os.Remove(r.config.Socket); err != nil {
				return err
			}
			return os.WriteFile(r.config.Socket, nil, 0o600)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := vaulttest.New(t)
			r := serve(t, v, func(c *agent.Config) {
				if tt.ttl != 0 {
					c.TTL = tt.ttl
				}
			})
			c, err := agent.Dial(t.Context(), r.config.Socket, agent.Options{Path: r.config.Path})
			if err == nil {
				defer c.Close()
			} else if tt.ttl == 0 {
				t.Fatal(err)
			}
			if err := tt.end(r); err != nil {
				t.Fatal(err)
			}
			if err := r.wait(t); !errors.Is(err, tt.want) {
				t.Errorf("it ended with %v, want %v", err, tt.want)
			}
			if _, err := v.Projects(t.Context()); err == nil {
				t.Error("the vault is still open")
			}
			if c != nil {
				if _, err := c.Projects(t.Context()); !errors.Is(err, vault.ErrLocked) {
					t.Errorf("a client was told %v", err)
				}
			}
			if _, err := os.Lstat(r.config.Socket); tt.left == errors.Is(err, os.ErrNotExist) {
				t.Errorf("the socket afterwards: %v", err)
			}
			if err := agent.Lock(t.Context(), r.config.Socket); !tt.left && !errors.Is(err, agent.ErrNone) {
				t.Errorf("locking again: %v", err)
			}
		})
	}
}

// TestReplaced: unlocking again ends the agent before, and a stale socket, of one
// that was killed, is no obstacle.
func TestReplaced(t *testing.T) {
	first := serve(t, vaulttest.New(t), nil)
	stale := filepath.Join(filepath.Dir(first.config.Socket), "stale.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if err := os.Chmod(stale, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := agent.Dial(t.Context(), stale, agent.Options{Path: first.config.Path}); !errors.Is(err, agent.ErrNone) {
		t.Errorf("a stale socket: %v", err)
	}
	for _, socket := range []string{first.config.Socket, stale} {
		second := serve(t, vaulttest.New(t), func(c *agent.Config) { c.Path, c.Socket = first.config.Path, socket })
		second.dial(t)
		if socket == first.config.Socket {
			if err := first.wait(t); err != nil {
				t.Errorf("the first ended with %v", err)
			}
		}
	}
	if err := agent.Lock(t.Context(), stale); err != nil {
		t.Error(err)
	}
}

// TestRefusesPlaces: a directory or a socket that others could have a hand in is
// used by neither side.
func TestRefusesPlaces(t *testing.T) {
	for _, tt := range []struct {
		name string
		want string
		make func(dir string) error // dir is the directory of the socket, made already
	}{
		{"readable directory", "others can use", func(dir string) error { return os.Chmod(dir, 0o755) }},
		{"writable parent", "others can write", func(dir string) error { return os.Chmod(filepath.Dir(dir), 0o777) }},
		{"linked directory", "not a directory", func(dir string) error {
			return errors.Join(os.Rename(dir, dir+".real"), os.Symlink(dir+".real", dir))
		}},
		{"open socket", "others can use", func(dir string) error { return os.Chmod(filepath.Join(dir, "x.sock"), 0o666) }},
		{"file for a socket", "not a socket", func(dir string) error {
			socket := filepath.Join(dir, "x.sock")
			return errors.Join(os.Remove(socket), os.WriteFile(socket, nil, 0o600))
		}},
		{"link for a socket", "not a socket", func(dir string) error {
			socket := filepath.Join(dir, "x.sock")
			return errors.Join(os.Rename(socket, socket+".real"), os.Symlink(socket+".real", socket))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := serve(t, vaulttest.New(t), func(c *agent.Config) {
				c.Socket, c.Tick = filepath.Join(filepath.Dir(c.Socket), "x.sock"), time.Hour
			})
			if err := tt.make(filepath.Dir(r.config.Socket)); err != nil {
				t.Fatal(err)
			}
			_, err := agent.Dial(t.Context(), r.config.Socket, agent.Options{Path: r.config.Path})
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("a client: %v", err)
			}
			if err := agent.Lock(t.Context(), r.config.Socket); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("lock: %v", err)
			}
			other := vaulttest.New(t)
			if s, err := agent.Listen(agent.Config{Vault: other, Path: r.config.Path, Socket: r.config.Socket, TTL: time.Hour}); err == nil {
				t.Error("an agent listens there")
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				_ = s.Serve(ctx)
			}
		})
	}
	long := filepath.Join(shortDir(t), strings.Repeat("x", 100), "a.sock")
	if err := agent.Prepare(long); err == nil || !strings.Contains(err.Error(), "shorter") {
		t.Errorf("a path that is too long: %v", err)
	}
}

// TestOtherFile: an agent serves nobody who means another file, another owner, or
// a file under stricter rules than it was opened with.
func TestOtherFile(t *testing.T) {
	v := vaulttest.New(t)
	r := serve(t, v, func(c *agent.Config) { c.Mounted = true })
	other := filepath.Join(shortDir(t), "vault.db")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	right := agent.Options{Path: r.config.Path, Mounted: true, Owner: v.OwnerFingerprint()}
	for name, change := range map[string]func(*agent.Options){
		"file":    func(o *agent.Options) { o.Path = other },
		"missing": func(o *agent.Options) { o.Path = other + "x" },
		"owner":   func(o *agent.Options) { o.Owner = "SHA256:other" },
		"mounted": func(o *agent.Options) { o.Mounted = false },
	} {
		o := right
		change(&o)
		if _, err := agent.Dial(t.Context(), r.config.Socket, o); !errors.Is(err, agent.ErrNone) {
			t.Errorf("%s: %v", name, err)
		}
	}
	st, err := agent.Ask(t.Context(), r.config.Socket, right)
	if err != nil || st.Owner != v.OwnerFingerprint() || !st.Expires.After(time.Now()) {
		t.Errorf("status %+v, %v", st, err)
	}
}

// TestRotated: an agent whose vault was given other keys says so, wipes its own,
// and goes on saying so.
func TestRotated(t *testing.T) {
	v := vaulttest.New(t)
	rotated := fmt.Errorf("%w: its keys were rotated", vault.ErrLocked)
	var mu sync.Mutex
	var verdict error
	asked := 0
	r := serve(t, v, func(c *agent.Config) {
		c.Check = func(context.Context) error { mu.Lock(); defer mu.Unlock(); asked++; return verdict }
	})
	c := r.dial(t)
	r.dial(t)
	if asked != 1 {
		t.Errorf("the file did not change, and was looked at %d times", asked)
	}
	mu.Lock()
	verdict = rotated
	mu.Unlock()
	if err := os.WriteFile(r.config.Path, []byte("changed, and longer"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := agent.Dial(t.Context(), r.config.Socket, agent.Options{Path: r.config.Path})
		var refused *agent.RefusedError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), "rotated") {
			t.Errorf("a client: %v", err)
		}
	}
	if _, err := c.Projects(t.Context()); !errors.Is(err, vault.ErrLocked) {
		t.Errorf("a client from before: %v", err)
	}
	if _, err := v.Projects(t.Context()); err == nil {
		t.Error("the vault is still open")
	}
}

// TestNotes: what the vault wants its user to know reaches the client whose
// operation it was.
func TestNotes(t *testing.T) {
	state := filepath.Join(shortDir(t), "state")
	if err := os.WriteFile(state, nil, 0o600); err != nil { // no directory, so nothing can be remembered
		t.Fatal(err)
	}
	var r *running
	v := vaulttest.On(t, store.NewMem(), vaulttest.NewKey(t), vault.Options{State: state, Note: func(text string) {
		if r != nil {
			r.Note(text)
		}
	}})
	r = serve(t, v, nil)
	var notes []string
	c, err := agent.Dial(t.Context(), r.config.Socket, agent.Options{Path: r.config.Path, Note: func(text string) { notes = append(notes, text) }})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.CreateProject(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	if len(notes) == 0 || !strings.Contains(notes[0], "remember") {
		t.Errorf("notes %q", notes)
	}
}

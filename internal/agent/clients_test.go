package agent_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tacenda/internal/agent"
	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/store"
)

// raw is a connection without a client's manners.
func (r *running) raw(t testing.TB) net.Conn {
	t.Helper()
	c, err := net.Dial("unix", r.config.Socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func frame(header string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(header))), header...)
}

// TestStalls: clients that stop in the middle of a frame, or do not take their
// answers, hold up nobody.
func TestStalls(t *testing.T) {
	v := vaulttest.New(t)
	d := draftOf(t, "LONG", strings.Repeat("x", vault.MaxValue))
	if _, err := v.CreateSecret(t.Context(), vaulttest.Project, d); err != nil {
		t.Fatal(err)
	}
	r := serve(t, v, nil)
	good := r.dial(t)
	for _, sent := range []string{"", "\x00", "\x00\x00\x00\x20", "\x00\x00\x00\x20{\"op\":", string(frame(`{"op":"hello","segments":[1000]}`)) + "x"} {
		if _, err := io.WriteString(r.raw(t), sent); err != nil {
			t.Fatal(err)
		}
	}
	for range 8 { // each leaves a value of 1 MiB in a socket that is full
		c, err := agent.Dial(t.Context(), r.config.Socket, agent.Options{Path: r.config.Path})
		if err != nil {
			t.Fatal(err)
		}
		x, err := c.Values(t.Context(), vaulttest.Project, []string{"LONG"})
		if err != nil {
			t.Fatal(err)
		}
		if err := agent.AskWithoutListening(c, x); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
	}
	for range 3 {
		if _, err := good.Secrets(t.Context(), vaulttest.Project); err != nil {
			t.Fatal(err)
		}
	}
	if err := agent.Lock(t.Context(), r.config.Socket); err != nil {
		t.Error(err)
	}
	if err := r.wait(t); err != nil {
		t.Error(err)
	}
}

// TestCancel: an operation that waits for another process's lock ends with its
// context, and the connection is as good as before.
func TestCancel(t *testing.T) {
	dir := shortDir(t)
	path := filepath.Join(dir, "vault.db")
	e, err := store.CreateBolt(t.Context(), path, store.BoltOptions{LockTimeout: time.Minute}, func(store.Tx) error { return nil })
	if err != nil {
		t.Skip("cannot make an empty vault:", err)
	}
	v := vaulttest.On(t, e, vaulttest.NewKey(t), vault.Options{})
	var mu sync.Mutex
	var told []time.Duration
	r := serve(t, v, func(c *agent.Config) {
		c.Path = path
		c.LockTimeout = func(d time.Duration) { mu.Lock(); defer mu.Unlock(); told = append(told, d) }
	})
	c, err := agent.Dial(t.Context(), r.config.Socket, agent.Options{Path: path, LockTimeout: 7 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	other, err := store.OpenBolt(path, store.BoltOptions{})
	if err != nil {
		t.Fatal(err)
	}
	locked, release, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- other.Update(context.Background(), func(store.Tx) error { close(locked); <-release; return errors.New("undone") })
	}()
	<-locked
	for _, cause := range []error{context.Canceled, context.DeadlineExceeded} {
		ctx, cancel := context.WithCancel(t.Context())
		if cause == context.DeadlineExceeded {
			ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
		} else {
			time.AfterFunc(20*time.Millisecond, cancel)
		}
		if err := c.CreateProject(ctx, "web"); !errors.Is(err, cause) {
			t.Errorf("%v: %v", cause, err)
		}
		cancel()
	}
	// Somebody who leaves without a word is not waited for either.
	gone, err := agent.Dial(t.Context(), r.config.Socket, agent.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if err := agent.AskAndLeave(gone, "web"); err != nil {
		t.Fatal(err)
	}
	close(release)
	<-ended
	if err := c.CreateProject(t.Context(), "api"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.Contains(told, 7*time.Second) {
		t.Errorf("lock timeouts %v", told)
	}
}

// TestManyClients: clients of several goroutines at once, and more of them than
// the agent takes: those that nobody uses make room, and notice nothing of it.
func TestManyClients(t *testing.T) {
	v := vaulttest.New(t)
	r := serve(t, v, nil)
	before := descriptors(t)
	clients := make([]*agent.Client, 0, 100)
	for range 100 { // idle, but for one question each
		clients = append(clients, r.dial(t))
	}
	if n := descriptors(t) - before; n > 100+64+10 { // theirs, and the agent's
		t.Errorf("%d more descriptors for 100 clients", n)
	}
	for i, c := range clients {
		if _, err := c.Projects(t.Context()); err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
	}
	for _, c := range clients {
		c.Close()
	}
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			c, err := agent.Dial(t.Context(), r.config.Socket, agent.Options{Path: r.config.Path})
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for j := range 5 {
				d := draftOf(t, fmt.Sprintf("N%d_%d", i, j), "the value of it")
				if _, err := c.CreateSecret(t.Context(), vaulttest.Project, d); err != nil {
					t.Error(err)
				}
				x, err := c.Values(t.Context(), vaulttest.Project, []string{d.Name})
				if err != nil {
					t.Error(err)
					continue
				}
				x.Close()
			}
		})
	}
	wg.Wait()
	list, err := v.Secrets(t.Context(), vaulttest.Project)
	if err != nil || len(list) != 150 {
		t.Errorf("%d secrets, %v", len(list), err)
	}
	for range 1000 { // connected, and silent
		c, err := net.Dial("unix", r.config.Socket)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if _, err := r.dial(t).Projects(t.Context()); err != nil {
		t.Errorf("behind 1,000 silent connections: %v", err)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(entries)
}

// TestFull: clients that hold values are not sent away for others.
func TestFull(t *testing.T) {
	v := vaulttest.New(t)
	if _, err := v.CreateSecret(t.Context(), vaulttest.Project, draftOf(t, "LONG", strings.Repeat("x", 100<<10))); err != nil {
		t.Fatal(err)
	}
	r := serve(t, v, nil)
	var held []vault.Values
	for range 64 {
		x, err := r.dial(t).Values(t.Context(), vaulttest.Project, []string{"LONG"})
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, x)
	}
	_, err := agent.Dial(t.Context(), r.config.Socket, agent.Options{Path: r.config.Path})
	var refused *agent.RefusedError
	if !errors.As(err, &refused) {
		t.Errorf("one more: %v", err)
	}
	for _, x := range held {
		if err := x.Use("LONG", func(p []byte) error { return nil }); err != nil {
			t.Error(err)
		}
		x.Close()
	}
	r.dial(t)
}

// TestLeavesNothing: goroutines and descriptors return to where they were.
func TestLeavesNothing(t *testing.T) {
	goroutines, files := runtime.NumGoroutine(), descriptors(t)
	for range 5 {
		r := serve(t, vaulttest.New(t), nil)
		for range 10 {
			c := r.dial(t)
			if _, err := c.Projects(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		r.raw(t)
		if err := agent.Lock(t.Context(), r.config.Socket); err != nil {
			t.Fatal(err)
		}
		if err := r.wait(t); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(10 * time.Second) // the runtime ends goroutines when it likes
	for runtime.NumGoroutine() > goroutines+2 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > goroutines+2 {
		t.Errorf("%d goroutines, and %d before", n, goroutines)
	}
	if n := descriptors(t); n > files+60 { // the clients' own, closed with the test
		t.Errorf("%d descriptors, and %d before", n, files)
	}
}

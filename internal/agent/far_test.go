package agent_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"tacenda/internal/agent"
	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/keyring/secret"
)

// pair is the two ends of a connection.
func pair(t testing.TB) (ours, theirs *net.UnixConn) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(shortDir(t), "s"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if ours, err = net.DialUnix("unix", nil, l.Addr().(*net.UnixAddr)); err != nil {
		t.Fatal(err)
	}
	if theirs, err = l.AcceptUnix(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return ours, theirs
}

// far is the client's end of an Answer to somebody who is not of this machine
// and has said hello.
func far(t testing.TB, v agent.Vault) *net.UnixConn {
	t.Helper()
	ours, theirs := pair(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { agent.Answer(ctx, theirs, v, agent.NewRoom()); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	_ = ours.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := ours.Write(frame(`{"op":"hello","hello":{"version":1}}`)); err != nil {
		t.Fatal(err)
	}
	if text := readFrame(t, ours); !strings.Contains(text, `"problem":""`) {
		t.Fatal(text)
	}
	return ours
}

func readFrame(t testing.TB, c net.Conn) string {
	t.Helper()
	var b [4]byte
	if _, err := io.ReadFull(c, b[:]); err != nil {
		t.Fatal(err)
	}
	text := make([]byte, binary.BigEndian.Uint32(b[:]))
	if _, err := io.ReadFull(c, text); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// hungUp tells whether the other side ends the connection without an answer.
func hungUp(t testing.TB, c *net.UnixConn, sent []byte) {
	t.Helper()
	go func() { _, _ = c.Write(sent) }() // it may stop reading in the middle
	n, err := io.Copy(io.Discard, c)
	var late net.Error
	if n != 0 || errors.As(err, &late) && late.Timeout() {
		t.Errorf("it answered with %d bytes, then %v", n, err)
	}
}

// TestFarRequestsAreBounded: who came over SSH, and may do nothing in the vault,
// costs no more memory than what a large import needs.
func TestFarRequestsAreBounded(t *testing.T) {
	v := vaulttest.New(t)
	for name, sent := range map[string][]byte{
		"a header of more than 16 MiB": {0x01, 0x00, 0x00, 0x01},
		"more than 64 MiB of values":   frame(`{"op":"ImportSecrets","segments":[` + strings.Repeat("2097152,", 32) + `1]}`),
		"a value of more than 2 MiB":   frame(`{"op":"ImportSecrets","segments":[2097153]}`),
		"a value of less than nothing": frame(`{"op":"ImportSecrets","segments":[-1]}`),
		"more than a million values":   frame(`{"op":"ImportSecrets","segments":[` + strings.Repeat("0,", 1<<20) + `0]}`),
		"more than a million drafts":   frame(`{"op":"ImportSecrets","drafts":[` + strings.Repeat("{},", 1<<20) + `{}]}`),
	} {
		t.Run(name, func(t *testing.T) { hungUp(t, far(t, v), sent) })
	}
}

// TestFarRequestsLeaveRoom: a process can have 16,384 pieces of guarded memory.
// Two requests with more values than that are as good as two pieces, also while
// they never end.
func TestFarRequestsLeaveRoom(t *testing.T) {
	v := vaulttest.New(t)
	const values, length = 9000, 4100 // longer than what shares a piece with others
	lengths := strings.TrimSuffix(strings.Repeat(fmt.Sprintf("%d,", length), values), ",")
	for range 2 {
		c := far(t, v)
		if _, err := c.Write(frame(`{"op":"ImportSecrets","segments":[` + lengths + `]}`)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(make([]byte, values*length-1)); err != nil { // all but one byte
			t.Fatal(err)
		}
	}
	b, err := secret.New(8 << 10)
	if err != nil {
		t.Fatalf("nobody else has room: %v", err)
	}
	b.Destroy()
}

// TestFarOpens: a client that opens values a thousand times, releases none, and
// cancels in between, gets sixteen at once, and its end gives all of them back.
func TestFarOpens(t *testing.T) {
	v := vaulttest.New(t)
	vaulttest.Put(t, v, vaulttest.Project, "LONG", strings.Repeat("x", 100<<10))
	before := runtime.NumGoroutine()
	for range 3 {
		c := far(t, v)
		go func() {
			for range 1000 {
				if _, err := c.Write(append(frame(`{"op":"Values","project":"default","names":["LONG"]}`), frame(`{"op":"cancel"}`)...)); err != nil {
					return
				}
			}
		}()
		open := 0
		for range 1000 {
			text := readFrame(t, c)
			switch {
			case strings.Contains(text, `"open":`):
				open++
			case !strings.Contains(text, "are open already") && !strings.Contains(text, "canceled"):
				t.Fatal(text)
			}
		}
		if open > 16 {
			t.Errorf("%d are open", open)
		}
		c.Close()
	}
	for i := 0; runtime.NumGoroutine() > before+3; i++ { // those of far itself, until the test ends
		if i > 500 {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestFarLockIsNobodys: who is not of this machine cannot end a server.
func TestFarLockIsNobodys(t *testing.T) {
	c := far(t, vaulttest.New(t))
	for _, op := range []string{"lock", "Close", "AddSlot", "Rotate", "Backup", "Verify"} {
		if _, err := c.Write(frame(`{"op":"` + op + `"}`)); err != nil {
			t.Fatal(err)
		}
		if text := readFrame(t, c); !strings.Contains(text, "malformed message") {
			t.Errorf("%s: %s", op, text)
		}
	}
}

// TestImportOverTheWire: values that come in one piece are each their own.
func TestImportOverTheWire(t *testing.T) {
	v := vaulttest.New(t)
	ours, theirs := pair(t)
	go agent.Answer(t.Context(), theirs, v, agent.NewRoom())
	c, err := agent.Over(t.Context(), ours, agent.Options{}, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var drafts []vault.Draft
	want := map[string]string{}
	for i := range 50 {
		name := fmt.Sprintf("S%d", i)
		want[name] = strings.Repeat(fmt.Sprint(i, "."), i+1)
		drafts = append(drafts, vault.Draft{Name: name, Value: vaulttest.Value(t, want[name])})
	}
	if _, err := c.ImportSecrets(t.Context(), "default", drafts, vault.ImportStrict); err != nil {
		t.Fatal(err)
	}
	for name, value := range want {
		if got, err := vaulttest.Get(v, "default", name); err != nil || got != value {
			t.Errorf("%s is %q, %v", name, got, err)
		}
	}
	empty := []vault.Draft{{Name: "E", Value: vaulttest.Value(t, "")}}
	if _, err := c.ImportSecrets(t.Context(), "default", empty, vault.ImportStrict); !errors.Is(err, vault.ErrInvalid) {
		t.Errorf("an empty value: %v", err)
	}
}

// lying is a server that calls things what it likes.
type lying struct {
	agent.Vault
	name string
}

func (l lying) Secrets(context.Context, string) ([]vault.Secret, error) {
	return []vault.Secret{{Name: l.name}}, nil
}

func (l lying) Projects(context.Context) ([]vault.Project, error) {
	return []vault.Project{{Name: l.name}}, nil
}

func (l lying) Texts(context.Context, string, vault.TextKind) ([]vault.Text, error) {
	return []vault.Text{{Name: l.name}}, nil
}

func (l lying) DiffProjects(context.Context, string, string) ([]vault.Difference, error) {
	return []vault.Difference{{Name: l.name}}, nil
}

func (l lying) Values(context.Context, string, []string) (vault.Values, error) {
	return lyingValues{l.name}, nil
}

type lyingValues struct{ name string }

func (l lyingValues) Secrets() []vault.Secret                       { return []vault.Secret{{Name: l.name}} }
func (lyingValues) Use(_ string, fn func(value []byte) error) error { return fn([]byte("value")) }
func (lyingValues) Close()                                          {}

// TestLyingServer: a name with a line end in it is a line of a script wherever
// names are listed for one.
func TestLyingServer(t *testing.T) {
	for _, name := range []string{"A\nrm -rf ~", "A\x1b[2J", "", "$(id)"} {
		ours, theirs := pair(t)
		go agent.Answer(t.Context(), theirs, lying{vaulttest.New(t), name}, agent.NewRoom())
		c, err := agent.Over(t.Context(), ours, agent.Options{}, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, secrets := c.Secrets(t.Context(), "default")
		_, projects := c.Projects(t.Context())
		_, texts := c.Texts(t.Context(), "default", vault.Tool)
		_, diff := c.DiffProjects(t.Context(), "a", "b")
		_, values := c.Values(t.Context(), "default", []string{"A"})
		for what, err := range map[string]error{"secrets": secrets, "projects": projects, "texts": texts, "differences": diff, "values": values} {
			if err == nil || !strings.Contains(err.Error(), "a name that cannot be") {
				t.Errorf("%s called %q: %v", what, name, err)
			}
		}
	}
}

// A stopping is a vault whose server is killed in the middle of an operation.
type stopping struct {
	agent.Vault
	kill func()
}

func (s stopping) Secrets(context.Context, string) ([]vault.Secret, error) {
	s.kill()
	return nil, nil
}

// Whose server is killed is told so: that is no vault that is locked, and no
// unlock agent of theirs.
func TestServerIsKilled(t *testing.T) {
	v := vaulttest.New(t)
	ours, theirs := pair(t)
	done := make(chan struct{})
	go func() {
		agent.Answer(context.Background(), theirs, stopping{v, func() { _ = theirs.Close() }}, agent.NewRoom())
		close(done)
	}()
	c, err := agent.Over(t.Context(), ours, agent.Options{}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Secrets(t.Context(), "default"); !errors.Is(err, agent.ErrCut) || errors.Is(err, vault.ErrLocked) {
		t.Errorf("in the middle: %v", err)
	}
	if err := c.CreateProject(t.Context(), "other"); !errors.Is(err, agent.ErrCut) || errors.Is(err, vault.ErrLocked) {
		t.Errorf("afterwards: %v", err)
	}
	<-done
}

// One member has many sessions and begins a long request in each: two are held,
// and the others wait for them, those of other members do not.
func TestLongRequestsTakeTurns(t *testing.T) {
	v := vaulttest.New(t)
	session := func(room agent.Room) *net.UnixConn {
		t.Helper()
		ours, theirs := pair(t)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { agent.Answer(ctx, theirs, v, room); close(done) }()
		t.Cleanup(func() { cancel(); <-done })
		_ = ours.SetDeadline(time.Now().Add(30 * time.Second))
		if _, err := ours.Write(frame(`{"op":"hello","hello":{"version":1}}`)); err != nil {
			t.Fatal(err)
		}
		readFrame(t, ours)
		return ours
	}
	long := frame(`{"op":"Projects","text":"` + strings.Repeat("x", 1<<20) + `"}`)
	// sends tells whether all of it is taken but for the end: more than the socket itself holds.
	sends := func(c *net.UnixConn, wait time.Duration) bool {
		_ = c.SetWriteDeadline(time.Now().Add(wait))
		_, err := c.Write(long[:len(long)-2])
		return err == nil
	}
	room := agent.NewRoom()
	first, second, third := session(room), session(room), session(room)
	if !sends(first, 30*time.Second) || !sends(second, 30*time.Second) {
		t.Fatal("two are not taken")
	}
	waited := make(chan bool, 1)
	go func() { waited <- sends(third, 30*time.Second) }()
	if !sends(session(agent.NewRoom()), 30*time.Second) {
		t.Error("another member waits")
	}
	small := session(room)
	if _, err := small.Write(frame(`{"op":"Projects"}`)); err != nil || !strings.Contains(readFrame(t, small), `"result"`) {
		t.Error("a short request waits")
	}
	select {
	case <-waited:
		t.Fatal("a third is taken")
	default:
	}
	_ = first.Close() // who goes in the middle leaves their place
	if !<-waited {
		t.Error("the third is not taken afterwards")
	}
	if _, err := third.Write(long[len(long)-2:]); err != nil || !strings.Contains(readFrame(t, third), `"result"`) {
		t.Errorf("the third is not answered: %v", err)
	}
}

//go:build unix

package cli

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	gossh "golang.org/x/crypto/ssh"
)

// A remoteScreen is the interface in a session, and the terminal that shows it.
type remoteScreen struct {
	t       *testing.T
	session *gossh.Session
	in      io.Writer

	mu     sync.Mutex
	screen *vt.Emulator
	ended  chan struct{}
}

// interfaceOf opens the interface. A terminal is as its client says: the names
// and sizes need not be those of any.
func (b *testBastion) interfaceOf(c *gossh.Client, term string, width, height int) *remoteScreen {
	t := b.t
	t.Helper()
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	in, err := s.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range [][2]string{{"LANG", "C.UTF-8"}, {"COLORTERM", "truecolor"}} {
		if err := s.Setenv(v[0], v[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.RequestPty(term, height, width, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Shell(); err != nil {
		t.Fatal(err)
	}
	x := &remoteScreen{t: t, session: s, in: in, screen: vt.NewEmulator(80, 24), ended: make(chan struct{})}
	answered := make(chan struct{})
	go func() {
		defer close(x.ended)
		buf := make([]byte, 4096)
		for {
			n, err := out.Read(buf)
			x.mu.Lock()
			_, _ = x.screen.Write(buf[:n])
			x.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	go func() { // what a terminal replies to queries
		defer close(answered)
		buf := make([]byte, 256)
		for {
			n, err := x.screen.Read(buf)
			if err != nil {
				return
			}
			_, _ = in.Write(buf[:n])
		}
	}()
	t.Cleanup(func() {
		_ = s.Close()
		<-x.ended
		_ = x.screen.InputPipe().(io.Closer).Close()
		<-answered
	})
	return x
}

func (x *remoteScreen) press(keys string) {
	x.t.Helper()
	if _, err := io.WriteString(x.in, keys); err != nil {
		x.t.Fatal(err)
	}
}

// see waits until the screen shows all of want.
func (x *remoteScreen) see(want ...string) string {
	x.t.Helper()
	shown := ""
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		x.mu.Lock()
		shown = x.screen.String()
		x.mu.Unlock()
		if !slices.ContainsFunc(want, func(w string) bool { return !strings.Contains(shown, w) }) {
			return shown
		}
	}
	x.t.Fatalf("%q does not come; on the screen:\n%s", want, shown)
	return ""
}

// levels are what must come back to where it was: goroutines, descriptors, and
// locked memory in kB.
type levels struct{ goroutines, files, locked int }

func levelsNow() levels {
	l := levels{goroutines: runtime.NumGoroutine()}
	if entries, err := os.ReadDir("/proc/self/fd"); err == nil {
		l.files = len(entries)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err == nil {
		for line := range strings.Lines(string(status)) {
			_, _ = fmt.Sscanf(line, "VmLck: %d kB", &l.locked)
		}
	}
	return l
}

// comeBack waits until nothing is above where it was.
func comeBack(t *testing.T, before levels) {
	t.Helper()
	var now levels
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		now = levelsNow()
		// The few keys that an open vault holds may lie in slabs of 16 kB that a crowd needed; twenty
		// buffers of sessions would be more.
		if now.goroutines <= before.goroutines && now.files <= before.files && now.locked <= before.locked+64 {
			return
		}
	}
	buf := make([]byte, 1<<20)
	t.Errorf("before %+v, now %+v\n%.8000s", before, now, buf[:runtime.Stack(buf, true)])
}

// TestServeManyInterfaces has twenty at work at once. Some leave as they should,
// some close their session, some their connection, some just go.
func TestServeManyInterfaces(t *testing.T) {
	b := startBastion(t, nil)
	warm := b.dial("all")
	ask(t, warm, "list -p own", "")
	_ = warm.Close()
	waitUntil(t, "the first to be gone", func() bool { return strings.Contains(b.log.String(), "session ended") })
	time.Sleep(2 * (sweepPauses[0] + sweepPauses[1]))
	before := levelsNow()
	var all sync.WaitGroup
	doors := make(chan struct{}, 5) // on a machine with much to do, more at once would be too long before the door
	for n := range 20 {
		all.Go(func() {
			doors <- struct{}{}
			leave := sync.OnceFunc(func() { <-doors })
			defer leave()
			conn, err := net.Dial("tcp", b.addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			cc, channels, requests, err := gossh.NewClientConn(conn, b.addr, &gossh.ClientConfig{
				User: "x", Auth: []gossh.AuthMethod{gossh.PublicKeys(b.keys["all"])},
				HostKeyCallback: gossh.InsecureIgnoreHostKey(),
			})
			if err != nil {
				t.Error(err)
				return
			}
			leave()
			c := gossh.NewClient(cc, channels, requests)
			oneInterface(t, c, n)
			switch n % 4 {
			case 2:
				_ = c.Close()
			case 3:
				_ = conn.Close() // without a word
			}
		})
	}
	all.Wait()
	comeBack(t, before)
	if strings.Contains(b.log.String(), "internal error") || strings.Contains(b.log.String(), "interface stopped") {
		t.Error(b.log.String())
	}
}

// oneInterface looks at a secret, makes one and types a value.
func oneInterface(t *testing.T, c *gossh.Client, n int) {
	s, err := c.NewSession()
	if err != nil {
		t.Error(err)
		return
	}
	in, err := s.StdinPipe()
	if err != nil {
		t.Error(err)
		return
	}
	out, err := s.StdoutPipe()
	if err != nil {
		t.Error(err)
		return
	}
	width, height := 80+n, 24
	switch n {
	case 0:
		width, height = 0, 0
	case 1:
		width, height = 1<<32-1, 1<<32-1
	}
	if err := s.RequestPty("xterm-256color", height, width, nil); err != nil {
		t.Error(err)
		return
	}
	if err := s.Shell(); err != nil {
		t.Error(err)
		return
	}
	var mu sync.Mutex
	var all strings.Builder
	go func() {
		buf := make([]byte, 8192)
		for {
			k, err := out.Read(buf)
			mu.Lock()
			all.Write(buf[:k])
			mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	shows := func(want string) bool {
		for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			mu.Lock()
			text := all.String()
			mu.Unlock()
			if strings.Contains(text, want) {
				return true
			}
		}
		return false
	}
	if !shows("own") {
		t.Errorf("interface %d shows nothing", n)
	}
	_, _ = io.WriteString(in, "n")
	if !shows("New secret") {
		t.Errorf("interface %d has no form", n)
	}
	for _, keys := range []string{fmt.Sprint("mine_", n), "\t", "typed-value-0123456789", "\x13"} {
		_, _ = io.WriteString(in, keys)
		_ = s.WindowChange(20+n, 70+n)
		time.Sleep(20 * time.Millisecond)
	}
	if !shows(fmt.Sprint("MINE_", n)) {
		t.Errorf("interface %d stores nothing", n)
	}
	switch n % 4 {
	case 0:
		_, _ = io.WriteString(in, "\x03")
		_ = s.Signal(gossh.SIGTERM)
		_ = s.Wait()
	case 1:
		_ = s.Close()
	}
}

// TestServeManyResolves comes in once for each, as ssh bastion resolve does, while
// 300 others stand idle, some of them inside.
func TestServeManyResolves(t *testing.T) {
	b := startBastion(t, nil)
	resolves := 200
	if os.Getenv("TACENDA_LONG") != "" {
		resolves = 1000
	}
	one := func() {
		c := b.dial("use")
		if got := ask(t, c, "resolve - -p own", "key={{A}}"); got.code != 0 || got.out != "key=value-of-A-0123456789" {
			t.Errorf("%+v", got)
		}
		_ = c.Close()
	}
	for range 10 {
		one()
	}
	time.Sleep(2 * (sweepPauses[0] + sweepPauses[1]))
	before := levelsNow()
	var idle []io.Closer
	for range 30 {
		c := b.dial("read")
		idle = append(idle, c)
	}
	for range 270 {
		c, err := net.Dial("tcp", b.addr)
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, c)
	}
	began := time.Now()
	for range resolves {
		one()
	}
	t.Logf("%d resolves, each with a connection of its own, in %v", resolves, time.Since(began).Round(time.Millisecond))
	for _, c := range idle {
		_ = c.Close()
	}
	comeBack(t, before)
}

func waitUntil(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited in vain for %s", what)
}

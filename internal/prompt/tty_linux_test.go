package prompt

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"tacenda/internal/memscan"
	"tacenda/keyring/secret"
)

// childEnv names the function of children that a copy of the test program runs, on a terminal of its own.
const childEnv = "TACENDA_PROMPT_TEST_CHILD"

// patience bounds every wait: what takes longer hangs.
const patience = 20 * time.Second

var children = map[string]func(context.Context) (string, error){
	"secret": func(ctx context.Context) (string, error) { return reveal(Secret(ctx, "Value\x1b[2J", 20)) },
	"twice":  func(ctx context.Context) (string, error) { return reveal(SecretTwice(ctx, "Value", 20)) },
	"line":   func(ctx context.Context) (string, error) { return Line(ctx, "Name\x07") },
	"confirm": func(ctx context.Context) (string, error) {
		yes, err := Confirm(ctx, "Delete it?")
		return strconv.FormatBool(yes), err
	},
	"two": func(ctx context.Context) (string, error) {
		first, err := reveal(Secret(ctx, "Passphrase", 20))
		if err != nil {
			return "", err
		}
		second, err := reveal(SecretTwice(ctx, "Value", 20))
		return first + ", " + second, err
	},
	"cancel": func(ctx context.Context) (string, error) {
		ctx, cancel := context.WithCancel(ctx)
		go func() {
			_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // also when it closes
			cancel()
		}()
		return reveal(Secret(ctx, "Value", 20))
	},
	"panic": func(ctx context.Context) (line string, err error) {
		defer func() { err = fmt.Errorf("panic: %v", recover()) }()
		err = converse(ctx, hidden, func(t *terminal) error {
			_ = t.ask("Value: ")
			panic("boom")
		})
		return "", err
	},
	"forget": func(ctx context.Context) (string, error) {
		b, err := SecretTwice(ctx, "Value", 1<<20)
		b.Destroy()
		if err == nil {
			fmt.Println("forgotten")
			_, err = bufio.NewReader(os.Stdin).ReadString('\n')
		}
		return "", err
	},
	"available": func(context.Context) (string, error) { return strconv.FormatBool(Available()), nil },
}

// reveal turns an answer into text, which only a test may do.
func reveal(b *secret.Bytes, err error) (string, error) {
	defer b.Destroy()
	if err != nil {
		return "", err
	}
	var s string
	err = b.Use(func(p []byte) error { s = string(p); return nil })
	return s, err
}

func TestMain(m *testing.M) {
	name := os.Getenv(childEnv)
	if name == "" {
		os.Exit(m.Run())
	}
	if name == "shell" {
		shell()
		return
	}
	answer, err := children[name](context.Background())
	fmt.Printf("%q %v\n", answer, err)
}

// shell runs the program named by its arguments as a job, reports when it stops and continues it when told to.
func shell() {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		panic(err)
	}
	job := exec.Command("/proc/self/exe")
	job.Env = append(os.Environ(), childEnv+"="+os.Args[1])
	job.Stdout, job.Stderr = os.Stdout, os.Stderr
	job.SysProcAttr = &syscall.SysProcAttr{Foreground: true, Ctty: int(tty.Fd())}
	if err := job.Start(); err != nil {
		panic(err)
	}
	fmt.Println("pid", job.Process.Pid)
	input := bufio.NewReader(os.Stdin)
	for {
		var status syscall.WaitStatus
		if _, err := syscall.Wait4(job.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil {
			panic(err)
		}
		if !status.Stopped() {
			return
		}
		fmt.Println("stopped by", status.StopSignal())
		if _, err := input.ReadString('\n'); err != nil {
			panic(err)
		}
		if err := syscall.Kill(-job.Process.Pid, syscall.SIGCONT); err != nil {
			panic(err)
		}
	}
}

// session is a child on a pseudo-terminal. Its standard streams are pipes: the terminal is only there to ask on.
type session struct {
	t      *testing.T
	cmd    *exec.Cmd
	tty    *os.File // our end
	other  *os.File // the child's
	stdin  io.WriteCloser
	stdout *bufio.Reader
	before unix.Termios

	mu      sync.Mutex
	screen  bytes.Buffer
	drained chan struct{} // closed when nobody holds the other end any more
}

func start(t *testing.T, name string, args ...string) *session {
	t.Helper()
	ptmx, tty := openPty(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	s := &session{t: t, tty: ptmx, other: tty, drained: make(chan struct{}), cmd: exec.CommandContext(ctx, "/proc/self/exe", args...)}
	s.cmd.Env = []string{childEnv + "=" + name, "TERM=xterm", "GORACE=atexit_sleep_ms=0"}
	s.cmd.Stderr, s.cmd.ExtraFiles = os.Stderr, []*os.File{tty}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
	var err error
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.stdout = bufio.NewReader(stdout)
	s.before = s.termios()
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.drained)
		for p := make([]byte, 1024); ; {
			n, err := ptmx.Read(p)
			s.mu.Lock()
			s.screen.Write(p[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return s
}

// openPty returns both ends of a pseudo-terminal. The library opens ours so that closing it would wait for the reader.
func openPty(t *testing.T) (ours, other *os.File) {
	t.Helper()
	ptmx, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer ptmx.Close()
	fd, err := unix.FcntlInt(ptmx.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	ours = os.NewFile(uintptr(fd), ptmx.Name())
	t.Cleanup(func() {
		ours.Close()
		tty.Close()
	})
	return ours, tty
}

func (s *session) termios() unix.Termios {
	s.t.Helper()
	var now *unix.Termios
	s.control(func(fd int) (err error) { now, err = unix.IoctlGetTermios(fd, unix.TCGETS); return err })
	return *now
}

// control runs fn on our end, whose Fd method would make it blocking.
func (s *session) control(fn func(fd int) error) {
	s.t.Helper()
	raw, err := s.tty.SyscallConn()
	if err != nil {
		s.t.Fatal(err)
	}
	var inner error
	err = raw.Control(func(fd uintptr) { inner = fn(int(fd)) })
	if err != nil || inner != nil {
		s.t.Fatal(err, inner)
	}
}

func (s *session) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.screen.String()
}

// wait returns when the screen shows text that it did not before.
func (s *session) wait(text string, times int) {
	s.t.Helper()
	s.until(func() bool { return strings.Count(s.text(), text) >= times }, "the screen never showed "+text)
}

func (s *session) until(done func() bool, problem string) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s; the screen is %q", problem, s.text())
		}
	}
}

func (s *session) write(keys string) {
	s.t.Helper()
	if _, err := s.tty.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

func (s *session) line() string {
	s.t.Helper()
	line, err := s.stdout.ReadString('\n')
	if err != nil {
		s.t.Fatalf("reading what the child says: %v; the screen is %q", err, s.text())
	}
	return strings.TrimSuffix(line, "\n")
}

// finish waits for the child and returns what it said. The terminal must be as it was.
func (s *session) finish() string {
	s.t.Helper()
	answer := s.line()
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("the child ended with %v", err)
	}
	if now := s.termios(); now != s.before {
		s.t.Errorf("the terminal is %+v, was %+v", now, s.before)
	}
	// What the shell would read next, in the mode that it would.
	if n, err := unix.IoctlGetInt(int(s.other.Fd()), unix.TIOCINQ); err != nil || n != 0 {
		s.t.Errorf("%d bytes are left for the shell (%v)", n, err)
	}
	s.other.Close()
	<-s.drained
	if on, off := strings.LastIndex(s.text(), pasteOn), strings.LastIndex(s.text(), pasteOff); on > off {
		s.t.Errorf("bracketed paste stays on: %q", s.text())
	}
	return answer
}

func TestAnswers(t *testing.T) {
	const on, off = "\x1b[200~", "\x1b[201~"
	for _, tt := range []struct {
		child, keys, want string
	}{
		{"secret", "hunter2\r", `"hunter2" <nil>`},
		{"secret", "hunterX\x7f2\n", `"hunter2" <nil>`},
		{"secret", "\r", `"" <nil>`},
		{"secret", "\x04", `"" EOF`},
		{"secret", on + "pasted\r" + off + "\r", `"pasted" <nil>`},
		{"secret", on + "rm -rf /\rrm -rf .\r" + off + "rm -rf ..\r", `"" what was pasted has several lines`},
		{"secret", strings.Repeat("x", 21) + "\r", `"" the answer is over 20 bytes: longer than allowed`},
		{"twice", "hunter2\rhunter2\r", `"hunter2" <nil>`},
		{"twice", "hunter2\rHunter2\r", `"" the two answers differ`},
		{"twice", "\r", `"" <nil>`},
		{"twice", "a\r\x04", `"" EOF`},
		{"two", "one\rtwo\rtwo\r", `"one, two" <nil>`},
		{"line", "laptop\r", `"laptop" <nil>`},
		{"line", "lapdog\x7f\x7f\x7ftop\r", `"laptop" <nil>`},
		{"line", "\x04", `"" EOF`},
		{"confirm", "y\r", `"true" <nil>`},
		{"confirm", " YES \r", `"true" <nil>`},
		{"confirm", "\r", `"false" <nil>`},
		{"confirm", "yup\r", `"false" <nil>`},
		{"confirm", "\x04", `"false" <nil>`},
	} {
		t.Run(tt.child+strconv.Quote(tt.keys), func(t *testing.T) {
			t.Parallel()
			s := start(t, tt.child)
			question := map[string]string{"line": "Name: ", "confirm": "Delete it? [y/N] ", "two": "Passphrase: ", "secret": "Value[2J: "}[tt.child]
			if question == "" {
				question = "Value: "
			}
			s.wait(question, 1)
			hides := s.termios().Lflag&unix.ECHO == 0
			if want := tt.child != "line" && tt.child != "confirm"; hides != want {
				t.Errorf("hidden: %v, want %v", hides, want)
			}
			s.write(tt.keys)
			if got := s.finish(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if shown := s.text(); hides && tt.child != "two" && strings.Contains(strings.ToLower(shown), "hunter") {
				t.Errorf("the screen shows %q", shown)
			}
		})
	}
}

func TestNothingSteersTheTerminal(t *testing.T) {
	for _, name := range []string{"secret", "line"} {
		s := start(t, name)
		s.wait(": ", 1)
		s.write("x\r")
		s.finish()
		shown := strings.NewReplacer(pasteOn, "", pasteOff, "", "\r\n", "").Replace(s.text())
		if strings.ContainsFunc(shown, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("%s: the screen got %q", name, shown)
		}
	}
}

func TestDumbTerminal(t *testing.T) {
	// The variable is read by the child; a shell in between passes it on.
	s := start(t, "secret")
	s.wait(pasteOn, 1)
	s.write("x\r")
	s.finish()
	t.Setenv("TERM", "dumb")
	if (&terminal{mode: hidden}).marksPastes() {
		t.Error("a dumb terminal would show the request for marked pastes")
	}
}

// TestEnds interrupts a hidden question, half answered, in every way there is.
func TestEnds(t *testing.T) {
	const interrupted = `"" interrupted`
	for name, tt := range map[string]struct {
		child string
		how   func(*session)
		want  string
	}{
		"ctrl+c":  {"secret", func(s *session) { s.write("\x03") }, interrupted},
		"ctrl+\\": {"secret", func(s *session) { s.write("\x1c") }, interrupted},
		"SIGINT":  {"secret", send(syscall.SIGINT), interrupted},
		"SIGTERM": {"twice", send(syscall.SIGTERM), interrupted},
		"SIGHUP":  {"secret", send(syscall.SIGHUP), interrupted},
		"SIGQUIT": {"secret", send(syscall.SIGQUIT), interrupted},
		"context": {"cancel", func(s *session) { s.stdin.Close() }, `"" context canceled`},
		"panic":   {"panic", func(*session) {}, `"" panic: boom`},
		"visible": {"line", send(syscall.SIGTERM), interrupted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "SIGHUP" && signal.Ignored(syscall.SIGHUP) {
				t.Skip("whoever started the tests ignores SIGHUP (nohup does), and so do its children")
			}
			s := start(t, tt.child)
			s.wait(": ", 1)
			if name != "panic" {
				s.write("half")
			}
			tt.how(s)
			if got := s.finish(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func send(sig syscall.Signal) func(*session) {
	return func(s *session) {
		if err := s.cmd.Process.Signal(sig); err != nil {
			s.t.Fatal(err)
		}
	}
}

// TestSuspends stops the child as ctrl+z and as others can, and lets it go on.
func TestSuspends(t *testing.T) {
	for name, stop := range map[string]func(s *session, pid int) error{
		"ctrl+z":  func(s *session, _ int) error { s.write("\x1a"); return nil },
		"SIGTSTP": func(_ *session, pid int) error { return syscall.Kill(pid, syscall.SIGTSTP) },
		"SIGSTOP": func(_ *session, pid int) error { return syscall.Kill(pid, syscall.SIGSTOP) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "shell", "secret")
			pid, err := strconv.Atoi(strings.TrimPrefix(s.line(), "pid "))
			if err != nil {
				t.Fatal(err)
			}
			for round := 1; round <= 3; round++ {
				s.wait("Value[2J: ", round)
				s.write("forgotten")
				if err := stop(s, pid); err != nil {
					t.Fatal(err)
				}
				if got := s.line(); !strings.HasPrefix(got, "stopped by ") {
					t.Fatalf("the shell says %q", got)
				}
				if name != "SIGSTOP" { // which nobody can prepare for
					if now := s.termios(); now != s.before {
						t.Errorf("while it is suspended the terminal is %+v, was %+v", now, s.before)
					}
				}
				if _, err := io.WriteString(s.stdin, "fg\n"); err != nil {
					t.Fatal(err)
				}
			}
			s.wait("Value[2J: ", 4)
			s.until(func() bool { return s.termios().Lflag&unix.ECHO == 0 }, "after going on it is not hidden")
			s.write("hunter2\r")
			if got := s.finish(); got != `"hunter2" <nil>` {
				t.Errorf("got %s", got)
			}
		})
	}
}

// TestSuspendWithoutAShell: where nobody could continue it the kernel does not stop a process, and the question goes on.
func TestSuspendWithoutAShell(t *testing.T) {
	s := start(t, "secret")
	s.wait("Value[2J: ", 1)
	send(syscall.SIGTSTP)(s)
	s.wait("Value[2J: ", 2)
	s.write("hunter2\r")
	if got := s.finish(); got != `"hunter2" <nil>` {
		t.Errorf("got %s", got)
	}
}

// TestHangUp: a terminal that goes away ends the question, with or without a signal.
func TestHangUp(t *testing.T) {
	s := start(t, "secret")
	s.wait("Value[2J: ", 1)
	s.tty.Close()
	if got := s.line(); got != `"" interrupted` && got != `"" EOF` {
		t.Errorf("got %s", got)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestNoTerminal(t *testing.T) {
	for name, want := range map[string]string{
		"available": `"false" <nil>`,
		"secret":    `"" no terminal to ask on: open /dev/tty: no such device or address`,
		"confirm":   `"false" no terminal to ask on: open /dev/tty: no such device or address`,
	} {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = []string{childEnv + "=" + name, "GORACE=atexit_sleep_ms=0"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		out, err := cmd.Output()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", name, got, err, want)
		}
	}
	s := start(t, "available")
	if got := s.finish(); got != `"true" <nil>` {
		t.Errorf("with a terminal: %s", got)
	}
}

func TestCancelledBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Secret(ctx, "Value", 10); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestLeavesNothingInMemory types and pastes a value and searches the child for it.
func TestLeavesNothingInMemory(t *testing.T) {
	for _, paste := range []bool{false, true} {
		raw := make([]byte, 24)
		_, _ = rand.Read(raw) // never fails
		value := hex.EncodeToString(raw)
		s := start(t, "forget")
		for _, question := range []string{"Value: ", "Value again: "} {
			s.wait(question, 1)
			if paste {
				s.write("\x1b[200~" + value + "\x1b[201~\r")
				continue
			}
			for i := range value {
				s.write(value[i : i+1])
			}
			s.write("X\x7f\r")
		}
		if got := s.line(); got != "forgotten" {
			t.Fatalf("the child says %q", got)
		}
		report, err := memscan.Scan(s.cmd.Process.Pid, []byte(value))
		if err != nil {
			t.Fatal(err)
		}
		if !report.Clean() {
			t.Errorf("pasted %v: %v", paste, report)
		}
		if _, err := io.WriteString(s.stdin, "\n"); err != nil {
			t.Fatal(err)
		}
		s.finish()
	}
}

package launch

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// A screen is a terminal in whose front a test sits.
type screen struct {
	t      *testing.T
	file   *os.File
	before string // its modes

	mu    sync.Mutex
	shown []byte
	gone  chan struct{}
}

func newScreen(t *testing.T, cmd *exec.Cmd) *screen {
	t.Helper()
	f, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	defer slave.Close()
	s := &screen{t: t, file: f, gone: make(chan struct{})}
	if err := pty.Setsize(f, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	s.before = s.modes()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.gone)
		buf := make([]byte, 4096)
		for {
			n, err := f.Read(buf)
			s.mu.Lock()
			s.shown = append(s.shown, buf[:n]...)
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return s
}

// text is what was shown, without carriage returns.
func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.ReplaceAll(string(s.shown), "\r", "")
}

// await waits until the text is shown, and forgets all before its end.
func (s *screen) await(want string) {
	s.t.Helper()
	for range 1500 {
		if text := s.text(); strings.Contains(text, want) {
			_, rest, _ := strings.Cut(text, want)
			s.mu.Lock()
			s.shown = []byte(rest)
			s.mu.Unlock()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.t.Fatalf("%q never comes; the screen shows %q", want, s.text())
}

func (s *screen) keys(keys string) {
	s.t.Helper()
	if _, err := io.WriteString(s.file, keys); err != nil {
		s.t.Fatal(err)
	}
}

// modes are the settings of the screen's terminal.
func (s *screen) modes() string {
	s.t.Helper()
	out, err := exec.Command("stty", "-g", "-F", s.name()).Output()
	if err != nil {
		s.t.Fatal(err)
	}
	return string(out)
}

// name is the path of the terminal.
func (s *screen) name() string {
	s.t.Helper()
	var n uint32
	raw, err := s.file.SyscallConn()
	if err != nil {
		s.t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) { n, err = ptsNumber(fd) })
	if err != nil {
		s.t.Fatal(err)
	}
	return fmt.Sprintf("/dev/pts/%d", n)
}

func TestTerminal(t *testing.T) {
	cmd := start(t, "run", nil, "sh", "-c", "test -t 0 && test -t 1 && test -t 2 && stty size; echo x > /dev/tty; ps -o stat= -p $$; read a; echo got-$a; pwd; exit 6")
	s := newScreen(t, cmd)
	s.await("24 80\n")
	s.await("x\n")
	s.await("+") // in the foreground
	s.keys("word\r")
	s.await("word\n") // echoed, once
	s.await("got-word\n" + cmd.Dir + "\n")
	if got := status(t, cmd.Wait()); got != 6 {
		t.Errorf("exit code %d", got)
	}
	if after := s.modes(); after != s.before {
		t.Errorf("the terminal is left as %s, was %s", after, s.before)
	}
}

func TestTerminalSize(t *testing.T) {
	cmd := start(t, "run", nil, "sh", "-c", "trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.02; done")
	s := newScreen(t, cmd)
	s.await("ready")
	if err := pty.Setsize(s.file, &pty.Winsize{Rows: 50, Cols: 132}); err != nil {
		t.Fatal(err)
	}
	s.await("50 132")
	status(t, cmd.Wait())
}

// TestTerminalMask holds a beginning back, but not for long.
func TestTerminalMask(t *testing.T) {
	cmd := start(t, "run", nil, "sh", "-c", "printf 'a hunter2'; printf -- '-hunter2 b\n'; printf 'hunter2-'; read a; echo end")
	s := newScreen(t, cmd)
	s.await("a {{PW}} b\n")
	s.await("hunter2-") // a prompt that only looks like a value is shown
	s.keys("\r")
	s.await("end")
	status(t, cmd.Wait())
}

func TestTerminalKeys(t *testing.T) {
	for _, tt := range []struct {
		keys string
		line string
		code int
	}{
		{"\x03", "echo ready; exec sleep 60", 130},
		{"\x1c", "ulimit -c 0; echo ready; exec sleep 60", 131},
		{"\x04", "echo ready; cat; exit 8", 8},
	} {
		t.Run(fmt.Sprintf("%q", tt.keys), func(t *testing.T) {
			t.Parallel()
			cmd := start(t, "run", nil, "sh", "-c", tt.line)
			s := newScreen(t, cmd)
			s.await("ready\n")
			s.keys(tt.keys)
			if got := status(t, cmd.Wait()); got != tt.code {
				t.Errorf("exit code %d, want %d", got, tt.code)
			}
		})
	}
}

// TestTerminalSignal: what is sent to us from elsewhere is the command's, and
// the terminal is put back.
func TestTerminalSignal(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			cmd := start(t, "run", nil, "sh", "-c", "echo ready; exec sleep 60")
			s := newScreen(t, cmd)
			s.await("ready\n")
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if got := status(t, cmd.Wait()); got != 128+int(sig) {
				t.Errorf("exit code %d", got)
			}
			if after := s.modes(); after != s.before {
				t.Errorf("the terminal is left as %s, was %s", after, s.before)
			}
		})
	}
}

// TestSuspend: ctrl+z stops the command and us, so that the shell is back, with
// the terminal as it was; fg continues both.
func TestSuspend(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "sh", "-i")
	cmd.Env = append(os.Environ(), "LAUNCH_TEST=1", "PS1=prompt ", "ENV=", "PROGRAM="+os.Args[0])
	s := newScreen(t, cmd)
	s.await("prompt ")
	s.keys("stty -echo; set -m; echo a; stty -g > $$.modes; rm $$.modes\n")
	s.await("a\nprompt ")
	before := s.modes()
	s.keys("$PROGRAM run -- sh -c 'trap \"echo back\" CONT; echo ready; while :; do read a && echo got-$a; done'\n")
	s.await("ready\n")
	for range 3 {
		s.keys("\x1a")
		s.await("prompt ")
		if after := s.modes(); after != before {
			t.Errorf("the terminal is left as %s, was %s", after, before)
		}
		s.keys("echo at the shell\n")
		s.await("at the shell\n")
		s.keys("fg\n")
		s.await("back\n")
		s.keys("word\r")
		s.await("got-word\n")
	}
	s.keys("\x03")
	s.await("prompt ")
	s.keys("echo code $?; exit\n")
	s.await("code 130")
	if after := s.modes(); after != before {
		t.Errorf("the terminal is left as %s, was %s", after, before)
	}
	_ = cmd.Wait()
}

// TestTerminalLeftBehind: the session ends with the command.
func TestTerminalLeftBehind(t *testing.T) {
	cmd := start(t, "run", nil, "sh", "-c", "sleep 60 & echo said; exit 2")
	s := newScreen(t, cmd)
	s.await("said\n")
	if got := status(t, cmd.Wait()); got != 2 {
		t.Errorf("exit code %d", got)
	}
}

// TestTerminalAll: nothing of what the command said is lost when it ends.
func TestTerminalAll(t *testing.T) {
	for range 20 {
		cmd := start(t, "run", nil, "sh", "-c", "seq 3000; echo last")
		s := newScreen(t, cmd)
		status(t, cmd.Wait())
		<-s.gone
		if text := s.text(); !strings.HasPrefix(text, "1\n2\n") || !strings.HasSuffix(text, "2999\n3000\nlast\n") {
			t.Fatalf("%d bytes, ending with %.30q", len(text), text[max(0, len(text)-30):])
		}
	}
}

// TestMixed: where only some of our streams are a terminal, those that are stay
// one for the command.
func TestMixed(t *testing.T) {
	const line = `test -t 0 && echo ready > /dev/tty; for fd in 0 1 2; do test -t $fd && echo $fd >> tty; done; cat; echo err >&2; stty size < /dev/tty`
	for _, tt := range []struct {
		name, redirect, want string
		screen, file         string
	}{
		{"input from a file", "<in", "1\n2\n", "input\nerr\n24 80\n", ""},
		{"output to a file", "<in >out", "2\n", "err\n", "input\n24 80\n"},
		{"errors to a file", "2>out", "0\n1\n", "24 80\n", "err\n"},
		{"errors to a pipe", "<in 2>&1 >&3 3>&- | cat >out", "1\n", "input\n24 80\n", "err\n"},
		{"nothing", "<in >out 2>&1", "", "", "input\nerr\n24 80\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), "sh", "-c", "exec 3>&1; $PROGRAM run -- sh -c '"+line+"' "+tt.redirect)
			cmd.Env = append(os.Environ(), "LAUNCH_TEST=1", "PROGRAM="+os.Args[0])
			cmd.Dir = t.TempDir()
			if err := os.WriteFile(cmd.Dir+"/in", []byte("input\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			s := newScreen(t, cmd)
			if !strings.Contains(tt.redirect, "<in") {
				s.await("ready\n")
				s.keys("\x04")
			}
			if got := status(t, cmd.Wait()); got != 0 {
				t.Errorf("exit code %d", got)
			}
			<-s.gone
			if got := strings.ReplaceAll(s.text(), "^D\b\b", ""); got != tt.screen {
				t.Errorf("the screen shows %q, want %q", got, tt.screen)
			}
			for name, want := range map[string]string{"tty": tt.want, "out": tt.file} {
				if got, _ := os.ReadFile(cmd.Dir + "/" + name); string(got) != want {
					t.Errorf("%s has %q, want %q", name, got, want)
				}
			}
		})
	}
}

// ptsNumber is the number of the terminal that a master leads to.
func ptsNumber(fd uintptr) (uint32, error) {
	n, err := unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
	return uint32(n), err
}

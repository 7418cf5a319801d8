package tui

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// A ptyTerminal is a real one, with a program in it.
type ptyTerminal struct {
	t       *testing.T
	master  *os.File
	slave   *os.File // kept open, to look at its settings
	cmd     *exec.Cmd
	before  unix.Termios
	replies chan struct{} // closed when nothing answers any more

	mu     sync.Mutex
	screen *vt.Emulator
	raw    bytes.Buffer
	modes  map[ansi.Mode]bool // those that are set and were not at the start
}

// startProbe runs the probe on a terminal of 80x24. The mode is the value of
// probeEnv; via is a command that runs it, or nothing.
func startProbe(t *testing.T, mode string, via ...string) *ptyTerminal {
	t.Helper()
	if os.Getenv(probeEnv) != "" {
		t.Fatal("a probe does not start another")
	}
	args := append(via, os.Args[0], "-test.run=^TestProbe$")
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), probeEnv+"="+mode, "TERM=xterm-256color", "LC_ALL=C.UTF-8")
	return startPty(t, cmd)
}

// startPty runs cmd on a terminal of 80x24, beside other such tests.
func startPty(t *testing.T, cmd *exec.Cmd) *ptyTerminal {
	t.Helper()
	t.Parallel()
	blocking, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	// A file whose reads end when it is closed: only then is the terminal gone.
	fd, err := unix.FcntlInt(blocking.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = blocking.Close()
	master := os.NewFile(uintptr(fd), "terminal")
	x := &ptyTerminal{t: t, master: master, slave: slave, cmd: cmd, replies: make(chan struct{}), screen: vt.NewEmulator(80, 24), modes: map[ansi.Mode]bool{}}
	x.resize(80, 24)
	x.before = x.settings()
	x.screen.SetCallbacks(vt.Callbacks{
		EnableMode:  func(m ansi.Mode) { x.modes[m] = true },
		DisableMode: func(m ansi.Mode) { delete(x.modes, m) },
	})
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go x.show()
	go x.answer()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = slave.Close()
		_ = master.Close()
		_ = x.screen.InputPipe().(io.Closer).Close()
		<-x.replies
	})
	return x
}

func (x *ptyTerminal) show() {
	buf := make([]byte, 4096)
	for {
		n, err := x.master.Read(buf)
		x.mu.Lock()
		x.raw.Write(buf[:n])
		_, _ = x.screen.Write(buf[:n])
		x.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// answer sends what the terminal replies to queries.
func (x *ptyTerminal) answer() {
	defer close(x.replies)
	buf := make([]byte, 256)
	for {
		n, err := x.screen.Read(buf)
		if err != nil {
			return
		}
		_, _ = x.master.Write(buf[:n]) // nobody is there to read it at the end
	}
}

func (x *ptyTerminal) settings() unix.Termios {
	x.t.Helper()
	s, err := unix.IoctlGetTermios(int(x.slave.Fd()), unix.TCGETS)
	if err != nil {
		x.t.Fatal(err)
	}
	return *s
}

func (x *ptyTerminal) resize(w, h int) {
	x.t.Helper()
	if err := pty.Setsize(x.slave, &pty.Winsize{Cols: uint16(w), Rows: uint16(h)}); err != nil {
		x.t.Fatal(err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.screen.Resize(w, h)
}

func (x *ptyTerminal) send(s string) {
	x.t.Helper()
	if _, err := x.master.Write([]byte(s)); err != nil {
		x.t.Fatal(err)
	}
}

func (x *ptyTerminal) text() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.screen.String()
}

// output is every byte that the program wrote.
func (x *ptyTerminal) output() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.raw.String()
}

const patience = 20 * time.Second // for a loaded machine; nothing here takes long

// wait returns once the screen shows all of want.
func (x *ptyTerminal) wait(want ...string) {
	x.t.Helper()
	x.waitFor(x.text, want...)
}

// waitWritten returns once want was written, be it on the screen or not.
func (x *ptyTerminal) waitWritten(want string) {
	x.t.Helper()
	x.waitFor(x.output, want)
}

func (x *ptyTerminal) waitFor(shown func() string, want ...string) {
	x.t.Helper()
	end := time.Now().Add(patience)
	for {
		text := shown()
		missing := ""
		for _, w := range want {
			if !strings.Contains(text, w) {
				missing = w
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(end) {
			x.t.Fatalf("%q does not come:\n%s", missing, x.text())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// ready waits for the program to be drawn and returns its process.
func (x *ptyTerminal) ready() (pid int) {
	x.t.Helper()
	x.wait("probe", "replies [", "80x24")
	m := regexp.MustCompile(`probe (\d+)`).FindStringSubmatch(x.text())
	pid, err := strconv.Atoi(m[1])
	if err != nil {
		x.t.Fatal(err)
	}
	return pid
}

// child is the process that the shell of the terminal runs.
func (x *ptyTerminal) child() (pid int) {
	x.t.Helper()
	shell := x.cmd.Process.Pid
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", shell, shell))
	if err == nil {
		pid, err = strconv.Atoi(strings.TrimSpace(string(children)))
	}
	if err != nil {
		x.t.Fatalf("which process is it? %v", err)
	}
	return pid
}

// ended waits for the end of the program that was started.
func (x *ptyTerminal) ended() error {
	x.t.Helper()
	done := make(chan error, 1)
	go func() { done <- x.cmd.Wait() }()
	select {
	case err := <-done:
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return err
		}
		return nil
	case <-time.After(patience):
		x.t.Fatalf("the program does not end:\n%s", x.text())
		return nil
	}
}

// restored fails unless the terminal is as it was before the program, once all
// that the program wrote has arrived.
func (x *ptyTerminal) restored() {
	x.t.Helper()
	end := time.Now().Add(patience)
	for {
		changed := x.changed()
		if len(changed) == 0 {
			return
		}
		if time.Now().After(end) {
			x.t.Fatalf("the terminal is not as it was:\n%s\n%s", strings.Join(changed, "\n"), x.text())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// changed lists what is not as it was before the program.
func (x *ptyTerminal) changed() (list []string) {
	x.t.Helper()
	if now := x.settings(); now != x.before {
		list = append(list, fmt.Sprintf("the settings were\n%+v\nand are\n%+v", x.before, now))
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for m := range x.modes {
		if m != ansi.ModeTextCursorEnable && m != ansi.ModeAutoWrap { // which are set to begin with
			list = append(list, fmt.Sprintf("mode %d is set", m.Mode()))
		}
	}
	if x.screen.CursorHidden() {
		list = append(list, "the cursor is hidden")
	}
	raw := x.raw.String()
	if pushed, popped := strings.Count(raw, "\x1b[>1u"), strings.Count(raw, "\x1b[<1u"); pushed != popped {
		list = append(list, fmt.Sprintf("the kitty keyboard was pushed %d times and popped %d times", pushed, popped))
	}
	if set, reset := strings.LastIndex(raw, "\x1b[>4;2m"), strings.LastIndex(raw, "\x1b[>4m"); set > reset {
		list = append(list, "modifyOtherKeys is set")
	}
	return list
}

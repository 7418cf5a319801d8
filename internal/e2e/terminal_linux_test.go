package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// patience is for a loaded machine; nothing here takes long.
const patience = 20 * time.Second

// A terminal is a pseudo-terminal of 80x24 with a program in it, which leads
// the session: what its terminal does reaches it.
type terminal struct {
	t      *testing.T
	master *os.File
	slave  *os.File // kept open, to look at its settings
	cmd    *exec.Cmd
	before unix.Termios

	mu     sync.Mutex
	screen *vt.Emulator
	raw    bytes.Buffer
	modes  map[ansi.Mode]bool // those that are set and were not at the start
}

func newTerminal(t *testing.T, cmd *exec.Cmd) *terminal {
	t.Helper()
	master, slave, err := openPty()
	if err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, master: master, slave: slave, cmd: cmd, screen: vt.NewEmulator(80, 24), modes: map[ansi.Mode]bool{}}
	x.before = x.settings()
	x.screen.SetCallbacks(vt.Callbacks{
		EnableMode:  func(m ansi.Mode) { x.modes[m] = true },
		DisableMode: func(m ansi.Mode) { delete(x.modes, m) },
	})
	cmd.Env = append(cmd.Env, "TERM=xterm-256color")
	// A program that is given its streams has the terminal to ask on.
	for _, stream := range []*io.Writer{&cmd.Stdout, &cmd.Stderr} {
		if *stream == nil {
			*stream = slave
		}
	}
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true}
	if cmd.Stdin == nil {
		cmd.Stdin = slave
	} else {
		cmd.ExtraFiles = append(cmd.ExtraFiles, slave)
		cmd.SysProcAttr.Ctty = 2 + len(cmd.ExtraFiles)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	answered := make(chan struct{})
	go x.show()
	go func() {
		defer close(answered)
		_, _ = io.Copy(x.master, x.screen) // what a terminal says when it is asked; nobody reads it at the end
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		x.goAway()
		_ = x.screen.InputPipe().(io.Closer).Close()
		<-answered
	})
	return x
}

// openPty opens a terminal of 80x24 whose reads end when it is closed: only then
// is it gone.
func openPty() (master, slave *os.File, err error) {
	blocking, slave, err := pty.Open()
	if err != nil {
		return nil, nil, err
	}
	defer blocking.Close()
	if err := pty.Setsize(slave, &pty.Winsize{Cols: 80, Rows: 24}); err != nil {
		return nil, nil, err
	}
	fd, err := unix.FcntlInt(blocking.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(fd, true) // before it becomes a file, which asks
	}
	return os.NewFile(uintptr(fd), "terminal"), slave, err
}

func (x *terminal) show() {
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

// goAway closes the terminal, as a window that is closed does.
func (x *terminal) goAway() {
	_ = x.slave.Close()
	_ = x.master.Close()
}

func (x *terminal) settings() unix.Termios {
	x.t.Helper()
	s, err := unix.IoctlGetTermios(int(x.slave.Fd()), unix.TCGETS)
	if err != nil {
		x.t.Fatal(err)
	}
	return *s
}

func (x *terminal) send(s string) {
	x.t.Helper()
	if _, err := x.master.WriteString(s); err != nil {
		x.t.Fatal(err)
	}
}

func (x *terminal) text() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.screen.String()
}

// output is every byte that the program wrote.
func (x *terminal) output() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.raw.String()
}

// see waits until the screen shows all of want.
func (x *terminal) see(want ...string) {
	x.t.Helper()
	for _, w := range want {
		x.until(func() string {
			if strings.Contains(x.text(), w) {
				return ""
			}
			return fmt.Sprintf("%q does not come", w)
		})
	}
}

// until waits until nothing is wrong any more.
func (x *terminal) until(wrong func() string) {
	x.t.Helper()
	end := time.Now().Add(patience)
	for {
		why := wrong()
		if why == "" {
			return
		}
		if time.Now().After(end) {
			x.t.Fatalf("%s; on the screen:\n%s", why, x.text())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// ended waits for the program and tells how it ended.
func (x *terminal) ended() syscall.WaitStatus {
	x.t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = x.cmd.Wait() // its error is the status
	}()
	select {
	case <-done:
		return x.cmd.ProcessState.Sys().(syscall.WaitStatus)
	case <-time.After(patience):
		x.t.Fatalf("the program does not end; on the screen:\n%s", x.text())
		return 0
	}
}

// restored waits until the terminal is as it was before the program.
func (x *terminal) restored() {
	x.t.Helper()
	x.until(x.changed)
}

// changed tells what is not as it was before the program.
func (x *terminal) changed() string {
	x.t.Helper()
	if now := x.settings(); now != x.before {
		return fmt.Sprintf("the settings were\n%+v\nand are\n%+v", x.before, now)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for m := range x.modes { // among them the alternate screen, the mouse and bracketed paste
		if m != ansi.ModeTextCursorEnable && m != ansi.ModeAutoWrap { // which are set to begin with
			return fmt.Sprintf("mode %d is set", m.Mode())
		}
	}
	if x.screen.CursorHidden() {
		return "the cursor is hidden"
	}
	raw := x.raw.String()
	if pushed, popped := strings.Count(raw, "\x1b[>1u"), strings.Count(raw, "\x1b[<1u"); pushed != popped {
		return fmt.Sprintf("the kitty keyboard was pushed %d times and popped %d times", pushed, popped)
	}
	if strings.LastIndex(raw, "\x1b[>4;2m") > strings.LastIndex(raw, "\x1b[>4m") {
		return "modifyOtherKeys is set"
	}
	return ""
}

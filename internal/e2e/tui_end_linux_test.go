package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// openInterface opens the interface of h on a terminal.
func openInterface(t *testing.T, h *home) *terminal {
	t.Helper()
	x := newTerminal(t, h.command())
	x.see("No secrets in default yet.")
	return x
}

// formWith opens a form and types a value into it, which is nowhere drawn.
func (x *terminal) formWith(value []byte) {
	x.t.Helper()
	x.send("nAPI_KEY\t" + string(value))
	x.see("API_KEY", fmt.Sprintf("%d bytes", len(value)))
}

func (x *terminal) neverDrew(value []byte) {
	x.t.Helper()
	if strings.Contains(x.output(), string(value[:12])) {
		x.t.Error("the value was drawn")
	}
}

// TestTUIEnds ends the interface in every way while a value is being typed. The
// codes are those of docs/exit-codes.md.
func TestTUIEnds(t *testing.T) {
	kill := func(s syscall.Signal) func(*terminal) {
		return func(x *terminal) {
			if err := x.cmd.Process.Signal(s); err != nil {
				x.t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		end    func(x *terminal)
		code   int            // where it exits
		signal syscall.Signal // where it dies
	}{
		"SIGTERM": {kill(syscall.SIGTERM), 0, syscall.SIGTERM},
		"SIGHUP":  {kill(syscall.SIGHUP), 0, syscall.SIGHUP},
		"SIGINT":  {kill(syscall.SIGINT), 0, syscall.SIGINT},
		"SIGQUIT": {kill(syscall.SIGQUIT), 0, syscall.SIGTERM},
		"ctrl+c": {func(x *terminal) {
			x.send("\x03")
			x.see("y discard")
			x.send("y")
		}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, value := newHome(t), needle(t)
			x := openInterface(t, h)
			x.formWith(value)
			c.end(x)
			status := x.ended()
			if c.signal != 0 && (!status.Signaled() || status.Signal() != c.signal) || c.signal == 0 && (!status.Exited() || status.ExitStatus() != c.code) {
				t.Errorf("it ended with %v", x.cmd.ProcessState)
			}
			x.restored()
			x.neverDrew(value)
			h.lists("default")
		})
	}
}

// A window that is closed ends the interface; what was typed is not kept.
func TestTUITerminalGone(t *testing.T) {
	h := newHome(t)
	x := openInterface(t, h)
	x.formWith(needle(t))
	x.goAway()
	if status := x.ended(); !status.Signaled() || status.Signal() != syscall.SIGHUP {
		t.Errorf("it ended with %v", x.cmd.ProcessState)
	}
	h.lists("default")
}

// TestTUISuspend stops the interface by ctrl+z and brings it back: in between the
// terminal is the shell's, and the value that was being typed is gone.
func TestTUISuspend(t *testing.T) {
	h, value := newHome(t), needle(t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	sh := exec.CommandContext(t.Context(), "sh", "-c", `set -m; "$0"; echo STOPPED; read line; fg >/dev/null; echo "BACK $?"`, path)
	sh.Env, sh.Dir = h.env, h.dir
	x := newTerminal(t, sh)
	x.see("No secrets in default yet.")
	x.formWith(value)
	pid := childOf(t, sh.Process.Pid)
	x.send("\x1a")
	x.see("STOPPED")
	x.restored()
	if report := scan(t, pid, value); !report.Clean() {
		t.Errorf("while suspended: %v", report)
	}
	x.send("\r")
	x.see("New secret", "type it again")
	x.send("second\x13")
	x.see("created API_KEY")
	x.send("q")
	x.see("BACK 0")
	x.restored()
	x.neverDrew(value)
	h.holds("default", "second")
}

// Where no shell could bring it back, as under ssh with a command, ctrl+z must not
// stop it: it would wait for ever. What was typed stays.
func TestTUIWithoutJobControl(t *testing.T) {
	h, value := newHome(t), needle(t)
	x := openInterface(t, h)
	x.formWith(value)
	x.send("\x1a")
	x.see("ctrl+z does nothing here")
	x.send("\x13")
	x.see("created API_KEY", "1/1")
	h.holds("default", string(value))
}

// TestTUIMemory searches the running program once a value was typed and saved.
func TestTUIMemory(t *testing.T) {
	h, value := newHome(t), needle(t)
	x := openInterface(t, h)
	pid := x.cmd.Process.Pid
	x.formWith(value)
	if report := scan(t, pid, value); len(report.Copies) != 1 || len(unguarded(t, pid, report)) > 0 {
		t.Errorf("while it is typed, one guarded copy is expected: %v", report)
	}
	x.send("\x13")
	x.see("created API_KEY", "1/1")
	if report := scan(t, pid, value); !report.Clean() {
		t.Errorf("after saving: %v", report)
	}
	x.neverDrew(value)
	h.holds("default", string(value))
	x.send("L")
	x.see("Unlock vault")
	time.Sleep(500 * time.Millisecond) // what opens by itself ignores keys at first
	x.send("\r")
	x.see("1/1")
	if report := scan(t, pid, value); !report.Clean() {
		t.Errorf("after unlocking again: %v", report)
	}
	x.send("q")
	if status := x.ended(); status.ExitStatus() != 0 {
		t.Errorf("it ended with %v", x.cmd.ProcessState)
	}
	x.restored()
}

// childOf is the process that a shell runs.
func childOf(t *testing.T, shell int) int {
	t.Helper()
	out, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", shell, shell))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatalf("which process is it? %v", err)
	}
	return pid
}

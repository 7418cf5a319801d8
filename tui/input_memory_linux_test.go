package tui

import (
	"crypto/rand"
	"errors"
	"fmt"
	"hash/crc64"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tacenda/internal/memscan"
)

// randomValue is a value that nobody has seen before. It has no line ends.
func randomValue(n int) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-.!"
	b := make([]byte, n)
	_, _ = rand.Read(b)
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	return string(b)
}

func sum(value string) string {
	return fmt.Sprintf("%016x", crc64.Checksum([]byte(value), crcTable))
}

func pasted(s string) string { return "\x1b[200~" + s + "\x1b[201~" }

// scan looks for value in a process.
func scan(t *testing.T, pid int, value string) memscan.Report {
	t.Helper()
	report, err := memscan.Scan(pid, []byte(value))
	if errors.Is(err, os.ErrPermission) {
		t.Skip("this machine lets nobody but root search the memory of another process")
	}
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// numbered writes each character as a terminal does that reports keys by number.
func numbered(s, format string) string {
	var b strings.Builder
	for _, r := range s {
		fmt.Fprintf(&b, format, r)
	}
	return b.String()
}

// cleanProcess fails unless nothing of the value is left in the process.
func (x *ptyTerminal) cleanProcess(pid int, value, when string) {
	x.t.Helper()
	if report := scan(x.t, pid, value); !report.Clean() {
		x.t.Errorf("%s: %v", when, report)
	}
}

// clean does the same and looks at what was drawn, too.
func (x *ptyTerminal) clean(pid int, value, when string) {
	x.t.Helper()
	x.cleanProcess(pid, value, when)
	if strings.Contains(x.output(), value[:12]) {
		x.t.Errorf("%s: the value was drawn", when)
	}
}

// ways are the ways in which a value is entered.
var ways = map[string]func(x *ptyTerminal, value string){
	"typed": func(x *ptyTerminal, value string) {
		for i := range len(value) {
			x.send(value[i : i+1])
			if i%8 == 0 {
				x.wait(fmt.Sprintf("%d byte", i+1))
			}
		}
	},
	"typed at once": func(x *ptyTerminal, value string) { x.send(value) },
	"typed with mistakes": func(x *ptyTerminal, value string) {
		x.send("wrong\x15" + value[:20] + "xyz\x7f\x7f\x08" + value[20:])
	},
	"pasted": func(x *ptyTerminal, value string) { x.send(pasted(value)) },
	"pasted in pieces": func(x *ptyTerminal, value string) {
		begin, end := pasted(value)[:6], pasted(value)[6+len(value):]
		for _, piece := range []string{begin[:1], begin[1:3], begin[3:] + value[:7], value[7:30], value[30:] + end[:2], end[2:]} {
			x.send(piece)
			time.Sleep(5 * time.Millisecond) // so that they arrive one by one; it works either way
		}
	},
	"by kitty's numbers": func(x *ptyTerminal, value string) { x.send(numbered(value, "\x1b[%du")) },
	"by xterm's numbers": func(x *ptyTerminal, value string) { x.send(numbered(value, "\x1b[27;1;%d~")) },
	"resized in between": func(x *ptyTerminal, value string) {
		x.send(value[:20])
		x.wait("20 bytes")
		x.resize(100, 30)
		x.send(pasted(value[20:]))
		x.resize(90, 20)
	},
}

// What is entered and saved leaves nothing in the memory of the program,
// however it was entered.
func TestNothingStaysInMemory(t *testing.T) {
	for name, enter := range ways {
		t.Run(name, func(t *testing.T) {
			value := randomValue(49)
			x := startProbe(t, "run")
			pid := x.ready()
			x.send("n")
			x.wait("at [value]")
			enter(x, value)
			x.wait("value [49 bytes, 1 lines]")
			if report := scan(t, pid, value); len(report.Copies) != 1 {
				t.Errorf("before it is saved, it is not in guarded memory alone: %v", report)
			}
			x.send("\x13")
			x.wait("saved " + sum(value))
			x.clean(pid, value, "after saving")
		})
	}
}

// The same for the interface itself, up to the vault.
func TestInterfaceLeavesNothing(t *testing.T) {
	for name, enter := range ways {
		t.Run(name, func(t *testing.T) {
			value := randomValue(49)
			x := startProbe(t, "interface")
			pid := x.cmd.Process.Pid
			x.wait("No secrets in")
			x.send("nAPI_KEY\t")
			x.wait("API_KEY", "type or paste it")
			enter(x, value)
			x.wait("49 bytes")
			x.send("\x13")
			x.wait("1/1", value[:4]+"••••"+value[45:])
			x.clean(pid, value, "after saving")
			x.send("q")
			x.wait("ended: <nil>", "stored: "+sum(value))
			x.restored()
		})
	}
}

func TestInterfaceCancelledAndSuspended(t *testing.T) {
	value := randomValue(49)
	x := startProbe(t, "interface", "sh", "-c", `set -m; "$0" "$1"; echo STOPPED; read line; fg >/dev/null; echo BACK`)
	x.wait("No secrets in")
	pid := x.child()
	x.send("nAPI_KEY\t" + pasted(value))
	x.wait("49 bytes")
	x.send("\x1b")
	x.wait("y discard")
	x.send("y")
	x.wait("No secrets in")
	x.clean(pid, value, "after cancelling")

	x.send("nAPI_KEY\t" + pasted(value))
	x.wait("49 bytes")
	x.send("\x1a")
	x.wait("STOPPED")
	x.restored()
	x.clean(pid, value, "while suspended")
	x.send("\r")
	x.wait("it was wiped: type it again")
	x.send(pasted("another one\r") + "\x13")
	x.wait("1/1")
	x.send("q")
	x.wait("ended: <nil>", "stored: "+sum("another one\n"), "BACK")
	x.restored()
}

func TestLinesStayInMemoryNoLonger(t *testing.T) {
	value := "-----BEGIN KEY-----\n" + randomValue(64) + "\n" + randomValue(64) + "\n\n-----END KEY-----\n"
	x := startProbe(t, "run")
	pid := x.ready()
	x.send("n")
	x.wait("at [value]")
	x.send(pasted(strings.ReplaceAll(value, "\n", "\r"))) // as terminals do
	x.wait(fmt.Sprintf("value [%d bytes, 5 lines]", len(value)))
	x.send("\x13")
	x.wait("saved " + sum(value))
	x.clean(pid, value[20:20+129], "after saving")
}

// A value for which memory had to be found several times leaves nothing in the
// memory that became too small.
func TestLongValueStaysInMemoryNoLonger(t *testing.T) {
	value := randomValue(700)
	x := startProbe(t, "run")
	pid := x.ready()
	x.send("n" + value[:300] + pasted(value[300:]))
	x.wait("value [700 bytes, 1 lines]")
	x.send("\x13")
	x.wait("saved " + sum(value))
	x.clean(pid, value, "after saving")
}

// The list has the focus when the first byte is read; the rest is typed ahead.
func TestTypedAhead(t *testing.T) {
	value := randomValue(49)
	x := startProbe(t, "run")
	pid := x.ready()
	x.send("n" + value[:30] + pasted(value[30:]) + "\x13")
	x.wait("saved " + sum(value))
	x.clean(pid, value, "after saving")
}

func TestCancelled(t *testing.T) {
	value := randomValue(49)
	x := startProbe(t, "run")
	pid := x.ready()
	x.send("n" + pasted(value))
	x.wait("value [49 bytes, 1 lines]")
	x.send("\x1b")
	x.wait("cancelled", "value [0 bytes")
	x.clean(pid, value, "after cancelling")
}

// The same for a stream, which is what an SSH session is.
func TestStream(t *testing.T) {
	value := randomValue(49)
	x := startProbe(t, "stream")
	pid := x.ready()
	x.send("n" + value[:20])
	x.wait("value [20 bytes")
	x.send("\x1b") // 50 ms later it is the escape key
	x.wait("cancelled")
	x.send("n" + value[:30] + pasted(value[30:]) + "\x13")
	x.wait("saved " + sum(value))
	x.clean(pid, value, "after saving")
	x.send("q")
	x.wait("ended: <nil>")
}

// A paste where nothing is to be pasted leaves nothing either.
func TestPastedIntoNothing(t *testing.T) {
	value := randomValue(49)
	x := startProbe(t, "run")
	pid := x.ready()
	x.send(pasted(value) + "n")
	x.wait("at [value]", "value [0 bytes")
	x.clean(pid, value, "after a paste into the list")
}

// What is pasted into a plain field is found: the search can find something.
func TestSearchFindsPlainFields(t *testing.T) {
	value := randomValue(49)
	x := startProbe(t, "run")
	pid := x.ready()
	x.send("\t" + pasted(value))
	x.wait("name [49]")
	if report := scan(t, pid, value); len(report.Copies) == 0 {
		t.Errorf("a name that was pasted is not found: %v", report)
	}
}

// While the program is suspended and when it goes on, the value is gone.
func TestSuspended(t *testing.T) {
	value := randomValue(49)
	x := startProbe(t, "run", "sh", "-c", `set -m; "$0" "$1"; echo STOPPED; read line; fg >/dev/null; echo BACK`)
	pid := x.ready()
	x.send("n" + pasted(value))
	x.wait("value [49 bytes, 1 lines]")
	x.send("\x1a")
	x.wait("STOPPED")
	x.restored()
	x.clean(pid, value, "while suspended")
	x.send("\r")
	x.wait("status [resumed]", "value [0 bytes", "at [value]")
	again := randomValue(49)
	x.send(pasted(again) + "\x13")
	x.wait("saved " + sum(again))
	x.clean(pid, value, "after going on")
	x.clean(pid, again, "after saving")
	x.send("q")
	x.wait("ended: <nil>", "BACK")
	x.restored()
}

// Whatever ends the program, it wipes what was being entered and leaves the
// terminal as it found it.
func TestEnds(t *testing.T) {
	for name, c := range map[string]struct {
		end   func(x *ptyTerminal, pid int)
		ended string
	}{
		"ctrl+c":             {func(x *ptyTerminal, _ int) { x.send("\x03") }, "ended: <nil>"},
		"SIGTERM":            {func(x *ptyTerminal, pid int) { _ = unix.Kill(pid, unix.SIGTERM) }, "ended: <nil>"},
		"SIGHUP":             {func(x *ptyTerminal, pid int) { _ = unix.Kill(pid, unix.SIGHUP) }, "ended: <nil>"},
		"SIGINT":             {func(x *ptyTerminal, pid int) { _ = unix.Kill(pid, unix.SIGINT) }, "ended: program was killed: program was interrupted"},
		"panic in Update":    {func(x *ptyTerminal, _ int) { x.send("\x1b[15~") }, "ended: program was killed: program experienced a panic"},
		"panic in a command": {func(x *ptyTerminal, _ int) { x.send("\x1b[17~") }, "ended: program was killed: program experienced a panic"},
	} {
		t.Run(name, func(t *testing.T) {
			value := randomValue(49)
			x := startProbe(t, "hold")
			pid := x.ready()
			x.send("n" + pasted(value))
			x.wait("value [49 bytes, 1 lines]")
			c.end(x, pid)
			x.waitWritten(c.ended) // a panic says more than fits on the screen
			x.restored()
			x.clean(pid, value, "at the end")
		})
	}
}

// A terminal that goes away ends the program.
func TestTerminalGone(t *testing.T) {
	for name, ignore := range map[string]bool{"hung up": false, "gone without a word": true} {
		t.Run(name, func(t *testing.T) {
			via := []string{}
			if ignore { // nohup: then only the reader can tell
				via = []string{"sh", "-c", `trap "" HUP; exec "$0" "$1"`}
			}
			x := startProbe(t, "run", via...)
			x.ready()
			x.send("n" + pasted(randomValue(49)))
			x.wait("value [49 bytes, 1 lines]")
			_ = x.slave.Close()
			_ = x.master.Close()
			x.ended()
		})
	}
}

// tmux is a terminal too, with ideas of its own about keys and pastes.
func TestInTmux(t *testing.T) {
	tmux, err := exec.LookPath("tmux")
	if err != nil {
		t.Skip("tmux is not installed")
	}
	for _, extended := range []string{"off", "on", "always"} {
		t.Run("extended-keys "+extended, func(t *testing.T) {
			lines := "first " + randomValue(40) + "\nsecond " + randomValue(40) + "\n"
			dir := t.TempDir()
			server := func(args ...string) {
				t.Helper()
				cmd := exec.Command(tmux, append([]string{"-S", dir + "/tmux", "-f", "/dev/null"}, args...)...)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("tmux %v: %v\n%s", args, err, out)
				}
			}
			cmd := exec.Command(tmux, "-u", "-S", dir+"/tmux", "-f", "/dev/null",
				"set", "-g", "status", "off", ";", "set", "-s", "extended-keys", extended, ";",
				"new", "-s", "t", "exec "+os.Args[0]+" -test.run=^TestProbe$")
			cmd.Env = append(os.Environ(), probeEnv+"=run", "TERM=xterm-256color", "LC_ALL=C.UTF-8")
			x := startPty(t, cmd)
			pid := x.ready()

			x.send("n")
			x.wait("at [value]")
			buffer := exec.Command(tmux, "-S", dir+"/tmux", "load-buffer", "-")
			buffer.Stdin = strings.NewReader(lines)
			if out, err := buffer.CombinedOutput(); err != nil {
				t.Fatalf("loading tmux's buffer: %v\n%s", err, out)
			}
			server("paste-buffer", "-p", "-d", "-t", "t")
			x.wait(fmt.Sprintf("value [%d bytes, 2 lines]", len(lines)))
			server("send-keys", "-t", "t", "C-s")
			x.wait("saved " + sum(lines))
			x.cleanProcess(pid, lines, "after a paste")

			typed := randomValue(49)
			server("send-keys", "-t", "t", "-l", "--", "n"+typed[:20]+"x")
			server("send-keys", "-t", "t", "BSpace")
			server("send-keys", "-t", "t", "-l", "--", typed[20:])
			x.wait("value [49 bytes, 1 lines]")
			server("send-keys", "-t", "t", "C-s")
			x.wait("saved " + sum(typed))
			x.cleanProcess(pid, typed, "after typing")

			server("send-keys", "-t", "t", "-l", "--", "n"+typed)
			x.wait("value [49 bytes, 1 lines]")
			server("send-keys", "-t", "t", "C-u")
			x.wait("value [0 bytes")
			server("send-keys", "-t", "t", "Escape")
			x.wait("cancelled")
			server("send-keys", "-t", "t", "C-c")
			x.ended()
			x.restored()
		})
	}
}

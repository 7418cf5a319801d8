package e2e_test

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
)

// TestMemoryWhileRun looks for a value in the memory of the program that waits
// for its command. In locked memory it may be; anywhere else it must not be.
func TestMemoryWhileRun(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		line string // before it waits
		held bool   // a file that is held in locked memory
	}{
		{name: "variables", args: []string{"run"}},
		{name: "unmasked", args: []string{"run", "--no-mask"}},
		{name: "template", args: []string{"run", "--env-file", "app.env"}},
		{name: "file", args: []string{"run", "--only=", "--file", "CONF=app.env"}, held: true},
		{name: "output", args: []string{"run"}, line: "printf '%s\n' \"$API_KEY\" \"x$API_KEY\"; printf %s \"$API_KEY\" | base64; printf %s \"$API_KEY\" | dd bs=1 2>/dev/null; echo"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, value := newHome(t), needle(t)
			h.run(string(value), "create", "API_KEY", "--value-file", "-")
			h.file("app.env", "URL=https://x:{{API_KEY}}@example.com/\n")
			cmd := h.command(append(tt.args, "--", "sh", "-c", tt.line+"\necho ready; read a")...)
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewReader(out)
			var shown []byte
			for !bytes.HasSuffix(shown, []byte("ready\n")) {
				line, err := lines.ReadBytes('\n')
				if err != nil {
					t.Fatal(err)
				}
				shown = append(shown, line...)
			}
			settle(t, cmd.Process.Pid)
			report := scan(t, cmd.Process.Pid, value)
			outside := unguarded(t, cmd.Process.Pid, report)
			stdin.Close()
			if _, err := io.Copy(io.Discard, lines); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // read found the end
			if len(outside) > 0 {
				t.Errorf("outside of guarded memory: %v\n%v", outside, report)
			}
			if tt.held != (len(report.Copies) > 0) {
				t.Errorf("copies in memory: %v", report)
			}
			if bytes.Contains(shown, value) {
				t.Error("the output has the value")
			}
			t.Logf("%d copies, %d bytes scanned", len(report.Copies), report.Scanned)
		})
	}
}

// TestRunIsEarly holds the order of initialisation that limits depend on.
func TestRunIsEarly(t *testing.T) {
	h := newHome(t)
	cmd := h.command("version")
	cmd.Env = append(cmd.Env, "GODEBUG=inittrace=1")
	var trace bytes.Buffer
	cmd.Stderr = &trace
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	stage := strings.Index(trace.String(), "init tacenda/internal/launch/stage ")
	guard := strings.Index(trace.String(), "init github.com/awnumar/memguard/core ")
	if stage < 0 || guard < 0 || stage > guard {
		t.Errorf("stage at %d, memguard at %d of\n%s", stage, guard, trace.String())
	}
}

// TestRunKilled: when the program is killed, the terminal of the command is
// closed as when a window is.
func TestRunKilled(t *testing.T) {
	h := newHome(t)
	cmd := h.command("run", "--", "sh", "-c", "echo pid-$$; exec sleep 60")
	screen, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer screen.Close()
	line, err := bufio.NewReader(screen).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid := number(t, strings.TrimSpace(strings.TrimPrefix(line, "pid-")))
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	waitFor(t, "the command to end", func() bool {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
}

func number(t *testing.T, s string) string {
	t.Helper()
	if strings.Trim(s, "0123456789") != "" || s == "" {
		t.Fatalf("%q is no process id", s)
	}
	return s
}

// TestRunInterrupted: ctrl+c before the command runs ends the program as it ends
// others.
func TestRunInterrupted(t *testing.T) {
	h := newHome(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	cmd := h.command("run", "--env-file", "/dev/fd/3", "--", "echo", "ran")
	cmd.ExtraFiles = []*os.File{r}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	settle(t, cmd.Process.Pid)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if s := cmd.ProcessState.Sys().(syscall.WaitStatus); s.Signal() != syscall.SIGINT || out.Len() != 0 {
		t.Errorf("%v, output %q", cmd.ProcessState, out.String())
	}
}

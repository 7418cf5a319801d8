package faults_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tacenda/internal/prooftest"
)

// canary is in every value whose way is watched, and in nothing else.
const canary = "CaNaRy-argv"

// A watch looks at the command lines and environments of every process that begins
// while it runs, whoever started it, again and again.
type watch struct {
	old   map[string]bool // those that were there before
	stop  chan bool
	done  sync.WaitGroup
	looks int
	found map[string]bool
}

func newWatch(t *testing.T) *watch {
	t.Helper()
	w := &watch{old: map[string]bool{}, stop: make(chan bool), found: map[string]bool{}}
	entries, err := os.ReadDir("/proc")
	do(t, err)
	for _, e := range entries {
		w.old[e.Name()] = true
	}
	w.done.Go(func() {
		for {
			w.look()
			select {
			case <-w.stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	return w
}

func (w *watch) look() {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil || w.old[e.Name()] {
			continue
		}
		for _, what := range []string{"cmdline", "environ"} {
			data, _ := os.ReadFile("/proc/" + e.Name() + "/" + what) // of a process that is gone there is nothing
			if !bytes.Contains(data, []byte(canary)) {
				continue
			}
			name, _ := os.ReadFile("/proc/" + e.Name() + "/comm")
			w.found[what+" of "+strings.TrimSpace(string(name))] = true
		}
	}
	w.looks++
}

// end returns where the canary was seen.
func (w *watch) end() map[string]bool {
	close(w.stop)
	w.done.Wait()
	return w.found
}

// TestNothingInArguments: while values go in and out by every way there is, no
// process that begins has one in its command line or environment, but for the
// command that run gives it to. Values that somebody puts into arguments all the
// same are refused, and not said.
func TestNothingInArguments(t *testing.T) {
	u := newUser(t)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	for name, text := range map[string]string{"value": canary + " from a file", "in.env": "IMPORTED=" + canary + "-imported\n", "t": "{{ONE}} {{FROM_FILE}}\n", "app.env": "KEY={{FROM_FILE}}\n", "pass": canary + " passphrase\n"} {
		do(t, os.WriteFile(filepath.Join(u.dir, name), []byte(text), 0o644))
	}
	w, ran := newWatch(t), 0
	for _, c := range []struct {
		stdin string
		args  []string
	}{
		{canary + " piped", []string{"create", "PIPED", "--value-file", "-"}},
		{"", []string{"create", "FROM_FILE", "--value-file", "value"}},
		{canary + " edited", []string{"edit", "ONE", "--value-file", "-"}},
		{"", []string{"import", "in.env"}},
		{"", []string{"resolve", "t"}},
		{"", []string{"resolve", "t", "-o", "out"}},
		{"{{ONE}}", []string{"resolve", "-"}},
		{"url: " + server.URL + "/?k={{PIPED|url}}\nheaders: {X-Key: '{{FROM_FILE}}'}\n", []string{"tool", "set", "call-it", "-f", "-"}},
		{"", []string{"call", "call-it"}},
		{"", []string{"run", "--only=", "--file", "CONF=app.env", "--", "sh", "-c", "sleep 0.1; cat $CONF"}},
		{"a " + canary + " piped b", []string{"redact"}},
		{"", []string{"scan", "t"}},
		{"", []string{"key", "add", "passphrase", "--new-passphrase-file", "pass"}},
		{"", []string{"backup", "copy.db"}},
		{"", []string{"key", "rotate"}},
		{"", []string{"restore", "copy.db", "--yes"}},
		{"", []string{"verify"}},
	} {
		u.must(c.stdin, c.args...)
		ran++
	}
	seen := w.end()
	if len(seen) > 0 || w.looks < ran {
		t.Errorf("%d looks during %d commands; the value stood in %v", w.looks, ran, seen)
	}
	// That the watch sees what is there, and who is meant to get it.
	v := newWatch(t)
	u.must("", "run", "--only", "ONE", "--", "sleep", "0.3")
	if seen := v.end(); len(seen) != 1 || !seen["environ of sleep"] {
		t.Errorf("the command's environment, and no other, has its value: %v after %d looks", seen, v.looks)
	}
	refused := 0
	before := u.must("", "list", "--json")
	for _, args := range [][]string{
		{"create", "NEW", canary}, {"create", "NEW", "--value", canary}, {"create", "NEW", "--value=" + canary}, {"create", "NEW=" + canary}, {"edit", "ONE", canary},
		{"edit", "ONE", "--value=" + canary}, {"import", "--set", "A=" + canary}, {"key", "add", "passphrase", canary}, {"--passphrase=" + canary, "list"}, {"init", "--passphrase", canary},
	} {
		e := u.run(nil, "", args...)
		if e.code != 2 || !message.MatchString(e.err) || strings.Contains(e.out, canary) {
			t.Errorf("%q: exit code %d, want 2: %q", args, e.code, e.err)
		}
		refused++
	}
	if after := u.must("", "list", "--json"); after != before {
		t.Error("something was stored")
	}
	prooftest.Cases(t, ran+1, "commands")
	prooftest.Cases(t, w.looks+v.looks, "looks at every process that began meanwhile")
	prooftest.Cases(t, refused, "values as arguments refused")
}

// childLooks tries what a debugger of the same user would: it prints what it may.
func childLooks(pid string) {
	for _, what := range []string{"environ", "mem", "maps"} {
		f, err := os.Open("/proc/" + pid + "/" + what)
		if err == nil {
			_, err = f.Read(make([]byte, 1))
			f.Close()
			if what == "mem" {
				err = nil // nothing is mapped at its beginning: that it could be opened is enough
			}
		}
		if err == nil {
			fmt.Println(what)
		}
	}
	n, _ := strconv.Atoi(pid)
	if unix.PtraceAttach(n) == nil {
		_ = unix.PtraceDetach(n)
		fmt.Println("ptrace")
	}
}

// TestNobodyLooksIn: while the program waits for the rest of a value, another
// process of its user gets at nothing of it, and no end of it may leave a core or
// says a value. An ordinary process beside it shows that both can be.
func TestNobodyLooksIn(t *testing.T) {
	u := newUser(t)
	path, err := binary()
	do(t, err)
	cat, err := exec.LookPath("cat")
	do(t, err)
	// What guards memory in this very process took the right to a core from its children.
	var before unix.Rlimit
	do(t, unix.Getrlimit(unix.RLIMIT_CORE, &before))
	given := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}) == nil
	t.Cleanup(func() { _ = unix.Setrlimit(unix.RLIMIT_CORE, &before) })
	// Each is started with that right, where it can be given back, and left with a value half said.
	waiting := func(program string, args ...string) (*exec.Cmd, *bytes.Buffer) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		t.Cleanup(cancel)
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Dir, cmd.SysProcAttr, cmd.Env = u.dir, u.as, u.env
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = io.Discard, &said
		stdin, err := cmd.StdinPipe()
		do(t, err)
		do(t, cmd.Start())
		_, err = io.WriteString(stdin, canary+" and more to come")
		do(t, err)
		time.Sleep(300 * time.Millisecond) // a pace: whatever it does by then is looked at
		return cmd, &said
	}
	looks := func(pid int) string {
		self, err := os.Executable()
		do(t, err)
		cmd := exec.CommandContext(t.Context(), self, strconv.Itoa(pid))
		cmd.Dir, cmd.SysProcAttr, cmd.Env = u.dir, u.as, append(append([]string{}, u.env...), childEnv+"=looks")
		out, err := cmd.Output()
		do(t, err)
		return strings.Join(strings.Fields(string(out)), " ")
	}
	cores := func(pid int) string {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
		do(t, err)
		_, line, _ := strings.Cut(string(text), "Max core file size")
		line, _, _ = strings.Cut(line, "\n")
		return strings.Join(strings.Fields(line), " ")
	}
	tried := 0
	for _, signal := range []syscall.Signal{syscall.SIGABRT, syscall.SIGSEGV} {
		control, _ := waiting(cat)
		if got := looks(control.Process.Pid); !strings.Contains(got, "environ") {
			t.Skipf("no process may look at another one of its user here: it gets %q", got)
		}
		if got := cores(control.Process.Pid); given && got != "unlimited unlimited bytes" {
			t.Fatalf("the process beside it may leave a core of %s: the test shows nothing", got)
		}
		_ = control.Process.Kill()
		_ = control.Wait()
		cmd, said := waiting(path, "create", "NEW", "--value-file", "-")
		if got := looks(cmd.Process.Pid); got != "" {
			t.Errorf("another process of the user gets at %s", got)
		}
		if got := cores(cmd.Process.Pid); got != "0 0 bytes" {
			t.Errorf("it may leave a core of %s", got)
		}
		do(t, cmd.Process.Signal(signal))
		_ = cmd.Wait() // its error is the state
		if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.CoreDump() || cmd.ProcessState.Success() || status.Signal() == syscall.SIGKILL {
			t.Errorf("%v: %v", signal, cmd.ProcessState)
		}
		if strings.Contains(said.String(), canary) {
			t.Errorf("%v: it says the value", signal)
		}
		tried += 4 + 1 // environ, mem, maps and ptrace; what it says
		if given {
			tried++ // a core
		}
	}
	if left, err := filepath.Glob(filepath.Join(u.dir, "core*")); err != nil || len(left) > 0 {
		t.Errorf("cores are left: %v, %v", left, err)
	}
	u.wantVault("ends by signals")
	prooftest.Cases(t, tried, "ways to look in")
}

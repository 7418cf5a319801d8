package launch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// needle is the value that the tests' masker knows.
const needle = "hunter2-hunter2"

// TestMain lets tests start this binary as a program that runs a command: what
// it does with a terminal and with signals can only be seen from outside.
func TestMain(m *testing.M) {
	if os.Getenv("LAUNCH_TEST") != "" {
		os.Exit(program())
	}
	os.Exit(m.Run())
}

func program() int {
	_, command, _ := strings.Cut(strings.Join(os.Args, "\x00"), "\x00--\x00")
	c := &Command{Args: strings.Split(command, "\x00"), Stdin: os.Stdin}
	for to, fd := range map[**os.File]int{&c.Stdout: 1, &c.Stderr: 2} {
		// On 1 and 2 themselves Go would end the process when the reader goes away.
		n, err := syscall.Dup(fd)
		if err != nil {
			return 125
		}
		syscall.CloseOnExec(n)
		*to = os.NewFile(uintptr(n), "")
	}
	if os.Args[1] == "run" {
		c.Mask = func(w io.Writer) Masker { return &plainMasker{w: w} }
	}
	for list, variable := range map[*[]Variable]string{&c.Variables: "LAUNCH_VARIABLE", &c.Files: "LAUNCH_FILE"} {
		if name, value, ok := strings.Cut(os.Getenv(variable), "="); ok {
			*list = append(*list, Variable{name, func(w io.Writer) error {
				for i := range len(value) { // in many pieces
					if _, err := io.WriteString(w, value[i:i+1]); err != nil {
						return err
					}
				}
				return nil
			}})
		}
	}
	code, err := Run(c)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		var exec *ExecError
		switch {
		case errors.As(err, &exec) && exec.NotFound():
			return 127
		case errors.As(err, &exec):
			return 126
		}
		return 125
	}
	return code
}

// plainMasker is the contract of Masker for one value, without the encodings.
type plainMasker struct {
	w    io.Writer
	held []byte
}

func (m *plainMasker) Write(p []byte) (int, error) {
	text := bytes.ReplaceAll(append(m.held, p...), []byte(needle), []byte("{{PW}}"))
	keep := 0
	for n := 1; n < len(needle); n++ {
		if bytes.HasSuffix(text, []byte(needle[:n])) {
			keep = n
		}
	}
	m.held = bytes.Clone(text[len(text)-keep:])
	if _, err := m.w.Write(text[:len(text)-keep]); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (m *plainMasker) Held() int { return len(m.held) }

func (m *plainMasker) Release() error {
	_, err := m.w.Write(m.held)
	m.held = nil
	return err
}

func (m *plainMasker) Close() error { return m.Release() }

// start is the program that runs a command; how is run, or plain without a mask.
func start(t *testing.T, how string, env []string, command ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // a hang is a failure, not a wait
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "/proc/self/exe", append([]string{how, "--"}, command...)...)
	cmd.Path, cmd.Args[0], cmd.WaitDelay = os.Args[0], "launch", time.Second
	cmd.Env = append(append(os.Environ(), "LAUNCH_TEST=1"), env...)
	cmd.Dir = t.TempDir()
	return cmd
}

// status is what a program ended with.
func status(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if s := exit.Sys().(syscall.WaitStatus); s.Signaled() {
			t.Fatalf("the program died of signal %v", s.Signal())
		}
		return exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0
}

func TestPipes(t *testing.T) {
	for _, tt := range []struct {
		name, line  string
		env         []string
		stdin       string
		code        int
		out, errors string
	}{
		{name: "output", line: "echo out; echo err >&2", out: "out\n", errors: "err\n"},
		{name: "code", line: "exit 42", code: 42},
		{name: "signal", line: "kill -9 $$", code: 137},
		{name: "masked", line: "echo a" + needle + "b; echo " + needle + " >&2", out: "a{{PW}}b\n", errors: "{{PW}}\n"},
		{name: "beginning", line: "printf hunter2-; exec sleep 0.2", out: "hunter2-"},
		{name: "split", line: "printf hunter2-; sleep 0.2; printf hunter2", out: "{{PW}}"},
		{name: "variable", line: `printf %s "$A" | tr a-z A-Z`, env: []string{"LAUNCH_VARIABLE=A=x\ny= z"}, out: "X\nY= Z"},
		{name: "again", line: "env | grep ^A=", env: []string{"A=old", "LAUNCH_VARIABLE=A=new"}, out: "A=new\n"},
		{name: "ours", line: "env | grep TACENDA_ || echo none", env: []string{"TACENDA_IDENTITY=x", "TACENDA_=y"}, out: "none\n"},
		{name: "others", line: `echo "$TACENDA"`, env: []string{"TACENDA=kept"}, out: "kept\n"},
		{name: "input", line: "tr a-z A-Z", stdin: "text", out: "TEXT"},
		{name: "deaf", line: "exit 3", stdin: strings.Repeat("x", 1<<20), code: 3},
		{name: "mute", line: "exec >&- 2>&-; exit 4", code: 4},
		{name: "file", line: `cat "$F" "$F"; sh -c 'cat <"$F"'`, env: []string{"LAUNCH_FILE=F=text\n"}, out: "text\ntext\ntext\n"},
		{name: "empty file", line: `wc -c <"$F"`, env: []string{"LAUNCH_FILE=F="}, out: "0\n"},
		{name: "sealed", line: `chmod 600 "$F"; (echo x >>"$F") 2>/dev/null; (: >"$F") 2>/dev/null; cat "$F"`, env: []string{"LAUNCH_FILE=F=text\n"}, out: "text\n"},
		{name: "not executable", line: `"$F"`, env: []string{"LAUNCH_FILE=F=#!/bin/sh\n"}, code: 126, errors: "-"},
		{name: "much", line: "yes 0123456 | head -c 8000000 | md5sum; yes 0123456 | head -c 8000000", out: "-8000036"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cmd := start(t, "run", tt.env, "sh", "-c", tt.line)
			var out, errs bytes.Buffer
			cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(tt.stdin), &out, &errs
			if got := status(t, cmd.Run()); got != tt.code {
				t.Errorf("exit code %d, want %d", got, tt.code)
			}
			if n, ok := strings.CutPrefix(tt.out, "-"); ok {
				if fmt.Sprint(out.Len()) != n {
					t.Errorf("%d bytes of output, want %s", out.Len(), n)
				}
			} else if out.String() != tt.out {
				t.Errorf("output %q, want %q", out.String(), tt.out)
			}
			if tt.errors != "-" && errs.String() != tt.errors {
				t.Errorf("error output %q, want %q", errs.String(), tt.errors)
			}
		})
	}
}

func TestNotExecuted(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"plain": "echo hello\n", "denied": "", "script": "#!/nonexistent/sh\n"} {
		if err := os.WriteFile(dir+"/"+name, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir+"/denied", 0o600); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 1<<17)
	for _, tt := range []struct {
		name string
		env  []string
		args []string
		code int
		says string
	}{
		{"missing", nil, []string{"nothing-of-this-name"}, 127, "running nothing-of-this-name: command not found"},
		{"missing path", nil, []string{"/nonexistent/x"}, 127, "command not found"},
		{"no name", nil, []string{""}, 127, "command not found"},
		{"directory", nil, []string{dir}, 126, "permission denied"},
		{"denied", nil, []string{dir + "/denied"}, 126, "permission denied"},
		{"denied in PATH", []string{"PATH=" + dir}, []string{"denied"}, 126, "permission denied"},
		{"interpreter", nil, []string{dir + "/script"}, 127, "command not found"},
		{"without #!", nil, []string{dir + "/plain"}, 0, "hello"},
		{"in the variable's PATH", []string{"PATH=/nonexistent", "LAUNCH_VARIABLE=PATH=" + dir + ":/bin"}, []string{"plain"}, 0, "hello"},
		{"long variable", []string{"LAUNCH_VARIABLE=A=" + strings.Repeat("y", 100_000)}, []string{"sh", "-c", "echo ${#A}"}, 0, "100000"},
		{"long argument", nil, []string{"echo", long[:len(long)-1]}, 0, "xxx"},
	} {
		for _, how := range []string{"run", "plain"} {
			t.Run(tt.name+" "+how, func(t *testing.T) {
				t.Parallel()
				cmd := start(t, how, tt.env, tt.args...)
				out, err := cmd.CombinedOutput()
				if got := status(t, err); got != tt.code {
					t.Errorf("exit code %d, want %d", got, tt.code)
				}
				if !strings.Contains(string(out), tt.says) {
					t.Errorf("it says %.200q, want %q", out, tt.says)
				}
			})
		}
	}
}

// TestTooLong: what the system would refuse is refused by the name of the
// variable where that is one, and before it is sent.
func TestTooLong(t *testing.T) {
	write := func(n int) func(io.Writer) error {
		return func(w io.Writer) error {
			for left := n; left > 0; left -= 1 << 10 {
				if _, err := w.Write(bytes.Repeat([]byte{'x'}, min(left, 1<<10))); err != nil {
					return err
				}
			}
			return nil
		}
	}
	many := make([]Variable, 100)
	for i := range many {
		many[i] = Variable{fmt.Sprintf("V%d", i), write(100_000)}
	}
	few := make([]Variable, 30) // more than the system takes, less than we refuse to send
	copy(few, many)
	for _, tt := range []struct {
		name      string
		variables []Variable
		says      string
	}{
		{"one", []Variable{{"A", write(maxString - 2)}}, "running true: A: arguments and variables are longer than the system takes: one variable holds 128 KiB"},
		{"many", many, "running true: arguments and variables are longer than the system takes"},
		{"few", few, "running true: arguments and variables are longer than the system takes"},
		{"NUL", []Variable{{"A", func(w io.Writer) error { _, err := w.Write([]byte("a\x00b")); return err }}}, "A: " + ErrNUL.Error()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Run(&Command{Args: []string{"true"}, Variables: tt.variables, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr})
			if err == nil || err.Error() != tt.says {
				t.Errorf("%v, want %s", err, tt.says)
			}
		})
	}
	fits := []Variable{{"A", write(maxString - len("A=\x00"))}}
	code, err := Run(&Command{Args: []string{"true"}, Variables: fits, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr})
	if code != 0 || err != nil {
		t.Errorf("the longest variable: %d, %v", code, err)
	}
}

// TestManyVariables passes ten thousand.
func TestManyVariables(t *testing.T) {
	all := make([]Variable, 10_000)
	for i := range all {
		all[i] = Variable{fmt.Sprintf("SECRET_%d", i), func(w io.Writer) error { _, err := fmt.Fprintf(w, "value %d", i); return err }}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	code, err := Run(&Command{
		Args: []string{"sh", "-c", `env | grep -c '^SECRET_.*=value '; echo "$SECRET_9999"`}, Variables: all, Stdin: os.Stdin, Stdout: w, Stderr: os.Stderr,
	})
	w.Close()
	if out, _ := io.ReadAll(r); code != 0 || err != nil || string(out) != "10000\nvalue 9999\n" {
		t.Errorf("%d, %v, %q", code, err, out)
	}
}

// TestLeftBehind: a process in the background that keeps the output open keeps
// nobody waiting, be it silent or not.
func TestLeftBehind(t *testing.T) {
	for _, line := range []string{"sleep 60 & echo said", "yes >&2 & echo said"} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			cmd := start(t, "run", nil, "sh", "-c", line)
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, io.Discard
			if got := status(t, cmd.Run()); got != 0 || out.String() != "said\n" {
				t.Errorf("%d, %q", got, out.String())
			}
		})
	}
}

// TestSlowReader: what the command said before it ended is written, however long
// that takes.
func TestSlowReader(t *testing.T) {
	cmd := start(t, "run", nil, "sh", "-c", "head -c 300000 /dev/zero; exit 5")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	total := 0
	for buf := make([]byte, 40_000); ; time.Sleep(200 * time.Millisecond) { // longer than anybody waits for a silent pipe
		n, err := out.Read(buf)
		total += n
		if err != nil {
			break
		}
	}
	if got := status(t, cmd.Wait()); got != 5 || total != 300_000 {
		t.Errorf("code %d, %d bytes", got, total)
	}
}

// TestReaderGone: the command learns that nobody reads, as it would without us.
func TestReaderGone(t *testing.T) {
	cmd := start(t, "run", nil, "yes")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	out.Close()
	if got := status(t, cmd.Wait()); got != 128+int(syscall.SIGPIPE) {
		t.Errorf("exit code %d", got)
	}
}

func TestSignals(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM} {
		for _, how := range []string{"run", "plain"} {
			t.Run(fmt.Sprint(sig, how), func(t *testing.T) {
				t.Parallel()
				line := fmt.Sprintf("trap 'echo caught; exit 9' %d; echo ready; while :; do sleep 0.02; done", sig)
				cmd := start(t, how, nil, "sh", "-c", line)
				cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no terminal
				out, err := cmd.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
					t.Fatal(err)
				}
				if err := cmd.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
				rest, _ := io.ReadAll(out)
				if got := status(t, cmd.Wait()); got != 9 || string(rest) != "caught\n" {
					t.Errorf("code %d, %q", got, rest)
				}
			})
		}
	}
}

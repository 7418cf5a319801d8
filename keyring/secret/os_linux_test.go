package secret

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// childEnv names the function of children that a copy of the test program runs instead of the tests.
const childEnv = "TACENDA_SECRET_TEST_CHILD"

// nobody is a user without privileges on every Linux.
const nobody = 65534

var children = map[string]func() error{
	"limit":       childUnderLimit,
	"lazy":        childWithoutProtect,
	"protected":   func() error { fmt.Println(Protect().Warning); return waitForInput() },
	"unprotected": func() error { fmt.Println(); return waitForInput() },
	"peek":        childPeeks,
	"restore":     childRestoresLimits,
}

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		if err := children[name](); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child prepares a child under soft and hard memory-lock limits in KiB, as nobody when we are root: root has no limit.
func child(t *testing.T, name, soft, hard string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // a hang must not last as long as the test run
	t.Cleanup(cancel)
	script := `ulimit -S -l "$1" && ulimit -H -l "$2" && shift 2 && exec "$0" "$@"`
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", script, executable(t), soft, hard}, args...)...)
	// The race detector would sleep for a second at the end of each.
	cmd.Env = []string{childEnv + "=" + name, "TEA_TRACE=keys.log", "TEA_DEBUG=1", "GORACE=atexit_sleep_ms=0"}
	cmd.Dir = "/"
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	return cmd
}

// executable copies the test program to where nobody can run it: the directory of the original is private.
func executable(t *testing.T) string {
	t.Helper()
	src, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // the test's own, which is private too
		t.Fatal(err)
	}
	name := filepath.Join(dir, "child")
	if err := os.WriteFile(name, src, 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestSmallLockLimits(t *testing.T) {
	for _, tt := range []struct {
		soft, hard string
		warning    string // piece of it
	}{
		{"0", "0", "no memory can be locked"},
		{"8", "8", "no memory can be locked"},
		{"16", "16", "only 16 KiB"},
		{"64", "64", "only 64 KiB"},
		{"100", "100", "only 64 KiB"},
		{"0", "64", "only 64 KiB"},
		{"4096", "4096", ""},
		{"16", "8192", ""}, // raised
	} {
		for _, how := range []string{"limit", "lazy"} {
			cmd := child(t, how, tt.soft, tt.hard)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Errorf("%s under %s/%s KiB: %v\n%s", how, tt.soft, tt.hard, err, stderr.String())
				continue
			}
			if how == "lazy" {
				continue
			}
			locked, warning, _ := strings.Cut(strings.TrimSuffix(string(out), "\n"), " ")
			if locked != strconv.FormatBool(tt.warning == "") || !strings.Contains(warning, tt.warning) || (tt.warning == "") != (warning == "") {
				t.Errorf("under %s/%s KiB: locked %s, warning %q", tt.soft, tt.hard, locked, warning)
			}
		}
	}
}

// childUnderLimit prints the status and works as the program would.
func childUnderLimit() error {
	status := Protect()
	fmt.Println(status.Locked, status.Warning)
	if again := Protect(); again != status {
		return fmt.Errorf("a second Protect says %+v", again)
	}
	for _, name := range []string{"TEA_TRACE", "TEA_DEBUG"} {
		if _, set := os.LookupEnv(name); set {
			return fmt.Errorf("%s is still set", name)
		}
	}
	return childWithoutProtect()
}

func childWithoutProtect() error {
	var held []*Bytes
	for i := range 200 {
		b, err := Random([]int{32, 1000, 5000, 64 << 10}[i%4])
		if err != nil {
			return err
		}
		held = append(held, b)
	}
	if _, err := ReadAll(zeros{}, 1<<20); !errors.Is(err, ErrTooLarge) {
		return fmt.Errorf("reading without end: %w", err)
	}
	for _, b := range held[:100] {
		b.Destroy()
	}
	Purge()
	if locked, err := vmLocked(); err != nil || locked != 0 {
		return fmt.Errorf("%d KiB stay locked (%w)", locked, err)
	}
	return nil
}

// vmLocked is how much memory the kernel counts as locked, in KiB.
func vmLocked() (int, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmLck:")
	return strconv.Atoi(strings.Fields(rest)[0])
}

func TestLockedMemoryReturnsToBaseline(t *testing.T) {
	measure := func() int {
		n, err := vmLocked()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	Purge()
	if n := measure(); n != 0 {
		t.Fatalf("%d KiB are locked after Purge", n)
	}
	if n := mem.canLock(); n < maxLocked {
		t.Skipf("only %d bytes can be locked here", n)
	}
	for range 50 {
		small, large := fill(t, "key"), fill(t, strings.Repeat("v", 64<<10))
		if n := measure(); n != (slabSize+64<<10)>>10 {
			t.Fatalf("a key and a value lock %d KiB", n)
		}
		small.Destroy()
		large.Destroy()
		if n := measure(); n != slabSize>>10 {
			t.Fatalf("%d KiB stay locked after Destroy", n)
		}
	}
	fill(t, "forgotten")
	fill(t, strings.Repeat("forgotten", 1000))
	Purge()
	if n := measure(); n != 0 {
		t.Errorf("%d KiB stay locked after Purge", n)
	}
}

// TestNotDumpable lets one process of a user look into another one's memory, once with and once without Protect.
func TestNotDumpable(t *testing.T) {
	for name, want := range map[string]string{"unprotected": "open\n", "protected": "permission denied\n"} {
		cmd := child(t, name, "4096", "4096")
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "\n" {
			t.Fatalf("%s: %q, %v", name, line, err)
		}
		got, err := child(t, "peek", "4096", "4096", strconv.Itoa(cmd.Process.Pid)).Output()
		if err != nil || string(got) != want {
			t.Errorf("%s: another process of the user gets %q (%v), want %q", name, got, err, want)
		}
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func waitForInput() error {
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

func childPeeks() error {
	f, err := os.Open("/proc/" + os.Args[1] + "/mem")
	switch {
	case err == nil:
		fmt.Println("open")
		return f.Close()
	case errors.Is(err, os.ErrPermission):
		fmt.Println("permission denied")
		return nil
	}
	return err
}

// TestRestoreLimits starts the program from a shell. Only with CAP_SYS_RESOURCE can that have core limits other than 0,
// because this very process has none left to give.
func TestRestoreLimits(t *testing.T) {
	wants := map[uint32]string{nobody: "65536 operation not permitted", 0: "65536 65536/1048576"}
	if os.Getuid() != 0 {
		wants = map[uint32]string{uint32(os.Getuid()): ""}
	}
	for user, want := range wants {
		shell := child(t, "restore", "64", "8192")
		shell.Args[2] = `read -r _; ulimit -S -l "$1"; "$0"; exit $?`
		if user == 0 {
			shell.SysProcAttr = nil
		}
		stdin, err := shell.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		var out, stderr bytes.Buffer
		shell.Stdout, shell.Stderr = &out, &stderr
		if err := shell.Start(); err != nil {
			t.Fatal(err)
		}
		if unix.Prlimit(shell.Process.Pid, unix.RLIMIT_CORE, &unix.Rlimit{Cur: 64 << 10, Max: 1 << 20}, nil) != nil {
			t.Log("without CAP_SYS_RESOURCE: the core limit stays 0 everywhere")
			want = "65536 0/0"
		}
		if _, err := io.WriteString(stdin, "go\n"); err != nil {
			t.Fatal(err)
		}
		if err := shell.Wait(); err != nil {
			t.Fatalf("user %d: %v\n%s", user, err, stderr.String())
		}
		if got := strings.TrimSpace(out.String()); got != want {
			t.Errorf("user %d: the child's limits are %q, want %q", user, got, want)
		}
	}
}

// childRestoresLimits raises its own limits, starts a child and prints that one's: the soft memory-lock limit, and
// the core limits or why they could not be restored.
func childRestoresLimits() error {
	Protect()
	mem.mu.Lock()
	raiseLockLimit(maxLocked) // root can lock without
	mem.mu.Unlock()
	var own unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &own); err != nil || own.Cur != maxLocked {
		return fmt.Errorf("the limit was raised to %d (%w)", own.Cur, err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{childEnv + "=unprotected"}
	if _, err := cmd.StdinPipe(); err != nil { // it waits for input until it is killed
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
	}()
	restoreErr := RestoreLimits(cmd.Process.Pid)
	var memlock, core unix.Rlimit
	if err := errors.Join(
		unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_MEMLOCK, nil, &memlock),
		unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_CORE, nil, &core),
	); err != nil {
		return err
	}
	switch {
	case errors.Is(restoreErr, unix.EPERM):
		fmt.Println(memlock.Cur, unix.EPERM)
	case restoreErr != nil:
		return restoreErr
	default:
		fmt.Printf("%d %d/%d\n", memlock.Cur, core.Cur, core.Max)
	}
	return nil
}

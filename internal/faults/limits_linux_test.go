package faults_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tacenda/internal/prooftest"
	"tacenda/internal/vaulttest"
)

// binary is the program, built once for all tests.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tacenda-faults-")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // some tests run it as nobody
		return "", err
	}
	path := filepath.Join(dir, "tacenda")
	cmd := exec.Command("go", "build", "-o", path, "tacenda")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is released
	out, err := cmd.CombinedOutput()
	if err != nil {
		return path, fmt.Errorf("building the program: %w: %s", err, out)
	}
	return path, nil
})

// limits are those that a child sets itself before it becomes the program.
var limits = map[string]int{
	"memlock": unix.RLIMIT_MEMLOCK, "as": unix.RLIMIT_AS, "nofile": unix.RLIMIT_NOFILE, "nproc": unix.RLIMIT_NPROC,
	"fsize": unix.RLIMIT_FSIZE,
}

// childLimited sets limits given as name=bytes, and executes the program after "--".
func childLimited(_ context.Context, args []string) error {
	for i, arg := range args {
		if arg == "--" {
			os.Unsetenv(childEnv)
			return syscall.Exec(args[i+1], args[i+1:], os.Environ())
		}
		name, number, _ := strings.Cut(arg, "=")
		n, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			return err
		}
		if err := unix.Setrlimit(limits[name], &unix.Rlimit{Cur: n, Max: n}); err != nil {
			return fmt.Errorf("%s: %w", arg, err)
		}
	}
	return errors.New("no program")
}

// A user is somebody without privileges who has a vault, so that limits hold.
type user struct {
	t   *testing.T
	dir string
	env []string
	as  *syscall.SysProcAttr
}

const nobody = 65534

func newUser(t *testing.T) *user {
	t.Helper()
	path, err := binary()
	do(t, err)
	dir, err := os.MkdirTemp("", "tacenda-faults-home-") //nolint:usetesting // a short path, or one that other users reach
	do(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	u := &user{t: t, dir: dir}
	k := vaulttest.NewKey(t)
	do(t, os.WriteFile(filepath.Join(dir, "key.txt"), []byte(k.Identity+"\n"), 0o600))
	if os.Geteuid() == 0 {
		u.as = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		do(t, os.Chown(dir, nobody, nobody))
		do(t, os.Chown(filepath.Join(dir, "key.txt"), nobody, nobody))
		self, err := os.Executable() // go test leaves it where nobody can run it
		do(t, err)
		do(t, os.Chmod(filepath.Dir(self), 0o755))
		do(t, os.Chmod(filepath.Dir(filepath.Dir(self)), 0o755))
	}
	u.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TACENDA_VAULT=" + filepath.Join(dir, "v", "vault.db"),
		"TACENDA_IDENTITY=" + filepath.Join(dir, "key.txt"), "LC_ALL=C.UTF-8", "PROGRAM=" + path}
	u.must("", "init", "--recipient", k.Recipient)
	u.must("the value", "create", "ONE", "--value-file", "-")
	u.must("another", "create", "TWO", "--value-file", "-")
	return u
}

// An ending is how a process ended.
type ending struct {
	code     int
	out, err string
	hung     bool
}

// run runs the program under limits, for at most 20 s.
func (u *user) run(limits []string, stdin string, args ...string) ending {
	u.t.Helper()
	path, err := binary()
	do(u.t, err)
	ctx, cancel := context.WithTimeout(u.t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = u.env
	if limits != nil {
		self, err := os.Executable()
		do(u.t, err)
		cmd = exec.CommandContext(ctx, self, append(append(append([]string{}, limits...), "--", path), args...)...)
		cmd.Env = append(append([]string{}, u.env...), childEnv+"=limited")
	}
	return u.end(ctx, cmd, stdin)
}

// end runs a command as the user, and tells how it ended; it hung if ctx is over.
func (u *user) end(ctx context.Context, cmd *exec.Cmd, stdin string) ending {
	u.t.Helper()
	cmd.Dir, cmd.SysProcAttr, cmd.Stdin = u.dir, u.as, strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		u.t.Fatal(err)
	}
	return ending{cmd.ProcessState.ExitCode(), out.String(), errs.String(), ctx.Err() != nil}
}

func (u *user) must(stdin string, args ...string) string {
	u.t.Helper()
	e := u.run(nil, stdin, args...)
	if e.code != 0 {
		u.t.Fatalf("tacenda %s: exit code %d: %s", strings.Join(args, " "), e.code, e.err)
	}
	return e.out
}

// put writes a file that is the user's own.
func (u *user) put(path string, data []byte) {
	u.t.Helper()
	do(u.t, os.WriteFile(path, data, 0o600))
	if u.as != nil {
		do(u.t, os.Chown(path, nobody, nobody))
	}
}

// wantVault fails when the vault is not whole or lost a value.
func (u *user) wantVault(what string) {
	u.t.Helper()
	if e := u.run(nil, "{{ONE}} {{TWO}}", "resolve", "-"); e.code != 0 || e.out != "the value another" {
		u.t.Errorf("%s: afterwards resolve gives %q, exit code %d: %s", what, e.out, e.code, e.err)
	}
	if e := u.run(nil, "", "verify"); e.code != 0 {
		u.t.Errorf("%s: afterwards verify says %s%s", what, e.out, e.err)
	}
	if left, err := filepath.Glob(filepath.Join(u.dir, "v", "*.tmp-*")); err != nil || len(left) > 0 {
		u.t.Errorf("%s: temporary files are left: %v, %v", what, left, err)
	}
}

// A message is what the program says when it fails: one line, and perhaps a hint.
var message = regexp.MustCompile(`^((warning|note): .*\n)*tacenda: [^\n]+\n(hint: [^\n]+\n)?$`)

// runtimeDied is how Go's own runtime ends a process that it cannot start or go on
// with: no program of its can do anything then.
var runtimeDied = regexp.MustCompile(`^(runtime: |fatal error: |failed to |runtime/cgo: |SIG|panic: failed to )`)

// commands are tried under each limit.
var commands = []struct {
	stdin string
	args  []string
}{
	{"a new value", []string{"create", "THREE", "--value-file", "-"}},
	{"{{ONE}}", []string{"resolve", "-"}},
	{"", []string{"list"}},
	{"", []string{"key", "rotate"}},
	{"A=1\nB=2\n", []string{"import", "-", "--format", "env", "--overwrite"}},
}

// TestLimits runs commands under every small limit there is. Each does its work, or
// ends with one line and a documented code; Go's runtime may end before the program
// begins, which is counted apart. It never hangs, and the vault is whole.
func TestLimits(t *testing.T) {
	u := newUser(t)
	tried, done, refused, died := 0, 0, 0, 0
	try := func(limit string) {
		for _, c := range commands {
			what := limit + ": " + strings.Join(c.args, " ")
			e := u.run([]string{limit}, c.stdin, c.args...)
			tried++
			switch {
			case e.hung:
				t.Errorf("%s: it hangs", what)
			case e.code == 0:
				done++
			case e.code >= 1 && e.code <= 12 && message.MatchString(e.err):
				refused++
			case runtimeDied.MatchString(e.err), e.code == -1 && e.err == "" && strings.HasPrefix(limit, "as="):
				died++ // with nothing said, the kernel could not even load it
			default:
				t.Errorf("%s: exit code %d, and it said %.600q", what, e.code, e.err)
			}
		}
		u.wantVault(limit)
		u.run(nil, "", "delete", "THREE", "--yes")
	}
	for i, limit := range []string{
		"memlock=0", "memlock=4096", "memlock=8192", "memlock=16384", "memlock=65536",
		"nofile=3", "nofile=4", "nofile=5", "nofile=6", "nofile=7", "nofile=8", "nofile=10", "nofile=12", "nofile=16",
		"nproc=1", "nproc=4", "nproc=8",
		"as=33554432", "as=67108864", "as=134217728", "as=268435456", "as=536870912", "as=1073741824", "as=2147483648",
		"fsize=0", "fsize=1", "fsize=4096", "fsize=32768", "fsize=65536", "fsize=98304",
	} {
		if *whole || i%5 == 0 {
			try(limit)
		}
	}
	t.Logf("%d did their work, %d said why not, %d were ended by Go's runtime", done, refused, died)
	prooftest.Cases(t, tried, "commands under a limit")
	if died > 0 {
		prooftest.Cases(t, died, "of them ended by the kernel or Go's runtime before they began")
	}
}

// TestWithoutLockedMemory: where nothing may be locked, the program works, and says so.
func TestWithoutLockedMemory(t *testing.T) {
	u := newUser(t)
	e := u.run([]string{"memlock=0"}, "{{ONE}}", "resolve", "-")
	if e.hung || e.code != 0 || e.out != "the value" || !strings.Contains(e.err, "lock") {
		t.Errorf("exit code %d, hung %t: %q, %q", e.code, e.hung, e.out, e.err)
	}
	prooftest.Cases(t, 1, "resolve with RLIMIT_MEMLOCK 0, with its warning")
}

// TestReadOnly: on a vault that may only be read, reading works and writing says why
// not, with a documented code.
func TestReadOnly(t *testing.T) {
	u := newUser(t)
	do(t, os.Chmod(filepath.Join(u.dir, "v", "vault.db"), 0o400))
	do(t, os.Chmod(filepath.Join(u.dir, "v"), 0o500))
	tried := 0
	for _, c := range commands {
		e := u.run(nil, c.stdin, c.args...)
		tried++
		reads := c.args[0] == "resolve" || c.args[0] == "list"
		if e.hung || reads && e.code != 0 || !reads && (e.code == 0 || !message.MatchString(e.err)) {
			t.Errorf("%v: exit code %d, hung %t: %q", c.args, e.code, e.hung, e.err)
		}
	}
	u.wantVault("read-only")
	prooftest.Cases(t, tried, "commands")
}

// TestFullDisk fills a small file system while the program writes to it. It needs
// root, to mount one.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a small file system")
	}
	u := newUser(t)
	small := filepath.Join(u.dir, "small")
	do(t, os.Mkdir(small, 0o700))
	if err := unix.Mount("tmpfs", small, "tmpfs", 0, fmt.Sprintf("size=512k,mode=0700,uid=%d,gid=%d", nobody, nobody)); err != nil {
		t.Skip("mounting a small file system: ", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(small, unix.MNT_DETACH) })
	from, err := os.ReadFile(filepath.Join(u.dir, "v", "vault.db"))
	do(t, err)
	path := filepath.Join(small, "vault.db")
	do(t, os.WriteFile(path, from, 0o600))
	do(t, os.Chown(path, nobody, nobody))
	u.env[2] = "TACENDA_VAULT=" + path
	tried, full := 0, 0
	for i := 0; full < 5 && i < 100; i++ {
		e := u.run(nil, strings.Repeat("x", 20_000), "create", fmt.Sprintf("FILL_%d", i), "--value-file", "-")
		tried++
		switch {
		case e.hung:
			t.Fatal("it hangs")
		case e.code == 0:
		case message.MatchString(e.err) && strings.Contains(e.err, "no space"):
			full++
		default:
			t.Fatalf("exit code %d: %q", e.code, e.err)
		}
		u.wantVault(fmt.Sprintf("after %d creates", i+1))
	}
	if full == 0 {
		t.Error("the disk was never full")
	}
	prooftest.Cases(t, tried, "creates")
	prooftest.Cases(t, full, "on a full disk")
}

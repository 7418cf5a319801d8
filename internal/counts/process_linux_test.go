package counts

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tacenda/internal/vaulttest"
)

// user is a home with a vault of three secrets, and the program outside of it.
type user struct {
	testing.TB
	program string
	home    string
	env     []string
}

func newUser(t testing.TB) *user {
	t.Helper()
	program := filepath.Join(t.TempDir(), "tacenda")
	// As releases are built, but for paths: -trimpath would compile every library anew.
	cmd := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", program, "tacenda")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOEXPERIMENT=", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the program: %v: %s", err, out)
	}
	home, err := filepath.EvalSymlinks(t.TempDir()) // as the kernel names it
	if err != nil {
		t.Fatal(err)
	}
	u := &user{TB: t, program: program, home: home}
	if err := os.Chmod(home, 0o700); err != nil {
		t.Fatal(err)
	}
	k := vaulttest.NewKey(t)
	u.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LC_ALL=C.UTF-8",
		"XDG_RUNTIME_DIR=" + u.file("run"), "XDG_STATE_HOME=" + u.file("state"), // not somewhere that some machines have
		"TACENDA_VAULT=" + u.file("vault.db"), "TACENDA_IDENTITY=" + u.file("key.txt"),
	}
	u.write("key.txt", k.Identity+"\n")
	u.write("value", "tok-4eC39HqLyjWDarjtT1zdp7dc")
	u.write("request.tmpl", "a: {{A_TOKEN}}\nb: {{B_TOKEN|json}}\nc: {{C_TOKEN|sh}}\n")
	u.run("", u.program, "init", "--recipient", k.Recipient)
	for _, name := range []string{"A_TOKEN", "B_TOKEN", "C_TOKEN"} {
		u.run("", u.program, "create", name, "--value-file", u.file("value"))
	}
	return u
}

func (u *user) file(name string) string { return filepath.Join(u.home, name) }

func (u *user) write(name, text string) {
	u.Helper()
	if err := os.WriteFile(u.file(name), []byte(text), 0o600); err != nil {
		u.Fatal(err)
	}
}

// run runs a program in the home, its output in the file out, and returns what it
// says on standard error.
func (u *user) run(env string, argv ...string) string {
	u.Helper()
	out, err := os.Create(u.file("out"))
	if err != nil {
		u.Fatal(err)
	}
	defer out.Close()
	cmd := exec.CommandContext(u.Context(), argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout = u.home, u.env, out
	if env != "" {
		cmd.Env = append(slices.Clone(u.env), env)
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Run(); err != nil {
		u.Fatalf("%q: %v: %s", argv, err, errs.String())
	}
	return errs.String()
}

// counted is which system calls are compared, by what they are for. Not those of the
// runtime: threads, signals, futexes, its own memory and sleeping, which depend on
// who was scheduled when, nor those that only set a descriptor up.
var counted = map[string]string{
	"open": "files opened", "openat": "files opened",
	"read": "reads", "pread64": "reads", "getdents64": "reads",
	"write": "writes", "pwrite64": "writes", "writev": "writes",
	"stat": "looks at files", "lstat": "looks at files", "fstat": "looks at files", "newfstatat": "looks at files", "statx": "looks at files",
	"fsync": "syncs", "fdatasync": "syncs",
	"rename": "renames", "renameat": "renames", "renameat2": "renames",
	"unlink": "removals", "unlinkat": "removals",
	"flock": "locks", "mmap": "maps of files",
	"socket": "sockets", "connect": "sockets",
}

// What is done to the vault's file by its pages is counted apart: where they split,
// and when the file grows, depends on identifiers, which are random.
var paged = []string{"reads", "writes", "looks at files"}

const vaultOnly = " of the vault"

var (
	call = regexp.MustCompile(`^\d+ +(\w+)\(`)
	// What a call is about: the file behind its first descriptor, or the first path
	// that it names.
	subject = regexp.MustCompile(`^\d+ +\w+\((?:AT_FDCWD(?:<[^>]*>)?, "([^"]*)"|"([^"]*)"|\d+<([^>]*)>|(?:[^,]*, ){4}\d+<([^>]*)>)`)
)

// trace runs the program under strace and counts its calls on files of the home, and
// on sockets anywhere. What it looks at in /proc and /sys, and above its home, belongs
// to the runtime or the machine.
func (u *user) trace(args ...string) map[string]int {
	u.Helper()
	log := filepath.Join(u.TempDir(), "trace")
	calls := make([]string, 0, len(counted))
	for name := range counted {
		calls = append(calls, "?"+name) // not every processor has each
	}
	u.run("", append([]string{"strace", "-f", "-y", "-qq", "-s", "0", "-e", "signal=none", "-e", "trace=" + strings.Join(calls, ","), "-o", log, u.program}, args...)...)
	data, err := os.ReadFile(log)
	if err != nil {
		u.Fatal(err)
	}
	if bytes.Contains(data, []byte("(AT_FDCWD, 0x")) {
		u.Skip("the program keeps strace from reading the paths in its memory: only root may")
	}
	out := map[string]int{}
	for _, what := range counted {
		out[what] = 0
	}
	for _, what := range paged {
		out[what+vaultOnly] = 0
	}
	for line := range strings.Lines(string(data)) {
		m := call.FindStringSubmatch(line)
		if m == nil {
			continue // the end of a call that another thread came into
		}
		what := counted[m[1]]
		path := strings.Join(append(subject.FindStringSubmatch(line), "")[1:], "")
		switch {
		case path == u.file("vault.db") && slices.Contains(paged, what):
			out[what+vaultOnly]++
		case what == "sockets" || path == u.home || strings.HasPrefix(path, u.home+"/"):
			out[what]++
		}
	}
	return out
}

// TestCountsProcess: what the whole program asks of the kernel, and what it weighs
// before it does anything.
func TestCountsProcess(t *testing.T) {
	u := newUser(t)
	t.Run("calls", func(t *testing.T) { u.as(t).calls() })
	t.Run("program", func(t *testing.T) { u.as(t).weight() })
}

// as is the same user in a part of the test.
func (u *user) as(t *testing.T) *user {
	v := *u
	v.TB = t
	return &v
}

func (u *user) calls() {
	if out, err := exec.CommandContext(u.Context(), "strace", "-o", os.DevNull, u.program, "version").CombinedOutput(); err != nil {
		u.Skipf("system calls are counted with strace, and it does not work here: %v: %s", err, out)
	}
	got := map[string]int{}
	add := func(of string, args ...string) {
		for what, n := range u.trace(args...) {
			got[what+", "+of] = n
		}
	}
	add("cold resolve", "--resolve", u.file("request.tmpl"))
	text, err := os.ReadFile(u.file("out"))
	if err != nil || !strings.Contains(string(text), "a: tok-4eC39") {
		u.Fatalf("resolved to something else: %d bytes, %v", len(text), err)
	}
	add("create", "create", "D_TOKEN", "--value-file", u.file("value"))
	Hold(u, "calls", got)
}

var initialised = regexp.MustCompile(`(?m)^init \S+ @.* (\d+) bytes, (\d+) allocs$`)

// weight: machine code, and what is linked for a system, differ; one pair of them is
// enough to see growth.
func (u *user) weight() {
	if runtime.GOARCH != "amd64" {
		u.Skip("what is recorded is the program for linux/amd64")
	}
	info, err := os.Stat(u.program)
	if err != nil {
		u.Fatal(err)
	}
	got := map[string]int{"bytes of the program": int(info.Size())}
	for _, m := range initialised.FindAllStringSubmatch(u.run("GODEBUG=inittrace=1", u.program, "version"), -1) {
		size, _ := strconv.Atoi(m[1])
		n, _ := strconv.Atoi(m[2])
		got["packages that do something when imported"]++
		got["bytes allocated before main"] += size
		got["allocations before main"] += n
	}
	Hold(u, "program", got)
}

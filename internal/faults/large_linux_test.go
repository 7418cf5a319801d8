package faults_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tacenda/internal/prooftest"
)

// peaks are the most memory that a run of the program had, and locked, in KiB.
type peaks struct{ resident, locked int64 }

func (u *user) peak(stdin string, args ...string) peaks {
	u.t.Helper()
	path, err := binary()
	do(u.t, err)
	ctx, cancel := context.WithTimeout(u.t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env, cmd.Dir, cmd.SysProcAttr, cmd.Stdin = u.env, u.dir, u.as, strings.NewReader(stdin)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	do(u.t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var p peaks
	for {
		select {
		case err := <-ended:
			if err != nil {
				u.t.Fatalf("%q: %v: %s", args, err, errs.String())
			}
			p.resident = cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
			return p
		case <-time.After(2 * time.Millisecond):
			p.locked = max(p.locked, locked(cmd.Process.Pid))
		}
	}
}

// locked is how much memory of a process is locked; 0 when it is gone.
func locked(pid int) (n int64) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, after, _ := strings.Cut(string(status), "\nVmLck:")
	_, _ = fmt.Sscan(after, &n)
	return n
}

// TestLargeVault: a vault of very many secrets, and secrets as large as they may be,
// want no more memory than there is: 200 MiB, of it locked what the largest value
// takes and a quarter of a MiB, and 400 MiB for an import of all at once. What is larger
// is refused.
func TestLargeVault(t *testing.T) {
	u := newUser(t)
	var b strings.Builder
	for i := range *large {
		fmt.Fprintf(&b, "KEY_%06d=the-value-of-number-%d\n", i, i)
	}
	u.put(filepath.Join(u.dir, "many.env"), []byte(b.String()))
	imported := u.peak("", "import", "many.env")
	t.Logf("import: %d MiB, %d KiB locked", imported.resident>>10, imported.locked)
	if imported.resident > 400<<10 {
		t.Errorf("import wants %d MiB", imported.resident>>10)
	}
	most := strings.Repeat("v", 1<<20)
	for i := range 3 {
		u.must(most, "create", fmt.Sprintf("LARGE_%d", i), "--value-file", "-", "-d", strings.Repeat("d", 1024))
	}
	below := 0
	for _, args := range [][]string{{"list"}, {"list", "--json"}, {"list", "--names"}, {"show", "KEY_000007"}, {"resolve", "-"}, {"export"}, {"verify"}, {"audit"}, {"create", "NEW", "--value-file", "-"}, {"delete", "KEY_000003", "--yes"}} {
		p := u.peak("{{KEY_000007}} {{ONE}}", args...)
		t.Logf("%q: %d MiB, %d KiB locked", args, p.resident>>10, p.locked)
		if p.resident > 200<<10 || p.locked > 1<<10+256 {
			t.Errorf("%q wants %d MiB, %d KiB of them locked", args, p.resident>>10, p.locked)
		}
		below++
	}
	refused := 0
	for _, c := range []struct {
		stdin string
		args  []string
	}{
		{most + "v", []string{"create", "MORE", "--value-file", "-"}},
		{"v", []string{"create", "MORE", "--value-file", "-", "-d", strings.Repeat("d", 1025)}},
		{"v", []string{"create", strings.Repeat("N", 1000), "--value-file", "-"}},
	} {
		e := u.run(nil, c.stdin, c.args...)
		if e.hung || e.code != 2 && e.code != 10 || !message.MatchString(e.err) {
			t.Errorf("%.60q: exit code %d, hung %t: %.200q", c.args, e.code, e.hung, e.err)
		}
		refused++
	}
	u.wantVault("very many secrets")
	prooftest.Cases(t, *large, "secrets")
	prooftest.Cases(t, below, "commands in 200 MiB, 1.25 MiB of it locked")
	prooftest.Cases(t, refused, "too large ones refused")
}

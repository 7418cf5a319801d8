package faults_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
	p := peaksOf(cmd.Process.Pid) // it is the program by now
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			if err != nil {
				u.t.Fatalf("%q: %v: %s", args, err, errs.String())
			}
			return p
		case <-time.After(2 * time.Millisecond):
			now := peaksOf(cmd.Process.Pid)
			p = peaks{max(p.resident, now.resident), max(p.locked, now.locked)}
		}
	}
}

// peaksOf is the most memory that a process had so far, and what it has locked; 0
// when it is gone. What the kernel says when it ends (ru_maxrss) is also that
// of the process that started it.
func peaksOf(pid int) (p peaks) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for field, n := range map[string]*int64{"\nVmHWM:": &p.resident, "\nVmLck:": &p.locked} {
		_, after, _ := strings.Cut(string(status), field)
		_, _ = fmt.Sscan(after, n)
	}
	return p
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
		if p.resident > 0 { // it did not end before anybody looked
			below++
		}
	}
	if below < 5 {
		t.Errorf("only %d commands were seen", below)
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

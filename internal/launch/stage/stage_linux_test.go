package stage_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestLimits: the command has the limits of whoever called us, also those that
// only the almighty could raise again. The test is here because this binary, in
// contrast to others, has none of the guarded memory that takes the core limit
// away. The program is the one that package launch tests itself with.
func TestLimits(t *testing.T) {
	program := filepath.Join(t.TempDir(), "launch")
	if out, err := exec.Command("go", "test", "-c", "-o", program, "tacenda/internal/launch").CombinedOutput(); err != nil {
		t.Fatalf("building the program: %v: %s", err, out)
	}
	run := func(line string) string {
		cmd := exec.Command("sh", "-c", "ulimit -Sc 1000; ulimit -Sn 500; ulimit -Sl 128; umask 027; "+line)
		cmd.Env = append(os.Environ(), "LAUNCH_TEST=1", "PROGRAM="+program, "SHOW=ulimit -aS; ulimit -aH; umask; pwd")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	want := run(`sh -c "$SHOW"`)
	if strings.Count(want, "core") == 2 && !strings.Contains(want, "1000\n") {
		t.Skipf("the core limit is 0 before anything runs:\n%s", want)
	}
	if got := run(`$PROGRAM run -- sh -c "$SHOW"`); got != want {
		t.Errorf("the command has\n%s\nwithout us there is\n%s", got, want)
	}
}

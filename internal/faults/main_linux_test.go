package faults_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tacenda/internal/trap"
)

// How much the tests do; internal/proof asks for more than a plain go test.
var (
	images = flag.Int("images", 200, "make at least `N` crash images of the disk")
	kills  = flag.Int("kills", 10, "kill `N` writers at random moments")
	every  = flag.Int("every", 31, "fault every `N`th system call")
	soak   = flag.Duration("soak", 2*time.Second, "let processes work at random for `D`")
	large  = flag.Int("large", 1000, "make a vault with `N` secrets")
	fresh  = flag.Bool("fresh", false, "build the program a second time from nothing but sources")
	whole  = flag.Bool("whole", false, "try every hostile text, limit and surrounding, not one in five or two")
)

// The tests' other processes are this binary again, with the name of what it is
// to do in the environment.
const childEnv = "FAULTS_TEST_CHILD"

var children = map[string]func(ctx context.Context, args []string) error{
	"steps":   childSteps,
	"limited": childLimited,
	"worker":  childWorker,
	"looks":   func(_ context.Context, args []string) error { childLooks(args[0]); return nil },
}

func TestMain(m *testing.M) {
	trap.Child()
	what := os.Getenv(childEnv)
	if what == "" {
		flag.Parse()
		if testing.Short() { // as under the race detector, where every process takes long to start
			*images, *kills, *every = 1, 4, 97
		}
		code := m.Run()
		if path, err := binary(); err == nil {
			os.RemoveAll(filepath.Dir(path))
		}
		os.Exit(code)
	}
	run, ok := children[what]
	if !ok { // never the tests again: they would start children without end
		fmt.Println("error: unknown child", what)
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Println("error:", strings.ReplaceAll(err.Error(), "\n", " "))
		os.Exit(1)
	}
	os.Exit(0)
}

func child(t testing.TB, what string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...) // killed when the test ends
	cmd.Env = append(os.Environ(), childEnv+"="+what)
	cmd.Stderr = os.Stderr
	return cmd
}

func do(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// inMemory makes a directory that is removed with remove: in memory where there is
// a place for that, as thousands of images pass through it.
func inMemory(t testing.TB) (dir string, remove func()) {
	t.Helper()
	parent := "/dev/shm"
	if _, err := os.Stat(parent); err != nil {
		parent = ""
	}
	dir, err := os.MkdirTemp(parent, "tacenda-faults-") //nolint:usetesting // a short path, or one that other users reach
	if err != nil {
		dir, err = os.MkdirTemp("", "tacenda-faults-") //nolint:usetesting // a short path, or one that other users reach
	}
	do(t, err)
	return dir, func() { os.RemoveAll(dir) }
}

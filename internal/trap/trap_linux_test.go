package trap_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"tacenda/internal/trap"
)

func TestMain(m *testing.M) {
	trap.Child()
	if path := os.Getenv("TRAP_TEST_FILE"); path != "" {
		fmt.Println(writes(path))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func writes(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(bytes.Repeat([]byte("x"), 10_000), 5); err != nil {
		return err
	}
	return errors.Join(f.Sync(), os.Rename(path, path+"2"))
}

// run runs the child, and returns what it said and the calls on its file.
func run(t *testing.T, handle func(*trap.Call) syscall.Errno) (said string, calls []string, err error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "f")
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), "TRAP_TEST_FILE="+path)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = trap.Run(cmd, []string{"openat", "pwrite64", "fsync", "renameat", "renameat2"}, func(c *trap.Call) syscall.Errno {
		if c.Path != path {
			return 0
		}
		if c.Name == "pwrite64" {
			if data, err := c.Data(); err != nil || len(data) != 10_000 || bytes.Trim(data, "x") != nil && len(bytes.Trim(data, "x")) > 0 {
				t.Errorf("%d bytes, %v", len(data), err)
			}
		}
		calls = append(calls, fmt.Sprint(strings.TrimSuffix(c.Name, "2"), " ", c.Offset, " ", strings.TrimPrefix(c.To, path)))
		return handle(c)
	})
	if errors.Is(err, trap.ErrUnavailable) {
		t.Skip(err)
	}
	return out.String(), calls, err
}

func TestEveryCallIsSeen(t *testing.T) {
	said, calls, err := run(t, func(*trap.Call) syscall.Errno { return 0 })
	if err != nil || said != "<nil>\n" {
		t.Errorf("%q, %v", said, err)
	}
	want := "openat 0 ,pwrite64 5 ,fsync 0 ,renameat 0 2"
	if got := strings.Join(calls, ","); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestACallFails(t *testing.T) {
	said, _, err := run(t, func(c *trap.Call) syscall.Errno {
		if c.Name == "fsync" {
			return syscall.EIO
		}
		return 0
	})
	if err != nil || !strings.Contains(said, "input/output error") {
		t.Errorf("%q, %v", said, err)
	}
}

func TestKill(t *testing.T) {
	said, _, err := run(t, func(c *trap.Call) syscall.Errno {
		if c.Name == "fsync" {
			return trap.Kill
		}
		return 0
	})
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL || said != "" {
		t.Errorf("%q, %v", said, err)
	}
}

package agent_test

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"tacenda/internal/agent"
	"tacenda/internal/vaulttest"
)

// nobody is another user's number.
const nobody = 65534

// as runs fn as another user, on a thread of its own that ends with it. It takes
// root.
func as(t *testing.T, uid int, fn func() error) error {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("becoming another user takes root")
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread must serve nobody else
		// Not syscall.Setresuid, which changes every thread.
		_, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0))
		if errno != 0 {
			done <- errno
			return
		}
		done <- fn()
	}()
	return <-done
}

// TestOtherUserConnects: were all modes wrong, another user would still get
// nothing, not even a word.
func TestOtherUserConnects(t *testing.T) {
	r := serve(t, vaulttest.New(t), nil)
	dial := func() error {
		c, err := net.Dial("unix", r.config.Socket)
		if err != nil {
			return err
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		_, err = c.Write(frame(`{"op":"lock"}`))
		answer, _ := io.ReadAll(c)
		if len(answer) > 0 {
			return errors.New("an answer: " + string(answer))
		}
		return err
	}
	if err := as(t, nobody, dial); !errors.Is(err, os.ErrPermission) {
		t.Errorf("behind a private directory: %v", err)
	}
	for path, mode := range map[string]os.FileMode{
		filepath.Dir(filepath.Dir(r.config.Socket)): 0o755, filepath.Dir(r.config.Socket): 0o755, r.config.Socket: 0o666,
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if err := as(t, nobody, dial); err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("through open modes: %v", err)
		}
	}
	for path, mode := range map[string]os.FileMode{filepath.Dir(r.config.Socket): 0o700, r.config.Socket: 0o600} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.dial(t).Projects(t.Context()); err != nil {
		t.Errorf("its own user: %v", err)
	}
}

// TestPlantedSocket: a socket of another user is not asked, wherever it was put
// and whatever was made of its file.
func TestPlantedSocket(t *testing.T) {
	dir := shortDir(t)
	vaultFile := filepath.Join(dir, "vault.db")
	if err := os.WriteFile(vaultFile, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	run := filepath.Join(dir, "tacenda")
	socket := filepath.Join(run, "a.sock")
	if err := errors.Join(os.Mkdir(run, 0o700), os.Chmod(dir, 0o755), os.Chmod(run, 0o777)); err != nil {
		t.Fatal(err)
	}
	heard := make(chan string, 1)
	err := as(t, nobody, func() error {
		l, err := net.Listen("unix", socket)
		if err != nil {
			return err
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				said, _ := io.ReadAll(c)
				if len(said) > 0 {
					heard <- string(said)
				}
				c.Close()
			}
		}()
		return os.Chmod(socket, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		change func() error
		want   string
	}{
		{func() error { return os.Chmod(run, 0o700) }, "belongs to another user"}, // the socket
		{func() error { return os.Chown(socket, 0, 0) }, "another user listens"},
		{func() error { return os.Chown(run, nobody, nobody) }, "belongs to another user"}, // the directory
		{func() error { return errors.Join(os.Chown(run, 0, 0), os.Chown(dir, nobody, nobody)) }, "belongs to another user"},
	} {
		if err := step.change(); err != nil {
			t.Fatal(err)
		}
		_, err := agent.Dial(t.Context(), socket, agent.Options{Path: vaultFile})
		if err == nil || !strings.Contains(err.Error(), step.want) {
			t.Errorf("a client: %v, want %q", err, step.want)
		}
		if err := agent.Lock(t.Context(), socket); err == nil || !strings.Contains(err.Error(), step.want) {
			t.Errorf("lock: %v, want %q", err, step.want)
		}
		s, err := agent.Listen(agent.Config{Vault: vaulttest.New(t), Path: vaultFile, Socket: socket, TTL: time.Hour})
		if err == nil || !strings.Contains(err.Error(), step.want) {
			t.Errorf("an agent: %v, %v", s, err)
		}
	}
	select {
	case said := <-heard:
		t.Errorf("it was told %q", said)
	default:
	}
}

// TestPrepareLeavesNothingElsewhere: root, with another user's XDG_RUNTIME_DIR as
// sudo -E has it, makes no directory there, which would keep that user's agent out.
func TestPrepareLeavesNothingElsewhere(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a directory of another user takes root")
	}
	runtimeDir := shortDir(t)
	if err := os.Chown(runtimeDir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(runtimeDir, "tacenda")
	if err := agent.Prepare(agent.Socket(dir, "/vault")); err == nil || !strings.Contains(err.Error(), "belongs to another user") {
		t.Errorf("%v", err)
	}
	if _, err := os.Lstat(dir); err == nil {
		t.Error("a directory was left there")
	}
}

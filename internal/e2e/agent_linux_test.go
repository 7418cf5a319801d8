package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// withAgent gives the home a runtime directory, and ends its agents with the test.
func (h *home) withAgent() {
	h.t.Helper()
	dir, err := os.MkdirTemp("", "run") // short enough for the path of a socket
	if err != nil {
		h.t.Fatal(err)
	}
	h.env = append(h.env, "XDG_RUNTIME_DIR="+dir)
	h.t.Cleanup(func() {
		sockets, _ := filepath.Glob(filepath.Join(dir, "tacenda", "*.sock"))
		for _, s := range sockets {
			if pid := agentBehind(s); pid > 1 && pid != os.Getpid() {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		os.RemoveAll(dir)
	})
}

// runtimeDir is what withAgent made.
func (h *home) runtimeDir() string {
	for _, line := range h.env {
		if dir, ok := strings.CutPrefix(line, "XDG_RUNTIME_DIR="); ok {
			return dir
		}
	}
	h.t.Fatal("no runtime directory")
	return ""
}

// agentBehind is the process that listens on a socket, 0 for none.
func agentBehind(socket string) int {
	c, err := net.DialTimeout("unix", socket, 5*time.Second)
	if err != nil {
		return 0
	}
	defer c.Close()
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0
	}
	pid := 0
	_ = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(cred.Pid)
		}
	})
	return pid
}

// unlock starts an agent with the home's key, takes the key away from what
// follows, and returns the agent's process.
func (h *home) unlock() int {
	h.t.Helper()
	h.run("", "unlock")
	for i, line := range h.env {
		if strings.HasPrefix(line, "TACENDA_IDENTITY=") {
			h.env[i] = "TACENDA_IDENTITY="
		}
	}
	sockets, err := filepath.Glob(filepath.Join(h.runtimeDir(), "tacenda", "*.sock"))
	if err != nil || len(sockets) != 1 {
		h.t.Fatalf("sockets %q, %v", sockets, err)
	}
	pid := agentBehind(sockets[0])
	if pid == 0 {
		h.t.Fatal("nobody listens")
	}
	return pid
}

// TestMemoryOfAgent: a value that came and went through the agent is found in
// the client's guarded memory while it is used, and nowhere in the agent.
func TestMemoryOfAgent(t *testing.T) {
	h, value := newHome(t), needle(t)
	h.withAgent()
	pid := h.unlock()
	h.run(string(value), "create", "API_KEY", "--value-file", "-")
	long := strings.Repeat("x", 100<<10) // is not sent ahead, but fetched
	h.run(long, "create", "LONG", "--value-file", "-")
	h.file("t.tmpl", strings.Repeat("x", 1<<20)+"{{API_KEY}}{{LONG}}")
	r, w := fullPipe(t)
	cmd := h.command("resolve", "t.tmpl")
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	settle(t, cmd.Process.Pid)
	client := scan(t, cmd.Process.Pid, value)
	if len(client.Copies) == 0 {
		t.Error("the client has no value while it resolves: the test sees nothing")
	}
	if outside := unguarded(t, cmd.Process.Pid, client); len(outside) > 0 {
		t.Errorf("the client, outside guarded memory: %v\n%v", outside, client)
	}
	if r := scan(t, pid, value); !r.Clean() {
		t.Errorf("the agent while a client resolves: %v", r)
	}
	w.Close()
	out, err := io.ReadAll(r)
	if err != nil || cmd.Wait() != nil || !bytes.Contains(out, value) || !bytes.HasSuffix(out, []byte(long)) {
		t.Errorf("resolved %d bytes, %v", len(out), err)
	}
	settle(t, pid)
	if r := scan(t, pid, value); !r.Clean() {
		t.Errorf("the agent afterwards: %v", r)
	}
	h.run("", "lock")
	if out, err := h.try("", "list"); err == nil {
		t.Errorf("after lock: %s", out)
	}
}

// TestMemoryOfClientAfterCreate stops a client when its work is done.
func TestMemoryOfClientAfterCreate(t *testing.T) {
	h, value := newHome(t), needle(t)
	h.withAgent()
	h.unlock()
	cleanAfterCreate(t, h, value)
}

// TestAgentOfAnotherUser: the agent of one user is closed to another, to their
// debugger too, and theirs to root's commands.
func TestAgentOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("becoming another user takes root")
	}
	const nobody = 65534
	h := newHome(t)
	h.withAgent()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "bin") //nolint:usetesting // where everybody may run it
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "tacenda")
	if out, err := exec.Command("cp", path, program).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, p := range []string{dir, program} {
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	theirs, err := os.MkdirTemp("", "home") //nolint:usetesting // a short path, or one that other users reach
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(theirs)
	if err := os.Chown(theirs, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	as := func(env []string, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Dir, cmd.Env = "/", env
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	// With everything of root's: its runtime directory, its vault.
	h.unlock()
	if out, err := as(h.env, "list"); err == nil || !strings.Contains(out, "permission denied") {
		t.Errorf("root's agent for nobody: %v, %s", err, out)
	}
	// An agent of their own.
	pass := filepath.Join(theirs, "pass")
	if err := os.WriteFile(pass, []byte("correct horse battery staple\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(pass, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	env := []string{"HOME=" + theirs, "XDG_RUNTIME_DIR=" + theirs, "TACENDA_VAULT=" + filepath.Join(theirs, "vault.db"), "LC_ALL=C.UTF-8"}
	for _, args := range [][]string{{"init", "--passphrase-file", pass}, {"unlock", "--passphrase-file", pass}, {"list"}} {
		if out, err := as(env, args...); err != nil {
			t.Fatalf("%v: %v, %s", args, err, out)
		}
	}
	sockets, err := filepath.Glob(filepath.Join(theirs, "tacenda", "*.sock"))
	if err != nil || len(sockets) != 1 {
		t.Fatalf("sockets %q, %v", sockets, err)
	}
	pid := agentBehind(sockets[0])
	defer func() { _, _ = as(env, "lock") }()
	info, err := os.Stat(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || st.Uid != 0 { // what is not dumpable belongs to root
		t.Errorf("its own user may read its memory: %+v", st)
	}
	if out, err := exec.Command("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "cat", fmt.Sprintf("/proc/%d/environ", pid)).CombinedOutput(); err == nil {
		t.Errorf("its own user reads its environment: %q", out)
	}
	// Root comes with their directory: the socket is not root's.
	mine := append([]string{}, env...)
	cmd := exec.CommandContext(t.Context(), program, "lock")
	cmd.Env = mine
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "belongs to another user") {
		t.Errorf("nobody's agent for root: %v, %s", err, out)
	}
	if out, err := as(env, "lock"); err != nil || !strings.Contains(out, "locked") {
		t.Errorf("its own lock: %v, %s", err, out)
	}
}

// TestStoppedAgent: one that does not answer holds up a command for seconds, not
// for good, and other ways are tried.
func TestStoppedAgent(t *testing.T) {
	h := newHome(t)
	h.withAgent()
	pid := h.unlock()
	// The name by which lists of processes call it, and an administrator looks for it.
	if comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err != nil || string(comm) != "tacenda\n" {
		t.Errorf("the agent is called %q, %v", comm, err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	_, err := h.try("", "list")
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("list: %v", err)
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	h.run("", "list")
	h.run("", "lock")
}

// TestAgentForeground is how a service manager runs it: it stays, says when it is
// ready, and ends by a signal.
func TestAgentForeground(t *testing.T) {
	h := newHome(t)
	h.withAgent()
	notify := filepath.Join(h.runtimeDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: notify, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cmd := h.command("unlock", "--foreground", "--ttl", "1h")
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+notify)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = l.SetReadDeadline(time.Now().Add(20 * time.Second))
	buf := make([]byte, 100)
	n, err := l.Read(buf)
	if err != nil || string(buf[:n]) != "READY=1" {
		t.Errorf("the service manager was told %q, %v: %s", buf[:n], err, errs.String())
	}
	sockets, _ := filepath.Glob(filepath.Join(h.runtimeDir(), "tacenda", "*.sock"))
	if len(sockets) != 1 || agentBehind(sockets[0]) != cmd.Process.Pid {
		t.Errorf("sockets %q", sockets)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("it ended with %v", err)
	}
	if _, err := os.Stat(sockets[0]); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
}

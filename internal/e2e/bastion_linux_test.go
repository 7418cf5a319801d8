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

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"tacenda/internal/prooftest"
)

// A bastion is a server with the vault of a home, and ann, who comes in with the
// system's ssh.
type bastion struct {
	*home
	cmd    *exec.Cmd
	config string // of ssh
	log    string
}

// newBastion serves the vault of a new home; env is what the server has beside
// its own environment.
func newBastion(t *testing.T, env ...string) *bastion {
	t.Helper()
	for _, program := range []string{"ssh", "ssh-keygen"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("no %s on this machine", program)
		}
	}
	h := newHome(t)
	b := &bastion{home: h, log: filepath.Join(h.dir, "serverlog"), config: filepath.Join(h.dir, "ssh_config")}
	for _, name := range []string{"server", "ann"} {
		key := filepath.Join(h.dir, name)
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		public, err := os.ReadFile(key + ".pub")
		if err != nil {
			t.Fatal(err)
		}
		h.run("", "member", "add", name, "--recipient", strings.TrimSpace(string(public)))
		h.run("", "grant", name, "secrets:use", "secrets:manage", "-p", "default")
	}
	b.start(env...)
	return b
}

func (b *bastion) start(env ...string) {
	t := b.t
	t.Helper()
	out, err := os.Create(b.log)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	b.cmd = b.command("serve", "--listen", "127.0.0.1:0", "--identity", filepath.Join(b.dir, "server"))
	b.cmd.Env = append(append([]string{}, b.env...), env...)
	b.cmd.Stdout, b.cmd.Stderr = out, out
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = b.cmd.Process.Signal(syscall.SIGTERM)
		_ = b.cmd.Wait()
	})
	address := ""
	for end := time.Now().Add(30 * time.Second); address == ""; time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile(b.log)
		if err != nil {
			t.Fatal(err)
		}
		if _, after, ok := strings.Cut(string(text), `"msg":"listening","address":"`); ok {
			address, _, _ = strings.Cut(after, `"`)
		}
		if time.Now().After(end) {
			t.Fatalf("the server does not listen: %s", text)
		}
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	b.file("ssh_config", fmt.Sprintf("Host vault\nHostName %s\nPort %s\nHost *\nUserKnownHostsFile %s\nGlobalKnownHostsFile none\nStrictHostKeyChecking accept-new\n"+
		"IdentitiesOnly yes\nIdentityAgent none\nIdentityFile %s\nControlPath none\nLogLevel ERROR\n", host, port, filepath.Join(b.dir, "known_hosts"), filepath.Join(b.dir, "ann")))
}

// sessionsEnded waits until every session that began has ended, by the server's
// own word.
func (b *bastion) sessionsEnded(t *testing.T) {
	t.Helper()
	waitFor(t, "the session to end", func() bool {
		text, err := os.ReadFile(b.log)
		return err == nil && bytes.Count(text, []byte(`"msg":"session began"`)) == bytes.Count(text, []byte(`"msg":"session ended"`))
	})
}

// ssh is the system's, not started.
func (b *bastion) ssh(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(b.t.Context(), "ssh", append([]string{"-F", b.config, "vault"}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "TERM=xterm-256color", "LANG=C.UTF-8"}
	return cmd
}

// elsewhere is the environment of a tacenda on another machine, whose ssh knows
// the server as ssh://vault.
func (b *bastion) elsewhere() []string {
	b.t.Helper()
	bin := filepath.Join(b.dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		b.t.Fatal(err)
	}
	path, err := exec.LookPath("ssh")
	if err != nil {
		b.t.Fatal(err)
	}
	script := "#!/bin/sh\nexec " + path + " -F " + b.config + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "ssh"), []byte(script), 0o700); err != nil {
		b.t.Fatal(err)
	}
	return []string{
		"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + b.dir, "LC_ALL=C.UTF-8",
		"XDG_STATE_HOME=" + filepath.Join(b.dir, "elsewhere"), "TACENDA_VAULT=ssh://vault",
	}
}

// level is one number of the server's status, in kB.
func (b *bastion) level(name string) (n int) {
	b.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.cmd.Process.Pid))
	if err != nil {
		b.t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			_, _ = fmt.Sscan(value, &n)
		}
	}
	return n
}

// typing opens the interface in a terminal, and the form of a new secret.
func (b *bastion) typing(t *testing.T) (cmd *exec.Cmd, terminal *os.File) {
	t.Helper()
	cmd = b.ssh("-t", "-t")
	cmd.Args = []string{"ssh", "-F", b.config, "-tt", "vault"}
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = terminal.Close()
	})
	shown := make(chan string, 1024)
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := terminal.Read(buf)
			if err != nil {
				close(shown)
				return
			}
			select {
			case shown <- string(buf[:n]):
			default:
			}
		}
	}()
	see := func(want string) {
		t.Helper()
		all := ""
		for timeout := time.After(30 * time.Second); !strings.Contains(all, want); {
			select {
			case s := <-shown:
				all += s
			case <-timeout:
				t.Fatalf("%q does not come: %q", want, all)
			}
		}
	}
	press := func(keys string) {
		t.Helper()
		if _, err := io.WriteString(terminal, keys); err != nil {
			t.Fatal(err)
		}
	}
	see("default")
	press("n")
	see("New secret")
	press("typed_here\t")
	return cmd, terminal
}

// TestMemoryOfServer searches the server's memory for a value that came over SSH,
// by a pipe, typed, pasted and resolved: while the session is there, and after
// it: then nothing may be left.
func TestMemoryOfServer(t *testing.T) {
	b := newBastion(t)
	pid := b.cmd.Process.Pid
	searches := 0
	after := func(what string, value []byte) {
		t.Helper()
		b.sessionsEnded(t)
		time.Sleep(time.Second) // the sweep
		searches++
		if r := scan(t, pid, value); !r.Clean() {
			t.Errorf("%s: %v", what, r)
		}
	}
	piped := needle(t)
	cmd := b.ssh("create", "PIPED", "--value-file", "-")
	cmd.Stdin = bytes.NewReader(piped)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	after("piped", piped)

	cmd = b.ssh("resolve", "-")
	cmd.Stdin = strings.NewReader("{{PIPED}}")
	if out, err := cmd.Output(); err != nil || !bytes.Equal(out, piped) {
		t.Fatalf("%v: %d bytes", err, len(out))
	}
	after("resolved", piped)

	for _, way := range []string{"typed", "pasted"} {
		value := needle(t)
		session, terminal := b.typing(t)
		text := string(value)
		if way == "pasted" {
			text = "\x1b[200~" + text + "\x1b[201~"
		}
		if way == "typed" {
			for _, c := range text {
				_, _ = io.WriteString(terminal, string(c))
				time.Sleep(2 * time.Millisecond)
			}
		} else {
			_, _ = io.WriteString(terminal, text)
		}
		time.Sleep(500 * time.Millisecond)
		r := scan(t, pid, value)
		t.Logf("%s, in the form: %v", way, r)
		_ = session.Process.Kill() // the worst end
		_ = session.Wait()
		after(way, value)
	}
	// What the server answered a tacenda elsewhere.
	remote := b.command("--vault", "ssh://vault", "resolve", "-")
	remote.Env = b.elsewhere()
	remote.Stdin = strings.NewReader("{{PIPED}}")
	if out, err := remote.Output(); err != nil || !bytes.Equal(out, piped) {
		t.Fatalf("%v: %d bytes", err, len(out))
	}
	after("through the gate", piped)
	prooftest.Cases(t, searches, "ways that a value came or went, searched for after the session")
}

// TestServerAfterACrowd: clients that are killed leave neither descriptors nor
// threads, and memory comes back.
func TestServerAfterACrowd(t *testing.T) {
	b := newBastion(t)
	files := func() int {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.cmd.Process.Pid))
		if err != nil {
			t.Skip("looking at another process's descriptors takes root")
		}
		return len(entries)
	}
	one := func() {
		if out, err := b.ssh("list", "--names").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	one()
	time.Sleep(300 * time.Millisecond)
	rss, locked, open := b.level("VmRSS"), b.level("VmLck"), files()
	var crowd []*exec.Cmd
	for range 8 {
		cmd, terminal := b.typing(t)
		_, _ = io.WriteString(terminal, "value-of-somebody")
		crowd = append(crowd, cmd)
	}
	t.Logf("one interface takes %d kB, %d kB of them locked", (b.level("VmRSS")-rss)/len(crowd), (b.level("VmLck")-locked)/len(crowd))
	for _, cmd := range crowd {
		_ = cmd.Process.Kill()
	}
	waitFor(t, "the server to be as before", func() bool {
		return files() <= open && b.level("VmLck") <= locked+64 && b.level("VmRSS") <= rss+16<<10
	})
	one()
}

// TestTUIOverSSH is the interface here for a vault behind a server, in tmux.
func TestTUIOverSSH(t *testing.T) {
	b := newBastion(t)
	far := *b.home
	far.env = b.elsewhere()
	m := newMux(t, &far)
	m.see("No secrets in default yet.")
	value := m.value()
	m.press("n")
	m.see("New secret")
	m.enter("api_key")
	m.press("Tab")
	m.enter(value)
	m.see("40 bytes")
	m.press("C-s")
	m.see("created API_KEY")
	b.holds("default", value)
	b.run(value, "create", "MADE_THERE", "--value-file", "-")
	m.see("MADE_THERE")
	m.press("L")
	m.see("Unlock vault")
	time.Sleep(500 * time.Millisecond) // what opens by itself ignores keys at first
	m.press("Enter")
	m.see("MADE_THERE")
	m.press("q")
	m.see("ENDED 0")
}

// TestServerWithoutRoom: when the disk takes no more of the server's log, nobody
// gets a value, and everybody does when there is room again.
func TestServerWithoutRoom(t *testing.T) {
	b := newBastion(t)
	b.run("value-0123456789", "create", "API_KEY", "--value-file", "-")
	resolve := func() (string, error) {
		cmd := b.ssh("resolve", "-")
		cmd.Stdin = strings.NewReader("{{API_KEY}}")
		out, err := cmd.Output()
		return string(out), err
	}
	if out, err := resolve(); err != nil || out != "value-0123456789" {
		t.Fatalf("%q %v", out, err)
	}
	logs, err := filepath.Glob(filepath.Join(b.dir, ".local/state/tacenda/server/*.log"))
	if err != nil || len(logs) != 1 {
		t.Fatal(logs, err)
	}
	info, err := os.Stat(logs[0])
	if err != nil {
		t.Fatal(err)
	}
	pid := b.cmd.Process.Pid
	var before unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: uint64(info.Size()) + 100, Max: unix.RLIM_INFINITY}, &before); err != nil {
		t.Skip("the limits of another process cannot be set here:", err)
	}
	if out, err := resolve(); err == nil || out != "" {
		t.Errorf("a use that left no trace: %q", out)
	}
	if now, err := os.Stat(logs[0]); err != nil || now.Size() != info.Size() {
		t.Errorf("half a line stays: %d bytes, before %d", now.Size(), info.Size())
	}
	if err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, &before, nil); err != nil {
		t.Fatal(err)
	}
	if out, err := resolve(); err != nil || out != "value-0123456789" {
		log, _ := os.ReadFile(b.log)
		t.Errorf("with room again: %q %v: %s", out, err, log)
	}
	b.run("", "audit", "--verify")
}

//go:build unix

package cli

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"
	sshagent "golang.org/x/crypto/ssh/agent"
)

// openSSH is a program of the system's OpenSSH that comes in as who; args begin
// with options.
func (b *testBastion) openSSH(ctx context.Context, program, who string, args ...string) *exec.Cmd {
	b.t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		b.t.Skipf("no %s on this machine", program)
	}
	_, port, err := net.SplitHostPort(b.addr)
	if err != nil {
		b.t.Fatal(err)
	}
	c := exec.CommandContext(ctx, path, append([]string{
		"-F", "none", "-o", "UserKnownHostsFile=" + filepath.Join(b.dir, "known_hosts"), "-o", "GlobalKnownHostsFile=none",
		"-o", "StrictHostKeyChecking=accept-new", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "ControlPath=none",
		"-o", "LogLevel=ERROR", "-o", "ExitOnForwardFailure=yes", "-o", "XAuthLocation=/none", "-i", filepath.Join(b.dir, who), "-o", "Port=" + port,
	}, args...)...)
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "TERM=xterm", "DISPLAY=:99", "SSH_AUTH_SOCK=" + filepath.Join(b.dir, "agent")}
	return c
}

// agentFor is an SSH agent without a key: there must be one to be forwarded.
func (b *testBastion) agentFor() {
	b.t.Helper()
	l, err := net.Listen("unix", filepath.Join(b.dir, "agent"))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_ = sshagent.ServeAgent(sshagent.NewKeyring(), conn)
			}()
		}
	}()
}

// denials is what the server's signed log has of what who was denied, which the
// whole log has been checked for.
func (b *testBastion) denials(owner *gossh.Client, who string) []string {
	b.t.Helper()
	got := ask(b.t, owner, "audit -p own --json", "")
	if got.code != 0 {
		b.t.Fatal(got)
	}
	var found []string
	for line := range strings.Lines(got.out) {
		if !strings.Contains(line, `"actor":"`+who+`","action":"denied"`) {
			continue
		}
		if !strings.Contains(line, `"origin":"127.0.0.1:`) || !strings.Contains(line, gossh.FingerprintSHA256(b.keys[who].PublicKey())) {
			b.t.Errorf("without an origin or a key: %s", line)
		}
		_, after, _ := strings.Cut(line, `"object":"`)
		what, _, _ := strings.Cut(after, `"`)
		found = append(found, what)
	}
	return found
}

// TestServeLogHasEveryRefusal asks with OpenSSH for everything that SSH has and is
// not served: each is a denial in the log that the server signs, and in the other
// one, and nothing that the client wrote is.
func TestServeLogHasEveryRefusal(t *testing.T) {
	b := startBastion(t, nil)
	b.agentFor()
	owner := b.dial("owner")
	file := filepath.Join(b.dir, "private")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	forward := func(flag, what string) []string { return []string{flag, what, "-N", "127.0.0.1"} }
	at := func(args ...string) []string { return append(args, "127.0.0.1") }
	cases := []struct {
		program string
		args    []string
		want    string // of the log that is signed; empty for nothing
		other   string // of the other one
	}{
		{"ssh", at("-W", "private:22"), "channel direct-tcpip", `"what":"channel direct-tcpip"`},
		{"ssh", forward("-R", "0:private:22"), "request tcpip-forward", `"what":"request tcpip-forward"`},
		{"ssh", forward("-R", "0"), "request tcpip-forward", `"what":"request tcpip-forward"`},
		{"ssh", forward("-R", "/private:private:22"), "request streamlocal-forward", `"what":"request streamlocal-forward"`},
		{"ssh", append(at("-A"), "list"), "request auth-agent-req", `"what":"request auth-agent-req"`},
		{"ssh", append(at("-Y"), "list"), "request x11-req", `"what":"request x11-req"`},
		{"sftp", at(), "subsystem sftp", `"what":"subsystem sftp"`},
		{"scp", append([]string{"-s", file}, "127.0.0.1:private"), "subsystem sftp", `"what":"subsystem sftp"`},
		{"scp", append([]string{"-O", file}, "127.0.0.1:private"), "unknown command", `"command":"unknown command","exit":2`},
		{"ssh", append(at("-s"), "private"), "unknown subsystem", `"what":"unknown subsystem"`},
		{"ssh", at("-T"), "shell", `"command":"shell","exit":2`},
		{"ssh", append(at(), " "), "request exec", `"what":"request exec"`},
		{"ssh", append(at(), strings.Repeat("a", 100_000)), "request exec", `"what":"request exec"`},
		{"ssh", append(at(), "sh", "-c", "private"), "unknown command", `"command":"unknown command","exit":2`},
		{"ssh", append(at(), "private"), "unknown command", `"command":"unknown command","exit":2`},
		{"ssh", append(at("-tt"), "private"), "unknown command", `"command":"unknown command","exit":2`},
		{"ssh", append(at(), "list 'private"), "unknown command", `"command":"unknown command","exit":2`},
		{"ssh", append(at(), "rsync --server --private list"), "unknown command", `"command":"unknown command","exit":2`},
		{"ssh", append(at(), "key add --private"), "key add", `"command":"key add","exit":2`},
		{"ssh", append(at(), "run -- private"), "run", `"command":"run","exit":2`},
		{"ssh", append(at(), "list", "--private"), "", ""}, // a mistake, and no denial
		{"ssh", append(at("-o", "SetEnv=PRIVATE=private", "-o", "ServerAliveInterval=1"), "list", "-p", "own"), "", ""},
	}
	for _, x := range cases {
		before, said := b.denials(owner, "all"), b.log.String()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		c := b.openSSH(ctx, x.program, "all", x.args...)
		out, err := c.CombinedOutput()
		cancel()
		if ctx.Err() == context.DeadlineExceeded {
			t.Errorf("%s %.60q: not refused: %v %s", x.program, x.args, err, out)
		}
		var want []string
		if x.want != "" {
			want = []string{x.want}
		}
		if got := b.denials(owner, "all")[len(before):]; !slices.Equal(got, want) {
			t.Errorf("%s %.60q: denied %q, want %q: %s", x.program, x.args, got, want, out)
		}
		if s := b.log.String(); x.other != "" && strings.Count(s, x.other) != strings.Count(said, x.other)+1 {
			t.Errorf("%s %.60q: the other log has no new %s:\n%s", x.program, x.args, x.other, s)
		}
	}
	if s := b.log.String() + ask(t, owner, "audit -p own --json", "").out; strings.Contains(s, "private") {
		t.Errorf("a log has what the client wrote:\n%s", s)
	}
}

//go:build unix

package cli

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	gossh "golang.org/x/crypto/ssh"

	"tacenda/internal/vault"
)

// TestServeOddCommands says what no command is, and sees that nothing but a
// refusal comes of it.
func TestServeOddCommands(t *testing.T) {
	b := startBastion(t, nil)
	c := b.dial("all")
	marker := b.dir + "/marker"
	terminal := func(s *gossh.Session) {
		if err := s.RequestPty("xterm", 24, 80, nil); err != nil {
			t.Error(err)
		}
	}
	cases := []struct {
		line string
		code exitCode
	}{
		{"sh -c 'touch " + marker + "'", exitUsage},
		{"list; touch " + marker, exitUsage},
		{"list -p own && touch " + marker, exitDone}, // patterns of names
		{"list -p own | touch " + marker, exitDone},
		{"$(touch " + marker + ")", exitUsage},
		{"`touch " + marker + "`", exitUsage},
		{"list -p own > " + marker, exitDone},
		{"list -p own\ntouch " + marker, exitDone},
		{"tacenda tacenda list", exitUsage},
		{"/usr/bin/tacenda list", exitUsage},
		{"scp -t .", exitUsage}, {"sftp-server", exitUsage}, {"rsync --server .", exitUsage},
		{"gate extra", exitUsage}, {"GATE", exitUsage},
		{"list 'no end", exitUsage}, {`list "no end`, exitUsage}, {`list \`, exitUsage},
		{"--", exitUsage}, {"-", exitUsage}, {"-h", exitDone}, {"tacenda", exitUsage},
		{"show A\x00B -p own", exitUsage}, {"\x00", exitUsage}, {"list\x00", exitUsage},
		{"show \xff\xfe -p own", exitUsage}, {"list -p o\u200bwn", exitUsage}, {"list -p \u202eown", exitUsage},
		{"ｌist", exitUsage}, {"lıst", exitUsage}, {"show Ａ -p own", exitUsage}, {"list -p öwn", exitUsage},
		{"list -p " + strings.Repeat("a", 60<<10), exitUsage},
		{strings.Repeat("list ", 12<<10) + "-p own", exitDone},
		{strings.Repeat("-p own ", 9000) + "list", exitDone},
		{"serve", exitUsage}, {"init", exitUsage}, {"run -- id", exitUsage}, {"key list", exitUsage}, {"export", exitUsage},
		{"mcp", exitUsage}, {"unlock", exitUsage}, {"status", exitUsage}, {"doctor", exitUsage}, {"backup x", exitUsage},
		{"project create x", exitUsage}, {"member list", exitUsage}, {"tool show t", exitUsage}, {"instruction list", exitUsage},
		{"__complete list ''", exitUsage}, {"__completeNoDesc show ''", exitUsage}, {"completion bash", exitUsage},
		{"--resolve /etc/passwd", exitUsage}, {"--resolve -", exitUsage}, {"resolve /etc/passwd", exitUsage},
		{"resolve /dev/stdin", exitUsage}, {"resolve /dev/fd/3", exitUsage}, {"resolve - /etc/passwd", exitUsage},
		{"check /etc", exitUsage}, {"check", exitFindings}, {"redact /etc/passwd", exitUsage}, {"refs A /etc", exitUsage},
		{"create X --value-file /etc/passwd -p own", exitUsage}, {"call t --data /etc/passwd -p own", exitUsage},
		{"create X -p own", exitUsage}, {"audit --verify=/etc/passwd -p own", exitUsage},
		{"list -p ../own", exitUsage}, {"show ../../A -p own", exitUsage},
	}
	for _, x := range cases {
		for _, prepare := range [][]func(*gossh.Session){nil, {terminal}} {
			if strings.TrimSpace(x.line) == "tacenda" && prepare != nil {
				continue // the interface
			}
			line := x.line
			if x.line == "check" {
				line = "check -p own"
			}
			got := ask(t, c, line, "", prepare...)
			if got.code != int(x.code) {
				t.Errorf("%.60q: exit %d, want %d: %.200q%.200q", x.line, got.code, x.code, got.out, got.err)
			}
			if i := strings.IndexFunc(got.out+got.err, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' || r == 0x7f || r == 0x202e }); i >= 0 && prepare != nil && !strings.Contains(got.out, "\x1b[1m") {
				t.Errorf("%.60q: a control character comes back: %.200q", x.line, got.out+got.err)
			}
			if strings.Contains(got.out, "root:") {
				t.Errorf("%.60q: a file of the server's was read", x.line)
			}
		}
	}
	if _, err := os.Lstat(marker); err == nil {
		t.Error("something was run")
	}
	// The protocol's own bound: what is longer is not even a command.
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Start("list " + strings.Repeat("x", 64<<10)); err == nil {
		t.Error("a command of more than 64 KiB was taken")
	}
	if s, err := c.NewSession(); err != nil {
		t.Fatal(err)
	} else if err := s.Shell(); err != nil {
		t.Error(err)
	} else if err := s.Wait(); exitOf(err) != int(exitUsage) {
		t.Errorf("a shell without a terminal: %v", err)
	}
	if says := b.log.String(); strings.Contains(says, "touch") || strings.Contains(says, "passwd") || strings.Contains(says, "no end") {
		t.Error("the log holds what was typed")
	}
}

func exitOf(err error) int {
	var exit *gossh.ExitError
	if errors.As(err, &exit) {
		return exit.ExitStatus()
	}
	return -1
}

// TestServeOptions tries every option of every command: what does not stand in
// remoteCommands is refused, by the server and not by a parser that disliked the
// value.
func TestServeOptions(t *testing.T) {
	b := startBastion(t, nil)
	c := b.dial("all")
	open := map[string]bool{}
	for name, r := range remoteCommands {
		for _, o := range append(strings.Fields(r.options), remoteGlobals...) {
			open[name+" --"+o] = true
		}
	}
	tried := 0
	var visit func(*cobra.Command)
	visit = func(x *cobra.Command) {
		for _, sub := range x.Commands() {
			visit(sub)
		}
		if x.Runnable() {
			name := strings.TrimPrefix(x.CommandPath(), "tacenda ")
			flags := func(f *pflag.Flag) {
				if f.Name == "help" || open[name+" --"+f.Name] {
					return
				}
				tried++
				refusedOption(t, c, name, f)
			}
			x.InheritedFlags().VisitAll(flags)
			x.LocalFlags().VisitAll(flags)
		}
	}
	visit(newRoot(&app{sys: System{Getenv: func(string) string { return "" }}, out: &stream{}, err: &stream{}}, nil))
	if tried < 200 {
		t.Errorf("%d options were tried, that cannot be all", tried)
	}
	t.Logf("%d options", tried)
}

// refusedOption gives an option with as many arguments as its command may want.
func refusedOption(t *testing.T, c *gossh.Client, name string, f *pflag.Flag) {
	t.Helper()
	value := map[string]string{"duration": "1s", "int": "1", "uint16": "1", "bool": "true"}[f.Value.Type()]
	if value == "" {
		value = "/etc/passwd"
	}
	if name == "tacenda" {
		name = ""
	}
	var said strings.Builder
	for _, args := range []string{"", " A", " A B", " A B C", " A secrets:use", " -- A"} {
		got := ask(t, c, fmt.Sprintf("%s --%s=%s%s", name, f.Name, value, args), "")
		if got.code != int(exitUsage) || got.out != "" {
			t.Errorf("%s --%s%s: exit %d: %s", name, f.Name, args, got.code, got.out+got.err)
		}
		said.WriteString(got.err)
	}
	if !strings.Contains(said.String(), "is not available here") && !strings.Contains(said.String(), "unknown command") {
		t.Errorf("%s --%s: refused, but not for being closed: %s", name, f.Name, said.String())
	}
}

// TestServeCall lets a tool reach nothing but what the address that is dialled
// allows, whatever its name.
func TestServeCall(t *testing.T) {
	var hits atomic.Int32
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		hits.Add(1)
		_, _ = io.WriteString(w, "reached")
	}))
	defer api.Close()
	_, port, _ := net.SplitHostPort(api.Listener.Addr().String())
	hosts := []string{"127.0.0.1", "localhost", "127.1.2.3", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "10.255.255.1", "192.168.255.1", "169.254.169.254", "[fe80::1]", "[fd00::1]", "100.64.0.1"}
	b := startBastion(t, nil)
	set := func(n int, host string) string {
		name := fmt.Sprint("to-", n)
		text := fmt.Sprintf("method: GET\nurl: http://%s:%s/\nallow_plain: true\ntimeout: 2s\nheaders: {X-Key: \"{{A}}\"}\n", host, port)
		if _, err := b.owner.SetText(t.Context(), "own", vault.Tool, name, text, 0); err != nil {
			t.Fatalf("%s: %v", host, err)
		}
		return name
	}
	c := b.dial("all")
	for n, host := range hosts {
		got := ask(t, c, "call "+set(n, host)+" -p own", "")
		if got.code != int(exitFailure) || !strings.Contains(got.err, "not a public address") {
			t.Errorf("%s: exit %d: %s", host, got.code, got.out+got.err)
		}
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("%d requests came through", n)
	}
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	b.serve(func(f *serveFlags) { f.allow = []string{"127.0.0.1/32"} })
	c = b.dial("all")
	for n, host := range hosts {
		got := ask(t, c, fmt.Sprintf("call to-%d -p own", n), "")
		open := slices.Contains([]string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"}, host)
		if open != (got.code == 0 && got.out == "reached") {
			t.Errorf("%s with --allow-net: exit %d: %s", host, got.code, got.out+got.err)
		}
	}
	a := appFor(b.dir, os.Stderr)
	for _, bad := range []string{"10.0.0.0", "10.0.0.0/33", "private", ""} {
		if code, _ := verdict(a.serve(t.Context(), serveFlags{listen: "127.0.0.1:0", idle: 1, max: 1, allow: []string{bad}})); code != exitUsage {
			t.Errorf("--allow-net %q: exit %d", bad, code)
		}
	}
	for _, bad := range []string{"", ":", "127.0.0.1", "127.0.0.1:", "/run/tacenda.sock", "::1"} { // "" would be every address, at some port
		if code, _ := verdict(a.serve(t.Context(), serveFlags{listen: bad, idle: 1, max: 1})); code != exitUsage {
			t.Errorf("--listen %q: exit %d", bad, code)
		}
	}
}

// TestServeRevoked takes permissions from members who are connected: their next
// step meets it, in a command, in the interface and in the gate.
func TestServeRevoked(t *testing.T) {
	b := startBastion(t, nil)
	ctx := t.Context()
	use, all, manage := b.dial("use"), b.dial("all"), b.dial("manage")
	screen := b.interfaceOf(all, "xterm-256color", 80, 24)
	screen.see("A", "own")
	expect := func(who string, c *gossh.Client, line string, code exitCode) {
		t.Helper()
		if got := ask(t, c, line, ""); got.code != int(code) {
			t.Errorf("%s: %s: exit %d, want %d: %s", who, line, got.code, code, got.err)
		}
	}
	expect("use", use, "resolve -e '{{A}}' -p own", exitDone)
	expect("manage", manage, "create BEFORE --generate -p own", exitDone)
	if _, err := b.owner.Revoke(ctx, "use", "own", nil); err != nil {
		t.Fatal(err)
	}
	expect("use", use, "resolve -e '{{A}}' -p own", exitNotFound)
	expect("use", use, "resolve -e '{{A}}' -p copy", exitDone)
	read, err := vault.ParsePermission([]string{"secrets:read"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.owner.Grant(ctx, "manage", "own", read, false, nil); err != nil {
		t.Fatal(err)
	}
	expect("manage", manage, "create AFTER --generate -p own", exitDenied)
	expect("manage", manage, "list -p own", exitDone)

	if _, err := b.owner.RemoveMember(ctx, "all", nil); err != nil {
		t.Fatal(err)
	}
	if s, err := all.NewSession(); err == nil {
		_ = s.Close()
		t.Error("a member that was removed begins a session")
	}
	screen.press("r")
	screen.see("lock")
	if _, err := gossh.Dial("tcp", b.addr, &gossh.ClientConfig{
		User: "all", Auth: []gossh.AuthMethod{gossh.PublicKeys(b.keys["all"])}, Timeout: 20 * time.Second,
		HostKeyCallback: gossh.InsecureIgnoreHostKey(),
	}); err == nil {
		t.Error("a member that was removed comes in")
	}
	// The owner makes every key anew: the server goes on, with what it was granted.
	if err := b.owner.Rotate(ctx, nil); err != nil {
		t.Fatal(err)
	}
	expect("use", use, "resolve -e '{{A}}' -p copy", exitDone)
	// Without the server's own grants nobody has anything; without the server as a member it ends.
	if _, err := b.owner.Revoke(ctx, "bastion", "copy", nil); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, use, "resolve -e '{{A}}' -p copy", ""); got.code == 0 || got.out != "" {
		t.Errorf("a value without a key of the server's: %+v", got)
	}
}

// TestServeEndsWithItsKey: a server that was removed ends, and says so with the
// code of a vault that does not open.
func TestServeEndsWithItsKey(t *testing.T) {
	b := startBastion(t, nil)
	c := b.dial("use")
	if _, err := b.owner.RemoveMember(t.Context(), "bastion", nil); err != nil {
		t.Fatal(err)
	}
	if s, err := c.NewSession(); err == nil {
		_ = s.Close()
		t.Error("a session began")
	}
	stop := b.stop
	b.stop = sync.OnceValue(func() error { return nil })
	if err := stop(); err == nil {
		t.Error("the server ended as if all were well")
	} else if code, _ := verdict(err); code != exitLocked {
		t.Errorf("exit %d: %v", code, err)
	}
}

// TestServeNameOfAnotherKey: somebody who holds a stolen key asks for a session and
// does not say what for. Meanwhile its owner gets a new key under the old name.
func TestServeNameOfAnotherKey(t *testing.T) {
	b := startBastion(t, nil)
	ctx := t.Context()
	waiting := map[string]*gossh.Session{}
	for _, command := range []string{"resolve -e '{{A}}' -p own", "gate"} {
		s, err := b.dial("all").NewSession()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		waiting[command] = s
	}
	if _, err := b.owner.RemoveMember(ctx, "all", nil); err != nil {
		t.Fatal(err)
	}
	next, err := newSSHKey(filepath.Join(b.dir, "next"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.owner.AddMember(ctx, "all", publicLine(next)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.owner.Grant(ctx, "all", "own", vault.PermRead|vault.PermUse, false, nil); err != nil {
		t.Fatal(err)
	}
	for command, s := range waiting {
		out, err := s.CombinedOutput(command)
		var exit *gossh.ExitError
		if !errors.As(err, &exit) || exit.ExitStatus() != int(exitLocked) || !strings.Contains(string(out), "cannot be opened now") {
			t.Errorf("%s with the old key: %v\n%s", command, err, out)
		}
	}
	b.keys["all"] = next
	if got := ask(t, b.dial("all"), "resolve -e '{{A}}' -p own", ""); got.code != int(exitDone) || got.out == "" {
		t.Errorf("with the new key: %+v", got)
	}
}

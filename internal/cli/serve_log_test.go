//go:build unix

package cli

import (
	"os"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"
)

// TestServeLog follows the server's log: who came, what they used, what they were
// denied, from where; through audit, on the server and over SSH.
func TestServeLog(t *testing.T) {
	b := startBastion(t, nil)
	use, owner, manage := b.dial("use"), b.dial("owner"), b.dial("manage")
	if got := ask(t, use, "resolve -e '{{A}}' -p own", ""); got.code != 0 {
		t.Fatal(got)
	}
	if got := ask(t, manage, "resolve -e '{{A}}' -p own", ""); got.code != int(exitDenied) {
		t.Fatal(got)
	}
	fingerprint := gossh.FingerprintSHA256(b.keys["use"].PublicKey())
	for who, c := range map[string]*gossh.Client{"use": use, "owner": owner} {
		got := ask(t, c, "audit -p own --json", "")
		name := who
		if who == "owner" {
			name = b.owner.Actor() // the label of their key
		}
		for _, want := range []string{`"actor":"use","action":"used","project":"own","object":"A","origin":"127.0.0.1`, fingerprint, `"actor":"manage","action":"denied"`, `"actor":"` + name + `","action":"unlocked"`} {
			if !strings.Contains(got.out, want) {
				t.Errorf("%s: audit has no %s:\n%s", who, want, got.out)
			}
		}
		if strings.Contains(got.out, `"actor":"manage","action":"unlocked"`) != (who == "owner") {
			t.Errorf("%s: who came is for owners and for oneself", who)
		}
	}
	head := strings.TrimSpace(ask(t, use, "audit --head -p own", "").out)
	if strings.Count(head, ",") != 2 || !isHead(head) {
		t.Errorf("head %q", head)
	}
	if got := ask(t, use, "audit --verify="+head+" -p own", ""); got.code != 0 {
		t.Errorf("the head that was just given: %+v", got)
	}
	ownerHead := strings.TrimSpace(ask(t, owner, "audit --head -p own", "").out)

	// Somebody cuts the end of the log: only a head shows it. The server notices
	// that it is not as it left it, and lets nobody do anything.
	path := serverLogPath(b.dir+"/.local/state/tacenda", b.owner.ID())
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(whole), "\n")
	rewrite := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rewrite(strings.Join(lines[:2], ""))
	if got := ask(t, use, "resolve -e '{{A}}' -p own", ""); got.code != int(exitDamaged) || got.out != "" {
		t.Errorf("a use that cannot be recorded: %+v", got)
	}
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	local := func(args ...string) exitCode {
		t.Helper()
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer null.Close()
		a := appFor(b.dir, null)
		a.out = &stream{file: null}
		a.globals.identities = []string{b.dir + "/owner"}
		a.globals.project, a.globals.projectFrom = "own", ""
		a.sys.Args = args
		f := auditFlags{}
		if len(args) > 0 {
			f.verify = args[0]
		}
		err = a.audit(t.Context(), f)
		if err == nil {
			return exitDone
		}
		code, _ := verdict(err)
		return code
	}
	if code := local(ownerHead); code != exitDamaged {
		t.Errorf("a log that was cut, against the head: exit %d", code)
	}
	if code := local(verifyOnly); code != exitDone {
		t.Errorf("a log that was cut, without a head: exit %d", code)
	}
	rewrite(string(whole))
	if code := local(ownerHead); code != exitDone {
		t.Errorf("the log as it was: exit %d", code)
	}
	for name, bad := range map[string]string{
		"changed": strings.Replace(string(whole), `"member":"manage"`, `"member":"use"`, 1), "dropped": strings.Join(lines[1:], ""),
		"garbage": string(whole) + "x\n",
	} {
		rewrite(bad)
		for _, args := range [][]string{nil, {verifyOnly}} {
			if code := local(args...); code != exitDamaged {
				t.Errorf("%s: audit %v: exit %d", name, args, code)
			}
		}
		a := appFor(b.dir, os.Stderr)
		a.globals.identities = []string{b.dir + "/bastion"}
		if code, _ := verdict(a.serve(t.Context(), serveFlags{listen: "127.0.0.1:0", idle: time.Minute, max: time.Minute})); code != exitDamaged {
			t.Errorf("%s: serve goes on: exit %d", name, code)
		}
	}
}

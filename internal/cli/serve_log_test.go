//go:build unix

package cli

import (
	"os"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"tacenda/internal/vault"
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

// TestServeLogHasEveryDenial looks for what the vault itself does not refuse:
// commands and options that are closed here, addresses that tools may not reach,
// and hosts that a secret may not go to. No argument goes to the log.
func TestServeLogHasEveryDenial(t *testing.T) {
	b := startBastion(t, nil)
	set := func(name, url string) {
		t.Helper()
		text := "method: GET\nurl: " + url + "\nallow_plain: true\ntimeout: 2s\nheaders: {X-Key: \"{{A}}\"}\n"
		if _, err := b.owner.SetText(t.Context(), "own", vault.Tool, name, text, 0); err != nil {
			t.Fatal(err)
		}
	}
	set("inside", "http://127.0.0.1:9/")
	c := b.dial("all")
	refused := []struct {
		line string
		code exitCode
		want string // what was denied, as the log has it
	}{
		{"unlock", exitUsage, `"project":"","object":"unlock"`},
		{"key add passphrase --label private", exitUsage, `"object":"key add"`},
		{"list --vault /private", exitUsage, `"object":"list --vault"`},
		{"create N --value-file /private -p own", exitUsage, `"object":"create --value-file"`},
		{"resolve /private -p own", exitUsage, `"object":"resolve"`},
		{"call inside -p own", exitFailure, `"object":"127.0.0.1:9"`},
		{"call elsewhere -p own", exitDenied, `"project":"own","object":"call elsewhere"`},
		{"call elsewhere -p own --dry-run", exitDenied, `"object":"call elsewhere"`},
	}
	for _, r := range refused {
		if strings.Contains(r.line, "elsewhere") {
			set("elsewhere", "https://elsewhere.example.com/")
			hosts := []string{"api.example.com"}
			if _, err := b.owner.EditSecret(t.Context(), "own", "A", vault.Edit{AllowedHosts: &hosts}); err != nil {
				t.Fatal(err)
			}
		}
		before := strings.Count(ask(t, c, "audit -p own --json", "").out, `"action":"denied"`)
		if got := ask(t, c, r.line, ""); got.code != int(r.code) {
			t.Errorf("%s: exit %d: %s", r.line, got.code, got.err)
		}
		after := ask(t, c, "audit -p own --json", "").out
		if n := strings.Count(after, `"action":"denied"`); n != before+1 || !strings.Contains(after, r.want) {
			t.Errorf("%s: %d denials after %d, and none with %s:\n%s", r.line, n, before, r.want, after)
		}
	}
	if out := ask(t, c, "audit -p own --json", "").out; strings.Contains(out, "private") {
		t.Errorf("an argument is in the log:\n%s", out)
	}
}

// TestServeTwice starts a second server for the same vault: it must not break the
// log of the first.
func TestServeTwice(t *testing.T) {
	b := startBastion(t, nil)
	a := appFor(b.dir, os.Stderr)
	a.globals.identities = []string{b.dir + "/bastion"}
	err := a.serve(t.Context(), serveFlags{listen: "127.0.0.1:0", idle: time.Minute, max: time.Minute})
	if code, _ := verdict(err); code != exitFailure || !strings.Contains(err.Error(), "another tacenda serve") {
		t.Errorf("exit %d: %v", code, err)
	}
	if got := ask(t, b.dial("use"), "resolve -e '{{A}}' -p own", ""); got.code != 0 {
		t.Errorf("the first serves on: %+v", got)
	}
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	b.serve(nil) // and leaves the place to the next
}

package faults_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tacenda/internal/prooftest"
)

// surroundings are what a program may be started in. The script starts "$@"; a
// variable without a value is taken away.
var surroundings = []struct {
	why    string
	env    []string
	script string
	lost   bool // nobody gets what it writes, and it must say so
}{
	{why: "no locale", env: []string{"LC_ALL"}},
	{why: "the locale C", env: []string{"LC_ALL=C"}},
	{why: "a locale whose i has no dot", env: []string{"LC_ALL=tr_TR.UTF-8"}},
	{why: "a locale that is none", env: []string{"LC_ALL=\xff../nonsense"}},
	{why: "a time zone with odd minutes", env: []string{"TZ=Asia/Kathmandu"}},
	{why: "a time zone that is none", env: []string{"TZ=nonsense"}},
	{why: "a time zone that is another file", env: []string{"TZ=:/etc/passwd"}},
	{why: "no home", env: []string{"HOME"}},
	{why: "an empty home", env: []string{"HOME="}},
	{why: "a relative home", env: []string{"HOME=here"}},
	{why: "a home that is not there", env: []string{"HOME=/nowhere/at/all"}},
	{why: "a home that may only be read", env: []string{"HOME=/proc"}},
	{why: "a relative place for the state", env: []string{"XDG_STATE_HOME=here", "XDG_RUNTIME_DIR=here", "XDG_CONFIG_HOME=here"}},
	{why: "a place for the state that is a file", env: []string{"XDG_STATE_HOME=/dev/null", "XDG_RUNTIME_DIR=/dev/null"}},
	{why: "no place for temporary files", env: []string{"TMPDIR=/nowhere/at/all"}},
	{why: "no path", env: []string{"PATH"}},
	{why: "a dumb terminal", env: []string{"TERM=dumb"}},
	{why: "no terminal's name", env: []string{"TERM"}},
	{why: "one processor", env: []string{"GOMAXPROCS=1"}},
	{why: "a collector that never rests", env: []string{"GOGC=1"}},
	{why: "traces that the terminal libraries would write", env: []string{"TEA_TRACE=trace", "TEA_DEBUG=1"}},
	{why: "umask 0", script: `umask 0; exec "$@"`},
	{why: "umask 0777", script: `umask 0777; exec "$@"`},
	{why: "closed input", script: `exec "$@" <&-`},
	{why: "closed output", script: `exec "$@" >&-`},
	{why: "closed errors", script: `exec "$@" 2>&-`},
	{why: "all closed", script: `exec "$@" <&- >&- 2>&-`},
	{why: "an output without room", script: `exec "$@" >/dev/full`, lost: true},
	{why: "a reader that has gone", script: `(sleep 0.1; exec "$@"; echo $? >&3) 3>code | true; sleep 0.3; exit $(cat code)`},
	{why: "SIGHUP and SIGPIPE ignored", script: `trap '' HUP PIPE; exec "$@"`},
	{why: "every signal ignored that can be", script: `trap '' HUP INT QUIT PIPE TERM TSTP CHLD; exec "$@"`},
	{why: "a directory that is gone", script: `mkdir gone; cd gone; rmdir ../gone; exec "$@"`},
	{why: "a directory that may not be read", script: `mkdir -p closed; chmod 0 closed; cd closed 2>/dev/null || cd /proc; exec "$@"`},
	{why: "many open files", script: `for n in 3 4 5 6 7 8 9; do eval "exec $n</dev/null"; done; exec "$@"`},
}

// within runs the program in surroundings.
func (u *user) within(env []string, script, stdin string, args ...string) ending {
	u.t.Helper()
	path, err := binary()
	do(u.t, err)
	ctx, cancel := context.WithTimeout(u.t.Context(), 20*time.Second)
	defer cancel()
	if script == "" {
		script = `exec "$@"`
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", script, "sh", path}, args...)...)
	cmd.Env = slices.Clone(u.env)
	for _, setting := range env {
		name, _, set := strings.Cut(setting, "=")
		cmd.Env = slices.DeleteFunc(cmd.Env, func(s string) bool { return strings.HasPrefix(s, name+"=") })
		if set {
			cmd.Env = append(cmd.Env, setting)
		}
	}
	cmd.WaitDelay = time.Second
	return u.end(ctx, cmd, stdin)
}

// TestSurroundings runs commands in every surrounding: each does its work, or ends
// with a message and a documented code. None hangs, the vault is whole, and no file
// that it made is anybody else's to read.
func TestSurroundings(t *testing.T) {
	u := newUser(t)
	u.put(filepath.Join(u.dir, "t"), []byte("{{ONE}}\n"))
	tried, ran, done := 0, 0, 0
	for i, s := range surroundings {
		if !*whole && i%2 > 0 {
			continue
		}
		tried++
		for _, c := range commands {
			e := u.within(s.env, s.script, c.stdin, c.args...)
			ran++
			silent := strings.Contains(s.script, "2>&-")
			switch {
			case e.hung:
				t.Errorf("%s: %q hangs", s.why, c.args)
			case e.code == 0 && s.lost && (c.args[0] == "resolve" || c.args[0] == "list"):
				t.Errorf("%s: %q ends well, and what it wrote is lost", s.why, c.args)
			case e.code == 0:
				done++
			case e.code >= 1 && e.code <= 12 && (silent || message.MatchString(e.err)), e.code == 141: // 128 and SIGPIPE
			default:
				t.Errorf("%s: %q: exit code %d: %q", s.why, c.args, e.code, e.err)
			}
		}
		out := filepath.Join(u.dir, "out")
		e := u.within(s.env, s.script, "", "resolve", filepath.Join(u.dir, "t"), "-o", out)
		ran++
		if info, err := os.Stat(out); err == nil && info.Mode().Perm()&0o077 != 0 || e.code == 0 && err != nil {
			t.Errorf("%s: the output is %v, %v", s.why, info, err)
		}
		do(t, os.RemoveAll(out))
		if info, err := os.Stat(filepath.Join(u.dir, "v", "vault.db")); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: the vault is %v, %v", s.why, info, err)
		}
		u.run(nil, "", "delete", "THREE", "--yes")
		u.wantVault(s.why)
	}
	if done < ran/2 {
		t.Errorf("only %d of %d commands did their work", done, ran)
	}
	if _, err := os.Stat(filepath.Join(u.dir, "trace")); err == nil {
		t.Error("what the terminal libraries saw was written to a file")
	}
	prooftest.Cases(t, tried, "surroundings")
	prooftest.Cases(t, ran, "commands in them")
}

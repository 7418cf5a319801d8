//go:build unix

package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSSHLeavesSomethingBehind: ssh ends, and what it started, a proxy or the
// connection that others share, lives on and holds its standard error. Nobody
// waits for that.
func TestSSHLeavesSomethingBehind(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\nsleep 300 </dev/null >/dev/null &\necho $! > " + dir + "/pid\necho 'tacenda: boom' >&2\nexit 255\n"
	if err := os.WriteFile(filepath.Join(dir, "ssh"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Cleanup(func() {
		if text, err := os.ReadFile(filepath.Join(dir, "pid")); err == nil {
			if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	})
	a := &app{sys: System{Getenv: func(string) string { return "" }}}
	ended := make(chan error, 1)
	go func() {
		_, err := a.openSSH(t.Context(), &sshPlace{host: "h"}, "ssh://h")
		ended <- err
	}()
	select {
	case err := <-ended:
		if err == nil || err.Error() != "opening ssh://h: boom" {
			t.Errorf("got %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it waits for what ssh left behind")
	}
}

// TestSSHPlaces: nothing in a place is an option of ssh, a path, or a piece of
// shell for what somebody's configuration of ssh starts.
func TestSSHPlaces(t *testing.T) {
	for _, where := range []string{
		"ssh://-oProxyCommand=id", "ssh://-l@h", "ssh://h/path", "ssh://h//", "ssh://h:22x", "ssh://h:-1", "ssh://h:123456", "ssh://h:0", "ssh://h:65536", "ssh://", "ssh://@h", "ssh://u@",
		"ssh://h;id", "ssh://h`id`", "ssh://$(id)", "ssh://h|id", "ssh://h id", "ssh://h\tid", "ssh://h\nid", "ssh://h\x00", "ssh://h'", "ssh://h\"", "ssh://h\\",
		"ssh://%h", "ssh://h%h", "ssh://%25h", "ssh://u;id@h", "ssh://u`id`@h", "ssh://%r@h", "ssh://-u@h", "ssh://a:b@h", "ssh://[::1", "ssh://[-x]", "ssh://[]", "ssh://[a b]", "ssh://[$(id)]",
		"ssh://~@h", "ssh://h~", "ssh://h#x", "ssh://h?x", "ssh://h*", "ssh://é",
	} {
		if p, err := parseSSH(where); err == nil {
			t.Errorf("%q is taken: %+v", where, p)
		}
	}
	for _, where := range []string{"ssh://h", "ssh://u@h:22", "ssh://u@corp@h", "ssh://h/", "ssh://[fe80::1%eth0]:22", "ssh://10.0.0.1"} {
		p, err := parseSSH(where)
		if err != nil {
			t.Errorf("%q: %v", where, err)
			continue
		}
		args := p.args(true, nil)
		if n := len(args); args[n-3] != "--" || args[n-1] != gateCommand {
			t.Errorf("%q: %q", where, args)
		}
	}
}

// TestSSHIdentities: ssh offers the keys of its agent before those that it is
// given, and whoever named one would come in as another.
func TestSSHIdentities(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	private, public, other := file("key", "-----BEGIN OPENSSH PRIVATE KEY-----\n"), file("key.pub", "ssh-ed25519 AAAA\n"), file("age", "AGE-SECRET-KEY-1\n")
	empty := file("empty", "")
	for _, c := range []struct {
		given []string
		only  bool
	}{
		{nil, false}, {[]string{private}, true}, {[]string{public}, true}, {[]string{other}, false}, {[]string{empty}, false}, {[]string{other, private}, true},
	} {
		a := &app{}
		a.globals.identities = c.given
		got, err := a.sshIdentities(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, path := range c.given {
			want = append(want, "-i", path)
		}
		if c.only {
			want = append(want, "-o", "IdentitiesOnly=yes")
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", c.given, got, want)
		}
	}
	for path, code := range map[string]exitCode{filepath.Join(dir, "nope"): exitNotFound, dir: exitFailure} {
		a := &app{}
		a.globals.identities = []string{path}
		_, err := a.sshIdentities(t.Context())
		if got, _ := verdict(err); got != code {
			t.Errorf("%s: got %d for %v, want what a file's vault has, %d", path, got, err, code)
		}
	}
}

package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2027, time.March, 4, 5, 6, 7, 0, time.UTC)

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// want fails unless c has the status and its texts hold the words.
func want(t *testing.T, c Check, status Status, words ...string) {
	t.Helper()
	if c.Status != status {
		t.Errorf("got %s (%s), want %s", c.Status, c.Detail, status)
	}
	for _, w := range words {
		if !strings.Contains(c.Detail+"\n"+c.Fix, w) {
			t.Errorf("%q does not say %q", c.Detail+" | "+c.Fix, w)
		}
	}
	if c.Status == Fail && c.Fix == "" && !strings.Contains(c.Detail, "/") {
		t.Errorf("%q without a way to mend it", c.Detail)
	}
	if strings.Contains(c.Detail+c.Fix, "\n") {
		t.Errorf("%q is not a line", c.Detail+c.Fix)
	}
}

// tree writes files, given as path and content, below a new directory.
func tree(t *testing.T, files ...string) string {
	t.Helper()
	root := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(root, files[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestTerminal(t *testing.T) {
	for _, tt := range []struct {
		terminal bool
		env      []string
		status   Status
		says     string
	}{
		{false, nil, OK, "none here"},
		{true, []string{"LANG", "de_DE.UTF-8"}, OK, "LANG"},
		{true, []string{"LANG", "C.utf8"}, OK, "LANG"},
		{true, []string{"LANG", "en_US.UTF-8", "LC_ALL", "C"}, Warn, `LC_ALL is "C"`},
		{true, []string{"LC_CTYPE", "en_US.UTF-8", "LANG", "C"}, OK, "LC_CTYPE"},
		{true, []string{"LANG", "de_DE@euro\x1b[2J"}, Warn, `\x1b[2J`},
		{true, nil, Warn, "no variable"},
		{true, []string{"TERM", "dumb", "LANG", "C.UTF-8"}, Warn, "TERM is dumb"},
	} {
		m := Machine{Terminal: tt.terminal, Getenv: env(tt.env...)}
		want(t, m.terminal(), tt.status, tt.says)
	}
}

func TestKeyCopies(t *testing.T) {
	want(t, keyCopies(true), OK)
	want(t, keyCopies(false), Warn, "GOEXPERIMENT=runtimesecret")
}

func TestClock(t *testing.T) {
	dir := t.TempDir()
	vault, state := filepath.Join(dir, "vault.db"), filepath.Join(dir, "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	seen := filepath.Join(state, "seen")
	for _, f := range []string{vault, seen} {
		if err := os.WriteFile(f, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	touch := func(path string, when time.Time) {
		t.Helper()
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	touch(vault, now)
	touch(seen, now)
	m := Machine{Root: t.TempDir(), Vault: vault, State: state, Now: now}
	want(t, m.clock(), OK, "2027-03-04 05:06 UTC")
	touch(seen, now.Add(slack+time.Second))
	want(t, m.clock(), Warn, seen, "in the future")
	touch(seen, now.Add(slack-time.Second))
	want(t, m.clock(), OK)
	touch(vault, now.Add(time.Hour))
	want(t, m.clock(), Warn, vault, "set-ntp")
	touch(vault, now)

	m.Now = time.Unix(0, 0)
	want(t, m.clock(), Fail, "before this program was built")
	m.Now, m.Built = now, now.Add(time.Hour)
	want(t, m.clock(), Fail, "before this program was built")
	m.Built = now.Add(-time.Hour)
	for _, tt := range []struct {
		ahead  time.Duration // of the hardware clock
		status Status
	}{
		{0, OK},
		{14 * time.Hour, OK}, // it keeps local time
		{-12 * time.Hour, OK},
		{-3 * 24 * time.Hour, Warn},
		{-now.Sub(time.Unix(0, 0)), Warn}, // its battery is empty
	} {
		m.Root = tree(t, "sys/class/rtc/rtc0/since_epoch", fmt.Sprintln(now.Add(tt.ahead).Unix()))
		want(t, m.clock(), tt.status)
	}
	m.Root = tree(t, "sys/class/rtc/rtc0/since_epoch", "junk")
	want(t, m.clock(), OK)
}

func TestQuote(t *testing.T) {
	for in, out := range map[string]string{
		"/home/a/vault.db": "/home/a/vault.db", "/a b/it's": `'/a b/it'\''s'`, "-rf": "'-rf'", "": "''", "$(id)": "'$(id)'",
	} {
		if got := quote(in); got != out {
			t.Errorf("quote(%q) = %s, want %s", in, got, out)
		}
	}
}

// TestExamine looks at the machine that the test runs on.
func TestExamine(t *testing.T) {
	dir := t.TempDir()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	checks := Examine(Machine{
		Vault: filepath.Join(dir, "tacenda", "vault.db"), State: filepath.Join(dir, "state"), Program: program,
		Identities: []string{filepath.Join(dir, "none")}, Now: time.Now(), Getenv: os.Getenv,
	})
	names := make(map[string]int)
	for _, c := range checks {
		names[c.Name]++
		switch c.Status {
		case OK, Warn, Fail:
		default:
			t.Errorf("%s: status %q", c.Name, c.Status)
		}
		if c.Detail == "" || strings.Contains(c.Detail+c.Fix, "\n") {
			t.Errorf("%s: detail %q, fix %q", c.Name, c.Detail, c.Fix)
		}
	}
	for _, name := range []string{
		"memory locking", "key copies", "vault file", "vault directory", "file system", "state directory", "left files", "identity file", "program", "clock", "terminal",
	} {
		if names[name] != 1 {
			t.Errorf("%d checks of %s", names[name], name)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("the examination left %v behind (%v)", entries, err)
	}
}

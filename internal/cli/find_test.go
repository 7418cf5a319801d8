package cli

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func testApp(env map[string]string) *app {
	return &app{sys: System{Getenv: func(name string) string { return env[name] }}, err: &stream{file: os.Stderr}}
}

// TestXDG: an absolute variable wins, a relative or empty one counts as unset.
func TestXDG(t *testing.T) {
	home := t.TempDir()
	homeVariable := "HOME"
	if filepath.Separator == '\\' {
		homeVariable = "USERPROFILE"
	}
	for _, tt := range []struct{ variable, want string }{
		{"", filepath.Join(home, ".config")},
		{"relative", filepath.Join(home, ".config")},
		{filepath.Join(home, "x"), filepath.Join(home, "x")},
	} {
		a := testApp(map[string]string{homeVariable: home, "XDG_CONFIG_HOME": tt.variable})
		got, err := a.xdg("XDG_CONFIG_HOME", ".config")
		if err != nil || got != tt.want {
			t.Errorf("with %q: %q, %v; want %q", tt.variable, got, err, tt.want)
		}
	}
	if got, err := testApp(nil).xdg("XDG_CONFIG_HOME", ".config"); err == nil {
		t.Errorf("without a home directory: %q", got)
	}
	if got := testApp(nil).stateDir(); got != "" {
		t.Errorf("a state directory without a home directory: %q", got)
	}
}

// TestSettings reads config.toml: its keys, its defaults, its mistakes.
func TestSettings(t *testing.T) {
	dir := t.TempDir()
	a := testApp(map[string]string{"XDG_CONFIG_HOME": dir})
	s, err := a.readSettings()
	if err != nil || s.IdleLock.Duration != 10*time.Minute || s.Mouse != nil || s.ASCII != nil {
		t.Errorf("without a file: %+v, %v", s, err)
	}
	path := filepath.Join(dir, "tacenda", "config.toml")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		text string
		code exitCode
		idle time.Duration
	}{
		{"idle_lock = \"90s\"\nmouse = true\nascii = false\n", exitDone, 90 * time.Second},
		{"idle_lock = \"0s\"\n", exitDone, 0},
		{"", exitDone, 10 * time.Minute},
		{"idle_lock = \"soon\"\n", exitUsage, 0},
		{"idle_lock = \"-1m\"\n", exitUsage, 0},
		{"idle_lock = 90\n", exitUsage, 0},
		{"mouse = \"yes\"\n", exitUsage, 0},
		{"colour = true\n", exitUsage, 0},
		{"[mouse]\n", exitUsage, 0},
		{"mouse = true\nmouse = true\n", exitUsage, 0},
		{"\x00", exitUsage, 0},
	} {
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := a.readSettings()
		if err == nil {
			if tt.code != exitDone || s.IdleLock.Duration != tt.idle {
				t.Errorf("%q: %+v", tt.text, s)
			}
			continue
		}
		if code, _ := verdict(err); code != tt.code {
			t.Errorf("%q: code %d (%v), want %d", tt.text, code, err, tt.code)
		}
	}
}

package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A mux is a tmux server of its own, with the program in a terminal of 80x24.
type mux struct {
	t      *testing.T
	socket string
	never  [][]byte // what must not be on any screen
}

// newMux starts it with the interface of h in it.
func newMux(t *testing.T, h *home) *mux {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("tmux is not installed: the interface is not tried in a multiplexer")
	}
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "tmux-") //nolint:usetesting // the directory of the test may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	m := &mux{t: t, socket: filepath.Join(dir, "s")}
	t.Cleanup(func() {
		m.end()
		os.RemoveAll(dir)
	})
	cmd := exec.Command("tmux", "-S", m.socket, "-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24",
		"'"+path+"'"+`; echo "ENDED $?"; exec sleep 60`)
	cmd.Env, cmd.Dir = append(slices.Clone(h.env), "SHELL=/bin/sh"), h.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("starting tmux: %v: %s", err, out)
	}
	return m
}

// end stops the server and sees that it is gone.
func (m *mux) end() {
	_ = exec.Command("tmux", "-S", m.socket, "kill-server").Run() // it may have ended with its program
	for range 100 {
		if exec.Command("tmux", "-S", m.socket, "list-sessions").Run() != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	m.t.Error("a tmux server was left behind")
}

func (m *mux) tmux(args ...string) string {
	m.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", m.socket}, args...)...).CombinedOutput()
	if err != nil {
		m.t.Fatalf("tmux %s: %v: %s", args[0], err, out)
	}
	return string(out)
}

// press sends keys by tmux's names, one after the other.
func (m *mux) press(keys ...string) {
	m.t.Helper()
	m.tmux(append([]string{"send-keys"}, keys...)...)
}

// enter types a text.
func (m *mux) enter(text string) {
	m.t.Helper()
	m.tmux("send-keys", "-l", "--", text) // which may begin with a dash
}

// see waits until the screen shows all of want, and returns it.
func (m *mux) see(want ...string) string {
	m.t.Helper()
	screen, end := "", time.Now().Add(20*time.Second)
	for time.Now().Before(end) {
		screen = m.tmux("capture-pane", "-p")
		for _, v := range m.never {
			if strings.Contains(screen, string(v[:12])) {
				m.t.Fatal("a value is on the screen")
			}
		}
		if !slices.ContainsFunc(want, func(w string) bool { return !strings.Contains(screen, w) }) {
			return screen
		}
		time.Sleep(10 * time.Millisecond)
	}
	m.t.Fatalf("%q does not come; on the screen:\n%s", want, screen)
	return ""
}

// value makes a value that must not be drawn.
func (m *mux) value() string {
	m.t.Helper()
	v := needle(m.t)
	m.never = append(m.never, v)
	return string(v)
}

// names are the secrets of a project, as the command line tells them.
func (h *home) names(project string) []string {
	h.t.Helper()
	var all []struct{ Name string }
	if err := json.Unmarshal([]byte(h.run("", "list", "--json", "--project", project)), &all); err != nil {
		h.t.Fatal(err)
	}
	names := []string{}
	for _, s := range all {
		names = append(names, s.Name)
	}
	return names
}

// holds fails unless API_KEY of a project, resolved on the command line, is want.
func (h *home) holds(project, want string) {
	h.t.Helper()
	if got := h.run("{{API_KEY}}", "resolve", "--project", project, "-"); got != want {
		h.t.Errorf("API_KEY of %s is not what was typed: %d bytes, want %d", project, len(got), len(want))
	}
}

func (h *home) lists(project string, want ...string) {
	h.t.Helper()
	if got := h.names(project); !slices.Equal(got, want) {
		h.t.Errorf("%s has the secrets %q, want %q", project, got, want)
	}
}

// TestTUIFlows is a visit in tmux; after each step the command line says what
// is in the vault.
func TestTUIFlows(t *testing.T) {
	h := newHome(t)
	h.run("", "project", "create", "staging")
	m := newMux(t, h)
	m.see("No secrets in default yet.") // the identity opened the vault

	first := m.value()
	m.press("n")
	m.see("New secret", "default")
	m.enter("api_key")
	m.press("Tab")
	m.enter(first)
	m.see("API_KEY", "40 bytes")
	m.press("C-s")
	m.see("created API_KEY", "1/1")
	h.lists("default", "API_KEY")
	h.holds("default", first)

	second := m.value()
	m.press("e")
	m.see("Edit API_KEY")
	m.enter(second)
	m.see("40 bytes")
	m.press("C-s")
	m.see("saved API_KEY")
	h.holds("default", second)

	m.press("c")
	m.see("Clone API_KEY to", "staging", "name is free")
	m.press("Enter")
	m.see("Clone to staging?")
	m.press("Enter")
	m.see("cloned API_KEY to staging")
	h.lists("staging", "API_KEY")
	h.holds("staging", second)

	m.press("d")
	m.see("Delete API_KEY?", "The one in staging stays")
	m.press("Escape")
	time.Sleep(150 * time.Millisecond) // a key right behind escape is another key
	m.see("{{API_KEY}}")
	h.lists("default", "API_KEY")
	m.press("d")
	m.see("This cannot be undone")
	m.press("y")
	m.see("deleted API_KEY", "No secrets in default yet.")
	h.lists("default")
	h.holds("staging", second)

	// What another process does appears by itself.
	h.run(first, "create", "MADE_ELSEWHERE", "--value-file", "-")
	m.see("MADE_ELSEWHERE")

	m.press("L")
	screen := m.see("Unlock vault")
	if strings.Contains(screen, "MADE_ELSEWHERE") || strings.Contains(screen, "staging") {
		t.Errorf("locked, and it still shows:\n%s", screen)
	}
	time.Sleep(500 * time.Millisecond) // what opens by itself ignores keys at first
	m.press("Enter")
	m.see("MADE_ELSEWHERE", "staging")

	m.press("q")
	m.see("ENDED 0")
	if got := m.tmux("display-message", "-p", "#{alternate_on} #{mouse_any_flag} #{cursor_flag}"); strings.TrimSpace(got) != "0 0 1" {
		t.Errorf("alternate screen, mouse and cursor after the end: %s", got)
	}
}

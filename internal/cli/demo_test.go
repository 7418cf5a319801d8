//go:build unix

package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// TestDemoOnATerminal: there the demo is the interface on the sample project. It
// is quit by a key, and leaves nothing behind.
func TestDemoOnATerminal(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tmp, home := t.TempDir(), t.TempDir()
	cmd := exec.Command(self, "demo")
	cmd.Args[0] = "tacenda" // which makes the test binary be the program
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp, "HOME="+home, "TERM=xterm-256color", "LANG=C.UTF-8", "TACENDA_VAULT="+filepath.Join(home, "own.db"))
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 26, Cols: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	// Nothing here depends on the time but the failure: a screen that never comes.
	watchdog := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer watchdog.Stop()

	var screen bytes.Buffer
	piece := make([]byte, 4096)
	quit, demos := false, 0
	for {
		n, err := terminal.Read(piece)
		screen.Write(piece[:n])
		if text := screen.String(); !quit && strings.Contains(text, "STRIPE_API_KEY") && strings.Contains(text, "shop") {
			quit = true
			entries, derr := os.ReadDir(tmp)
			if derr != nil {
				t.Error(derr)
			}
			demos = len(entries)
			if _, err := terminal.WriteString("q"); err != nil {
				t.Fatal(err)
			}
		}
		if err != nil {
			break // EIO: the program closed its end
		}
	}
	if err := cmd.Wait(); err != nil || !quit {
		t.Fatalf("the demo ended with %v (its interface showed up: %v)\n%q", err, quit, screen.String())
	}
	if demos != 1 {
		t.Errorf("%d demos at once", demos)
	}
	if !strings.Contains(screen.String(), "its vault removed") {
		t.Errorf("no word at the end: %q", screen.String())
	}
	for _, dir := range []string{tmp, home} {
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
			t.Errorf("%s holds %v (%v)", dir, entries, err)
		}
	}
}

package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTUIPassphrase opens a vault that nothing but a passphrase opens, on screens
// and in plain lines. That no key was found is no error: it is why there is a
// question.
func TestTUIPassphrase(t *testing.T) {
	h := newHome(t)
	h.vault = filepath.Join(h.dir, "words.db")
	pass := filepath.Join(h.dir, "passphrase")
	if err := os.WriteFile(pass, []byte("correct horse battery\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + h.dir, "TACENDA_VAULT=" + h.vault, "LC_ALL=C.UTF-8"}
	h.run("", "init", "--passphrase-file", pass)

	for _, c := range []struct{ name, set, question, opened string }{
		{"screens", "ACCESSIBLE=", "Unlock vault", "No secrets in default yet."},
		{"lines", "ACCESSIBLE=1", "Passphrase for", "1 list secrets"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := h.command()
			cmd.Env = append(cmd.Env[:len(cmd.Env):len(cmd.Env)], c.set)
			x := newTerminal(t, cmd)
			x.see(c.question)
			x.send("wrong\r")
			x.see("wrong passphrase")
			x.send("correct horse battery\r")
			x.see(c.opened)
			if strings.Contains(x.output(), "nothing to open it with") {
				t.Error("it blames the user for having no key")
			}
		})
	}
}

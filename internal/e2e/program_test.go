//go:build linux

package e2e_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tacenda/internal/vaulttest"
)

// binary is the program, built once for all tests.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tacenda-e2e-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "tacenda")
	out, err := exec.Command("go", "build", "-o", path, "tacenda").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the program: %w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// home is a user with an age key and a vault.
type home struct {
	t     testing.TB
	dir   string
	vault string
	env   []string
	// program is another build than binary, where a test wants one.
	program string
}

func newHome(t testing.TB) *home {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	h := &home{t: t, dir: dir, vault: filepath.Join(dir, "vault.db")}
	k := vaulttest.NewKey(t)
	key := filepath.Join(dir, "key.txt")
	if err := os.WriteFile(key, []byte(k.Identity+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TACENDA_VAULT=" + h.vault, "TACENDA_IDENTITY=" + key, "LC_ALL=C.UTF-8"}
	h.run("", "init", "--recipient", k.Recipient)
	return h
}

// command is the program, not started.
func (h *home) command(args ...string) *exec.Cmd {
	h.t.Helper()
	path := h.program
	if path == "" {
		var err error
		if path, err = binary(); err != nil {
			h.t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(h.t.Context(), path, args...)
	cmd.Env, cmd.Dir = h.env, h.dir
	return cmd
}

// try runs the program and returns its standard output.
func (h *home) try(stdin string, args ...string) (string, error) {
	h.t.Helper()
	cmd := h.command(args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("tacenda %s: %w: %s", strings.Join(args, " "), err, errs.String())
	}
	return out.String(), nil
}

func (h *home) run(stdin string, args ...string) string {
	h.t.Helper()
	out, err := h.try(stdin, args...)
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// file writes a file into the home directory.
func (h *home) file(name, text string) string {
	h.t.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return path
}

// needle is a value that is in nobody's memory.
func needle(t testing.TB) []byte {
	t.Helper()
	b := make([]byte, 30)
	if _, err := io.ReadFull(rand.Reader, b); err != nil {
		t.Fatal(err)
	}
	return []byte(base64.RawURLEncoding.EncodeToString(b))
}

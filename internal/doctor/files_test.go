//go:build unix

package doctor

import (
	"os"
	"path/filepath"
	"testing"
)

// me is a host on which everything is the test's own.
func me() host {
	return host{uid: os.Geteuid(), writable: writable}
}

// stranger is one on which the test's files belong to somebody else: they are
// not made by root there.
func stranger() host {
	return host{uid: os.Geteuid() + 1, writable: writable}
}

// place makes a directory with a file, both with the modes.
func place(t *testing.T, dirMode, fileMode os.FileMode) (dir, file string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "place")
	file = filepath.Join(dir, "file")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	// Chmod, because the umask has no say in it.
	for path, mode := range map[string]os.FileMode{dir: dirMode, file: fileMode} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir, file
}

func TestVaultFile(t *testing.T) {
	dir, file := place(t, 0o700, 0o600)
	vault := func(path string, h host) Check {
		m := Machine{Vault: path}
		return m.vaultFile(h)
	}
	want(t, vault(file, me()), OK)
	want(t, vault(filepath.Join(dir, "none"), me()), OK, "none yet")
	want(t, vault(dir, me()), Fail, "no regular file")
	want(t, vault(file, stranger()), Fail, "belongs to user")
	link := filepath.Join(dir, "link")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	want(t, vault(link, me()), Fail, "is a link")
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o610} {
		_, open := place(t, 0o700, mode)
		want(t, vault(open, me()), Fail, "open to others", "chmod 600 "+open)
	}
	if err := os.Link(file, filepath.Join(dir, "second")); err != nil {
		t.Fatal(err)
	}
	want(t, vault(file, me()), Fail, "has 2 names", "-samefile")
	want(t, vault(filepath.Join(file, "below"), me()), Warn, "not a directory")
}

func TestVaultDirectory(t *testing.T) {
	_, file := place(t, 0o755, 0o600)
	m := Machine{Vault: file}
	want(t, m.vaultDirectory(me()), OK)
	if c := m.vaultDirectory(stranger()); os.Geteuid() != 0 {
		want(t, c, Fail, "belongs to user")
	}
	for _, mode := range []os.FileMode{0o770, 0o702} {
		dir, file := place(t, mode, 0o600)
		m := Machine{Vault: file}
		want(t, m.vaultDirectory(me()), Fail, "can be written by others", "chmod go-w "+dir)
	}
	_, file = place(t, 0o777|os.ModeSticky, 0o600)
	m.Vault = file
	want(t, m.vaultDirectory(me()), Fail, "mode 1777", "directory of your own")
	m.Vault = filepath.Join(t.TempDir(), "none", "vault.db")
	want(t, m.vaultDirectory(me()), OK, "init makes it")
}

func TestStateDirectory(t *testing.T) {
	dir, file := place(t, 0o700, 0o600)
	state := func(path string, h host) Check {
		m := Machine{State: path}
		return m.stateDirectory(h)
	}
	want(t, state(dir, me()), OK)
	want(t, state(filepath.Join(dir, "a", "b"), me()), OK, "none yet")
	open, _ := place(t, 0o777, 0o600)
	want(t, state(open, me()), Fail, "can be written by others")
	full := me()
	full.writable = func(string) (bool, string) { return false, "read-only file system" }
	want(t, state(dir, full), Warn, "read-only file system", "go unnoticed")
	want(t, state(filepath.Join(dir, "a", "b"), full), Warn, "cannot be made", "mode 700")
	if good, problem := writable(filepath.Join(file, "x")); good || problem == "" {
		t.Errorf("a file's inside is writable: %v, %q", good, problem)
	}
}

func TestIdentityFile(t *testing.T) {
	dir, file := place(t, 0o700, 0o600)
	want(t, identityFile(me(), file), OK)
	want(t, identityFile(me(), filepath.Join(dir, "none")), Fail, "is not there")
	want(t, identityFile(me(), dir), OK, "no regular file")
	if os.Geteuid() != 0 {
		want(t, identityFile(stranger(), file), Fail, "belongs to user")
	}
	_, open := place(t, 0o700, 0o644)
	want(t, identityFile(me(), open), Fail, "chmod 600 "+open)
	open, inside := place(t, 0o777, 0o600)
	want(t, identityFile(me(), inside), Fail, "chmod go-w "+open, "replace the key")
	link := filepath.Join(dir, "link")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	want(t, identityFile(me(), link), OK)
}

func TestProgram(t *testing.T) {
	dir, file := place(t, 0o755, 0o755)
	want(t, program(me(), file), OK)
	want(t, program(me(), filepath.Join(dir, "none")), Warn)
	if os.Geteuid() != 0 {
		want(t, program(stranger(), file), Fail, "who can change it")
	}
	_, open := place(t, 0o755, 0o775)
	want(t, program(me(), open), Fail, "chmod go-w "+open)
	open, inside := place(t, 0o777, 0o755)
	want(t, program(me(), inside), Fail, "chmod go-w "+open)
	_, shared := place(t, 0o777|os.ModeSticky, 0o755)
	want(t, program(me(), shared), OK)
	// A link is followed: where it points decides.
	link := filepath.Join(dir, "link")
	if err := os.Symlink(inside, link); err != nil {
		t.Fatal(err)
	}
	want(t, program(me(), link), Fail, open)
}

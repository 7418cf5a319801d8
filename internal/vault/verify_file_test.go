package vault_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/keyring"
	"tacenda/store"
)

// TestVerifyLooksAtTheFile: a list of free pages that names one in use harms no
// record. All of them can be read, and nothing can be written any more: verify is
// who must say so, before somebody finds out at the next change.
func TestVerifyLooksAtTheFile(t *testing.T) {
	s, raw := smallFile(t)
	ne, meta := binary.NativeEndian, 16 // of the older commit, or of the newer one; store/bolt_page.go draws them
	if ne.Uint64(raw[4096+64:]) > ne.Uint64(raw[64:]) {
		meta += 4096
	}
	root, free := ne.Uint64(raw[meta+16:]), raw[4096*ne.Uint64(raw[meta+32:]):]
	if n := ne.Uint16(free[10:]); n == 0 || n == 0xffff {
		t.Fatalf("%d free pages: the vault is not what this test is about", n)
	}
	ne.PutUint64(free[16:], root)
	path := filepath.Join(t.TempDir(), "vault.db")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := store.OpenBolt(path, store.BoltOptions{})
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(ctx, e, []keyring.Unlocker{s.root}, vault.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if _, err := v.Secrets(ctx, project); err != nil {
		t.Errorf("reading: %v", err)
	}
	if _, err := v.CreateSecret(ctx, project, vault.Draft{Name: "NEW", Value: vaulttest.Value(t, "a value")}); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("writing: %v", err)
	}
	damage, err := v.Verify(ctx, nil)
	if err != nil || len(damage) != 1 || damage[0].Where != "the file" {
		t.Errorf("verify: %v, %v", damage, err)
	}
}

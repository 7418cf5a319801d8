package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"tacenda/store"
	"tacenda/store/storetest"
)

// place returns a path for a vault in a directory that only we can write to,
// whatever the umask made of the test's own.
func place(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "vaults")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "vault.db")
}

func create(t testing.TB, path string, o store.BoltOptions, fill func(store.Tx) error) *store.Bolt {
	t.Helper()
	if fill == nil {
		fill = func(store.Tx) error { return nil }
	}
	b, err := store.CreateBolt(t.Context(), path, o, fill)
	if err != nil {
		t.Fatalf("CreateBolt: %v", err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func TestBolt(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Engine {
		path := place(t)
		t.Cleanup(func() {
			if err := store.CheckStructure(path); err != nil {
				t.Errorf("after the test: %v", err)
			}
		})
		return create(t, path, store.BoltOptions{LockTimeout: patience(t)}, nil)
	})
}

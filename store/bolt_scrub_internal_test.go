package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func testVault(t *testing.T) *Bolt {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "vaults")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	b, err := CreateBolt(t.Context(), filepath.Join(dir, "vault.db"), BoltOptions{}, func(tx Tx) error {
		return tx.Put([]byte("k"), []byte("the replaced value"))
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func holds(t *testing.T, b *Bolt, what string) bool {
	t.Helper()
	file, err := os.ReadFile(b.path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(file, []byte(what))
}

// TestScrubInterrupted: a process that was killed between its commit and its
// scrub leaves a note, and the next write of anything does the scrub.
func TestScrubInterrupted(t *testing.T) {
	b := testVault(t)
	h, err := b.open(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := b.begin(h, true)
	if err != nil {
		t.Fatal(err)
	}
	err = tx.run(func(tx *boltTx) error {
		return errors.Join(tx.Put([]byte("k"), []byte("the new value")), tx.Scrub())
	})
	h.close() // as the kernel does
	if err != nil || !holds(t, b, "the replaced value") {
		t.Fatalf("the first half of a scrub: %v; the old value must still be there", err)
	}
	if err := b.Update(t.Context(), func(tx Tx) error { return tx.Put([]byte("l"), []byte("other")) }); err != nil {
		t.Fatal(err)
	}
	if holds(t, b, "the replaced value") || !holds(t, b, "the new value") {
		t.Error("the next write did not finish the scrub")
	}
	h, err = b.open(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	if h.tree.scrubDue {
		t.Error("the note is still there after the scrub")
	}
}

// TestResidue: when the scrub fails, the change is stored and the error says so.
func TestResidue(t *testing.T) {
	b := testVault(t)
	h, err := b.open(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	h.file.Close() // no medium does what it is told any more
	if err := b.scrub(t.Context(), h, true); !errors.Is(err, ErrResidue) {
		t.Errorf("a failed scrub = %v, want ErrResidue", err)
	}
	if err := b.scrub(t.Context(), h, false); err != nil {
		t.Errorf("a failed scrub that nobody asked for = %v", err)
	}
	h.close()
}

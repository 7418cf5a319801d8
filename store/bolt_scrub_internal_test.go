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

// spoilNewest makes the newer meta page unreadable, as a torn write does.
func spoilNewest(t *testing.T, b *Bolt) {
	t.Helper()
	f, err := os.OpenFile(b.path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	p, err := readPages(f, info.Size())
	if err != nil || p.before == nil {
		t.Fatalf("only one meta page is whole: %v", err)
	}
	if _, err := f.WriteAt([]byte("spoilt"), int64(p.now.txid%2)*pageSize+pageHeader+16); err != nil {
		t.Fatal(err)
	}
}

// TestOlderMeta: what is emptied is never what the older meta page needs, so
// that a vault whose newer one is lost opens with the same records.
func TestOlderMeta(t *testing.T) {
	fill := func(tx Tx) error {
		for i := range byte(200) {
			if err := tx.Put([]byte{'r', i}, bytes.Repeat([]byte{i + 1}, 100)); err != nil {
				return err
			}
		}
		return nil
	}
	tests := map[string]func(b *Bolt) error{
		"just made": func(b *Bolt) error { return b.Replace(t.Context(), fill) },
		"after a scrub": func(b *Bolt) error {
			return b.Update(t.Context(), func(tx Tx) error { return errors.Join(tx.Put([]byte("l"), []byte("v")), tx.Scrub()) })
		},
		"in the middle of a scrub": func(b *Bolt) error {
			h, err := b.open(t.Context(), true)
			if err != nil {
				return err
			}
			defer h.close()
			return errors.Join(h.empty(), h.zeroFree())
		},
		"after a compaction": func(b *Bolt) error { return b.Compact(t.Context()) },
	}
	for name, prepare := range tests {
		b := testVault(t)
		err := b.Update(t.Context(), fill)
		if err := errors.Join(err, prepare(b)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		spoilNewest(t, b)
		if err := CheckStructure(b.path); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		n := 0
		err = b.Update(t.Context(), func(tx Tx) error {
			err := tx.Range([]byte("r"), func(_, _ []byte) error { n++; return nil })
			return errors.Join(err, tx.Put([]byte("m"), []byte("v")))
		})
		if n != 200 || err != nil {
			t.Errorf("%s: %d records with the older meta page, %v", name, n, err)
		}
	}
}

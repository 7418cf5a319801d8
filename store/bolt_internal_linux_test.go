package store

import (
	"errors"
	"os"
	"testing"
)

// TestReplacedMeanwhile: a file that was opened just before another took its
// name is not the vault any more, however free its lock is.
func TestReplacedMeanwhile(t *testing.T) {
	b := testVault(t)
	f, err := openVault(b.path, true, false)
	if err != nil {
		t.Fatal(err)
	}
	defer release(f)
	if !isCurrent(f, b.path, false) {
		t.Error("an untouched vault is not current")
	}
	if err := b.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if locked, err := tryLock(f, true); !locked || err != nil {
		t.Errorf("the old file's lock: %v, %v", locked, err)
	}
	if isCurrent(f, b.path, false) {
		t.Error("a replaced file is taken for the vault")
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if err := checkOwner(b.path, info, false); err != nil {
		t.Errorf("a file that was replaced between two looks is refused instead of opened again: %v", err)
	}
	if err := os.Remove(b.path); err != nil {
		t.Fatal(err)
	}
	if isCurrent(f, b.path, false) {
		t.Error("a removed file is taken for the vault")
	}
}

// TestBroken: when bbolt panics with its locks held, the file's lock is let go
// of all the same, although the memory map keeps the file open.
func TestBroken(t *testing.T) {
	b := testVault(t)
	h, err := b.open(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := h.begin(true)
	if err != nil {
		t.Fatal(err)
	}
	tx.OnCommit(func() { panic("in the middle of a commit") })
	if err := h.commit(tx); !errors.Is(err, ErrDamaged) || !h.broken {
		t.Errorf("a panic in bbolt = %v, broken = %v", err, h.broken)
	}
	h.close()
	if err := b.Update(t.Context(), func(tx Tx) error { return tx.Put([]byte("k"), []byte("v")) }); err != nil {
		t.Errorf("after that: %v", err)
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"tacenda": "tacenda", "a\x1b[2Jb": "a?[2Jb", "x\u202ey": "x?y", "\xff": "?", "a\nb": "a?b",
		"0123456789012345678901234567890123456789X": "012345678901234567890123456789012345678…",
	} {
		if got := printable(in); got != want {
			t.Errorf("printable(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]bool{"edit": true, "": false, "-x": false, "--pass=x": false, "A": false, "a b": false, "token123": false, "abcdefghijklmnopqrstu": false} {
		if got := isPlainWord(in); got != want {
			t.Errorf("isPlainWord(%q) = %v, want %v", in, got, want)
		}
	}
}

//go:build unix

package store_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"tacenda/store"
)

// ciphertext returns n bytes that occur nowhere else.
func ciphertext(seed uint64, n int) []byte {
	b := make([]byte, n)
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	rand.NewChaCha8(key).Read(b)
	return b
}

// traces counts the places where a file holds some 16 bytes of a value. The
// first ones may be a key or length: they are left out.
func traces(t *testing.T, path string, value []byte) (n int) {
	t.Helper()
	file, err := os.ReadFile(path)
	do(t, err)
	for at := 0; at+16 <= len(value); at += max(16, len(value)/64) {
		n += bytes.Count(file, value[at:at+16])
	}
	return n
}

// TestScrub: after a change that asked for it, the file holds nothing of what was
// replaced or deleted, and after one that did not ask it does: the test sees what
// it looks for.
func TestScrub(t *testing.T) {
	t.Parallel()
	for _, records := range []int{0, 3, 300, 3000} { // within the root page; on one leaf; in two levels; in three
		for _, size := range []int{50, 700, 5_000, 200_000} {
			t.Run(fmt.Sprintf("%d records, %d bytes", records, size), func(t *testing.T) {
				path := place(t)
				b := create(t, path, brief, benchFill(records))
				first, second, third := ciphertext(1, size), ciphertext(2, size), ciphertext(3, size)
				a, z := benchKey(uint64(records/2)), benchKey(uint64(records+5))
				change := func(scrub bool, fn func(tx store.Tx) error) {
					t.Helper()
					do(t, b.Update(t.Context(), func(tx store.Tx) error {
						if scrub {
							do(t, tx.Scrub())
						}
						return fn(tx)
					}))
				}
				change(false, func(tx store.Tx) error { return tx.Put(a, first) })
				change(false, func(tx store.Tx) error { do(t, tx.Put(a, second)); return tx.Put(z, first) })
				change(false, func(tx store.Tx) error { return tx.Delete(z) })
				if traces(t, path, first) == 0 {
					t.Error("without a scrub nothing is left of a replaced value: the test sees nothing")
				}
				change(true, func(tx store.Tx) error { return tx.Put(a, third) })
				wantTraces(t, path, first, false)
				wantTraces(t, path, second, false)
				wantTraces(t, path, third, true)
				change(true, func(tx store.Tx) error { return tx.Delete(a) })
				wantTraces(t, path, third, false)
				do(t, store.CheckStructure(path))
				if n, err := readAll(b); n != max(0, records-1) || err != nil {
					t.Errorf("%d of %d records are left, %v", n, records, err)
				}
			})
		}
	}
}

func wantTraces(t *testing.T, path string, value []byte, want bool) {
	t.Helper()
	if n := traces(t, path, value); (n > 0) != want {
		t.Errorf("%d traces of a value of %d bytes, want some: %v", n, len(value), want)
	}
}

// TestScrubLarge: when most of a file is free it is rewritten, and shrinks.
func TestScrubLarge(t *testing.T) {
	t.Parallel()
	path := place(t)
	b := create(t, path, brief, func(tx store.Tx) error {
		for i := range uint64(60) {
			do(t, tx.Put(benchKey(i), ciphertext(i, 100_000)))
		}
		return nil
	})
	before, err := os.Stat(path)
	do(t, err)
	do(t, b.Update(t.Context(), func(tx store.Tx) error {
		for i := range uint64(50) {
			do(t, tx.Delete(benchKey(i)))
		}
		return tx.Scrub()
	}))
	after, err := os.Stat(path)
	do(t, err)
	if os.SameFile(before, after) || after.Size() > before.Size()/2 {
		t.Errorf("the file was not rewritten: %d bytes before, %d after", before.Size(), after.Size())
	}
	for i := range uint64(60) {
		wantTraces(t, path, ciphertext(i, 100_000), i >= 50)
	}
	do(t, store.CheckStructure(path))
}

// TestWithoutResidue: files that are made whole never hold what was replaced on
// the way, nor does a copy.
func TestWithoutResidue(t *testing.T) {
	t.Parallel()
	old, now := ciphertext(1, 3000), ciphertext(2, 3000)
	fill := func(tx store.Tx) error {
		do(t, tx.Put([]byte("k"), old))
		do(t, benchFill(14_000)(tx)) // more than one part
		do(t, tx.Put([]byte("k"), now))
		do(t, tx.Put([]byte("l"), old))
		return tx.Delete([]byte("l"))
	}
	path := place(t)
	b := create(t, path, brief, fill)
	wantTraces(t, path, old, false)
	wantTraces(t, path, now, true)

	do(t, b.Replace(t.Context(), fill))
	wantTraces(t, path, old, false)
	wantTraces(t, path, now, true)

	do(t, b.Update(t.Context(), func(tx store.Tx) error { return tx.Put([]byte("k"), old) }))
	do(t, b.Update(t.Context(), func(tx store.Tx) error { return tx.Put([]byte("k"), now) }))
	wantTraces(t, path, old, true)
	var copied bytes.Buffer
	n, err := b.CopyTo(t.Context(), &copied)
	if err != nil || n != int64(copied.Len()) {
		t.Errorf("CopyTo = %d, %v; wrote %d bytes", n, err, copied.Len())
	}
	second := place(t)
	do(t, os.WriteFile(second, copied.Bytes(), 0o600))
	wantTraces(t, second, old, false)
	c, err := store.OpenBolt(second, brief)
	do(t, err)
	if n, err := readAll(c); n != 14_001 || err != nil {
		t.Errorf("the copy: %d records, %v", n, err)
	}
	do(t, store.CheckStructure(second))
	do(t, c.Update(t.Context(), someRecords)) // and it can be written to

	before, err := os.Stat(path)
	do(t, err)
	do(t, b.Compact(t.Context()))
	wantTraces(t, path, old, false)
	wantTraces(t, path, now, true)
	if after, err := os.Stat(path); err != nil || after.Size() > before.Size() || os.SameFile(before, after) {
		t.Errorf("Compact: %d bytes before, %d after, %v", before.Size(), after.Size(), err)
	}
	do(t, store.CheckStructure(path))
}

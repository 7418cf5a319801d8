package vault_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"tacenda/internal/prooftest"
	"tacenda/internal/vault"
	"tacenda/keyring"
	"tacenda/store"
)

// -every 1 makes the tests of the whole file try each byte and each length, which
// takes half an hour; without it they try some hundreds.
var every = flag.Int("every", 0, "flip every `N`th byte of a vault file, and cut it at every Nth length")

// smallFile is a small vault with texts as a file. Its last commit changes
// nothing that verdict looks at: a flip in the newest meta page makes the engine
// fall back to the commit before, which only the memory of rollbacks can tell.
func smallFile(t *testing.T) (small, []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vault.db")
	e, err := store.CreateBolt(ctx, path, store.BoltOptions{}, func(tx store.Tx) error { return tx.Put([]byte{0xee}, []byte{0xee}) })
	if err == nil {
		err = e.Update(ctx, func(tx store.Tx) error { return tx.Delete([]byte{0xee}) })
	}
	if err != nil {
		t.Fatal(err)
	}
	s, v := newSmall(t, e)
	s.addTexts(t, v)
	if err := e.Compact(ctx); err != nil { // free pages, in which nothing matters, would be most of it
		t.Fatal(err)
	}
	description := "of no consequence"
	if _, err := v.EditSecret(ctx, project, "A", vault.Edit{Description: &description}); err != nil {
		t.Fatal(err)
	}
	v.Close()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return s, raw
}

// An outcome is what a damaged file came to.
type outcome int

const (
	refused  outcome = iota // it does not open
	noticed                 // something of it does not open, or verify names damage
	harmless                // all that was stored is there, and right
)

// openFile writes raw as a vault file and reads all that it should hold. It fails
// for a wrong value or text, and for an error that has no exit code.
func openFile(t *testing.T, s small, path, what string, raw []byte) outcome {
	t.Helper()
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Error(err)
		return refused
	}
	e, err := store.OpenBolt(path, store.BoltOptions{})
	if err != nil {
		if !errors.Is(err, store.ErrDamaged) && !errors.Is(err, store.ErrRefused) {
			t.Errorf("%s: opening the file: %v", what, err)
		}
		return refused
	}
	v, err := vault.Open(ctx, e, []keyring.Unlocker{s.root}, vault.Options{})
	if err != nil {
		wantDamage(t, what, err)
		_ = e.Close()
		return refused
	}
	defer v.Close() // the engine too
	if s.read(t, what, v, wantDamage) {
		return noticed
	}
	return harmless
}

// wantDamage is wantKnown for a file, whose engine may find the damage first.
func wantDamage(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrDamaged) && !errors.Is(err, store.ErrNoSpace) {
		wantKnown(t, what, err)
	}
}

// sample is the distance between the bytes that are tried.
func sample(size, cases int) int {
	if *every > 0 {
		return *every
	}
	return max(1, size/cases) | 1 // odd, so that pages do not all lose the same byte
}

// tryAll makes each damaged form of the file, every stepth of n, and returns what
// they came to, by outcome, and how many there were.
func tryAll(t *testing.T, s small, n, step int, damage func(i int) (what string, raw []byte)) (count [3]int, cases int) {
	t.Helper()
	var lock sync.Mutex
	var workers sync.WaitGroup
	next := make(chan int)
	for range runtime.NumCPU() {
		dir := t.TempDir()
		workers.Go(func() {
			path := filepath.Join(dir, "vault.db")
			for i := range next {
				what, raw := damage(i)
				o := openFile(t, s, path, what, raw)
				lock.Lock()
				count[o]++
				cases++
				lock.Unlock()
			}
		})
	}
	for i := 0; i < n; i += step {
		next <- i
	}
	close(next)
	workers.Wait()
	return count, cases
}

func TestEveryFlippedByteOfTheFile(t *testing.T) {
	s, raw := smallFile(t)
	if got := openFile(t, s, filepath.Join(t.TempDir(), "vault.db"), "untouched", raw); got != harmless {
		t.Fatalf("the untouched file came to %d", got)
	}
	count, cases := tryAll(t, s, len(raw), sample(len(raw), 150), func(i int) (string, []byte) {
		flipped := bytes.Clone(raw)
		flipped[i] ^= 1 << (i % 8)
		return fmt.Sprintf("byte %d", i), flipped
	})
	t.Logf("%d of %d bytes: %d refused, %d noticed, %d harmless", cases, len(raw), count[refused], count[noticed], count[harmless])
	if count[noticed] == 0 {
		t.Error("no flip was noticed: the test does not reach what it damages")
	}
	prooftest.Cases(t, cases, fmt.Sprintf("flips in a file of %d bytes", len(raw)))
}

func TestEveryLengthOfTheFile(t *testing.T) {
	s, raw := smallFile(t)
	count, cases := tryAll(t, s, len(raw), sample(len(raw), 60), func(n int) (string, []byte) {
		return fmt.Sprintf("cut to %d bytes", n), raw[:n]
	})
	t.Logf("%d of %d lengths: %d refused, %d noticed, %d harmless", cases, len(raw), count[refused], count[noticed], count[harmless])
	if count[refused] == 0 {
		t.Error("no cut was noticed")
	}
	prooftest.Cases(t, cases, "lengths of it")
}

// Package slottest holds the promises of every kind of slot as one suite of
// tests: who opens it, who does not, and that nothing changed or moved ever does.
package slottest

import (
	"errors"
	"testing"

	"tacenda/keyring"
	"tacenda/keyring/secret"
)

// Holder is somebody who may hold a slot of one kind.
type Holder struct {
	Kind keyring.Kind
	// New wraps root for the holder.
	New func(t *testing.T, vaultID [16]byte, root *secret.Bytes) *keyring.Slot
	// Mine opens what New made last. Other is somebody else of the same kind.
	// A suite opens some thousand slots, so a costly derivation should be remembered.
	Mine, Other func(t *testing.T) keyring.Unlocker
	// Refusal is what Other's Unlock returns: ErrNotMine or ErrWrongPassphrase.
	Refusal error
}

var (
	vaultID      = [16]byte{1, 2, 3, 4, 5, 6, 7, 8}
	otherVaultID = [16]byte{1, 2, 3, 4, 5, 6, 7, 9}
)

// Run holds a kind of slot to its promises.
func Run(t *testing.T, h Holder) {
	t.Run("opens", func(t *testing.T) { testOpens(t, h) })
	t.Run("record", func(t *testing.T) { testRecord(t, h) })
	t.Run("somebody else", func(t *testing.T) { testOthers(t, h) })
	t.Run("changed", func(t *testing.T) { testChanged(t, h) })
	t.Run("transplanted", func(t *testing.T) { testTransplanted(t, h) })
	t.Run("rewrapped", func(t *testing.T) { testRewrapped(t, h) })
	t.Run("refuses", func(t *testing.T) { testRefuses(t, h) })
	t.Run("wiped", func(t *testing.T) { testWiped(t, h) })
}

func newRoot(t *testing.T) *secret.Bytes {
	t.Helper()
	root, err := secret.Random(keyring.KeySize)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(root.Destroy)
	return root
}

func record(t *testing.T, s *keyring.Slot) []byte {
	t.Helper()
	r, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func parse(t *testing.T, record []byte) *keyring.Slot {
	t.Helper()
	s, err := keyring.ParseSlot(record)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// mustOpen fails unless u opens s and finds root.
func mustOpen(t *testing.T, u keyring.Unlocker, s *keyring.Slot, root *secret.Bytes) {
	t.Helper()
	got, err := u.Unlock(vaultID, s)
	if err != nil {
		t.Fatalf("%v did not open its slot: %v", u, err)
	}
	defer got.Destroy()
	if !got.Equal(root) {
		t.Fatalf("%v opened its slot and found another key", u)
	}
}

// mustNotOpen fails if u opens s, or fails with another error than one of want.
func mustNotOpen(t *testing.T, u keyring.Unlocker, vaultID [16]byte, s *keyring.Slot, want ...error) {
	t.Helper()
	got, err := u.Unlock(vaultID, s)
	if err == nil {
		got.Destroy()
		t.Fatalf("%v opened a slot that it must not", u)
	}
	if got != nil {
		t.Fatalf("%v returned a key beside the error %v", u, err)
	}
	for _, w := range want {
		if errors.Is(err, w) {
			return
		}
	}
	t.Fatalf("%v: got the error %v, want one of %v", u, err, want)
}

func testOpens(t *testing.T, h Holder) {
	root := newRoot(t)
	s := h.New(t, vaultID, root)
	if s.Kind != h.Kind {
		t.Fatalf("kind %q, want %q", s.Kind, h.Kind)
	}
	mustOpen(t, h.Mine(t), s, root)
	u := h.Mine(t)
	mustOpen(t, u, parse(t, record(t, s)), root)
	mustOpen(t, u, s, root) // an unlocker may be used again
	if u.String() == "" {
		t.Error("the unlocker has no name")
	}
}

func testRecord(t *testing.T, h Holder) {
	root := newRoot(t)
	s := h.New(t, vaultID, root)
	r := record(t, s)
	back := parse(t, r)
	if string(record(t, back)) != string(r) {
		t.Error("a slot read and written again is another record")
	}
	if len(r) > keyring.MaxSlotSize {
		t.Errorf("the record has %d bytes", len(r))
	}
	a, errA := s.Digest()
	b, errB := back.Digest()
	if errA != nil || errB != nil || a != b {
		t.Errorf("digests %x (%v) and %x (%v)", a, errA, b, errB)
	}
	if f := s.Fingerprint(); f != back.Fingerprint() || len(f) != len("SHA256:")+43 {
		t.Errorf("fingerprints %q and %q", f, back.Fingerprint())
	}
	for n := range r {
		if _, err := keyring.ParseSlot(r[:n]); !errors.Is(err, keyring.ErrDamagedSlot) {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
	}
	if _, err := keyring.ParseSlot(append(r[:len(r):len(r)], 0)); !errors.Is(err, keyring.ErrDamagedSlot) {
		t.Errorf("a trailing byte: %v", err)
	}
}

func testOthers(t *testing.T, h Holder) {
	s := h.New(t, vaultID, newRoot(t))
	mustNotOpen(t, h.Other(t), vaultID, s, h.Refusal)
	for _, u := range strangers(t) {
		// A stranger of the holder's kind has another key, the others another kind.
		mustNotOpen(t, u, vaultID, s, keyring.ErrNotMine, h.Refusal)
	}
}

// strangers are unlockers of the kinds that need no preparation.
func strangers(t *testing.T) []keyring.Unlocker {
	t.Helper()
	text := []byte("AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX")
	data, err := secret.Move(text)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(data.Destroy)
	ids, err := keyring.ParseIdentities("stranger", data, nil)
	if err != nil {
		t.Fatal(err)
	}
	pass, err := secret.Move([]byte("nobody's passphrase"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pass.Destroy)
	return append(ids, keyring.Passphrase(pass, false))
}

// testChanged flips every byte of the record: it is not read, or not opened.
func testChanged(t *testing.T, h Holder) {
	r := record(t, h.New(t, vaultID, newRoot(t)))
	u := h.Mine(t)
	for i := range r {
		changed := append([]byte(nil), r...)
		changed[i] ^= 1 << (i % 8)
		s, err := keyring.ParseSlot(changed)
		if err != nil {
			if !errors.Is(err, keyring.ErrDamagedSlot) {
				t.Fatalf("byte %d: %v", i, err)
			}
			continue
		}
		mustNotOpen(t, u, vaultID, s, keyring.ErrDamagedSlot, keyring.ErrNotMine, keyring.ErrNoMatch,
			keyring.ErrWrongPassphrase, keyring.ErrCostly)
	}
}

// testTransplanted moves a slot to another vault, and gives one slot the
// identity of another.
func testTransplanted(t *testing.T, h Holder) {
	s := h.New(t, vaultID, newRoot(t))
	u := h.Mine(t)
	mustNotOpen(t, u, otherVaultID, s, keyring.ErrDamagedSlot, keyring.ErrNoMatch)
	for name, change := range map[string]func(*keyring.Slot){
		"id":        func(s *keyring.Slot) { s.ID[15] ^= 1 },
		"label":     func(s *keyring.Slot) { s.Label += "x" },
		"created":   func(s *keyring.Slot) { s.Created++ },
		"recipient": func(s *keyring.Slot) { s.Recipient += "x" },
		"kind":      func(s *keyring.Slot) { s.Kind = "other" },
	} {
		moved := parse(t, record(t, s))
		change(moved)
		got, err := u.Unlock(vaultID, moved)
		if err == nil {
			got.Destroy()
			t.Errorf("opened with another %s", name)
		}
	}
}

// testRewrapped rotates the root key without the holder.
func testRewrapped(t *testing.T, h Holder) {
	first, second := newRoot(t), newRoot(t)
	s := h.New(t, vaultID, first)
	old := record(t, s)
	// Only what is stored may be needed.
	next := parse(t, old)
	if err := next.Rewrap(vaultID, second); err != nil {
		t.Fatal(err)
	}
	u := h.Mine(t)
	mustOpen(t, u, parse(t, record(t, next)), second)
	if next.ID != s.ID || next.Label != s.Label || next.Created != s.Created || next.Fingerprint() != s.Fingerprint() {
		t.Error("rewrapping changed whose slot it is")
	}
	// The old record opens the old root key and nothing newer: that is all an
	// old copy of the file is worth.
	mustOpen(t, u, parse(t, old), first)
	mustNotOpen(t, h.Other(t), vaultID, next, h.Refusal)

	before := record(t, next)
	short, err := secret.Random(keyring.KeySize - 1)
	if err != nil {
		t.Fatal(err)
	}
	defer short.Destroy()
	gone := newRoot(t)
	gone.Destroy()
	for name, bad := range map[string]*secret.Bytes{"short": short, "destroyed": gone} {
		if err := next.Rewrap(vaultID, bad); err == nil {
			t.Errorf("a %s root key was wrapped", name)
		}
	}
	if string(record(t, next)) != string(before) {
		t.Error("a failed rewrap changed the slot")
	}
}

func testRefuses(t *testing.T, h Holder) {
	u := h.Mine(t)
	// What no constructor made has the fields of no kind.
	bare := &keyring.Slot{Kind: h.Kind, Label: "bare"}
	mustNotOpen(t, u, vaultID, bare, keyring.ErrDamagedSlot, keyring.ErrNotMine)
	if _, err := bare.Marshal(); !errors.Is(err, keyring.ErrDamagedSlot) {
		t.Errorf("a bare slot was encoded: %v", err)
	}
	if err := bare.Rewrap(vaultID, newRoot(t)); !errors.Is(err, keyring.ErrDamagedSlot) {
		t.Errorf("a bare slot was wrapped: %v", err)
	}
	mustNotOpen(t, u, vaultID, &keyring.Slot{}, keyring.ErrDamagedSlot, keyring.ErrNotMine)
}

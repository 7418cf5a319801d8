package keyring_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tacenda/keyring"
	"tacenda/keyring/secret"
)

// FuzzParseSlot: what is read is written back byte for byte, and nothing that a
// record says makes an unlocker panic or hand out a key that is not its root.
func FuzzParseSlot(f *testing.F) {
	seeds := 0
	for _, v := range readVectors(f) {
		f.Add(unhex(f, v.Record))
		seeds++
	}
	if seeds == 0 {
		f.Fatal("no seeds")
	}
	f.Add([]byte{})
	f.Add([]byte{0xa0})
	f.Add(bytes.Repeat([]byte{0x81}, 100))
	identity := unlocker(f, fixture(f, "id_ed25519"))
	f.Fuzz(func(t *testing.T, record []byte) {
		s, err := keyring.ParseSlot(record)
		if err != nil {
			if s != nil || !errors.Is(err, keyring.ErrDamagedSlot) {
				t.Fatalf("%v beside %v", err, s)
			}
			return
		}
		again, err := s.Marshal()
		if err != nil || !bytes.Equal(again, record) {
			t.Fatalf("written back as %x, %v", again, err)
		}
		if _, err := s.Digest(); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(s.Fingerprint(), "SHA256:") {
			t.Fatal(s.Fingerprint())
		}
		if root, err := identity.Unlock(vaultID, s); err == nil {
			root.Destroy()
			t.Fatal("a slot of another vault was opened")
		}
		root := newRoot(t)
		switch err := s.Rewrap(vaultID, root); {
		case errors.Is(err, keyring.ErrDamagedSlot):
		case err != nil:
			// A public key that the crypto libraries refuse.
		default:
			if _, err := s.Marshal(); err != nil {
				t.Fatalf("a rewrapped slot cannot be written: %v", err)
			}
		}
	})
}

// FuzzParseIdentities: no panic, and no error that repeats a line of its input.
func FuzzParseIdentities(f *testing.F) {
	files, err := filepath.Glob("testdata/ssh/*")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, v := range readVectors(f) {
		f.Add([]byte("# comment\r\n" + v.Identity + "\n"))
	}
	f.Add([]byte("AGE-SECRET-KEY-1"))
	f.Add([]byte("AGE-PLUGIN-X-1QQ"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 2*keyring.MaxIdentityFile {
			return
		}
		data, err := secret.Move(bytes.Clone(text))
		if err != nil {
			t.Fatal(err)
		}
		defer data.Destroy()
		ids, err := keyring.ParseIdentities("NAME", data, nil)
		if (err == nil) != (len(ids) > 0) {
			t.Fatalf("%d identities, %v", len(ids), err)
		}
		for _, id := range ids {
			_ = id.String()
		}
		if err == nil {
			return
		}
		for line := range bytes.Lines(text) {
			line = bytes.TrimSpace(line)
			// Shorter pieces, and plain words, stand in our own sentences.
			if len(line) > 24 && strings.Contains(err.Error(), string(line)) {
				t.Fatalf("%q repeats %q", err, line)
			}
		}
	})
}

// FuzzParseRecipient: the canonical text reads as itself and makes a slot of its kind.
func FuzzParseRecipient(f *testing.F) {
	files, err := filepath.Glob("testdata/ssh/*.pub")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	for _, v := range readVectors(f) {
		f.Add(v.slot(f).Recipient)
	}
	f.Add("age1yubikey1q")
	f.Add("github:x")
	f.Fuzz(func(t *testing.T, text string) {
		kind, canonical, r, err := keyring.ParseRecipient(text)
		if err != nil {
			return
		}
		k, c, _, err := keyring.ParseRecipient(canonical)
		if err != nil || k != kind || c != canonical || r == nil {
			t.Fatalf("%q reads as %q, and that as %q: %v", text, canonical, c, err)
		}
		s, err := keyring.NewRecipientSlot(vaultID, "", text, newRoot(t))
		if err != nil {
			return // a point of low order, which age refuses when it wraps
		}
		if s.Kind != kind || s.Recipient != canonical {
			t.Fatalf("a slot of kind %s for %q", s.Kind, s.Recipient)
		}
	})
}

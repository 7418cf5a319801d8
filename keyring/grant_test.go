package keyring_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"filippo.io/age"

	"tacenda/keyring"
	"tacenda/keyring/secret"
)

// holders are private keys of every kind that a member may have, with their
// public halves, and a stranger's of the same kind.
func holders(t *testing.T) map[string][2]keyring.Holder {
	t.Helper()
	parse := func(private []byte) keyring.Holder {
		data, err := secret.Move(private)
		if err != nil {
			t.Fatal(err)
		}
		defer data.Destroy()
		ids, err := keyring.ParseIdentities("test", data, nil)
		if err != nil {
			t.Fatal(err)
		}
		return ids[0].(keyring.Holder)
	}
	file := func(name string) keyring.Holder {
		private, err := os.ReadFile("testdata/ssh/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return parse(private)
	}
	x25519 := func() keyring.Holder {
		id, err := age.GenerateX25519Identity()
		if err != nil {
			t.Fatal(err)
		}
		return parse([]byte(id.String()))
	}
	hybrid := func() keyring.Holder {
		id, err := age.GenerateHybridIdentity()
		if err != nil {
			t.Fatal(err)
		}
		return parse([]byte(id.String()))
	}
	return map[string][2]keyring.Holder{
		"age":         {x25519(), x25519()},
		"age-pq":      {hybrid(), hybrid()},
		"ssh-ed25519": {file("id_ed25519"), x25519()},
		"ssh-rsa":     {file("id_rsa"), file("id_ed25519")},
	}
}

func keysOf(t *testing.T, n int) *secret.Bytes {
	t.Helper()
	b, err := secret.Random(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Destroy)
	return b
}

func TestGrant(t *testing.T) {
	bound := [][]byte{[]byte("vault"), []byte("project"), {1}}
	for kind, h := range holders(t) {
		t.Run(kind, func(t *testing.T) {
			for _, n := range []int{32, 64, 96} {
				keys := keysOf(t, n)
				g, err := keyring.NewGrant(h[0].Recipient(), keys, bound...)
				if err != nil {
					t.Fatal(err)
				}
				got, err := h[0].OpenGrant(g, bound...)
				if err != nil || !got.Equal(keys) {
					t.Fatalf("%d bytes: %v", n, err)
				}
				got.Destroy()
				if _, err := h[1].OpenGrant(g, bound...); !errors.Is(err, keyring.ErrNotMine) {
					t.Errorf("somebody else: %v", err)
				}
				refused(t, h, g, bound)
			}
		})
	}
}

// refused wants ErrOpen for everything that g is not.
func refused(t *testing.T, h [2]keyring.Holder, g *keyring.Grant, bound [][]byte) {
	t.Helper()
	for what, other := range map[string][][]byte{
		"nothing": nil, "less": bound[:2], "more": append(bound[:3:3], nil), "another project": {bound[0], []byte("projecT"), bound[2]},
		"joined otherwise": {[]byte("vaultp"), []byte("roject"), bound[2]},
	} {
		if _, err := h[0].OpenGrant(g, other...); !errors.Is(err, keyring.ErrOpen) {
			t.Errorf("bound to %s: %v", what, err)
		}
	}
	change := func(what string, f func(*keyring.Grant)) {
		t.Helper()
		c := *g
		c.Arguments, c.Body, c.Wrapped = append([]string(nil), g.Arguments...), bytes.Clone(g.Body), bytes.Clone(g.Wrapped)
		f(&c)
		if _, err := h[0].OpenGrant(&c, bound...); !errors.Is(err, keyring.ErrOpen) {
			t.Errorf("%s: %v", what, err)
		}
	}
	change("a flipped bit of the body", func(c *keyring.Grant) { c.Body[3] ^= 1 })
	change("a flipped bit of the keys", func(c *keyring.Grant) { c.Wrapped[20] ^= 1 })
	change("a flipped bit of the nonce", func(c *keyring.Grant) { c.Wrapped[0] ^= 1 })
	change("a shorter body", func(c *keyring.Grant) { c.Body = c.Body[1:] })
	change("no keys", func(c *keyring.Grant) { c.Wrapped = nil })
	change("part of a key", func(c *keyring.Grant) { c.Wrapped = c.Wrapped[:len(c.Wrapped)-1] })
	change("a key more", func(c *keyring.Grant) { c.Wrapped = append(c.Wrapped, make([]byte, 32)...) })
	change("no argument", func(c *keyring.Grant) { c.Arguments = nil })
	change("an argument more", func(c *keyring.Grant) { c.Arguments = append(c.Arguments, "x") })
	change("another argument", func(c *keyring.Grant) {
		last := len(c.Arguments) - 1
		c.Arguments[last] = strings.Repeat("A", len(c.Arguments[last]))
	})
}

// TestGrantsAreNoSlots: what was wrapped as the one does not open as the other.
func TestGrantsAreNoSlots(t *testing.T) {
	for kind, h := range holders(t) {
		vaultID := [16]byte{1}
		root := keysOf(t, keyring.KeySize)
		s, err := keyring.NewRecipientSlot(vaultID, "label", h[0].Recipient(), root)
		if err != nil {
			t.Fatal(err)
		}
		record, err := s.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		var parts struct {
			ID        []byte   `cbor:"1,keyasint"`
			Kind      string   `cbor:"2,keyasint"`
			Label     string   `cbor:"3,keyasint"`
			Created   uint64   `cbor:"4,keyasint"`
			Recipient string   `cbor:"5,keyasint"`
			Arguments []string `cbor:"12,keyasint"`
			Body      []byte   `cbor:"13,keyasint"`
			Wrapped   []byte   `cbor:"14,keyasint"`
		}
		if err := keyring.Unmarshal(record, &parts); err != nil {
			t.Fatal(err)
		}
		asGrant := &keyring.Grant{Recipient: parts.Recipient, Arguments: parts.Arguments, Body: parts.Body, Wrapped: parts.Wrapped}
		if _, err := h[0].OpenGrant(asGrant); !errors.Is(err, keyring.ErrOpen) {
			t.Errorf("%s: a slot as a grant: %v", kind, err)
		}
		g, err := keyring.NewGrant(h[0].Recipient(), root, vaultID[:])
		if err != nil {
			t.Fatal(err)
		}
		parts.Arguments, parts.Body, parts.Wrapped = g.Arguments, g.Body, g.Wrapped
		if record, err = keyring.Marshal(parts); err != nil {
			t.Fatal(err)
		}
		asSlot, err := keyring.ParseSlot(record)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h[0].Unlock(vaultID, asSlot); !errors.Is(err, keyring.ErrDamagedSlot) {
			t.Errorf("%s: a grant as a slot: %v", kind, err)
		}
	}
}

func TestGrantsThatCannotBeMade(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	recipient := id.Recipient().String()
	for _, n := range []int{1, 31, 33, 128} {
		if _, err := keyring.NewGrant(recipient, keysOf(t, n)); err == nil {
			t.Errorf("%d bytes of keys were wrapped", n)
		}
	}
	for _, r := range []string{"", " " + recipient, recipient + "\n", "age1x", "passphrase", id.String()} {
		_, err := keyring.NewGrant(r, keysOf(t, 32))
		if err == nil {
			t.Errorf("for %.10q keys were wrapped", r)
		}
		if err != nil && strings.Contains(err.Error(), id.String()) {
			t.Error("the error repeats a private key")
		}
	}
}

// TestPrepareAsks: the passphrase of a private key is asked for once, before
// anything is opened with it.
func TestPrepareAsks(t *testing.T) {
	private, err := os.ReadFile("testdata/ssh/id_ed25519_encrypted")
	if err != nil {
		t.Fatal(err)
	}
	data, err := secret.Move(private)
	if err != nil {
		t.Fatal(err)
	}
	defer data.Destroy()
	asked := 0
	answer := "wrong"
	ids, err := keyring.ParseIdentities("id", data, func(string) (*secret.Bytes, error) {
		asked++
		return secret.Move([]byte(answer))
	})
	if err != nil {
		t.Fatal(err)
	}
	h := ids[0].(keyring.Holder)
	if h.Recipient() == "" || asked != 0 {
		t.Errorf("its public half %q, asked %d times", h.Recipient(), asked)
	}
	if err := h.Prepare(); !errors.Is(err, keyring.ErrWrongPassphrase) || asked != 1 {
		t.Errorf("a wrong passphrase: %v, asked %d times", err, asked)
	}
	answer = fixturePassphrase
	g, err := keyring.NewGrant(h.Recipient(), keysOf(t, 32))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := h.Prepare(); err != nil {
			t.Fatal(err)
		}
		keys, err := h.OpenGrant(g)
		if err != nil {
			t.Fatal(err)
		}
		keys.Destroy()
	}
	if asked != 2 {
		t.Errorf("asked %d times, want once for each answer", asked)
	}
}

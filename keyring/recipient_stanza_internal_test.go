package keyring

import (
	"errors"
	"os"
	"testing"

	"filippo.io/age"

	"tacenda/keyring/secret"
)

// strange is a recipient that answers with what a test wants.
type strange []*age.Stanza

func (s strange) Wrap([]byte) ([]*age.Stanza, error) {
	if s == nil {
		return nil, errors.New("no")
	}
	return s, nil
}

func TestStrangeStanzas(t *testing.T) {
	fileKey, err := secret.Random(fileKeySize)
	if err != nil {
		t.Fatal(err)
	}
	defer fileKey.Destroy()
	good := &age.Stanza{Type: "X25519"}
	if _, err := x25519Shape.wrapFileKey(strange{good}, fileKey); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]strange{
		"an error": nil, "none": {}, "two": {good, good}, "another type": {{Type: "scrypt"}},
	} {
		if _, err := x25519Shape.wrapFileKey(r, fileKey); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestShortFileKey: RSA carries a file key of any length, so a stanza may bring
// one that can be searched for.
func TestShortFileKey(t *testing.T) {
	public, err := os.ReadFile("testdata/ssh/id_rsa.pub")
	if err != nil {
		t.Fatal(err)
	}
	private, err := os.ReadFile("testdata/ssh/id_rsa")
	if err != nil {
		t.Fatal(err)
	}
	data, err := secret.Move(private)
	if err != nil {
		t.Fatal(err)
	}
	defer data.Destroy()
	ids, err := ParseIdentities("id_rsa", data, nil)
	if err != nil {
		t.Fatal(err)
	}
	root, err := secret.Random(KeySize)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Destroy()
	for _, n := range []int{1, 15, 16, 17, 32} {
		s, err := NewRecipientSlot([16]byte{}, "", string(public), root)
		if err != nil {
			t.Fatal(err)
		}
		fileKey, err := secret.Random(n)
		if err != nil {
			t.Fatal(err)
		}
		defer fileKey.Destroy()
		_, _, r, err := ParseRecipient(s.Recipient)
		if err != nil {
			t.Fatal(err)
		}
		if s.stanza, err = rsaShape.wrapFileKey(r, fileKey); err != nil {
			t.Fatal(err)
		}
		sealer, err := NewSealer(fileKey, slotLabel, s.bound([16]byte{})...)
		if err != nil {
			t.Fatal(err)
		}
		_ = root.Use(func(p []byte) error {
			s.wrapped = sealer.Seal(nil, Tuple(slotLabel, s.bound([16]byte{})...), p)
			return nil
		})
		got, err := ids[0].Unlock([16]byte{}, s)
		if (err == nil) != (n == fileKeySize) || err != nil && !errors.Is(err, ErrDamagedSlot) {
			t.Errorf("a file key of %d bytes: %v", n, err)
		}
		got.Destroy()
	}
}

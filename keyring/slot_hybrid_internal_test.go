package keyring

import (
	"crypto/hpke"
	"errors"
	"testing"

	"tacenda/keyring/secret"
)

// TestPlantedPublicKey: an owner puts a public key of their own into somebody's
// slot, to receive the root key of the next rotation after being removed. They
// know today's root key, so they seal it to the victim's real key as well: the
// victim's passphrase would open the slot, and nobody would notice.
func TestPlantedPublicKey(t *testing.T) {
	vaultID := [16]byte{1}
	guard := func(text string) *secret.Bytes {
		b, err := secret.Move([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.Destroy)
		return b
	}
	root := guard("0123456789abcdef0123456789abcdef")
	slot := func(pass string) *Slot {
		s, err := NewPassphraseSlot(vaultID, "desk", guard(pass), MinimalCost, root)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	victim, attacker := slot("theirs"), slot("mine")
	genuine, err := hpke.MLKEM768X25519().NewPublicKey(victim.publicKey)
	if err != nil {
		t.Fatal(err)
	}
	victim.publicKey = attacker.publicKey
	err = root.Use(func(r []byte) (err error) {
		victim.wrapped, err = hpke.Seal(genuine, hpke.HKDFSHA256(), hpke.AES256GCM(), Tuple(slotLabel, victim.bound(vaultID)...), r)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := Passphrase(guard("theirs"), false).Unlock(vaultID, victim)
	if !errors.Is(err, ErrDamagedSlot) {
		t.Errorf("the victim does not notice: %v", err)
	}
	got.Destroy()
}

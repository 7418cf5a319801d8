package keyring

import (
	"bytes"
	"crypto/hpke"
	"crypto/subtle"
	"errors"
	"fmt"

	"tacenda/keyring/secret"
)

// Passphrases and the desktop's keyring hold a symmetric secret. Were the root
// key sealed under it, nobody could wrap a new root key without the secret. So it is
// stretched to 64 bytes: 32 are the private key of an ML-KEM768-X25519 pair whose
// public half stands in the slot, 32 a commitment that stands there too. See
// docs/decisions/0001-slots-that-can-be-rewrapped.md.
const (
	stretchedSize    = hybridSeedSize + commitmentSize
	hybridSeedSize   = 32
	commitmentSize   = 32
	hybridPublicSize = 1184 + 32 // ML-KEM-768, X25519
	hybridSealed     = 1088 + 32 + KeySize + 16
)

// checkHybrid refuses a slot without a key pair, or with a recipient.
func checkHybrid(s *Slot) error {
	switch {
	case len(s.commitment) != commitmentSize:
		return errors.New("its commitment has a wrong length")
	case len(s.publicKey) != hybridPublicSize:
		return errors.New("its public key has a wrong length")
	case len(s.wrapped) != hybridSealed:
		return errors.New("its wrapped key has a wrong length")
	case s.Recipient != "" || s.stanza.args != nil || s.stanza.body != nil:
		return errors.New("it has a recipient")
	}
	return nil
}

func publicHybrid(s *Slot) []byte { return s.publicKey }

// setHybrid puts the public half of a stretched secret into the slot.
func (s *Slot) setHybrid(stretched *secret.Bytes) error {
	return stretched.Use(func(b []byte) error {
		s.commitment = bytes.Clone(b[hybridSeedSize:])
		return withHybridKey(b[:hybridSeedSize], func(k hpke.PrivateKey) error {
			s.publicKey = k.PublicKey().Bytes()
			return nil
		})
	})
}

// wrapHybrid seals root to the slot's public key. HPKE takes what binds the
// slot as its info, which enters the key; there is no further additional data.
func wrapHybrid(s *Slot, vaultID [16]byte, root *secret.Bytes) error {
	pub, err := hpke.MLKEM768X25519().NewPublicKey(s.publicKey)
	if err != nil {
		return fmt.Errorf("%w: its public key is not valid", ErrDamagedSlot)
	}
	return root.Use(func(r []byte) (err error) {
		secret.Do(func() {
			s.wrapped, err = hpke.Seal(pub, hpke.HKDFSHA256(), hpke.AES256GCM(), Tuple(slotLabel, s.bound(vaultID)...), r)
		})
		return err
	})
}

// openHybrid returns the root key, or mismatch when the stretched secret is not
// the slot's.
func (s *Slot) openHybrid(vaultID [16]byte, stretched *secret.Bytes, mismatch error) (root *secret.Bytes, err error) {
	err = stretched.Use(func(b []byte) error {
		// The commitment comes first and decides alone: AES-GCM does not commit
		// to a key, so "it opens" would not mean "it is the right one".
		if subtle.ConstantTimeCompare(b[hybridSeedSize:], s.commitment) != 1 {
			return mismatch
		}
		return withHybridKey(b[:hybridSeedSize], func(k hpke.PrivateKey) (err error) {
			// A public key planted in somebody's slot would receive the next root key.
			if !bytes.Equal(k.PublicKey().Bytes(), s.publicKey) {
				return fmt.Errorf("%w: its public key belongs to another secret", ErrDamagedSlot)
			}
			r, err := hpke.Open(k, hpke.HKDFSHA256(), hpke.AES256GCM(), Tuple(slotLabel, s.bound(vaultID)...), s.wrapped)
			if err != nil || len(r) != KeySize {
				secret.Wipe(r)
				return fmt.Errorf("%w: its key does not open it", ErrDamagedSlot)
			}
			root, err = secret.Move(r)
			return err
		})
	})
	return root, err
}

// withHybridKey calls fn with the key pair of a seed. crypto/hpke copies the
// seed and expands it on the Go heap and offers no way to wipe either.
func withHybridKey(seed []byte, fn func(hpke.PrivateKey) error) (err error) {
	secret.Do(func() {
		// NewPrivateKey rather than DeriveKeyPair: the seed is uniform already,
		// and this is the key format that age's hybrid identities have fixed for good.
		var k hpke.PrivateKey
		if k, err = hpke.MLKEM768X25519().NewPrivateKey(seed); err == nil {
			err = fn(k)
		}
	})
	return err
}

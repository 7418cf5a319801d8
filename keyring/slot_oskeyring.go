package keyring

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"

	oskeyring "github.com/zalando/go-keyring"

	"tacenda/keyring/secret"
)

const (
	// Where the secret is kept: a service name, and the slot's id in hex as the user.
	oskeyringService = "tacenda"
	oskeyringLabel   = "tacenda/v1/oskeyring"
)

// NewOSKeyringSlot wraps root for a random key that it stores in the keyring of
// the desktop session. Whoever drops the slot calls ForgetOSKeyring.
func NewOSKeyringSlot(vaultID [16]byte, label string, root *secret.Bytes) (*Slot, error) {
	s, err := newOSKeyringSlot(vaultID, label, root)
	if err != nil {
		return nil, fmt.Errorf("making a keyring slot: %w", err)
	}
	return s, nil
}

func newOSKeyringSlot(vaultID [16]byte, label string, root *secret.Bytes) (*Slot, error) {
	s, err := newSlot(KindOSKeyring, label)
	if err != nil {
		return nil, err
	}
	key, err := secret.Random(KeySize)
	if err != nil {
		return nil, err
	}
	defer key.Destroy()
	stretched, err := stretchOSKey(vaultID, s.ID, key)
	if err != nil {
		return nil, err
	}
	defer stretched.Destroy()
	if err := s.setHybrid(stretched); err != nil {
		return nil, err
	}
	if err := s.Rewrap(vaultID, root); err != nil {
		return nil, err
	}
	if err := storeOSKey(s.ID, key); err != nil {
		return nil, err
	}
	// A slot whose key did not arrive would open never.
	again, err := OSKeyring().Unlock(vaultID, s)
	if err != nil {
		_ = ForgetOSKeyring(s) // the first error is the one to report
		return nil, fmt.Errorf("reading its key back: %w", err)
	}
	again.Destroy()
	return s, nil
}

func storeOSKey(id [16]byte, key *secret.Bytes) error {
	if err := desktop(); err != nil {
		return err
	}
	err := key.Use(func(k []byte) error {
		return oskeyring.Set(oskeyringService, hex.EncodeToString(id[:]), base64.RawStdEncoding.EncodeToString(k))
	})
	if err != nil {
		return fmt.Errorf("storing its key in the desktop's keyring: %v", err)
	}
	return nil
}

// stretchOSKey is to a keyring's key what Argon2id is to a passphrase.
func stretchOSKey(vaultID, id [16]byte, key *secret.Bytes) (*secret.Bytes, error) {
	return Derive(key, stretchedSize, oskeyringLabel, vaultID[:], id[:])
}

// loadOSKey returns ErrNotMine when the keyring does not know the slot.
func loadOSKey(id [16]byte) (*secret.Bytes, error) {
	if err := desktop(); err != nil {
		return nil, err
	}
	// The library hands out a string, which stays on the heap until it is collected.
	text, err := oskeyring.Get(oskeyringService, hex.EncodeToString(id[:]))
	if errors.Is(err, oskeyring.ErrNotFound) {
		return nil, fmt.Errorf("%w: the desktop's keyring has no key for it", ErrNotMine)
	}
	if err != nil {
		return nil, fmt.Errorf("asking the desktop's keyring: %v", err)
	}
	key, err := base64.RawStdEncoding.Strict().DecodeString(text)
	if err != nil || len(key) != KeySize {
		secret.Wipe(key)
		return nil, fmt.Errorf("%w: what the desktop's keyring has is no key of ours", ErrNoMatch)
	}
	return secret.Move(key)
}

// ForgetOSKeyring deletes a slot's key from the desktop's keyring. One that is not
// there is no error; a slot of another kind is left alone.
func ForgetOSKeyring(s *Slot) error {
	if s.Kind != KindOSKeyring {
		return nil
	}
	if err := desktop(); err != nil {
		return fmt.Errorf("deleting a key from the desktop's keyring: %w", err)
	}
	err := oskeyring.Delete(oskeyringService, hex.EncodeToString(s.ID[:]))
	if err != nil && !errors.Is(err, oskeyring.ErrNotFound) {
		return fmt.Errorf("deleting a key from the desktop's keyring: %v", err)
	}
	return nil
}

func checkOSKeyring(s *Slot) error {
	if s.salt != nil || s.cost != (Cost{}) {
		return errors.New("it has a key derivation")
	}
	return checkHybrid(s)
}

type osKeyring struct{}

// OSKeyring opens the slots whose key is in the keyring of the desktop session.
// It connects to the session only when such a slot is tried.
func OSKeyring() Unlocker { return osKeyring{} }

func (osKeyring) String() string { return "the desktop's keyring" }

func (osKeyring) Unlock(vaultID [16]byte, s *Slot) (*secret.Bytes, error) {
	if s.Kind != KindOSKeyring {
		return nil, ErrNotMine
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	key, err := loadOSKey(s.ID)
	if err != nil {
		return nil, err
	}
	defer key.Destroy()
	stretched, err := stretchOSKey(vaultID, s.ID, key)
	if err != nil {
		return nil, err
	}
	defer stretched.Destroy()
	return s.openHybrid(vaultID, stretched, ErrNoMatch)
}

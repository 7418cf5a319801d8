package keyring

import (
	"fmt"

	"filippo.io/age"

	"tacenda/keyring/secret"
)

// NewRecoverySlot wraps root for a new age identity and returns its text, to be
// printed once and destroyed. It is a post-quantum identity, so that the paper
// is not the vault's weakest slot, and opens the vault as an identity file does.
func NewRecoverySlot(vaultID [16]byte, label string, root *secret.Bytes) (s *Slot, identity *secret.Bytes, err error) {
	s, err = newSlot(KindRecovery, label)
	if err != nil {
		return nil, nil, fmt.Errorf("making a recovery slot: %w", err)
	}
	secret.Do(func() {
		var id *age.HybridIdentity
		if id, err = age.GenerateHybridIdentity(); err == nil {
			s.Recipient = id.Recipient().String()
			identity, err = secret.Move([]byte(id.String()))
		}
	})
	if err != nil {
		return nil, nil, fmt.Errorf("making a recovery slot: %w", err)
	}
	if err := s.Rewrap(vaultID, root); err != nil {
		identity.Destroy()
		return nil, nil, err
	}
	return s, identity, nil
}

package vault

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"tacenda/internal/audit"
	"tacenda/keyring"
	"tacenda/keyring/secret"
	"tacenda/store"
)

// SlotInfo is what may be known of a slot.
type SlotInfo struct {
	ID          string // hex
	Kind        keyring.Kind
	Label       string
	Fingerprint string
	Recipient   string // empty for a passphrase and the desktop's keyring
	Created     time.Time
}

// checkSlots holds a vault's slots to the rules: at most 32, of them 4
// passphrases, and never the desktop's keyring alone.
func checkSlots(slots []*keyring.Slot) error {
	lasting := 0
	for _, s := range slots {
		if s.Kind != keyring.KindOSKeyring {
			lasting++
		}
	}
	switch {
	case len(slots) > maxSlots:
		return fmt.Errorf("%w: a vault has at most %d keys", ErrInvalid, maxSlots)
	case passphrases(slots) > maxPassphrases:
		return fmt.Errorf("%w: a vault has at most %d passphrases", ErrInvalid, maxPassphrases)
	case lasting == 0:
		return fmt.Errorf("%w: a vault needs a passphrase, a recipient or a recovery key; the desktop's keyring alone would not survive the desktop", ErrInvalid)
	}
	return nil
}

// Slots lists the slots that open the vault, oldest first.
func (v *Vault) Slots(ctx context.Context) ([]SlotInfo, error) {
	out := []SlotInfo{}
	err := v.view(ctx, func(s *session) error {
		if err := s.owner(); err != nil {
			return err
		}
		slots, err := s.slots()
		if err != nil {
			return err
		}
		for _, slot := range slots {
			out = append(out, SlotInfo{
				ID: hex.EncodeToString(slot.ID[:]), Kind: slot.Kind, Label: slot.Label,
				Fingerprint: slot.Fingerprint(), Recipient: slot.Recipient, Created: fromUnix(slot.Created),
			})
		}
		return nil
	})
	return out, err
}

// AddSlot adds the slot that build makes out of the root key.
func (v *Vault) AddSlot(ctx context.Context, build func(vaultID ID, root *secret.Bytes) (*keyring.Slot, error)) error {
	slot, owner, err := v.buildSlot(build)
	if err != nil {
		return err
	}
	return v.update(ctx, func(s *session) error {
		if err := s.owner(); err != nil {
			return err
		}
		if !bytes.Equal(owner, v.owner) {
			return fmt.Errorf("adding the key %s: %w: the vault's keys were rotated", slot.Label, ErrConflict)
		}
		slots, err := s.slots()
		if err != nil {
			return err
		}
		if err := checkNewSlot(slots, slot); err != nil {
			return err
		}
		if err := s.checkNoMember(slot); err != nil {
			return err
		}
		s.event(audit.KeyAdded, "", slot.Label)
		return s.putSlot(slot)
	})
}

// buildSlot makes a slot before any transaction begins: deriving from a
// passphrase takes half a second, and a desktop's keyring may ask a person. It
// also returns the owner key that belongs to the root key in the slot.
func (v *Vault) buildSlot(build func(vaultID ID, root *secret.Bytes) (*keyring.Slot, error)) (*keyring.Slot, []byte, error) {
	if !v.Owner() {
		return nil, nil, v.report([]told{notOwner}, errNotOwner)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed || v.left {
		return nil, nil, errClosed
	}
	slot, err := build(v.id, v.root)
	return slot, v.owner, err
}

// checkNewSlot holds a slot that is to be added to the rules.
func checkNewSlot(slots []*keyring.Slot, slot *keyring.Slot) error {
	if err := checkDistinct(slots, slot); err != nil {
		return err
	}
	return checkSlots(append(slices.Clone(slots), slot))
}

// checkDistinct refuses a second slot of the same label or for the same recipient.
func checkDistinct(slots []*keyring.Slot, slot *keyring.Slot) error {
	for _, other := range slots {
		if other.Label == slot.Label {
			return fmt.Errorf("a key with the label %s: %w", slot.Label, ErrExists)
		}
		if slot.Recipient != "" && other.Recipient == slot.Recipient {
			return fmt.Errorf("the recipient %s, as %s: %w", slot.Fingerprint(), other.Label, ErrExists)
		}
	}
	return nil
}

// pick finds the one slot whose label is id, or whose hexadecimal id or
// fingerprint begins with it.
func pick(slots []*keyring.Slot, id string) (int, error) {
	if i := slices.IndexFunc(slots, func(s *keyring.Slot) bool { return s.Label == id }); i >= 0 {
		return i, nil
	}
	found := -1
	for i, s := range slots {
		if id == "" || !strings.HasPrefix(hex.EncodeToString(s.ID[:]), id) && !strings.HasPrefix(s.Fingerprint(), id) {
			continue
		}
		if found >= 0 {
			return 0, fmt.Errorf("%w: several keys begin with %s", ErrInvalid, quote(id))
		}
		found = i
	}
	if found < 0 {
		return 0, fmt.Errorf("key %s: %w", quote(id), ErrNotFound)
	}
	return found, nil
}

// RemoveSlot removes the slot with this label, id or fingerprint. Because old
// copies of the vault still open with it, every key is made anew, unless
// keepKeys is set.
func (v *Vault) RemoveSlot(ctx context.Context, id string, keepKeys bool, progress func(done, total int)) error {
	var gone *keyring.Slot
	var err error
	if keepKeys {
		err = v.update(ctx, func(s *session) (err error) { gone, err = s.dropSlot(id); return err })
	} else {
		err = v.changeKeys(ctx, progress, audit.KeyRemoved, func(_ *session, slots []*keyring.Slot) ([]*keyring.Slot, string, error) {
			i, err := pick(slots, id)
			if err != nil {
				return nil, "", err
			}
			gone = slots[i]
			return slices.Delete(slots, i, i+1), gone.Label, nil
		})
	}
	if err != nil {
		return err
	}
	if err := keyring.ForgetOSKeyring(gone); err != nil {
		v.opts.Note(fmt.Sprintf("the key is removed, but the desktop's keyring still holds its part: %v", err))
	}
	return nil
}

func (s *session) dropSlot(id string) (*keyring.Slot, error) {
	if err := s.owner(); err != nil {
		return nil, err
	}
	slots, err := s.slots()
	if err != nil {
		return nil, err
	}
	i, err := pick(slots, id)
	if err != nil {
		return nil, err
	}
	gone := slots[i]
	if err := checkSlots(slices.Delete(slots, i, i+1)); err != nil {
		return nil, err
	}
	s.roster.Slots = slices.DeleteFunc(s.roster.Slots, func(r slotRef) bool { return r.ID == gone.ID })
	s.event(audit.KeyRemoved, "", gone.Label)
	if err := s.tx.Delete(slotKey(gone.ID)); err != nil {
		return nil, err
	}
	return gone, s.tx.Scrub()
}

// ReplaceSlot puts the slot that build makes in the place of another, and makes
// every key anew: a passphrase that was changed must not open what comes later.
func (v *Vault) ReplaceSlot(ctx context.Context, id string, build func(vaultID ID, root *secret.Bytes) (*keyring.Slot, error), progress func(done, total int)) error {
	// It holds the present root key; the change of keys puts the new one in.
	slot, _, err := v.buildSlot(build)
	if err != nil {
		return err
	}
	return v.changeKeys(ctx, progress, audit.Rotated, func(s *session, slots []*keyring.Slot) ([]*keyring.Slot, string, error) {
		i, err := pick(slots, id)
		if err != nil {
			return nil, "", err
		}
		rest := slices.Delete(slices.Clone(slots), i, i+1)
		if err := checkNewSlot(rest, slot); err != nil {
			return nil, "", err
		}
		if err := s.checkNoMember(slot); err != nil {
			return nil, "", err
		}
		slots[i] = slot
		return slots, slot.Label, nil
	})
}

// Rotate makes every key anew and reseals everything, in one transaction.
func (v *Vault) Rotate(ctx context.Context, progress func(done, total int)) error {
	return v.changeKeys(ctx, progress, audit.Rotated, func(_ *session, slots []*keyring.Slot) ([]*keyring.Slot, string, error) {
		return slots, "vault", nil
	})
}

// copier is an engine that can write a consistent copy of itself.
type copier interface {
	CopyTo(ctx context.Context, w io.Writer) (int64, error)
}

// Backup writes a consistent, encrypted copy of the vault to w, and returns its
// size in bytes.
func (v *Vault) Backup(ctx context.Context, w io.Writer) (int64, error) {
	if err := v.view(ctx, (*session).owner); err != nil {
		return 0, err
	}
	c, ok := v.engine.(copier)
	if !ok {
		return 0, fmt.Errorf("%w: this vault's engine makes its own backups", store.ErrReadOnly)
	}
	return c.CopyTo(ctx, w)
}

func passphrases(slots []*keyring.Slot) (n int) {
	for _, s := range slots {
		if s.Kind == keyring.KindPassphrase {
			n++
		}
	}
	return n
}

package vault

import (
	"context"
	"fmt"
	"slices"

	"tacenda/keyring"
)

// caller is whom a session works for: an owner, or a member.
type caller struct {
	actor     string // label of an owner's slot, or the member's name
	slot      ID     // of an owner
	recipient string // of a member; empty for an owner
	holds     string // the recipient of an owner's slot, if it has one
}

func ownerOf(slot *keyring.Slot) caller {
	return caller{actor: slot.Label, slot: slot.ID, holds: slot.Recipient}
}

// admits tells whether the roster still lists a caller. A member is known by
// name and recipient: who has the name of somebody that was removed is another.
func (r *roster) admits(c caller) bool {
	if c.recipient == "" {
		return slices.ContainsFunc(r.Slots, func(s slotRef) bool { return s.ID == c.slot })
	}
	m, ok := r.member(c.actor)
	return ok && m.Recipient == c.recipient
}

// Owner tells whether the caller is an owner of the vault, and the keys for what
// only owners do are here.
func (v *Vault) Owner() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.owns()
}

// As is the same open vault as a member sees it, with what they were granted and
// not more than whoever opened it can do: a server's way to serve somebody whose
// key it has checked. Grants without keys count. The view ends, with ErrLocked,
// when the roster no longer lists the member; its Close does nothing to the vault
// under it, which must stay open as long. ErrNotFound: there is no such member.
func (v *Vault) As(ctx context.Context, name string) (*Vault, error) {
	if err := CheckName("member", name); err != nil {
		return nil, err
	}
	return v.as(ctx, func(s *session) (caller, error) {
		m, ok := s.roster.member(name)
		if !ok {
			return caller{}, fmt.Errorf("member %s: %w", name, ErrNotFound)
		}
		return caller{actor: m.Name, recipient: m.Recipient}, nil
	})
}

// Key is the fingerprint of the caller's public key, "" for who has none. Names
// are given anew, to a new key of the same person say: a server that checked a key
// and then calls As for a name holds this against it.
func (v *Vault) Key() string { return keyring.RecipientFingerprint(v.recipient + v.holds) }

// AsOwner is As for the owner whose slot has this label.
func (v *Vault) AsOwner(ctx context.Context, label string) (*Vault, error) {
	return v.as(ctx, func(s *session) (caller, error) {
		slots, err := s.slots()
		if err != nil {
			return caller{}, err
		}
		for _, slot := range slots {
			if slot.Label == label {
				return ownerOf(slot), nil
			}
		}
		return caller{}, fmt.Errorf("an owner's key %s: %w", quote(label), ErrNotFound)
	})
}

func (v *Vault) as(ctx context.Context, find func(*session) (caller, error)) (*Vault, error) {
	if v.guest {
		return nil, fmt.Errorf("%w: %s may not act for somebody else", ErrDenied, v.actor)
	}
	var c caller
	err := v.view(ctx, func(s *session) (err error) {
		c, err = find(s)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &Vault{core: v.core, caller: c, guest: true}, nil
}

// MemberByKey says whose a public key is, given as in an authorized_keys file: the
// label of an owner's slot, or the name of a member. ErrNotFound: nobody's.
// Whether its private half is there is for the server to have checked.
func (v *Vault) MemberByKey(ctx context.Context, public string) (name string, owner bool, err error) {
	_, recipient, _, err := keyring.ParseRecipient(public)
	if err != nil {
		return "", false, fmt.Errorf("%w: %v", ErrNotFound, err)
	}
	err = v.view(ctx, func(s *session) error {
		slots, err := s.slots()
		if err != nil {
			return err
		}
		for _, slot := range slots {
			if slot.Recipient == recipient {
				name, owner = slot.Label, true
				return nil
			}
		}
		m, ok := s.roster.holder(recipient)
		if !ok {
			return fmt.Errorf("the owner or member of this key: %w", ErrNotFound)
		}
		name = m.Name
		return nil
	})
	return name, owner, err
}

package keyring

import (
	"errors"
	"fmt"
	"strings"

	"filippo.io/age"

	"tacenda/keyring/secret"
)

// A key that somebody owns already receives a random file key in one age
// stanza; what is wrapped for them is sealed under a key derived from that. No
// age stream is used: age has no additional data, and a stream could be
// transplanted from one slot or vault to another.

// fileKeySize is fixed by age's specification.
const fileKeySize = 16

// stanza is an age stanza without its type, which follows from the kind.
type stanza struct {
	args []string
	body []byte
}

// shape is what the recipients and stanzas of one type look like. Lengths are
// in bytes.
type shape struct {
	stanza   string // the stanza's type
	prefix   string // of the recipient's text
	text     [2]int // the text's least and greatest length
	args     []int  // lengths of the stanza's arguments
	body     [2]int // the body's least and greatest length
	publicOf func(recipient string) []byte
}

// family is what slots for this type of recipient do.
func (sh shape) family() family {
	return family{
		check:  sh.check,
		wrap:   sh.wrap,
		public: func(s *Slot) []byte { return sh.publicOf(s.Recipient) },
	}
}

// check refuses a slot that is not exactly of this shape. Whether the recipient
// is a valid key is for those to say who use it: it costs more than all else here.
func (sh shape) check(s *Slot) error {
	switch n := len(s.Recipient); {
	case n < sh.text[0], n > sh.text[1], !strings.HasPrefix(s.Recipient, sh.prefix):
		return errors.New("its recipient is not of its kind")
	case strings.ContainsFunc(s.Recipient, func(r rune) bool { return r < ' ' || r > '~' }):
		return errors.New("its recipient is not plain text")
	case sh.publicOf(s.Recipient) == nil:
		return errors.New("its recipient is not of its kind")
	case len(s.stanza.args) != len(sh.args):
		return errors.New("its stanza has a wrong number of arguments")
	case len(s.stanza.body) < sh.body[0], len(s.stanza.body) > sh.body[1]:
		return errors.New("its stanza has a wrong length")
	case len(s.wrapped) != KeySize+Overhead:
		return errors.New("its wrapped key has a wrong length")
	case s.salt != nil, s.cost != (Cost{}), s.commitment != nil, s.publicKey != nil:
		return errors.New("it has a key pair of its own")
	}
	for i, a := range s.stanza.args {
		if len(a) != sh.args[i] {
			return errors.New("its stanza has an argument of a wrong length")
		}
	}
	return nil
}

// wrap seals root to the slot's recipient.
func (sh shape) wrap(s *Slot, vaultID [16]byte, root *secret.Bytes) error {
	_, text, r, err := ParseRecipient(s.Recipient)
	if err != nil {
		return fmt.Errorf("%w: %v", ErrDamagedSlot, err)
	}
	if text != s.Recipient {
		return fmt.Errorf("%w: its recipient is not in canonical form", ErrDamagedSlot)
	}
	fileKey, err := secret.Random(fileKeySize)
	if err != nil {
		return err
	}
	defer fileKey.Destroy()
	if s.stanza, err = sh.wrapFileKey(r, fileKey); err != nil {
		return err
	}
	sealer, err := NewSealer(fileKey, slotLabel, s.bound(vaultID)...)
	if err != nil {
		return err
	}
	return root.Use(func(r []byte) error {
		s.wrapped = sealer.Seal(nil, Tuple(slotLabel, s.bound(vaultID)...), r)
		return nil
	})
}

func (sh shape) wrapFileKey(r age.Recipient, fileKey *secret.Bytes) (st stanza, err error) {
	err = fileKey.Use(func(k []byte) (err error) {
		var out []*age.Stanza
		secret.Do(func() { out, err = r.Wrap(k) })
		if err != nil {
			return err
		}
		if len(out) != 1 || out[0].Type != sh.stanza {
			return fmt.Errorf("a recipient for %q made another kind of stanza", sh.stanza)
		}
		st = stanza{args: out[0].Args, body: out[0].Body}
		return nil
	})
	return st, err
}

// open returns the root key of a slot whose recipient is id's. By then no
// failure is about who holds what: the slot is damaged.
func (sh shape) open(id age.Identity, vaultID [16]byte, s *Slot) (root *secret.Bytes, err error) {
	var k []byte
	secret.Do(func() {
		k, err = id.Unwrap([]*age.Stanza{{Type: sh.stanza, Args: s.stanza.args, Body: s.stanza.body}})
	})
	// The length is checked because RSA would carry a key of any: a short one
	// could be searched for.
	if err != nil || len(k) != fileKeySize {
		secret.Wipe(k)
		return nil, fmt.Errorf("%w: its stanza does not open", ErrDamagedSlot)
	}
	fileKey, err := secret.Move(k)
	if err != nil {
		return nil, err
	}
	defer fileKey.Destroy()
	sealer, err := NewSealer(fileKey, slotLabel, s.bound(vaultID)...)
	if err != nil {
		return nil, err
	}
	if root, err = secret.New(KeySize); err != nil {
		return nil, err
	}
	err = root.Use(func(r []byte) error {
		_, err := sealer.Open(r[:0], Tuple(slotLabel, s.bound(vaultID)...), s.wrapped)
		return err
	})
	if err != nil {
		root.Destroy()
		return nil, fmt.Errorf("%w: its key does not open it", ErrDamagedSlot)
	}
	return root, nil
}

// NewRecipientSlot wraps root for the owner of an age or SSH key, given as
// ParseRecipient reads it.
func NewRecipientSlot(vaultID [16]byte, label, recipient string, root *secret.Bytes) (*Slot, error) {
	kind, text, _, err := ParseRecipient(recipient)
	if err != nil {
		return nil, err
	}
	s, err := newSlot(kind, label)
	if err != nil {
		return nil, fmt.Errorf("making a slot: %w", err)
	}
	s.Recipient = text
	if err := s.Rewrap(vaultID, root); err != nil {
		return nil, err
	}
	return s, nil
}

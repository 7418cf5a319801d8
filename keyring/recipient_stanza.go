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
	case len(s.wrapped) != KeySize+Overhead:
		return errors.New("its wrapped key has a wrong length")
	case s.salt != nil, s.cost != (Cost{}), s.commitment != nil, s.publicKey != nil:
		return errors.New("it has a key pair of its own")
	}
	return sh.checkStanza(s.stanza)
}

// checkStanza refuses a stanza that is not exactly of this shape.
func (sh shape) checkStanza(st stanza) error {
	switch {
	case len(st.args) != len(sh.args):
		return errors.New("its stanza has a wrong number of arguments")
	case len(st.body) < sh.body[0], len(st.body) > sh.body[1]:
		return errors.New("its stanza has a wrong length")
	}
	for i, a := range st.args {
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
	s.stanza, s.wrapped, err = sh.seal(r, root, slotLabel, s.bound(vaultID)...)
	return err
}

// seal wraps keys for a recipient. They are bound to the tuple of label and
// bound, which is the info of the wrapping key and the additional data of the seal.
func (sh shape) seal(r age.Recipient, keys *secret.Bytes, label string, bound ...[]byte) (st stanza, wrapped []byte, err error) {
	fileKey, err := secret.Random(fileKeySize)
	if err != nil {
		return st, nil, err
	}
	defer fileKey.Destroy()
	if st, err = sh.wrapFileKey(r, fileKey); err != nil {
		return st, nil, err
	}
	sealer, err := NewSealer(fileKey, label, bound...)
	if err != nil {
		return st, nil, err
	}
	err = keys.Use(func(k []byte) error {
		wrapped = sealer.Seal(nil, Tuple(label, bound...), k)
		return nil
	})
	return st, wrapped, err
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
func (sh shape) open(id age.Identity, vaultID [16]byte, s *Slot) (*secret.Bytes, error) {
	root, err := sh.unseal(id, s.stanza, s.wrapped, slotLabel, s.bound(vaultID)...)
	if errors.Is(err, ErrOpen) {
		return nil, fmt.Errorf("%w: %v", ErrDamagedSlot, err)
	}
	return root, err
}

// unseal opens what seal wrapped for id's recipient, or returns ErrOpen.
func (sh shape) unseal(id age.Identity, st stanza, wrapped []byte, label string, bound ...[]byte) (keys *secret.Bytes, err error) {
	var k []byte
	secret.Do(func() {
		k, err = id.Unwrap([]*age.Stanza{{Type: sh.stanza, Args: st.args, Body: st.body}})
	})
	// The length is checked because RSA would carry a key of any: a short one
	// could be searched for.
	if err != nil || len(k) != fileKeySize {
		secret.Wipe(k)
		return nil, fmt.Errorf("its stanza %w", ErrOpen)
	}
	fileKey, err := secret.Move(k)
	if err != nil {
		return nil, err
	}
	defer fileKey.Destroy()
	sealer, err := NewSealer(fileKey, label, bound...)
	if err != nil {
		return nil, err
	}
	if keys, err = secret.New(len(wrapped) - Overhead); err != nil {
		return nil, err
	}
	err = keys.Use(func(p []byte) error {
		_, err := sealer.Open(p[:0], Tuple(label, bound...), wrapped)
		return err
	})
	if err != nil {
		keys.Destroy()
		return nil, fmt.Errorf("what it wraps %w", err)
	}
	return keys, nil
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

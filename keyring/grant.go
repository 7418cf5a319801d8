package keyring

import (
	"errors"
	"fmt"

	"tacenda/keyring/secret"
)

// Bounds of a grant's keys, in bytes: one key, and as many as a project has.
const (
	minGranted = KeySize
	maxGranted = 3 * KeySize

	grantLabel = "tacenda/v1/grant"
)

// Grant is keys of a project, wrapped for a member's own age or SSH key in the
// way that a slot wraps the root key, under a label of its own: neither opens in
// the place of the other. What the keys belong to is bound to them by whoever
// makes the grant, and must be said again to open it.
type Grant struct {
	Recipient string // as ParseRecipient returns it
	Arguments []string
	Body      []byte // with Arguments, an age stanza of the recipient's type
	Wrapped   []byte // the keys, sealed
}

// Holder is an Unlocker that is somebody's private key: what was wrapped for its
// public half it opens, be it a slot or a grant.
type Holder interface {
	Unlocker
	// Recipient is the public half as ParseRecipient returns it, "" for what has
	// none after all.
	Recipient() string
	// Prepare makes the private key ready, which may mean to ask for its
	// passphrase. Neither Unlock nor OpenGrant asks after that.
	Prepare() error
	// OpenGrant returns the keys that g wraps, in a Bytes that the caller
	// destroys. ErrNotMine means that g is for somebody else, ErrOpen that it is
	// damaged, or bound to something other than bound.
	OpenGrant(g *Grant, bound ...[]byte) (*secret.Bytes, error)
}

// NewGrant wraps keys for a recipient, given as ParseRecipient returns it. It
// needs no secret of theirs, so that keys can be made anew while they are away.
func NewGrant(recipient string, keys *secret.Bytes, bound ...[]byte) (*Grant, error) {
	if n := keys.Len(); n < minGranted || n > maxGranted || n%KeySize != 0 {
		return nil, fmt.Errorf("making a grant: %d bytes are no keys", n)
	}
	kind, text, r, err := ParseRecipient(recipient)
	if err != nil {
		return nil, fmt.Errorf("making a grant: %w", err)
	}
	if text != recipient {
		return nil, errors.New("making a grant: the recipient is not in canonical form")
	}
	sh, err := kind.shape()
	if err != nil {
		return nil, fmt.Errorf("making a grant: %w", err)
	}
	st, wrapped, err := sh.seal(r, keys, grantLabel, grantBound(recipient, bound)...)
	if err != nil {
		return nil, fmt.Errorf("making a grant: %w", err)
	}
	return &Grant{Recipient: recipient, Arguments: st.args, Body: st.body, Wrapped: wrapped}, nil
}

// grantBound is what the wrapped keys are bound to: the recipient stands first,
// as the stanza alone would say nothing of who it was meant for.
func grantBound(recipient string, bound [][]byte) [][]byte {
	return append([][]byte{[]byte(recipient)}, bound...)
}

// shape is what the stanzas for keys of this kind look like.
func (k Kind) shape() (shape, error) {
	switch k { //nolint:exhaustive // nobody's memory and no keyring is a recipient
	case KindAge:
		return x25519Shape, nil
	case KindAgePQ, KindRecovery:
		return hybridShape, nil
	case KindSSHEd25519:
		return ed25519Shape, nil
	case KindSSHRSA:
		return rsaShape, nil
	}
	return shape{}, fmt.Errorf("nothing is wrapped for kind %q", string(k))
}

// checkGrant refuses what is not exactly of this shape.
func (sh shape) checkGrant(g *Grant) error {
	if err := sh.checkStanza(stanza{g.Arguments, g.Body}); err != nil {
		return err
	}
	if n := len(g.Wrapped) - Overhead; n < minGranted || n > maxGranted || n%KeySize != 0 {
		return errors.New("its keys have a wrong length")
	}
	return nil
}

// Recipient implements Holder.
func (id *identity) Recipient() string { return id.recipient }

// Prepare implements Holder.
func (id *identity) Prepare() error {
	if id.key != nil {
		return nil
	}
	key, err := id.load()
	if err != nil {
		return err
	}
	id.key = key
	return nil
}

// OpenGrant implements Holder.
func (id *identity) OpenGrant(g *Grant, bound ...[]byte) (*secret.Bytes, error) {
	if g.Recipient != id.recipient {
		return nil, ErrNotMine
	}
	if err := id.shape.checkGrant(g); err != nil {
		return nil, fmt.Errorf("opening a grant: %w: %v", ErrOpen, err)
	}
	if err := id.Prepare(); err != nil {
		return nil, err
	}
	keys, err := id.shape.unseal(id.key, stanza{g.Arguments, g.Body}, g.Wrapped, grantLabel, grantBound(g.Recipient, bound)...)
	if err != nil {
		return nil, fmt.Errorf("opening a grant: %w", err)
	}
	return keys, nil
}

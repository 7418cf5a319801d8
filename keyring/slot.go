package keyring

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"

	"tacenda/keyring/secret"
)

// Kind says who holds what a slot wants.
type Kind string

// The kinds of slots. There is one file for each family.
const (
	KindPassphrase Kind = "passphrase"  // somebody's memory
	KindOSKeyring  Kind = "oskeyring"   // the keyring of a desktop session
	KindAge        Kind = "age"         // an age X25519 identity
	KindAgePQ      Kind = "age-pq"      // an age post-quantum hybrid identity
	KindSSHEd25519 Kind = "ssh-ed25519" // an SSH private key
	KindSSHRSA     Kind = "ssh-rsa"     // an SSH private key of 2048 bits or more
	KindRecovery   Kind = "recovery"    // an age identity that was printed once
)

var (
	// ErrNotMine says that the slot belongs to somebody else: try the next one.
	ErrNotMine = errors.New("slot is for another key")
	// ErrWrongPassphrase says that a passphrase does not open the slot: ask again.
	ErrWrongPassphrase = errors.New("wrong passphrase")
	// ErrNoMatch says that the key kept for a slot is not the one it wants.
	ErrNoMatch = errors.New("key does not match the slot")
	// ErrCostly says that opening needs more memory or time than is spent unasked.
	ErrCostly = errors.New("key derivation is unusually costly")
	// ErrDamagedSlot says that a slot is malformed, or does not open with its own key.
	ErrDamagedSlot = errors.New("slot is damaged")
)

const (
	// MaxSlotSize bounds a slot's record, in bytes. The largest that can be
	// made, for an RSA key of 16,384 bits, has 5,200.
	MaxSlotSize = 8 << 10
	// MaxLabel bounds a slot's label, in bytes.
	MaxLabel = 128

	slotLabel = "tacenda/v1/slot"
	// Year 9999, the last that RFC 3339 can print.
	maxCreated = 253402300799
)

// Slot is the root key wrapped for one holder. Its record is a CBOR map; every
// field but the wrapped key and the stanza is bound to the wrapped key, together
// with the vault's id, so that a changed or transplanted slot does not open:
//
//	 1 id           16 bytes, random
//	 2 kind         text
//	 3 label        text, 1 to 128 bytes
//	 4 created      seconds since 1970
//	 5 recipient    text; age, SSH and recovery slots
//	 6 salt         16 bytes; passphrase, as the next three
//	 7 time         Argon2id passes
//	 8 memory       Argon2id memory in KiB
//	 9 threads      Argon2id lanes
//	10 commitment   32 bytes; passphrase and oskeyring, as the next
//	11 public key   1216 bytes, ML-KEM768-X25519
//	12 arguments    of the age stanza; age, SSH and recovery, as the next
//	13 body         of the age stanza
//	14 wrapped      the root key, sealed
type Slot struct {
	ID        [16]byte
	Kind      Kind
	Label     string
	Created   int64  // seconds since 1970
	Recipient string // as ParseRecipient returns it; empty for passphrases and the desktop's keyring

	salt       []byte
	cost       Cost
	commitment []byte
	publicKey  []byte
	stanza     stanza
	wrapped    []byte
}

// slotRecord is the record of a Slot as it is stored.
type slotRecord struct {
	ID         []byte   `cbor:"1,keyasint"`
	Kind       Kind     `cbor:"2,keyasint"`
	Label      string   `cbor:"3,keyasint"`
	Created    int64    `cbor:"4,keyasint"`
	Recipient  string   `cbor:"5,keyasint,omitempty"`
	Salt       []byte   `cbor:"6,keyasint,omitempty"`
	Time       uint32   `cbor:"7,keyasint,omitempty"`
	Memory     uint32   `cbor:"8,keyasint,omitempty"`
	Threads    uint32   `cbor:"9,keyasint,omitempty"`
	Commitment []byte   `cbor:"10,keyasint,omitempty"`
	PublicKey  []byte   `cbor:"11,keyasint,omitempty"`
	Arguments  []string `cbor:"12,keyasint,omitempty"`
	Body       []byte   `cbor:"13,keyasint,omitempty"`
	Wrapped    []byte   `cbor:"14,keyasint"`
}

// family is what the kinds that work alike share.
type family struct {
	// check refuses a slot whose fields are not those of its kind.
	check func(*Slot) error
	// wrap seals a root key to the slot's holder from public data alone.
	wrap func(s *Slot, vaultID [16]byte, root *secret.Bytes) error
	// public is what a fingerprint is made of.
	public func(*Slot) []byte
}

// family is the one place that knows every kind.
func (k Kind) family() (family, error) {
	switch k {
	case KindPassphrase:
		return family{checkPassphrase, wrapHybrid, publicHybrid}, nil
	case KindOSKeyring:
		return family{checkOSKeyring, wrapHybrid, publicHybrid}, nil
	case KindAge:
		return x25519Shape.family(), nil
	case KindAgePQ, KindRecovery:
		return hybridShape.family(), nil
	case KindSSHEd25519:
		return ed25519Shape.family(), nil
	case KindSSHRSA:
		return rsaShape.family(), nil
	}
	return family{}, fmt.Errorf("unknown kind %q", string(k))
}

// newSlot returns a slot with everything but its holder. An empty label
// becomes the name of the kind.
func newSlot(kind Kind, label string) (*Slot, error) {
	if label == "" {
		label = string(kind)
	}
	if err := CheckLabel(label); err != nil {
		return nil, err
	}
	s := &Slot{Kind: kind, Label: label, Created: time.Now().Unix()}
	rand.Read(s.ID[:])
	return s, nil
}

// CheckLabel refuses a label that is empty, longer than MaxLabel, or not one
// line of printable UTF-8: labels stand in lists and in the history.
func CheckLabel(label string) error {
	switch {
	case label == "":
		return errors.New("a slot's label may not be empty")
	case len(label) > MaxLabel:
		return fmt.Errorf("a slot's label may have at most %d bytes", MaxLabel)
	case !utf8.ValidString(label):
		return errors.New("a slot's label must be UTF-8")
	}
	for _, r := range label {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("a slot's label may not contain %U", r)
		}
	}
	return nil
}

// Rewrap replaces what the slot opens by root, for the same holder and without
// a secret of theirs, so that keys can be rotated while their owners are away.
// When it fails the slot is unchanged.
func (s *Slot) Rewrap(vaultID [16]byte, root *secret.Bytes) error {
	f, err := s.Kind.family()
	if err != nil {
		return fmt.Errorf("wrapping a root key: %w: %v", ErrDamagedSlot, err)
	}
	if root.Len() != KeySize {
		return fmt.Errorf("wrapping a root key: it has %d bytes, not %d", root.Len(), KeySize)
	}
	next := *s
	if err := f.wrap(&next, vaultID, root); err != nil {
		return fmt.Errorf("wrapping the root key for slot %q: %w", s.Label, err)
	}
	if err := next.check(); err != nil {
		return fmt.Errorf("wrapping the root key for slot %q: %w", s.Label, err)
	}
	*s = next
	return nil
}

// Marshal returns the slot's record.
func (s *Slot) Marshal() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("encoding a slot: %w", err)
	}
	return Marshal(slotRecord{
		ID: s.ID[:], Kind: s.Kind, Label: s.Label, Created: s.Created, Recipient: s.Recipient,
		Salt: s.salt, Time: s.cost.Time, Memory: s.cost.Memory, Threads: s.cost.Threads,
		Commitment: s.commitment, PublicKey: s.publicKey,
		Arguments: s.stanza.args, Body: s.stanza.body, Wrapped: s.wrapped,
	})
}

// ParseSlot reads a slot's record. What is not exactly what Marshal writes is
// refused with an error that wraps ErrDamagedSlot.
func ParseSlot(record []byte) (*Slot, error) {
	if len(record) > MaxSlotSize {
		return nil, fmt.Errorf("reading a slot: %w: it has %d bytes", ErrDamagedSlot, len(record))
	}
	var r slotRecord
	if err := Unmarshal(record, &r); err != nil {
		return nil, fmt.Errorf("reading a slot: %w: %v", ErrDamagedSlot, err)
	}
	s := &Slot{
		Kind: r.Kind, Label: r.Label, Created: r.Created, Recipient: r.Recipient,
		salt: r.Salt, cost: Cost{Time: r.Time, Memory: r.Memory, Threads: r.Threads},
		commitment: r.Commitment, publicKey: r.PublicKey,
		stanza: stanza{args: r.Arguments, body: r.Body}, wrapped: r.Wrapped,
	}
	copy(s.ID[:], r.ID)
	// Encoding it again catches everything that CBOR can say in two ways, an id
	// of another length included: one slot has one record and one digest.
	again, err := s.Marshal()
	if err != nil {
		return nil, fmt.Errorf("reading a slot: %w", err)
	}
	if !bytes.Equal(again, record) {
		return nil, fmt.Errorf("reading a slot: %w: it is not in canonical form", ErrDamagedSlot)
	}
	return s, nil
}

// check refuses, with ErrDamagedSlot, a slot that cannot be of its kind.
func (s *Slot) check() error {
	f, err := s.Kind.family()
	if err == nil {
		err = CheckLabel(s.Label)
	}
	if err == nil && (s.Created < 0 || s.Created > maxCreated) {
		err = errors.New("its time of creation is out of bounds")
	}
	if err == nil {
		err = f.check(s)
	}
	if err != nil {
		return fmt.Errorf("%w: %v", ErrDamagedSlot, err)
	}
	return nil
}

// Digest is the SHA-256 of the slot's record, by which the roster lists it.
func (s *Slot) Digest() ([32]byte, error) {
	record, err := s.Marshal()
	if err != nil {
		return [32]byte{}, err
	}
	return sha256.Sum256(record), nil
}

// Fingerprint is "SHA256:" and the unpadded base64 of the SHA-256 of the
// holder's public half. For an SSH key it is what ssh-keygen -l prints.
func (s *Slot) Fingerprint() string {
	f, err := s.Kind.family()
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(f.public(s))
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// bound are the fields that the wrapped key is bound to, in the order of their
// numbers; one that a kind does not have is empty, or zero.
func (s *Slot) bound(vaultID [16]byte) [][]byte {
	u32 := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	return [][]byte{
		vaultID[:], s.ID[:], []byte(s.Kind), []byte(s.Label),
		binary.BigEndian.AppendUint64(nil, uint64(s.Created)),
		[]byte(s.Recipient),
		s.salt, u32(s.cost.Time), u32(s.cost.Memory), u32(s.cost.Threads),
		s.commitment, s.publicKey,
	}
}

// Unlocker is a way to open slots: a passphrase, a private key, the desktop's
// keyring. It is used by one goroutine at a time.
type Unlocker interface {
	// Unlock returns the root key that s wraps, in a Bytes that the caller
	// destroys. ErrNotMine means that the unlocker has nothing to do with s; no
	// error names the slot, which the caller knows.
	Unlock(vaultID [16]byte, s *Slot) (*secret.Bytes, error)
	// String names the unlocker, to say what was tried.
	String() string
}

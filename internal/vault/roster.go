package vault

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"tacenda/internal/audit"
	"tacenda/keyring"
	"tacenda/keyring/secret"
)

// Bounds of a roster: what a hostile file could make us work on.
const (
	maxSlots       = 32
	maxPassphrases = 4
	maxProjects    = 1 << 16
	maxMembers     = 1 << 12
	maxSuccessions = 64
	maxRoster      = 4 << 20 // bytes: some 25,000 projects; decoding takes up to 70 times as much
)

const magic = "tacenda vault"

// header is the record that says what this is, before anything is believed:
//
//	{1: "tacenda vault", 2: format version, 3: vault id}
type header struct {
	Magic   string `cbor:"1,keyasint"`
	Version uint64 `cbor:"2,keyasint"`
	Vault   ID     `cbor:"3,keyasint"`
}

// signed is how the roster and each manifest are stored: {1: body, 2: Ed25519
// signature of the tuple of the record's label and the body}.
type signed struct {
	Body      []byte `cbor:"1,keyasint"`
	Signature []byte `cbor:"2,keyasint"`
}

const (
	labelRoster     = "tacenda/v1/roster"
	labelManifest   = "tacenda/v1/manifest"
	labelSuccession = "tacenda/v1/succession"
)

// roster says what counts: suite, slots, members, projects, grants. It is
// readable without a key, and signed by the owner key. docs/format.md draws it.
type roster struct {
	Suite       uint64       `cbor:"1,keyasint"`
	Vault       ID           `cbor:"2,keyasint"`
	Owner       []byte       `cbor:"3,keyasint"` // Ed25519 public key
	Counter     uint64       `cbor:"4,keyasint"`
	Slots       []slotRef    `cbor:"5,keyasint"`
	Members     []member     `cbor:"6,keyasint"`
	Projects    []projectRef `cbor:"7,keyasint"`
	Events      uint64       `cbor:"8,keyasint"` // how many events the vault's own history has
	EventHead   audit.Hash   `cbor:"9,keyasint"`
	Successions []succession `cbor:"10,keyasint"` // oldest first
	OwnerTag    digest       `cbor:"11,keyasint"` // by the root key, see ownerTag
}

type slotRef struct {
	ID     ID     `cbor:"1,keyasint"`
	Digest digest `cbor:"2,keyasint"`
}

type member struct {
	Name      string `cbor:"1,keyasint"`
	Recipient string `cbor:"2,keyasint"`
}

type projectRef struct {
	ID        ID         `cbor:"1,keyasint"`
	Epoch     uint64     `cbor:"2,keyasint"`
	Prefix    prefix     `cbor:"3,keyasint"`
	Sign      []byte     `cbor:"4,keyasint"` // Ed25519 public key that signs the manifest
	Keys      digest     `cbor:"5,keyasint"` // of the record that holds the project's keys for owners
	Grants    []grantRef `cbor:"6,keyasint"`
	Announced []prefix   `cbor:"7,keyasint"`           // epochs being written beside the current one
	Name      []byte     `cbor:"8,keyasint,omitempty"` // see nameTag; vaults without members may have none
}

type grantRef struct {
	Member      string `cbor:"1,keyasint"`
	Permissions uint64 `cbor:"2,keyasint"` // bits: read 1, use 2, manage 4
	ServerOnly  bool   `cbor:"3,keyasint"`
	Digest      digest `cbor:"4,keyasint"` // of the grant record; zero for a server-only grant
}

// succession is an owner key's word for the one that followed it.
type succession struct {
	Old       []byte `cbor:"1,keyasint"`
	New       []byte `cbor:"2,keyasint"`
	Signature []byte `cbor:"3,keyasint"` // by Old, of the tuple of label, vault id, Old, New
}

func successionText(vaultID ID, old, next []byte) []byte {
	return keyring.Tuple(labelSuccession, vaultID[:], old, next)
}

// Fingerprint is how an owner key is shown and pinned.
func Fingerprint(public []byte) string {
	sum := sha256.Sum256(public)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// parseHeader accepts the header of a vault of any version up to ours.
func parseHeader(data []byte) (header, error) {
	var h header
	if data == nil {
		return h, fmt.Errorf("%w: it has no header", ErrDamaged)
	}
	if err := keyring.Unmarshal(data, &h); err != nil || h.Magic != magic {
		return h, fmt.Errorf("%w: its header is not one of a vault", ErrDamaged)
	}
	if h.Version == 0 || h.Version > FormatVersion {
		return h, fmt.Errorf("%w: the vault has format %d, this program knows formats up to %d", ErrVersion, h.Version, FormatVersion)
	}
	return h, nil
}

// parseRoster checks the roster's signature before it believes a word of it,
// then its bounds and that it belongs to this vault. verified says that this
// very record was checked on this machine before.
func parseRoster(vaultID ID, data []byte, verified bool) (*roster, error) {
	if data == nil {
		return nil, fmt.Errorf("%w: the roster is missing", ErrDamaged)
	}
	if len(data) > maxRoster {
		return nil, fmt.Errorf("%w: the roster is out of bounds", ErrDamaged)
	}
	var s signed
	var r roster
	if err := keyring.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("%w: the roster cannot be read", ErrDamaged)
	}
	// The key that signed it stands inside: whether that key is the owner's is
	// decided by the root key, a pin, or what this machine remembers.
	if err := keyring.Unmarshal(s.Body, &r); err != nil || len(r.Owner) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%w: the roster cannot be read", ErrDamaged)
	}
	if !verified && !ed25519.Verify(r.Owner, keyring.Tuple(labelRoster, s.Body), s.Signature) {
		return nil, fmt.Errorf("%w: the roster's signature does not hold", ErrDamaged)
	}
	if r.Suite != suiteV1 {
		return nil, fmt.Errorf("%w: the vault uses cipher suite %d", ErrVersion, r.Suite)
	}
	if r.Vault != vaultID {
		return nil, fmt.Errorf("%w: the roster is of another vault", ErrDamaged)
	}
	return &r, r.check()
}

func (r *roster) check() error {
	switch {
	case len(r.Slots) == 0 || len(r.Slots) > maxSlots,
		len(r.Projects) > maxProjects,
		len(r.Members) > maxMembers,
		len(r.Successions) > maxSuccessions,
		max(r.Counter, r.Events) > maxCounter:
		return fmt.Errorf("%w: the roster is out of bounds", ErrDamaged)
	}
	for _, p := range r.Projects {
		if len(p.Sign) != ed25519.PublicKeySize || len(p.Name) != 0 && len(p.Name) != blindSize || p.Epoch > maxCounter {
			return fmt.Errorf("%w: the roster lists a project that cannot be", ErrDamaged)
		}
	}
	return r.checkMembers()
}

// checkMembers refuses members and grants of which two could mean the same: who
// may what has one answer.
func (r *roster) checkMembers() error {
	names, recipients := make(map[string]bool, len(r.Members)), make(map[string]bool, len(r.Members))
	for _, m := range r.Members {
		if CheckName("member", m.Name) != nil || m.Recipient == "" || names[m.Name] || recipients[m.Recipient] {
			return fmt.Errorf("%w: the roster lists a member that cannot be", ErrDamaged)
		}
		names[m.Name], recipients[m.Recipient] = true, true
	}
	for _, p := range r.Projects {
		if len(p.Grants) > len(r.Members) {
			return fmt.Errorf("%w: the roster lists more grants than members", ErrDamaged)
		}
		last := ""
		for _, g := range p.Grants { // sorted, so that none is there twice
			if !names[g.Member] || g.Member <= last || Permission(g.Permissions).check() != nil || g.ServerOnly != (g.Digest == digest{}) {
				return fmt.Errorf("%w: the roster lists a grant that cannot be", ErrDamaged)
			}
			last = g.Member
		}
	}
	return nil
}

// follows tells whether the roster's owner key is known, or was appointed by a
// chain of successions that begins at known.
func (r *roster) follows(known []byte) bool {
	if bytes.Equal(known, r.Owner) {
		return true
	}
	for _, s := range r.Successions {
		if bytes.Equal(s.Old, known) && len(known) == ed25519.PublicKeySize &&
			ed25519.Verify(known, successionText(r.Vault, s.Old, s.New), s.Signature) {
			known = s.New
		}
	}
	return bytes.Equal(known, r.Owner)
}

// past are the owner keys before the present one.
func (r *roster) past() [][]byte {
	var out [][]byte
	for _, s := range r.Successions {
		out = append(out, s.Old)
	}
	return out
}

// seal encodes and signs the roster with the owner key of v.
func (r *roster) seal(v *Vault) ([]byte, error) {
	owner, err := v.signer()
	if err != nil {
		return nil, err
	}
	tag, err := ownerTag(v.id, v.root, owner.public)
	if err != nil {
		return nil, err
	}
	r.Owner, r.OwnerTag = owner.public, digest(tag)
	if err := r.check(); err != nil {
		return nil, err
	}
	raw, err := sealSigned(r, labelRoster, owner)
	if err == nil && len(raw) > maxRoster { // nobody could read it any more
		err = fmt.Errorf("%w: the vault would have more projects, members and grants than fit its roster", ErrInvalid)
	}
	return raw, err
}

// ownerTag is how the root key vouches for the owner key: HMAC-SHA256 of the
// public key under a key that derives from the root. Deriving the owner key and
// comparing would prove the same, at the price of the Ed25519 base point's table
// for each process: a fifth of a headless resolve.
func ownerTag(vaultID ID, root *secret.Bytes, public []byte) ([]byte, error) {
	key, err := keyring.Derive(root, keyring.KeySize, labelOwnerTag, vaultID[:])
	if err != nil {
		return nil, err
	}
	defer key.Destroy()
	var tag []byte
	err = key.Use(func(k []byte) error {
		secret.Do(func() {
			mac := hmac.New(sha256.New, k)
			mac.Write(public)
			tag = mac.Sum(nil)
		})
		return nil
	})
	return tag, err
}

func sealSigned(body any, label string, by *signer) ([]byte, error) {
	b, err := keyring.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encoding a signed record: %w", err)
	}
	sig, err := by.sign(keyring.Tuple(label, b))
	if err != nil {
		return nil, err
	}
	return keyring.Marshal(signed{Body: b, Signature: sig})
}

// signer signs with an Ed25519 key whose seed stays in guarded memory.
type signer struct {
	seed   *secret.Bytes
	public []byte
}

// newSigner takes over seed.
func newSigner(seed *secret.Bytes) (*signer, error) {
	s := &signer{seed: seed}
	err := s.withKey(func(k ed25519.PrivateKey) { s.public = bytes.Clone(k[ed25519.SeedSize:]) })
	return s, err
}

func (s *signer) sign(text []byte) (sig []byte, err error) {
	err = s.withKey(func(k ed25519.PrivateKey) { sig = ed25519.Sign(k, text) })
	return sig, err
}

// withKey expands the seed for as long as fn runs.
func (s *signer) withKey(fn func(ed25519.PrivateKey)) error {
	err := s.seed.Use(func(seed []byte) error {
		secret.Do(func() {
			k := ed25519.NewKeyFromSeed(seed)
			defer secret.Wipe(k)
			fn(k)
		})
		return nil
	})
	if err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	return nil
}

func (s *signer) destroy() { s.seed.Destroy() }

package vault

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"sort"

	"tacenda/internal/audit"
	"tacenda/keyring"
)

// manifest is what a project consists of, signed by the project's sign key. A
// read checks manifest, then page, then its own records, so that a record that
// was altered, swapped, removed, doubled, aged or moved is noticed without
// reading the others. docs/format.md draws it.
type manifest struct {
	Vault        ID         `cbor:"1,keyasint"`
	Project      ID         `cbor:"2,keyasint"`
	Epoch        uint64     `cbor:"3,keyasint"`
	Counter      uint64     `cbor:"4,keyasint"` // of commits in this epoch
	Seals        uint64     `cbor:"5,keyasint"` // under this epoch's keys
	Events       uint64     `cbor:"6,keyasint"`
	EventHead    audit.Hash `cbor:"7,keyasint"`
	Secrets      uint64     `cbor:"8,keyasint"`
	Tools        uint64     `cbor:"9,keyasint"`
	Instructions uint64     `cbor:"10,keyasint"`
	Pages        []byte     `cbor:"11,keyasint"` // 256 digests, zero for a page without entries
}

// maxSeals is where a new epoch is due: with random nonces of 96 bits, 2^32
// seals under one key keep the chance of a repeated nonce under 2^-32
// (NIST SP 800-38D, section 8.3); half of that leaves room.
const maxSeals = 1 << 31

// maxCounter bounds what is counted by one with each change. A manager's own
// program can sign a counter at its end: the next change would have the number 0,
// and every machine that saw this one would take it for a rollback.
const maxCounter = 1 << 62

// parseManifest does for a manifest what parseRoster does for the roster.
func parseManifest(vaultID ID, ref *projectRef, data []byte, verified bool) (*manifest, error) {
	damaged := func(what string) error {
		return fmt.Errorf("%w: the project's manifest %s", ErrDamaged, what)
	}
	if data == nil {
		return nil, damaged("is missing")
	}
	var s signed
	if err := keyring.Unmarshal(data, &s); err != nil {
		return nil, damaged("cannot be read")
	}
	if !verified && !ed25519.Verify(ref.Sign, keyring.Tuple(labelManifest, s.Body), s.Signature) {
		return nil, damaged("has a signature that does not hold")
	}
	var m manifest
	if err := keyring.Unmarshal(s.Body, &m); err != nil || len(m.Pages) != pageCount*digestSize {
		return nil, damaged("cannot be read")
	}
	if m.Vault != vaultID || m.Project != ref.ID || m.Epoch != ref.Epoch {
		return nil, damaged("belongs elsewhere")
	}
	return &m, nil
}

func (m *manifest) page(n byte) digest { return digest(m.Pages[int(n)*digestSize:]) }

func (m *manifest) setPage(n byte, d digest) { copy(m.Pages[int(n)*digestSize:], d[:]) }

// count is how many objects of a kind the manifest counts.
func (m *manifest) count(k kind) *uint64 {
	switch k {
	case kindSecret:
		return &m.Secrets
	case kindTool:
		return &m.Tools
	case kindInstruction:
		return &m.Instructions
	default:
		return new(uint64) // the project's name is not counted
	}
}

// An entry of an index page:
//
//	blind name(16) ‖ kind(1) ‖ digest of the record(32) ‖ digest of the value record(32, zero for what is no secret)
//
// A page is its entries, sorted by blind name and kind, one behind the other.
type entry struct {
	id     blind
	kind   kind
	record digest
	value  digest
}

const entrySize = blindSize + 1 + 2*digestSize

// page is an index page as it is stored.
type page []byte

// parsePage checks a stored page against its digest in the manifest, so that
// what it says can be believed.
func parsePage(n byte, data []byte, want digest) (page, error) {
	if want == (digest{}) {
		if data != nil {
			return nil, fmt.Errorf("%w: index page %d should not exist", ErrDamaged, n)
		}
		return nil, nil
	}
	if data == nil {
		return nil, fmt.Errorf("%w: index page %d is missing", ErrDamaged, n)
	}
	if sha256.Sum256(data) != want || len(data)%entrySize != 0 {
		return nil, fmt.Errorf("%w: index page %d is not the one that was written", ErrDamaged, n)
	}
	return page(data), nil
}

func (p page) len() int { return len(p) / entrySize }

func (p page) at(i int) entry {
	b := p[i*entrySize:]
	return entry{
		id:     blind(b),
		kind:   kind(b[blindSize]),
		record: digest(b[blindSize+1:]),
		value:  digest(b[blindSize+1+digestSize:]),
	}
}

// search is where the entry of id and k stands, or would stand.
func (p page) search(id blind, k kind) (int, bool) {
	var key [blindSize + 1]byte
	copy(key[:], id[:])
	key[blindSize] = byte(k)
	i := sort.Search(p.len(), func(i int) bool {
		return bytes.Compare(p[i*entrySize:i*entrySize+blindSize+1], key[:]) >= 0
	})
	return i, i < p.len() && bytes.Equal(p[i*entrySize:i*entrySize+blindSize+1], key[:])
}

func (e entry) append(b []byte) []byte {
	b = append(b, e.id[:]...)
	b = append(b, byte(e.kind))
	b = append(b, e.record[:]...)
	return append(b, e.value[:]...)
}

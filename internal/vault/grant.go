package vault

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tacenda/internal/audit"
	"tacenda/keyring"
	"tacenda/keyring/secret"
)

// Grant is what a member may do in a project.
type Grant struct {
	Project     string
	Permissions Permission
	ServerOnly  bool // it holds no keys: only a server that opened the vault acts on it
}

// grantRecord is a project's keys, as far as the permissions give them, wrapped
// for a member's recipient:
//
//	secrets:read     read(32)
//	secrets:use      read ‖ value(32)
//	secrets:manage   read ‖ value ‖ seed of sign(32), with secrets:use and without
//
// What they belong to is bound to them, see grantBound.
type grantRecord struct {
	Member      string   `cbor:"1,keyasint"`
	Permissions uint64   `cbor:"2,keyasint"`
	Arguments   []string `cbor:"3,keyasint"` // of the age stanza
	Body        []byte   `cbor:"4,keyasint"` // of the age stanza
	Wrapped     []byte   `cbor:"5,keyasint"`
}

// maxGrant bounds a grant's record, in bytes. The largest that can be made, for
// an RSA key of 16,384 bits, has 2,300.
const maxGrant = 4 << 10

// parts is how many of a project's keys come with a grant of these permissions.
func (p Permission) parts() int {
	switch {
	case p&PermManage != 0:
		return partSign + 1
	case p&PermUse != 0:
		return partValue + 1
	default:
		return partRead + 1
	}
}

// parts is how many of a project's keys a grant holds; nil is no grant.
func (g *grantRef) parts() int {
	if g == nil || g.ServerOnly {
		return 0
	}
	return Permission(g.Permissions).parts()
}

// reads tells whether values can be read by a grant: by its keys with a program
// of the member's own, or by its permission through a server's.
func (g *grantRef) reads() bool {
	return g.parts() > partValue || g != nil && Permission(g.Permissions)&PermUse != 0
}

// grant is a member's grant, or nil.
func (ref *projectRef) grant(member string) *grantRef {
	i := slices.IndexFunc(ref.Grants, func(g grantRef) bool { return g.Member == member })
	if i < 0 {
		return nil
	}
	return &ref.Grants[i]
}

// without is a project's grants but for a member's, as a slice of its own.
func (ref *projectRef) without(member string) []grantRef {
	out := make([]grantRef, 0, len(ref.Grants)+1)
	for _, g := range ref.Grants {
		if g.Member != member {
			out = append(out, g)
		}
	}
	return out
}

// grantKey is the engine key of a member's grant in a project.
func grantKey(vaultID ID, recipient string, project ID) []byte {
	mac := hmac.New(sha256.New, vaultID[:])
	mac.Write([]byte(recipient))
	key := append([]byte{keyGrant}, mac.Sum(nil)[:blindSize]...)
	return append(key, project[:]...)
}

// grantBound is what a grant's keys are bound to, besides the recipient: they do
// not open for another vault, project, epoch or member, nor as a grant of other
// permissions.
func grantBound(vaultID ID, ref *projectRef, member string, permissions uint64) [][]byte {
	return [][]byte{vaultID[:], ref.ID[:], epochBytes(ref.Epoch), ref.Prefix[:], []byte(member), seqID(permissions), {FormatVersion}}
}

// putGrants wraps a project's keys anew for every member that grants name, and
// returns how the roster is to list them.
func (s *session) putGrants(ref *projectRef, keys *projectKeys, grants []grantRef) ([]grantRef, error) {
	out := make([]grantRef, 0, len(grants))
	for _, g := range grants {
		g.Digest = digest{}
		if !g.ServerOnly {
			raw, err := s.wrapGrant(ref, keys, g)
			if err != nil {
				return nil, fmt.Errorf("wrapping the keys of a project for %s: %w", g.Member, err)
			}
			g.Digest = sha256.Sum256(raw)
		}
		out = append(out, g)
	}
	slices.SortFunc(out, byMember)
	return out, nil
}

// wrapGrant makes and stores the record of one grant.
func (s *session) wrapGrant(ref *projectRef, keys *projectKeys, g grantRef) ([]byte, error) {
	m, ok := s.roster.member(g.Member)
	if !ok {
		return nil, fmt.Errorf("internal error: %s is no member", g.Member)
	}
	part, err := keys.first(g.parts())
	if err != nil {
		return nil, err
	}
	defer part.Destroy()
	w, err := keyring.NewGrant(m.Recipient, part, grantBound(s.v.id, ref, g.Member, g.Permissions)...)
	if err != nil {
		return nil, err
	}
	raw, err := keyring.Marshal(grantRecord{g.Member, g.Permissions, w.Arguments, w.Body, w.Wrapped})
	if err != nil {
		return nil, err
	}
	return raw, s.tx.Put(grantKey(s.v.id, m.Recipient, ref.ID), raw)
}

// first copies the first n of a project's keys into guarded memory of their own.
func (k *projectKeys) first(n int) (*secret.Bytes, error) {
	if k.keys.Len() < n*keyring.KeySize {
		return nil, fmt.Errorf("%w: the keys for it were not granted", ErrDenied)
	}
	out, err := secret.New(n * keyring.KeySize)
	if err != nil {
		return nil, err
	}
	err = k.keys.Use(func(all []byte) error {
		return out.Use(func(p []byte) error { copy(p, all); return nil })
	})
	return out, err
}

// deleteGrants deletes the records of a project's grants.
func (s *session) deleteGrants(ref *projectRef) error {
	for i := range ref.Grants {
		if err := s.deleteGrant(ref, &ref.Grants[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) deleteGrant(ref *projectRef, g *grantRef) error {
	m, ok := s.roster.member(g.Member)
	if !ok || g.ServerOnly {
		return nil
	}
	if err := s.tx.Delete(grantKey(s.v.id, m.Recipient, ref.ID)); err != nil {
		return err
	}
	return s.tx.Scrub()
}

// readGrant returns a grant's record after holding it against its digest in the
// roster and against what the roster says of it.
func (s *session) readGrant(ref *projectRef, g *grantRef, recipient string) (*keyring.Grant, error) {
	raw, err := s.tx.Get(grantKey(s.v.id, recipient, ref.ID))
	if err != nil {
		return nil, err
	}
	if raw == nil || len(raw) > maxGrant || sha256.Sum256(raw) != g.Digest {
		return nil, fmt.Errorf("%w: the grant of %s is not the one that was written", ErrDamaged, g.Member)
	}
	var r grantRecord
	if err := keyring.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("%w: the grant of %s cannot be read", ErrDamaged, g.Member)
	}
	// One grant has one record: what CBOR can say in two ways is refused.
	if again, err := keyring.Marshal(r); err != nil || !bytes.Equal(again, raw) || r.Member != g.Member || r.Permissions != g.Permissions {
		return nil, fmt.Errorf("%w: the grant of %s is not the one that the roster lists", ErrDamaged, g.Member)
	}
	return &keyring.Grant{Recipient: recipient, Arguments: r.Arguments, Body: r.Body, Wrapped: r.Wrapped}, nil
}

// openGrant opens the keys that a member was granted.
func (s *session) openGrant(ref *projectRef, g *grantRef) (*projectKeys, error) {
	w, err := s.readGrant(ref, g, s.v.by.recipient)
	if err != nil {
		return nil, err
	}
	keys, err := s.v.holder.OpenGrant(w, grantBound(s.v.id, ref, g.Member, g.Permissions)...)
	if errors.Is(err, keyring.ErrOpen) || errors.Is(err, keyring.ErrNotMine) {
		return nil, fmt.Errorf("%w: the grant of %s does not open with its key", ErrDamaged, g.Member)
	}
	if err != nil {
		return nil, err
	}
	if keys.Len() != g.parts()*keyring.KeySize {
		keys.Destroy()
		return nil, fmt.Errorf("%w: the grant of %s holds other keys than its permissions need", ErrDamaged, g.Member)
	}
	return &projectKeys{vault: s.v.id, ref: *ref, source: g.Digest, keys: keys}, nil
}

// Grant sets what a member may do in a project, whatever that was before. With
// serverOnly no keys stand in the file. Taking a key away makes a new epoch of
// the project, with everything resealed. The names returned are of the secrets
// whose values the member could read until now and cannot any more: they are to
// be changed where they come from. ErrNotFound: no such member.
func (v *Vault) Grant(ctx context.Context, member, in string, p Permission, serverOnly bool, progress func(done, total int)) ([]string, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	next := grantRef{Member: member, Permissions: uint64(p), ServerOnly: serverOnly}
	var lost []string
	err := v.update(ctx, func(s *session) (err error) {
		pr, old, err := s.grantee(member, in)
		if err != nil {
			return err
		}
		if old != nil && old.Permissions == next.Permissions && old.ServerOnly == serverOnly && s.stands(pr.ref, old) {
			lost = []string{}
			return nil
		}
		words := strings.Join(p.Strings(), " ")
		if serverOnly {
			words += " server-only"
		}
		lost, err = s.regrant(pr, member, &next, newSteps(ctx, progress, pr), func(to *project) {
			to.event(audit.Granted, words, member)
			s.event(audit.Granted, in, member)
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return lost, nil
}

// stands tells whether a grant's record is the one that was written. One that is
// not is mended by granting the same again.
func (s *session) stands(ref *projectRef, g *grantRef) bool {
	if g.ServerOnly {
		return true
	}
	m, _ := s.roster.member(g.Member)
	_, err := s.readGrant(ref, g, m.Recipient)
	return err == nil
}

// grantee is the project and the member that a change of grants is about, for an
// owner, and what the member was granted there.
func (s *session) grantee(member, name string) (*project, *grantRef, error) {
	if err := CheckName("member", member); err != nil {
		return nil, nil, err
	}
	if err := s.owner(); err != nil {
		return nil, nil, err
	}
	if _, ok := s.roster.member(member); !ok {
		return nil, nil, fmt.Errorf("member %s: %w", member, ErrNotFound)
	}
	p, err := s.gate(name, permAll)
	if err != nil {
		return nil, nil, err
	}
	return p, p.ref.grant(member), nil
}

func byMember(a, b grantRef) int { return strings.Compare(a.Member, b.Member) }

package vault

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"tacenda/internal/audit"
	"tacenda/keyring"
	"tacenda/store"
)

// session is one transaction of the engine, as the vault sees it: the roster
// and the projects that the transaction touched, each checked before use.
type session struct {
	v      *Vault
	tx     store.Tx
	known  *seen // what this machine remembered before the transaction
	seen   seen  // what this transaction found or wrote
	roster *roster
	opened map[ID]*project

	rosterChanged bool
	events        []pendingEvent // of the vault's own history
	told          []told         // for whoever watches, once the transaction has ended
}

type pendingEvent struct {
	action  audit.Action
	objects []string
	origin  string
}

// begin starts a session; known is nil when the memory is to be read once the
// vault's id is known.
func (v *Vault) begin(tx store.Tx, known *seen) *session {
	return &session{v: v, tx: tx, known: known, opened: make(map[ID]*project)}
}

// load reads header and roster, and holds them against what this machine
// remembers and against the pinned owner.
func (s *session) load() error {
	raw, err := s.tx.Get(headerKey())
	if err != nil {
		return err
	}
	h, err := parseHeader(raw)
	if err != nil {
		return err
	}
	if s.v.id == (ID{}) {
		s.v.id = h.Vault
	}
	if h.Vault != s.v.id {
		return fmt.Errorf("%w: another vault was put in its place", ErrRollback)
	}
	if err := migrate(h.Version, s.tx); err != nil {
		return err
	}
	if raw, err = s.tx.Get(rosterKey()); err != nil {
		return err
	}
	if s.known == nil {
		s.known = s.v.memory.read(s.v.id)
	}
	return s.useRoster(raw)
}

// useRoster takes the stored roster after all checks that need no key.
func (s *session) useRoster(raw []byte) error {
	c, d := &s.v.cache, sha256.Sum256(raw)
	if c.roster == nil || !bytes.Equal(c.raw, raw) {
		// A record that this machine remembers was verified before it was
		// remembered, so that a resolve need not pay for two signatures.
		r, err := parseRoster(s.v.id, raw, s.known.Counter > 0 && s.known.Roster == d)
		if err != nil {
			return err
		}
		*c = rosterCache{raw: raw, roster: r}
	}
	if pin := s.v.opts.Owner; pin != "" && pin != Fingerprint(c.roster.Owner) {
		return fmt.Errorf("%w: the vault is owned by %s, not by %s", ErrOwner, Fingerprint(c.roster.Owner), pin)
	}
	s.known = s.known.expecting(c.roster)
	if err := s.known.checkRoster(c.roster, d); err != nil {
		return err
	}
	s.seen = seen{Owner: c.roster.Owner, Counter: c.roster.Counter, Roster: d, Projects: map[ID]projectSeen{}, Past: c.roster.past()}
	s.roster = c.roster.clone()
	return nil
}

// admit refuses whoever does not own the vault, or is no member of it, any more.
func (s *session) admit() error {
	v, r := s.v, s.roster
	switch {
	case v.root != nil && !bytes.Equal(r.Owner, v.owner):
		return fmt.Errorf("%w: its keys were rotated; open it again", ErrLocked)
	case v.root == nil && !r.follows(v.owner):
		return &foreignError{got: Fingerprint(r.Owner), known: Fingerprint(v.owner)}
	case v.root == nil && !r.admits(v.by):
		return fmt.Errorf("%w: %s is no longer a member of the vault", ErrLocked, v.by.actor)
	case v.guest && !r.admits(v.caller):
		return fmt.Errorf("%w: %s is no longer a member or an owner of the vault", ErrLocked, v.actor)
	}
	// A member is not locked out by new keys: the old owner key vouched for the new one.
	v.owner = r.Owner
	return nil
}

// clone keeps a session's changes from the cached roster, in case it is rolled back.
func (r *roster) clone() *roster {
	c := *r
	c.Slots = append([]slotRef(nil), r.Slots...)
	c.Members = append([]member(nil), r.Members...)
	c.Projects = append([]projectRef(nil), r.Projects...)
	c.Successions = append([]succession(nil), r.Successions...)
	return &c
}

// slots reads the slots that the roster lists, each held against its digest
// before anything tries it.
func (s *session) slots() ([]*keyring.Slot, error) {
	slots := make([]*keyring.Slot, 0, len(s.roster.Slots))
	for _, ref := range s.roster.Slots {
		slot, err := s.slot(ref)
		if err != nil {
			return nil, err
		}
		slots = append(slots, slot)
	}
	if n := passphrases(slots); n > maxPassphrases { // each costs whoever types one a derivation
		return nil, fmt.Errorf("%w: the roster lists %d passphrases", ErrDamaged, n)
	}
	return slots, nil
}

func (s *session) slot(ref slotRef) (*keyring.Slot, error) {
	raw, err := s.tx.Get(slotKey(ref.ID))
	if err != nil {
		return nil, err
	}
	if raw == nil || sha256.Sum256(raw) != ref.Digest {
		return nil, fmt.Errorf("%w: slot %x is not the one that was written", ErrDamaged, ref.ID[:4])
	}
	slot, err := keyring.ParseSlot(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: slot %x: %v", ErrDamaged, ref.ID[:4], err)
	}
	return slot, nil
}

// putSlot writes a slot and lists it in the roster, in the place of an older
// version of it.
func (s *session) putSlot(slot *keyring.Slot) error {
	raw, err := slot.Marshal()
	if err != nil {
		return err
	}
	if err := s.tx.Put(slotKey(slot.ID), raw); err != nil {
		return err
	}
	ref := slotRef{ID: slot.ID, Digest: sha256.Sum256(raw)}
	s.rosterChanged = true
	for i := range s.roster.Slots {
		if s.roster.Slots[i].ID == slot.ID {
			s.roster.Slots[i] = ref
			return nil
		}
	}
	s.roster.Slots = append(s.roster.Slots, ref)
	return nil
}

// event notes what happened in the vault's own history.
func (s *session) event(action audit.Action, origin string, objects ...string) {
	s.events = append(s.events, pendingEvent{action, objects, origin})
	s.rosterChanged = true
}

// flush writes what the session changed: projects first, then the roster.
func (s *session) flush() error {
	for _, p := range s.opened {
		if err := p.flush(); err != nil {
			return err
		}
	}
	if !s.rosterChanged {
		return nil
	}
	if err := s.flushEvents(); err != nil {
		return err
	}
	s.roster.Counter++
	raw, err := s.roster.seal(s.v)
	if err != nil {
		return err
	}
	s.seen.Owner, s.seen.Counter, s.seen.Roster, s.seen.Past = s.roster.Owner, s.roster.Counter, sha256.Sum256(raw), s.roster.past()
	return s.tx.Put(rosterKey(), raw)
}

// flushEvents appends to the vault's own history, sealed under the root key.
func (s *session) flushEvents() error {
	if len(s.events) == 0 {
		return nil
	}
	sealer, err := s.v.eventSealer()
	if err != nil {
		return err
	}
	for _, e := range s.events {
		encoded, err := s.encodeEvent(e, s.roster.EventHead)
		if err != nil {
			return err
		}
		seq := s.roster.Events
		frame := make([]byte, metaFrameSize(len(encoded)))
		fillFrame(frame, encoded)
		if err := s.tx.Put(eventKey(seq), sealEvent(sealer, s.v.id, seq, frame)); err != nil {
			return err
		}
		s.roster.EventHead = audit.Sum(s.v.id, ID{}, seq, encoded)
		s.roster.Events++
	}
	s.events = nil
	return nil
}

func (s *session) encodeEvent(e pendingEvent, prev audit.Hash) ([]byte, error) {
	return audit.Event{
		Time: s.v.opts.Now().UnixMilli(), Actor: s.v.actor,
		Action: e.action, Objects: e.objects, Origin: e.origin, Prev: prev,
	}.Encode()
}

// eventSealer seals the vault's own history.
func (v *Vault) eventSealer() (*keyring.Sealer, error) {
	return keyring.NewSealer(v.root, labelSeal, v.id[:], []byte{keyEvent})
}

func eventAAD(vaultID ID, seq uint64) []byte {
	return keyring.Tuple(labelAAD, vaultID[:], eventKey(seq), []byte{FormatVersion})
}

func sealEvent(s *keyring.Sealer, vaultID ID, seq uint64, frame []byte) []byte {
	return s.Seal([]byte{FormatVersion}, eventAAD(vaultID, seq), frame)
}

func openEvent(s *keyring.Sealer, vaultID ID, seq uint64, record []byte) ([]byte, error) {
	if len(record) == 0 || record[0] != FormatVersion {
		return nil, fmt.Errorf("%w: event %d of the vault is missing", ErrDamaged, seq+1)
	}
	frame, err := s.Open(nil, eventAAD(vaultID, seq), record[1:])
	if err != nil {
		return nil, fmt.Errorf("%w: event %d of the vault does not open", ErrDamaged, seq+1)
	}
	return frameContent(frame)
}

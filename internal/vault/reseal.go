package vault

import (
	"crypto/rand"
	"fmt"
)

// beginEpoch begins an empty epoch of a project, with new keys that it wraps for
// owners and for the members whom grants name. What the old epoch is in the
// roster stays as it is.
func (s *session) beginEpoch(old *projectRef, name string, epoch uint64, grants []grantRef) (*project, error) {
	ref := &projectRef{ID: old.ID, Epoch: epoch, Announced: []prefix{}}
	rand.Read(ref.Prefix[:])
	keys, err := s.addKeys(ref, name)
	if err != nil {
		return nil, err
	}
	if ref.Grants, err = s.putGrants(ref, keys, grants); err != nil {
		keys.destroy()
		return nil, err
	}
	return s.adopt(ref, keys, name), nil
}

// reseal writes everything that from holds into to, an empty epoch of the same
// project, but does not flush it. step is called for each object and event.
func reseal(from, to *project, step func() error) error {
	if err := to.putName(from.name); err != nil {
		return err
	}
	var mem room
	defer mem.destroy()
	for _, k := range objectKinds {
		if k == kindName {
			continue
		}
		err := from.each(k, func(e entry, content []byte) error {
			if err := from.resealObject(to, e, content, &mem); err != nil {
				return err
			}
			return step()
		})
		if err != nil {
			return err
		}
	}
	return from.resealHistory(to, step)
}

// resealObject reseals one object, and its value when it is a secret, as it is.
func (p *project) resealObject(to *project, e entry, content []byte, mem *room) error {
	name, id, err := p.placeIn(to, e, content)
	if err != nil {
		return err
	}
	moved := entry{id: id, kind: e.kind}
	if e.kind == kindSecret {
		err := p.useValue(e, mem, func(frame, _ []byte) error {
			moved.value, err = to.seal(kindValue, id, frame)
			return err
		})
		if err != nil {
			return fmt.Errorf("resealing %s: %w", name, err)
		}
	}
	return to.put(moved, content)
}

// placeIn returns the name of an object and its blind name in another project or
// epoch. An object in the place of another is refused: it would be sealed over the
// one whose name it has.
func (p *project) placeIn(to *project, e entry, content []byte) (string, blind, error) {
	name, err := objectName(e.kind, content)
	if err == nil {
		err = p.placed(e, name)
	}
	if err != nil {
		return "", blind{}, err
	}
	id, err := to.keys.blind(name)
	return name, id, err
}

// resealHistory reseals a project's events; their chain does not depend on the keys.
func (p *project) resealHistory(to *project, step func() error) error {
	for seq := range p.manifest.Events {
		key := recordKey(p.ref.ID, p.ref.Prefix, kindEvent, seqID(seq))
		record, err := p.s.tx.Get(key)
		if err != nil {
			return err
		}
		frame, err := p.keys.openRecord(kindEvent, key, record, nil)
		if err != nil {
			return fmt.Errorf("event %d of project %s: %w", seq+1, p.name, err)
		}
		content, err := frameContent(frame)
		if err != nil {
			return fmt.Errorf("%w: event %d of project %s: %v", ErrDamaged, seq+1, p.name, err)
		}
		if err := to.putEvent(seq, content); err != nil {
			return err
		}
		if err := step(); err != nil {
			return err
		}
	}
	to.manifest.Events, to.manifest.EventHead = p.manifest.Events, p.manifest.EventHead
	return nil
}

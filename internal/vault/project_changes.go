package vault

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"

	"tacenda/internal/audit"
)

// put seals content as the object of e, and updates its page. The value record,
// if the object has one, was put before and stands in e.
func (p *project) put(e entry, content []byte) error {
	frame := make([]byte, metaFrameSize(len(content)))
	fillFrame(frame, content)
	d, err := p.seal(e.kind, e.id, frame)
	if err != nil {
		return err
	}
	e.record = d
	return p.setEntry(e)
}

// seal seals a frame as a record, to be written by flush.
func (p *project) seal(k kind, id blind, frame []byte) (digest, error) {
	key := recordKey(p.ref.ID, p.ref.Prefix, k, id[:])
	record, err := p.keys.sealRecord(k, key, frame)
	if err != nil {
		return digest{}, err
	}
	if p.manifest.Seals++; p.manifest.Seals >= maxSeals {
		p.s.v.opts.Note(fmt.Sprintf("project %s was written to %d times under one key: run key rotate", p.name, p.manifest.Seals))
	}
	p.writes = append(p.writes, write{key, record})
	return sha256.Sum256(record), nil
}

func (p *project) setEntry(e entry) error {
	es, err := p.entries(e.id[0])
	if err != nil {
		return err
	}
	i, found := searchEntries(es, e.id, e.kind)
	if found {
		es[i] = e
		p.scrub = true
	} else {
		es = slices.Insert(es, i, e)
		*p.manifest.count(e.kind)++
	}
	p.changed[e.id[0]] = es
	return nil
}

// remove deletes an object and, for a secret, its value.
func (p *project) remove(e entry) error {
	es, err := p.entries(e.id[0])
	if err != nil {
		return err
	}
	i, found := searchEntries(es, e.id, e.kind)
	if !found {
		return fmt.Errorf("internal error: removing a %s that is not there", e.kind)
	}
	p.changed[e.id[0]] = slices.Delete(es, i, i+1)
	*p.manifest.count(e.kind)--
	p.scrub = true
	if e.kind == kindSecret {
		if err := p.s.tx.Delete(recordKey(p.ref.ID, p.ref.Prefix, kindValue, e.id[:])); err != nil {
			return err
		}
	}
	return p.s.tx.Delete(recordKey(p.ref.ID, p.ref.Prefix, e.kind, e.id[:]))
}

// event notes what happened, MaxObjects names to an event.
func (p *project) event(action audit.Action, origin string, objects ...string) {
	for chunk := range slices.Chunk(objects, audit.MaxObjects) {
		p.events = append(p.events, pendingEvent{action, chunk, origin})
	}
}

// flush writes records, pages, events and the manifest.
func (p *project) flush() error {
	if len(p.changed) == 0 && len(p.events) == 0 && len(p.writes) == 0 {
		return nil
	}
	if m := p.manifest; max(m.Counter, m.Seals, m.Events) > maxCounter {
		return fmt.Errorf("%w: the manifest of project %s counts more changes than there can be; new keys (key rotate) begin anew", ErrDamaged, p.name)
	}
	if err := p.flushPages(); err != nil {
		return err
	}
	if err := p.flushEvents(); err != nil {
		return err
	}
	p.manifest.Counter++
	sign, err := p.keys.signer()
	if err != nil {
		return err
	}
	defer sign.destroy()
	if !bytes.Equal(sign.public, p.ref.Sign) { // what nobody could check would be damage to all
		return fmt.Errorf("%w: the key that signs for project %s is not the one in the roster", ErrDamaged, p.name)
	}
	raw, err := sealSigned(p.manifest, labelManifest, sign)
	if err != nil {
		return err
	}
	p.writes = append(p.writes, write{recordKey(p.ref.ID, p.ref.Prefix, kindManifest, nil), raw})
	// In the order of their keys: an engine of sorted pages takes time
	// quadratic in the number of records otherwise.
	slices.SortFunc(p.writes, func(a, b write) int { return bytes.Compare(a.key, b.key) })
	for _, w := range p.writes {
		if err := p.s.tx.Put(w.key, w.value); err != nil {
			return err
		}
	}
	p.pages, p.changed, p.events, p.writes = map[byte]page{}, map[byte][]entry{}, nil, nil
	p.s.seen.Projects[p.ref.ID] = projectSeen{Epoch: p.ref.Epoch, Counter: p.manifest.Counter, Digest: sha256.Sum256(raw)}
	if p.scrub {
		return p.s.tx.Scrub()
	}
	return nil
}

func (p *project) flushPages() error {
	for n, es := range p.changed {
		key := recordKey(p.ref.ID, p.ref.Prefix, kindPage, []byte{n})
		if len(es) == 0 {
			p.manifest.setPage(n, digest{})
			if err := p.s.tx.Delete(key); err != nil {
				return err
			}
			continue
		}
		raw := make([]byte, 0, len(es)*entrySize)
		for _, e := range es {
			raw = e.append(raw)
		}
		p.manifest.setPage(n, sha256.Sum256(raw))
		p.writes = append(p.writes, write{key, raw})
	}
	return nil
}

func (p *project) flushEvents() error {
	for _, e := range p.events {
		encoded, err := p.s.encodeEvent(e, p.manifest.EventHead)
		if err != nil {
			return err
		}
		if err := p.putEvent(p.manifest.Events, encoded); err != nil {
			return err
		}
		p.manifest.EventHead = audit.Sum(p.s.v.id, p.ref.ID, p.manifest.Events, encoded)
		p.manifest.Events++
	}
	return nil
}

func (p *project) putEvent(seq uint64, encoded []byte) error {
	frame := make([]byte, metaFrameSize(len(encoded)))
	fillFrame(frame, encoded)
	key := recordKey(p.ref.ID, p.ref.Prefix, kindEvent, seqID(seq))
	record, err := p.keys.sealRecord(kindEvent, key, frame)
	if err != nil {
		return err
	}
	p.manifest.Seals++
	p.writes = append(p.writes, write{key, record})
	return nil
}

// putValue seals a value for the secret of this blind name.
func (p *project) putValue(id blind, value []byte, mem *room) (d digest, err error) {
	err = mem.use(valueFrameSize(len(value)), func(frame []byte) error {
		fillFrame(frame, value)
		d, err = p.seal(kindValue, id, frame)
		return err
	})
	return d, err
}

package vault

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"

	"tacenda/internal/audit"
	"tacenda/keyring/secret"
)

// project is one project within a session. Its manifest was checked; pages and
// records are checked as they are read.
type project struct {
	s        *session
	name     string
	ref      *projectRef
	keys     *projectKeys
	manifest *manifest
	pages    map[byte]page

	changed map[byte][]entry // pages as they will be, when something was put or removed
	writes  []write          // records to be put, sorted before the engine sees them
	events  []pendingEvent
	scrub   bool // something was replaced or deleted
}

type write struct{ key, value []byte }

// keysOf opens a project's keys, or takes them from the cache of the vault.
func (s *session) keysOf(ref *projectRef) (*projectKeys, error) {
	if k := s.v.keys[ref.ID]; k != nil {
		if k.ref.Epoch == ref.Epoch && k.ref.Keys == ref.Keys {
			return k, nil
		}
		k.destroy()
		delete(s.v.keys, ref.ID)
	}
	raw, err := s.tx.Get(projectKeysKey(ref.ID))
	if err != nil {
		return nil, err
	}
	return openProjectKeys(s.v.id, s.v.keyseal, ref, raw)
}

// projectName reads a project's name without its manifest: the record is
// authentic, but only the manifest says that it is the current one.
func (s *session) projectName(ref *projectRef, keys *projectKeys) (string, error) {
	id, err := keys.blind("")
	if err != nil {
		return "", err
	}
	key := recordKey(ref.ID, ref.Prefix, kindName, id[:])
	raw, err := s.tx.Get(key)
	if err != nil {
		return "", err
	}
	if raw == nil {
		return "", fmt.Errorf("%w: the name of a project is missing", ErrDamaged)
	}
	d := sha256.Sum256(raw)
	if n, ok := s.v.names[ref.ID]; ok && n.record == d {
		return n.name, nil
	}
	frame, err := keys.openRecord(kindName, key, raw, nil)
	if err != nil {
		return "", fmt.Errorf("the name of a project: %w", err)
	}
	name, err := frameContent(frame)
	if err != nil {
		return "", fmt.Errorf("%w: the name of a project: %v", ErrDamaged, err)
	}
	s.v.names[ref.ID] = knownName{d, string(name)}
	return string(name), nil
}

// find looks for a project by name. It does not decide whether the caller may
// have it: gate does.
func (s *session) find(name string) (*project, error) {
	for _, p := range s.opened {
		if p.name == name {
			return p, nil
		}
	}
	// A project that is damaged must not hide the others, but neither may it
	// pass for one that does not exist.
	var damage error
	for i := range s.roster.Projects {
		ref := &s.roster.Projects[i]
		keys, got, err := s.named(ref)
		switch {
		case err != nil:
			damage = err
		case got == name:
			return s.open(ref, keys, name)
		default:
			s.release(keys)
		}
	}
	if damage != nil {
		return nil, damage
	}
	return nil, fmt.Errorf("project %s: %w", name, ErrNotFound)
}

// named opens a project's keys and reads its name.
func (s *session) named(ref *projectRef) (*projectKeys, string, error) {
	keys, err := s.keysOf(ref)
	if err != nil {
		return nil, "", err
	}
	name, err := s.projectName(ref, keys)
	if err != nil {
		s.release(keys)
		return nil, "", err
	}
	return keys, name, nil
}

// release wipes keys that the vault does not keep.
func (s *session) release(k *projectKeys) {
	if s.v.keys[k.ref.ID] != k {
		k.destroy()
	}
}

// maxKept is how many projects' keys stay open between calls: each takes a part
// of the memory that may be locked.
const maxKept = 16

// open checks the manifest of a project whose keys are open, and keeps both.
func (s *session) open(ref *projectRef, keys *projectKeys, name string) (*project, error) {
	if s.v.keys[ref.ID] != keys {
		for id, k := range s.v.keys {
			if len(s.v.keys) < maxKept {
				break
			}
			if s.opened[id] == nil {
				k.destroy()
				delete(s.v.keys, id)
			}
		}
		s.v.keys[ref.ID] = keys
	}
	raw, err := s.tx.Get(recordKey(ref.ID, ref.Prefix, kindManifest, nil))
	if err != nil {
		return nil, err
	}
	d := digest(sha256.Sum256(raw))
	m, err := parseManifest(s.v.id, ref, raw, s.known.verified(ref, d))
	if err != nil {
		return nil, fmt.Errorf("project %s: %w", name, err)
	}
	now := projectSeen{Epoch: m.Epoch, Counter: m.Counter, Digest: d}
	if err := s.known.checkProject(ref.ID, now); err != nil {
		return nil, fmt.Errorf("project %s: %w", name, err)
	}
	s.seen.Projects[ref.ID] = now
	p := &project{s: s, name: name, ref: ref, keys: keys, manifest: m, pages: map[byte]page{}, changed: map[byte][]entry{}}
	s.opened[ref.ID] = p
	return p, nil
}

// page is a checked index page.
func (p *project) page(n byte) (page, error) {
	if pg, ok := p.pages[n]; ok {
		return pg, nil
	}
	raw, err := p.s.tx.Get(recordKey(p.ref.ID, p.ref.Prefix, kindPage, []byte{n}))
	if err != nil {
		return nil, err
	}
	pg, err := parsePage(n, raw, p.manifest.page(n))
	if err != nil {
		return nil, fmt.Errorf("project %s: %w", p.name, err)
	}
	p.pages[n] = pg
	return pg, nil
}

// entries is a page as the session will leave it, to be changed.
func (p *project) entries(n byte) ([]entry, error) {
	if es, ok := p.changed[n]; ok {
		return es, nil
	}
	pg, err := p.page(n)
	if err != nil {
		return nil, err
	}
	es := make([]entry, pg.len())
	for i := range es {
		es[i] = pg.at(i)
	}
	return es, nil
}

// lookup finds an object's entry, or proves that there is none.
func (p *project) lookup(k kind, name string) (entry, bool, error) {
	id, err := p.keys.blind(name)
	if err != nil {
		return entry{}, false, err
	}
	if es, ok := p.changed[id[0]]; ok {
		i, found := searchEntries(es, id, k)
		if !found {
			return entry{id: id, kind: k}, false, nil
		}
		return es[i], true, nil
	}
	pg, err := p.page(id[0])
	if err != nil {
		return entry{}, false, err
	}
	i, found := pg.search(id, k)
	if !found {
		return entry{id: id, kind: k}, false, nil
	}
	return pg.at(i), true, nil
}

func searchEntries(es []entry, id blind, k kind) (int, bool) {
	return slices.BinarySearchFunc(es, id, func(e entry, id blind) int {
		if c := bytes.Compare(e.id[:], id[:]); c != 0 {
			return c
		}
		return int(e.kind) - int(k)
	})
}

// read returns a sealed record after holding it against its digest.
func (p *project) read(k kind, id blind, want digest) (key, record []byte, err error) {
	key = recordKey(p.ref.ID, p.ref.Prefix, k, id[:])
	record, err = p.s.tx.Get(key)
	if err != nil {
		return nil, nil, err
	}
	if record == nil {
		return nil, nil, fmt.Errorf("%w: a %s of project %s is missing", ErrDamaged, k, p.name)
	}
	if sha256.Sum256(record) != want {
		return nil, nil, fmt.Errorf("%w: a %s of project %s is not the one that was written", ErrDamaged, k, p.name)
	}
	return key, record, nil
}

// readObject opens an object's record.
func (p *project) readObject(e entry) ([]byte, error) {
	key, record, err := p.read(e.kind, e.id, e.record)
	if err != nil {
		return nil, err
	}
	frame, err := p.keys.openRecord(e.kind, key, record, nil)
	if err != nil {
		return nil, fmt.Errorf("a %s of project %s: %w", e.kind, p.name, err)
	}
	content, err := frameContent(frame)
	if err != nil {
		return nil, fmt.Errorf("%w: a %s of project %s: %v", ErrDamaged, e.kind, p.name, err)
	}
	return content, nil
}

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

// valueFrame opens a secret's value into buf, which is large enough, and
// returns the part that is the value.
func (p *project) valueFrame(e entry, buf []byte) ([]byte, error) {
	key, record, err := p.read(kindValue, e.id, e.value)
	if err != nil {
		return nil, err
	}
	frame, err := p.keys.openRecord(kindValue, key, record, buf[:0])
	if err != nil {
		return nil, fmt.Errorf("a value of project %s: %w", p.name, err)
	}
	return frameContent(frame)
}

// putValue seals a value through scratch, guarded memory for one frame.
func (p *project) putValue(id blind, value []byte, scratch *secret.Bytes) (digest, error) {
	var d digest
	err := scratch.Use(func(buf []byte) (err error) {
		frame := buf[:valueFrameSize(len(value))]
		defer secret.Wipe(frame)
		fillFrame(frame, value)
		d, err = p.seal(kindValue, id, frame)
		return err
	})
	return d, err
}

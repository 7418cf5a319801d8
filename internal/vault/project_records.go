package vault

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
)

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
		return nil, nil, p.missing(k)
	}
	return key, record, p.held(k, record, want)
}

// held holds a record against its digest.
func (p *project) held(k kind, record []byte, want digest) error {
	if sha256.Sum256(record) != want {
		return fmt.Errorf("%w: %s of project %s is not the one that was written", ErrDamaged, k.one(), p.name)
	}
	return nil
}

func (p *project) missing(k kind) error {
	return fmt.Errorf("%w: %s of project %s is missing", ErrDamaged, k.one(), p.name)
}

// readObject opens an object's record.
func (p *project) readObject(e entry) ([]byte, error) {
	key, record, err := p.read(e.kind, e.id, e.record)
	if err != nil {
		return nil, err
	}
	frame, err := p.keys.openRecord(e.kind, key, record, nil)
	if err != nil {
		return nil, fmt.Errorf("%s of project %s: %w", e.kind.one(), p.name, err)
	}
	content, err := frameContent(frame)
	if err != nil {
		return nil, fmt.Errorf("%w: %s of project %s: %v", ErrDamaged, e.kind.one(), p.name, err)
	}
	return content, nil
}

// useValue opens a secret's value into guarded memory, and calls fn with its
// frame and the part of it that is the value, both valid until fn returns.
func (p *project) useValue(e entry, mem *room, fn func(frame, value []byte) error) error {
	key, record, err := p.read(kindValue, e.id, e.value)
	if err != nil {
		return err
	}
	return mem.use(len(record), func(buf []byte) error {
		frame, err := p.keys.openRecord(kindValue, key, record, buf[:0])
		if err != nil {
			return fmt.Errorf("a value of project %s: %w", p.name, err)
		}
		value, err := frameContent(frame)
		if err != nil {
			return fmt.Errorf("%w: a value of project %s: %v", ErrDamaged, p.name, err)
		}
		return fn(frame, value)
	})
}

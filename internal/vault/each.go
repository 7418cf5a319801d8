package vault

import (
	"bytes"
	"crypto/sha256"
	"fmt"
)

// each opens every object of a kind, in the order of the blind names. It walks
// the records and the index pages side by side, so that one too many and one too
// few are both noticed. content is valid until fn returns.
func (p *project) each(k kind, fn func(e entry, content []byte) error) error {
	w := walk{p: p, kind: k, page: -1}
	start := recordKey(p.ref.ID, p.ref.Prefix, k, nil)
	aad := p.keys.aad(k, append(start, make([]byte, blindSize)...))
	sealer, err := p.keys.sealer(k)
	if err != nil {
		return err
	}
	var frame []byte
	err = p.s.tx.Range(start, func(key, record []byte) error {
		e, err := w.next(key[len(start):])
		if err != nil {
			return err
		}
		if sha256.Sum256(record) != e.record {
			return fmt.Errorf("%w: %s of project %s is not the one that was written", ErrDamaged, k.one(), p.name)
		}
		// The additional data differs from record to record in the engine key
		// alone; it stands before the tuple's last field, the version.
		copy(aad[len(aad)-blindSize-5:], key[len(start):])
		frame, err = openSealed(sealer, aad, record, frame[:0])
		if err != nil {
			return fmt.Errorf("%s of project %s: %w", k.one(), p.name, err)
		}
		content, err := frameContent(frame)
		if err != nil {
			return fmt.Errorf("%w: %s of project %s: %v", ErrDamaged, k.one(), p.name, err)
		}
		return fn(e, content)
	})
	if err != nil {
		return err
	}
	return w.end()
}

// walk is a place in the index pages, for records that come in the order of
// their blind names.
type walk struct {
	p    *project
	kind kind
	page int // -1 before the first
	cur  page
	i    int
}

// step moves to the next entry of the kind; false at the end.
func (w *walk) step() (entry, bool, error) {
	for {
		for ; w.i < w.cur.len(); w.i++ {
			if kind(w.cur[w.i*entrySize+blindSize]) == w.kind {
				e := w.cur.at(w.i)
				w.i++
				return e, true, nil
			}
		}
		if w.page == pageCount-1 {
			return entry{}, false, nil
		}
		w.page++
		w.i = 0
		var err error
		if w.cur, err = w.p.page(byte(w.page)); err != nil {
			return entry{}, false, err
		}
	}
}

// next is the entry of the record with this id, which must be the next one.
func (w *walk) next(id []byte) (entry, error) {
	e, ok, err := w.step()
	if err != nil {
		return e, err
	}
	if ok && bytes.Equal(e.id[:], id) {
		return e, nil
	}
	if ok && bytes.Compare(e.id[:], id) < 0 {
		return e, fmt.Errorf("%w: %s of project %s is missing", ErrDamaged, w.kind.one(), w.p.name)
	}
	return e, fmt.Errorf("%w: project %s has a %s that is not its own", ErrDamaged, w.p.name, w.kind)
}

// end fails when entries are left whose records did not come.
func (w *walk) end() error {
	_, ok, err := w.step()
	if err != nil {
		return err
	}
	if ok {
		return fmt.Errorf("%w: %s of project %s is missing", ErrDamaged, w.kind.one(), w.p.name)
	}
	return nil
}

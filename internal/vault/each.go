package vault

import (
	"bytes"
	"fmt"
	"slices"

	"tacenda/keyring"
)

// each opens every object of a kind, in the order of the blind names. It walks
// the records and the index pages side by side, so that one too many and one too
// few are both noticed. content is valid until fn returns.
func (p *project) each(k kind, fn func(e entry, content []byte) error) error {
	w := walk{p: p, kind: k, page: -1}
	start := recordKey(p.ref.ID, p.ref.Prefix, k, nil)
	o, err := p.opener(k)
	if err != nil {
		return err
	}
	err = p.s.tx.Range(start, func(key, record []byte) error {
		e, err := w.next(key[len(start):])
		if err != nil {
			return err
		}
		if err := p.held(k, record, e.record); err != nil {
			return err
		}
		content, err := o.open(e.id, record)
		if err != nil {
			return err
		}
		return fn(e, content)
	})
	if err != nil {
		return err
	}
	return w.end()
}

// An opener opens many records of one kind, one after the other.
type opener struct {
	p      *project
	kind   kind
	sealer *keyring.Sealer
	aad    recordAAD
	frame  []byte
}

func (p *project) opener(k kind) (*opener, error) {
	sealer, err := p.keys.sealer(k)
	return &opener{p: p, kind: k, sealer: sealer, aad: p.keys.recordAAD(k)}, err
}

// open returns the content of a record, valid until the next call.
func (o *opener) open(id blind, record []byte) ([]byte, error) {
	var err error
	if o.frame, err = openSealed(o.sealer, o.aad.of(id), record, o.frame[:0]); err != nil {
		return nil, fmt.Errorf("%s of project %s: %w", o.kind.one(), o.p.name, err)
	}
	content, err := frameContent(o.frame)
	if err != nil {
		return nil, fmt.Errorf("%w: %s of project %s: %v", ErrDamaged, o.kind.one(), o.p.name, err)
	}
	return content, nil
}

// byBlind is the order of entries in which the engine keeps their records.
func byBlind(entries []entry) []int {
	order := make([]int, len(entries))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return bytes.Compare(entries[a].id[:], entries[b].id[:]) })
	return order
}

// A pass calls fn with the records of the secrets, or of their values, that
// entries name, in the given order, which is byBlind's. Each is held against its
// digest; record is valid until fn returns.
type pass func(p *project, k kind, entries []entry, order []int, fn func(i int, record []byte) error) error

func (e *entry) digest(k kind) digest {
	if k == kindValue {
		return e.value
	}
	return e.record
}

// search is a pass that looks for each record, and at no page where none of them is.
func (p *project) search(k kind, entries []entry, order []int, fn func(i int, record []byte) error) error {
	for _, i := range order {
		_, record, err := p.read(k, entries[i].id, entries[i].digest(k))
		if err != nil {
			return err
		}
		if err := fn(i, record); err != nil {
			return err
		}
	}
	return nil
}

// sweep is a pass that goes from one record to the next. It looks at pages around
// them as well, and fails when one of those is damaged.
func (p *project) sweep(k kind, entries []entry, order []int, fn func(i int, record []byte) error) error {
	start := recordKey(p.ref.ID, p.ref.Prefix, k, nil)
	err := p.s.tx.Range(start, func(key, record []byte) error {
		if len(order) == 0 {
			return nil
		}
		i := order[0]
		switch c := bytes.Compare(key[len(start):], entries[i].id[:]); {
		case c < 0:
			return nil // one that nobody asked for
		case c > 0:
			return p.missing(k)
		}
		order = order[1:]
		if err := p.held(k, record, entries[i].digest(k)); err != nil {
			return err
		}
		return fn(i, record)
	})
	if err == nil && len(order) > 0 {
		err = p.missing(k)
	}
	return err
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
		return e, w.p.missing(w.kind)
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
		return w.p.missing(w.kind)
	}
	return nil
}

package store

import (
	"bytes"
	"errors"

	bolt "go.etcd.io/bbolt"
)

const (
	// Pages are filled by half, bbolt's default, so that later records find
	// room; by nine tenths when many come at once in order, which makes the
	// file of 100,000 records 37 % smaller.
	bulkFill = 0.9
	// bulkPuts is how many records are many: more than any ordinary change.
	bulkPuts = 1000
)

// boltTx is a transaction on a file.
type boltTx struct {
	h       *handle
	path    string
	tx      *bolt.Tx
	records *bolt.Bucket
	write   bool
	done    bool
	err     error // the first damage met: the transaction is over, whatever fn makes of it

	tree    *tree // nil for a file that is being made
	read    span  // keys whose leaf is checked
	edit    span  // keys whose leaf and its neighbours are checked
	known   bool  // read is meant
	editing bool  // edit is meant

	ranging int // how many Ranges are running
	puts    int
	changed bool
	scrub   bool
	flush   func(tx *boltTx, size int) error // of a file that is being made: called after each Put
}

func (b *Bolt) begin(h *handle, write bool) (*boltTx, error) {
	inner, err := h.begin(write)
	if err != nil {
		return nil, sentence("open", b.path, err)
	}
	tx := &boltTx{h: h, path: b.path, tx: inner, write: write, tree: h.tree}
	if err := tx.bucket(); err != nil {
		h.rollback(inner)
		return nil, sentence("open", b.path, err)
	}
	return tx, nil
}

func (tx *boltTx) bucket() (err error) {
	defer caught(&err)
	if tx.records = tx.tx.Bucket(recordsBucket); tx.records == nil {
		return damaged("its records are missing")
	}
	return nil
}

// run calls fn, then commits or rolls back, also when fn panics.
func (tx *boltTx) run(fn func(*boltTx) error) (err error) {
	finished := false
	defer func() {
		tx.done = true
		if finished {
			return
		}
		tx.h.rollback(tx.tx)
		if p := recover(); p != nil {
			if !isFault(p) {
				panic(p)
			}
			err = sentence("read", tx.path, damaged("%v", p))
		}
	}()
	err = fn(tx)
	if tx.err != nil {
		err = tx.err
	}
	if err == nil && tx.changed {
		finished = true
		err = tx.commit()
		return sentence("write", tx.path, err)
	}
	finished = true
	tx.h.rollback(tx.tx)
	return err
}

func (tx *boltTx) commit() error {
	if tx.puts >= bulkPuts || tx.flush != nil {
		tx.records.FillPercent = bulkFill
	}
	if tx.scrub {
		if err := tx.note(scrubKey, []byte{1}); err != nil {
			return err
		}
	}
	return tx.h.commit(tx.tx)
}

// note writes (or, with no value, deletes) what the engine notes for itself.
func (tx *boltTx) note(key, value []byte) (err error) {
	defer caught(&err)
	header := tx.tx.Bucket(headerBucket)
	switch {
	case header == nil:
		return damaged("its header is missing")
	case value == nil:
		return header.Delete(key)
	}
	return header.Put(key, value)
}

func (tx *boltTx) Get(key []byte) ([]byte, error) {
	if err := tx.usable(); err != nil {
		return nil, err
	}
	if err := tx.check(key); err != nil {
		return nil, err
	}
	v, err := tx.get(key)
	return v, tx.failed(err)
}

func (tx *boltTx) get(key []byte) (v []byte, err error) {
	defer caught(&err)
	return bytes.Clone(tx.records.Get(key)), nil
}

func (tx *boltTx) Put(key, value []byte) error {
	if err := tx.writable(); err != nil {
		return err
	}
	if err := checkRecord(key, value); err != nil {
		return err
	}
	if err := tx.check(key); err != nil {
		return err
	}
	tx.changed, tx.puts = true, tx.puts+1
	if err := tx.failed(tx.put(key, value)); err != nil || tx.flush == nil {
		return err
	}
	return tx.failed(tx.flush(tx, len(key)+len(value)))
}

func (tx *boltTx) put(key, value []byte) (err error) {
	defer caught(&err)
	return tx.records.Put(key, bytes.Clone(value)) // bbolt keeps the slice until the commit
}

func (tx *boltTx) Delete(key []byte) error {
	if err := tx.writable(); err != nil {
		return err
	}
	if err := checkKey(key); err != nil {
		return err
	}
	if err := tx.checkAround(key); err != nil {
		return err
	}
	if v, err := tx.get(key); err != nil || v == nil {
		return tx.failed(err)
	}
	tx.changed = true
	return tx.failed(tx.delete(key))
}

func (tx *boltTx) delete(key []byte) (err error) {
	defer caught(&err)
	return tx.records.Delete(key)
}

func (tx *boltTx) Range(prefix []byte, fn func(key, value []byte) error) error {
	if err := tx.usable(); err != nil {
		return err
	}
	here, next, err := tx.ahead(prefix)
	if err != nil {
		return err
	}
	tx.ranging++
	defer func() { tx.ranging-- }()
	c := tx.records.Cursor()
	k, v, err := seek(c, prefix)
	for err == nil && k != nil && bytes.HasPrefix(k, prefix) {
		if err := fn(k, v); err != nil {
			return err
		}
		// The cursor goes to the next leaf by itself: it must be a checked one.
		for here.hi != nil && bytes.Compare(k, here.hi) >= 0 {
			here = next
			if next, err = tx.behind(here); err != nil {
				return err
			}
		}
		k, v, err = step(c)
	}
	return tx.failed(err)
}

func seek(c *bolt.Cursor, key []byte) (k, v []byte, err error) {
	defer caught(&err)
	k, v = c.Seek(key)
	return k, v, nil
}

func step(c *bolt.Cursor) (k, v []byte, err error) {
	defer caught(&err)
	k, v = c.Next()
	return k, v, nil
}

// Scrub implements Tx.
func (tx *boltTx) Scrub() error {
	if err := tx.writable(); err != nil {
		return err
	}
	tx.scrub = true
	return nil
}

func (tx *boltTx) usable() error {
	if tx.done {
		return errTxDone
	}
	return tx.err
}

func (tx *boltTx) writable() error {
	switch {
	case tx.done:
		return errTxDone
	case !tx.write:
		return errInView
	case tx.ranging > 0:
		return errInRange
	}
	return tx.err
}

// failed remembers damage, so that nothing is committed on top of it.
func (tx *boltTx) failed(err error) error {
	if err == nil {
		return nil
	}
	err = sentence("read", tx.path, err)
	if errors.Is(err, ErrDamaged) {
		tx.err = err
	}
	return err
}

// check makes sure that bbolt meets only checked pages on its way to key.
func (tx *boltTx) check(key []byte) error {
	if tx.tree == nil || tx.known && tx.read.holds(key) {
		return nil
	}
	s, err := tx.tree.leaf(key, false)
	tx.read, tx.known = s, err == nil
	return tx.failed(err)
}

// checkAround does the same for a deletion, which may merge pages with their
// neighbours when it is committed.
func (tx *boltTx) checkAround(key []byte) error {
	if tx.tree == nil || tx.editing && tx.edit.holds(key) {
		return nil
	}
	s, err := tx.tree.leaf(key, true)
	if err == nil {
		// A range passes over a leaf that deletions emptied, to the one behind it.
		_, err = tx.behind(s)
	}
	tx.edit, tx.editing = s, err == nil
	return tx.failed(err)
}

// ahead checks the leaf where key belongs and the one behind it.
func (tx *boltTx) ahead(key []byte) (here, next span, err error) {
	if tx.tree == nil {
		return here, next, nil
	}
	if here, err = tx.tree.leaf(key, false); err == nil {
		next, err = tx.behind(here)
	}
	return here, next, tx.failed(err)
}

// behind checks the leaf that follows s.
func (tx *boltTx) behind(s span) (span, error) {
	if s.hi == nil {
		return s, nil
	}
	next, err := tx.tree.leaf(s.hi, false)
	return next, tx.failed(err)
}

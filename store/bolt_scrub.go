package store

import (
	"bytes"
	"context"
	"os"
)

// compactAbove is the size in bytes below which a file is not worth being
// rewritten, however little of it is used.
const compactAbove = 1 << 20

// scrub removes from the file what committed transactions replaced or deleted.
// The transaction that asked has left a note in the header; it is taken away
// last, so that a scrub that was interrupted is done again by the next write.
// At each point between, a crash leaves the file whole: the commit in between
// makes both meta pages name the tree as it is now, before a page that only the
// older one named is emptied.
func (b *Bolt) scrub(ctx context.Context, h *handle, asked bool) error {
	err := b.scrubFile(ctx, h)
	if err == nil || !asked {
		return nil // not this caller's: the note remains
	}
	return say(ErrResidue, "vault %q is changed, but what was there before could not be removed from the file: %v; the next change tries again", b.path, err)
}

func (b *Bolt) scrubFile(ctx context.Context, h *handle) error {
	if err := h.empty(); err != nil {
		return err
	}
	t, err := inspect(h.file, true)
	if err != nil {
		return err
	}
	h.tree = t
	if high, free := t.pages.now.high, uint64(len(t.pages.free)); high*pageSize > compactAbove && free > high/2 {
		if b.compact(ctx, h) == nil {
			return nil
		}
	}
	if err := h.zeroFree(); err != nil {
		return err
	}
	if err := h.file.Sync(); err != nil {
		return err
	}
	tx, err := b.begin(h, true)
	if err != nil {
		return err
	}
	if err := tx.note(scrubKey, nil); err != nil {
		h.rollback(tx.tx)
		return err
	}
	return h.commit(tx.tx)
}

// empty commits a transaction without a change.
func (h *handle) empty() error {
	tx, err := h.begin(true)
	if err != nil {
		return err
	}
	return h.commit(tx)
}

// zeroFree empties the pages that neither meta page needs, and what lies behind
// the last page. The older meta page shares the tree with the newer one; the
// page of its own that it needs is its list of free pages.
func (h *handle) zeroFree() error {
	info, err := h.file.Stat()
	if err != nil {
		return err
	}
	p, err := readPages(h.file, info.Size())
	if err != nil {
		return err
	}
	if err := p.readFree(); err != nil {
		return err
	}
	var keep [2]uint64
	if p.before != nil {
		if p.before.root != p.now.root {
			return damaged("its meta pages name different trees after an empty commit")
		}
		free := p.free
		p.free = nil // the older list lies on a page that is free by now
		if _, keep, err = p.freelist(*p.before); err != nil {
			return err
		}
		p.free = free
	}
	z := zeroer{f: h.file}
	for i := 0; i < len(p.free); {
		from, to := p.free[i], p.free[i]+1
		for i++; i < len(p.free) && p.free[i] == to; i++ {
			to++
		}
		z.zero(int64(from)*pageSize, int64(min(to, max(from, keep[0])))*pageSize)
		z.zero(int64(max(from, keep[1]))*pageSize, int64(to)*pageSize)
	}
	// Behind the last page lies what a transaction wrote that did not commit.
	z.zero(nextData(h.file, int64(p.now.high)*pageSize, info.Size()), info.Size())
	return z.err
}

// A zeroer empties parts of a file, until an error.
type zeroer struct {
	f   *os.File
	buf [pageSize]byte
	err error
}

var noBytes [pageSize]byte

// zero empties the bytes from up to, but without, to. It writes only where there
// is something, so that holes in the file remain holes.
func (z *zeroer) zero(from, to int64) {
	for ; from < to && z.err == nil; from += pageSize {
		piece := z.buf[:min(pageSize, to-from)]
		if z.err = readAt(z.f, piece, from); z.err == nil && !bytes.Equal(piece, noBytes[:len(piece)]) {
			_, z.err = z.f.WriteAt(noBytes[:len(piece)], from)
		}
	}
}

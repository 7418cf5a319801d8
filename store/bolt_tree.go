package store

import (
	"bytes"
	"encoding/binary"
	"sort"
)

// What a vault's file holds, as bbolt's buckets: the records, and what the
// engine notes for itself.
var (
	recordsBucket = []byte("records")
	headerBucket  = []byte("tacenda")
	formatKey     = []byte("format") // formatValue: what this file is
	formatValue   = []byte("tacenda vault file 1")
	scrubKey      = []byte("scrub") // present while a scrub is due
)

// A tree finds the pages on which bbolt will look for a key, and checks them.
type tree struct {
	pages    *pages
	root     uint64 // of the records; 0 when they are few and lie in the root page
	scrubDue bool
}

// readTree reads a file's meta pages and its root page, which say whether it is
// a vault at all.
func readTree(p *pages) (*tree, error) {
	r, flags, count, err := p.open(p.now.root)
	if err != nil {
		return nil, err
	}
	if flags != flagLeaf || r.size != pageSize {
		return nil, damaged("it is not a vault, but another program's database")
	}
	t := &tree{pages: p}
	var header, records bool
	err = r.leaf(count, func(e element) error {
		switch {
		case e.flags != flagBucket || len(e.value) < bucketHeader:
			return damaged("its root page holds something else than a bucket")
		case bytes.Equal(e.key, headerBucket):
			header = true
			return t.readHeader(e.value)
		case bytes.Equal(e.key, recordsBucket):
			records = true
			return t.readRecords(e.value)
		}
		return damaged("it is not a vault, but another program's database")
	})
	if err == nil && !(header && records) {
		err = damaged("it is not a vault, but another program's database")
	}
	return t, err
}

// readHeader checks what the engine noted for itself. It always fits the root page.
func (t *tree) readHeader(bucket []byte) error {
	format := false
	err := t.inline(bucket, func(e element) error {
		switch {
		case bytes.Equal(e.key, formatKey):
			format = true
			if !bytes.Equal(e.value, formatValue) {
				return damaged("its file format %.40q is not known to this program", e.value)
			}
		case bytes.Equal(e.key, scrubKey):
			t.scrubDue = true
		}
		return nil
	})
	if err == nil && !format {
		err = damaged("its header is missing")
	}
	return err
}

func (t *tree) readRecords(bucket []byte) error {
	t.root = binary.NativeEndian.Uint64(bucket)
	if t.root != 0 {
		if t.root == t.pages.now.root {
			return damaged("page %d is used twice", t.root)
		}
		return nil
	}
	return t.inline(bucket, func(e element) error {
		if !e.isRecord() {
			return damaged("its root page holds what is no record")
		}
		return nil
	})
}

// inline calls fn for what a bucket within the root page holds.
func (t *tree) inline(bucket []byte, fn func(element) error) error {
	b := bucket[bucketHeader:]
	if binary.NativeEndian.Uint64(bucket) != 0 || len(b) < pageHeader {
		return damaged("a bucket in its root page is cut off")
	}
	_, flags, count, _ := header(b)
	if flags != flagLeaf {
		return damaged("a bucket in its root page is of kind %#x", flags)
	}
	return region{id: t.pages.now.root, head: b, size: int64(len(b))}.leaf(count, fn)
}

// A span is the keys from lo up to, but without, hi. nil is no bound.
type span struct{ lo, hi []byte }

func (s span) holds(key []byte) bool {
	return bytes.Compare(key, s.lo) >= 0 && (s.hi == nil || bytes.Compare(key, s.hi) < 0)
}

// leaf checks every page from the root to the leaf where key belongs, and
// returns the keys that belong to that leaf. With siblings it also checks the
// pages left and right of these, with which a deletion may merge them.
func (t *tree) leaf(key []byte, siblings bool) (span, error) {
	var reach, bounds span // what a search leads here; what the page may hold
	id := t.root
	if id == 0 {
		return reach, nil
	}
	for range maxDepth {
		n, err := t.bounded(id, bounds)
		if err != nil || n.leaf {
			return reach, err
		}
		i := sort.Search(len(n.keys), func(i int) bool { return bytes.Compare(n.keys[i], key) > 0 })
		i = max(0, i-1) // a key before all others is searched for in the first child
		if i > 0 {
			reach.lo = n.keys[i]
		}
		reach.hi = n.bounds(i, bounds).hi
		if siblings {
			if err := t.family(n, i, bounds); err != nil {
				return reach, err
			}
		}
		id, bounds = n.children[i], n.bounds(i, bounds)
	}
	return reach, damaged("its pages refer to each other in a circle")
}

// bounds returns the keys that child i of n may hold.
func (n *oneNode) bounds(i int, own span) span {
	s := span{n.keys[i], own.hi}
	if i+1 < len(n.keys) {
		s.hi = n.keys[i+1]
	}
	return s
}

// bounded reads the page id, whose keys must be in s.
func (t *tree) bounded(id uint64, s span) (*oneNode, error) {
	n, err := t.pages.node(id)
	if err != nil {
		return nil, err
	}
	switch {
	case n.first == nil && id != t.root:
		return nil, damaged("page %d is empty", id)
	case n.first != nil && !(s.holds(n.first) && s.holds(n.last)):
		return nil, damaged("page %d holds keys that belong elsewhere", id)
	}
	return n, nil
}

// family checks child i of n and the children beside it.
func (t *tree) family(n *oneNode, i int, own span) error {
	leaf := false
	for j := max(0, i-1); j <= min(i+1, len(n.children)-1); j++ {
		c, err := t.bounded(n.children[j], n.bounds(j, own))
		if err != nil {
			return err
		}
		if j > max(0, i-1) && c.leaf != leaf {
			return damaged("pages %d and %d are of different kinds", n.children[j-1], n.children[j])
		}
		leaf = c.leaf
	}
	return nil
}

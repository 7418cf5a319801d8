package leak

import "slices"

// directSize is how many bytes of a possible value are hashed afresh for each
// place where one may begin. What follows is hashed once for all of them: see trail.
const directSize = 64

// checkpoints are the lengths of the prefixes whose fingerprints are kept. Two
// of them are never closer than a window: whoever stole the fingerprints with
// their keys would still have to guess six bytes at once. Behind directSize they
// grow by a quarter, so that a value of 1 MiB has 51.
func checkpoints() []int {
	c := []int{MinValue, 12, 18, 24, 32, 40, 48, directSize}
	for last := directSize; last < 1<<30; {
		last += last / 4
		c = append(c, last)
	}
	return c
}

// fewValues is up to how many values a node names. Where more values begin in
// the same way, it is not worth opening each to see whether one still fits.
const fewValues = 3

// A node is a prefix that values begin with, at a checkpoint, or a whole value.
type node struct {
	mark    uint64
	size    int
	longest int // length of the longest value that begins so
	values  [fewValues]int32
	count   int   // values that begin so
	whole   int32 // the value that is this prefix, or -1
	parent  int32 // the checkpoint before, or -1
	up      int32 // the nearest one above that has whole or lengths, or -1
	lengths []int // of values that end before the next checkpoint, longest first
}

// shortBits are kept of the fingerprint of a short prefix. With twelve, the last
// bytes of every line would be held back where there are some thousand values.
const shortBits = 16

// prefixes is the tree of the values' beginnings, held as fingerprints.
type prefixes struct {
	keys   *keys
	points []int
	nodes  []node
	slots  []int32 // hash table into nodes: index + 1, 0 is free
	// short is for prefixes shorter than a window: whether one that stands at the
	// end of the stream must be held back.
	short [MinValue][1 << shortBits / 64]uint64
	// first is what short says of each byte alone, and of a plus in a form.
	first [256]bool
	// bits is which first bits there are, as 1 and then the bits.
	bits [1 << 8]bool
}

func newPrefixes(k *keys) *prefixes {
	return &prefixes{keys: k, points: checkpoints(), slots: make([]int32, 64)}
}

// add takes the prefixes of a value.
func (t *prefixes) add(value []byte, id int32) {
	h, parent, point := uint64(0), int32(-1), 0
	for i, c := range value {
		h = t.keys.roll(h, c)
		n := i + 1
		switch {
		case n < MinValue:
			at := t.keys.fingerprint(n, h) >> (64 - shortBits)
			t.short[n][at/64] |= 1 << (at % 64)
		case n == t.points[point]:
			parent = t.node(n, h, parent)
			t.nodes[parent].take(len(value), id)
			point++
		}
	}
	last := &t.nodes[parent]
	if last.size < len(value) {
		at, found := slices.BinarySearchFunc(last.lengths, len(value), func(a, b int) int { return b - a })
		if !found {
			last.lengths = slices.Insert(last.lengths, at, len(value))
		}
		parent = t.node(len(value), h, parent)
	}
	if n := &t.nodes[parent]; n.whole < 0 {
		n.whole = id
	}
}

// take counts a value that begins with n.
func (n *node) take(length int, id int32) {
	n.longest = max(n.longest, length)
	if n.count < fewValues {
		n.values[n.count] = id
	}
	n.count++
}

// node finds or makes the node of a prefix.
func (t *prefixes) node(n int, h uint64, parent int32) int32 {
	if i := t.find(n, h); i >= 0 {
		return i
	}
	if 2*len(t.nodes) >= len(t.slots) {
		t.grow()
	}
	i := int32(len(t.nodes))
	t.nodes = append(t.nodes, node{mark: t.keys.fingerprint(n, h), size: n, whole: -1, parent: parent, up: -1})
	t.put(i)
	return i
}

// grow doubles the table, and wipes what it leaves.
func (t *prefixes) grow() {
	nodes := make([]node, len(t.nodes), len(t.slots))
	copy(nodes, t.nodes)
	clear(t.nodes)
	t.nodes, t.slots = nodes, make([]int32, 2*len(t.slots))
	for i := range t.nodes {
		t.put(int32(i))
	}
}

func (t *prefixes) put(i int32) {
	at := t.nodes[i].mark & uint64(len(t.slots)-1)
	for ; t.slots[at] != 0; at = (at + 1) & uint64(len(t.slots)-1) {
	}
	t.slots[at] = i + 1
}

// find returns the node of a prefix of n bytes with hash h, or -1.
func (t *prefixes) find(n int, h uint64) int32 {
	p := t.keys.fingerprint(n, h)
	for at := p & uint64(len(t.slots)-1); t.slots[at] != 0; at = (at + 1) & uint64(len(t.slots)-1) {
		if i := t.slots[at] - 1; t.nodes[i].mark == p {
			return i
		}
	}
	return -1
}

// begins tells whether a value may begin with n bytes, fewer than a window.
func (t *prefixes) begins(n int, h uint64) bool {
	at := t.keys.fingerprint(n, h) >> (64 - shortBits)
	return t.short[n][at/64]>>(at%64)&1 != 0
}

// starts tells whether a value may begin with some bits, fewer than 8.
func (t *prefixes) starts(bits int) bool { return t.bits[bits] }

// link ends the making of the tree. It lets each node know where above it a value
// may end. Parents come first.
func (t *prefixes) link() {
	for c := range t.first {
		t.first[c] = t.begins(1, t.keys.roll(0, byte(c)))
	}
	for c, begins := range t.first {
		for bits := c | 1<<8; begins && bits > 1; {
			bits >>= 1
			t.bits[bits] = true
		}
	}
	t.first['+'] = t.first['+'] || t.first[' ']
	for i := range t.nodes {
		n := &t.nodes[i]
		if n.parent < 0 {
			continue
		}
		n.up = t.nodes[n.parent].up
		if p := &t.nodes[n.parent]; p.whole >= 0 || len(p.lengths) > 0 {
			n.up = n.parent
		}
	}
}

func (t *prefixes) wipe() {
	clear(t.nodes)
	clear(t.slots)
	clear(t.short[:])
	clear(t.first[:])
	clear(t.bits[:])
}

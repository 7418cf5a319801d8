package leak

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
)

// keys are the numbers of one run. Without them a fingerprint says nothing, and
// nobody can make a stream whose fingerprints collide.
type keys struct {
	gram   uint64 // odd
	window uint64 // odd
	tag    uint64 // odd
	base   uint64 // of the rolling hash, below prime
	node   [2]uint64
}

func newKeys() *keys {
	var raw [6 * 8]byte
	_, _ = rand.Read(raw[:]) // never fails: it ends the program where there is no randomness
	at := func(i int) uint64 { return binary.LittleEndian.Uint64(raw[8*i:]) }
	k := &keys{gram: at(0) | 1, window: at(1) | 1, tag: at(2) | 1, node: [2]uint64{at(3) | 1, at(4) | 1}}
	k.base = at(5)>>4 | 1<<59 // below prime, and large
	clear(raw[:])
	return k
}

// prime is 2^61-1: a product reduces in two additions, and two texts of n bytes
// that differ have the same hash for n in 2^61 of the bases.
const prime = 1<<61 - 1

func mul(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return reduce((lo & prime) + (lo>>61 | hi<<3))
}

func reduce(x uint64) uint64 {
	if x >= prime {
		x -= prime
	}
	return x
}

// roll appends one byte to the text behind h.
func (k *keys) roll(h uint64, c byte) uint64 {
	return reduce(mul(h, k.base) + uint64(c) + 1)
}

// power is base^n.
func (k *keys) power(n int) uint64 {
	result, square := uint64(1), k.base
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			result = mul(result, square)
		}
		square = mul(square, square)
	}
	return result
}

// fingerprint is that of a text of n bytes with the rolling hash h.
func (k *keys) fingerprint(n int, h uint64) uint64 {
	x := (h ^ uint64(n)<<40) * k.node[0]
	x = (x ^ x>>32) * k.node[1]
	return x ^ x>>29
}

// grams is a bitmap of the hashes of five bytes in a row: the first five and the
// second five of every window. The stream is looked at in every second place,
// and nearly all of it goes no further.
type grams struct {
	bits  []uint64
	shift uint
}

// perValue is about how many windows a value has: see firstWindows.
const perValue = 9

func newGrams(values int) *grams {
	// About 16 bits for each gram keep false alarms below 7 %; from 2^22 on the
	// bitmap would no longer fit into a common second-level cache.
	n := bits.Len(uint(max(values*perValue*2*12, 1<<15)))
	n = min(n, 22)
	return &grams{bits: make([]uint64, 1<<n/64), shift: uint(64 - n)}
}

// add takes the low five bytes of x.
func (g *grams) add(k *keys, x uint64) {
	h := x << 24 * k.gram >> g.shift
	g.bits[h/64] |= 1 << (h % 64)
}

// next returns the first of every second place from i on at which a gram of the
// bitmap begins, or one at or behind end. p must go on for 12 bytes behind end.
// Most of the program's time with a stream is spent here, so four places are
// looked at for one branch.
func (g *grams) next(k *keys, p []byte, i, end int) int {
	table, shift, key := g.bits, g.shift&63, k.gram
	for ; i < end; i += 8 {
		q := p[i : i+12 : i+12]
		x, y := binary.LittleEndian.Uint64(q), binary.LittleEndian.Uint64(q[4:])
		a := x << 24 * key >> shift
		b := (x << 8 &^ 0xffffff) * key >> shift
		c := y << 24 * key >> shift
		d := (y << 8 &^ 0xffffff) * key >> shift
		hits := [...]uint64{table[a/64] >> (a & 63), table[b/64] >> (b & 63), table[c/64] >> (c & 63), table[d/64] >> (d & 63)}
		if (hits[0]|hits[1]|hits[2]|hits[3])&1 == 0 {
			continue
		}
		for j, hit := range hits {
			if hit&1 != 0 {
				return i + 2*j
			}
		}
	}
	return i
}

func (g *grams) wipe() { clear(g.bits) }

// A group is a set of ways to read the stream from one place on.
type group uint8

const (
	groupBytes group = 1 << iota // as it is, percent-encoded, JSON-escaped
	groupHex
	group64a0
	group64a1 // these two begin one character before their window
	group64a2
	groupPercent // percent-encoded with an escape among the first bytes
	groupJSON

	groupAll = groupBytes | groupHex | group64a0 | group64a1 | group64a2 | groupPercent | groupJSON
)

// windows maps the fingerprint of each value's first characters, in each form,
// to the ways of reading that they call for.
type windows struct {
	slots []uint32 // 24 bits of fingerprint, then the group; 0 is free
	shift uint
}

func newWindows(values int) *windows {
	n := bits.Len(uint(max(values*perValue*2, 64)))
	return &windows{slots: make([]uint32, 1<<n), shift: uint(64 - n)}
}

func (w *windows) place(k *keys, x uint64) (at int, tag uint32) {
	h := x << 16 * k.window
	h = (h ^ h>>32) * k.tag
	return int(h >> w.shift), uint32(h>>8) &^ 0xff
}

// add takes the low six bytes of x.
func (w *windows) add(k *keys, x uint64, g group) {
	at, tag := w.place(k, x)
	for ; w.slots[at] != 0 && w.slots[at]&^0xff != tag; at = (at + 1) & (len(w.slots) - 1) {
	}
	w.slots[at] |= tag | uint32(g)
}

// find returns the group of the window that is the low six bytes of x.
func (w *windows) find(k *keys, x uint64) group {
	at, tag := w.place(k, x)
	for ; w.slots[at] != 0; at = (at + 1) & (len(w.slots) - 1) {
		if w.slots[at]&^0xff == tag {
			return group(w.slots[at])
		}
	}
	return 0
}

func (w *windows) wipe() { clear(w.slots) }

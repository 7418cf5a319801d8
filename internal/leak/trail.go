package leak

import "sort"

// stride is how many bytes lie between two samples of a trail.
const stride = 16

// A trail is the rolling hash of a stretch of the stream as one form reads it,
// from some byte on, written down every stride bytes: two of its points give the
// hash of what lies between them. All places where a long value may begin share
// it, so that a stretch is hashed once however many there are.
type trail struct {
	samples []sample
	end     sample // how far it goes
	size    int    // bytes up to there
	status  status // how reading on went; read before that was tried
}

type sample struct {
	cursor cursor
	hash   uint64
	odd    int // how many bytes before, from the beginning, were odd
}

// odd tells whether a byte that is itself in one form may begin something else
// in another.
func odd(b byte) bool { return b == '%' || b == '+' || b == '\\' || b == '\r' }

// step reads one byte.
func (p *sample) step(k *keys, v *view, f form) status {
	b, s := v.next(f, &p.cursor, breakFrom)
	if s == read {
		p.hash = k.roll(p.hash, b)
		if odd(b) {
			p.odd++
		}
	}
	return s
}

// start makes it begin at c, empty.
func (t *trail) start(c cursor) {
	t.wipe()
	t.end = sample{cursor: c}
	t.samples = append(t.samples, t.end)
}

func (t *trail) wipe() {
	clear(t.samples)
	*t = trail{samples: t.samples[:0]}
}

// extend reads on until the trail has size bytes, or as far as it can.
func (t *trail) extend(k *keys, v *view, f form, size int) {
	t.status = read
	for t.size < size {
		if t.status = t.end.step(k, v, f); t.status != read {
			return
		}
		t.size++
		if t.size%stride == 0 {
			t.samples = grow(t.samples, t.end)
		}
	}
}

// grow is append that wipes what it leaves.
func grow(s []sample, x sample) []sample {
	if len(s) < cap(s) {
		return append(s, x)
	}
	larger := make([]sample, len(s), 2*cap(s)+64)
	copy(larger, s)
	clear(s)
	return append(larger, x)
}

// at returns the point size bytes from the beginning, within the trail.
func (t *trail) at(k *keys, v *view, f form, size int) sample {
	p := t.samples[size/stride]
	for range size % stride {
		_ = p.step(k, v, f) // it was read before
	}
	return p
}

// before is the order of what one form reads: the bytes of one JSON escape have
// one place, and fewer of them left the further it was read.
func (c cursor) before(d cursor) bool {
	return c.at < d.at || c.at == d.at && c.left > d.left
}

// find returns how many bytes lie before c, if c is a place where a byte begins.
func (t *trail) find(v *view, f form, c cursor) (size int, ok bool) {
	if len(t.samples) == 0 || c.before(t.samples[0].cursor) || t.end.cursor.before(c) {
		return 0, false
	}
	i := sort.Search(len(t.samples), func(i int) bool { return c.before(t.samples[i].cursor) }) - 1
	p := t.samples[i].cursor
	size = i * stride
	for p != c {
		if size == t.size || c.before(p) {
			return 0, false
		}
		_, _ = v.next(f, &p, breakFrom)
		size++
	}
	return size, true
}

// move follows the stream when its first n bytes at hand go away.
func (t *trail) move(n int) {
	if len(t.samples) == 0 {
		return
	}
	gone := sort.Search(len(t.samples), func(i int) bool { return t.samples[i].cursor.at >= n })
	if gone == len(t.samples) {
		t.wipe()
		return
	}
	kept := copy(t.samples, t.samples[gone:])
	clear(t.samples[kept:])
	t.samples = t.samples[:kept]
	t.size -= gone * stride
	for i := range t.samples {
		t.samples[i].cursor.at -= n
	}
	t.end.cursor.at -= n
}

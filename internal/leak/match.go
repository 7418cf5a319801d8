package leak

// A verdict is what a place in the stream turned out to be.
type verdict struct {
	pending bool  // a value may begin here, and more of the stream will tell
	value   int32 // that was found, or -1
	end     int   // where it ends in view
	form    form
}

// A reading is one form read from one place on: the bytes that were read and
// the hash behind each.
type reading struct {
	form    form
	start   int
	cursors [directSize + 1]cursor // before the byte of that number
	hashes  [directSize + 1]uint64
	size    int    // bytes read
	status  status // why not more; read when there was no need
	odd     bool   // a plus, a percent sign or a backslash was read

	node int32 // the deepest checkpoint that fits, or -1
	next int   // the checkpoint that does not fit, or 0

	trail *trail // what follows directSize bytes, or nil
	from  int    // where in it
}

// longest looks for the longest value that stands at start in one form.
func (s *search) longest(f form, start int) verdict {
	r := &s.reading
	r.form, r.start, r.trail, r.odd = f, start, nil, false
	none := verdict{value: -1, form: f}
	if !s.direct(r) {
		return none
	}
	if r.node >= 0 && r.size == directSize && s.tree.nodes[r.node].longest > directSize {
		s.long(r)
	}
	limit := 0 // how long the longest value is that still fits
	if r.node < 0 {
		limit = MinValue
	} else if r.next == 0 {
		limit = s.tree.nodes[r.node].longest
	}
	if r.status == ended && !s.view.final && r.size < limit && s.mayGoOn(r) {
		s.wake = len(s.buf) + s.missing(r)
		none.pending = true
		return none
	}
	return s.whole(r, none)
}

// missing is how many bytes it takes at least until a long reading can be decided:
// up to the next checkpoint, or until a value ends. Reading it again before, for
// each byte that comes, would be for nothing.
func (s *search) missing(r *reading) int {
	if r.size <= directSize {
		return 0
	}
	next := s.tree.nodes[r.node].longest
	for _, size := range s.tree.nodes[r.node].lengths {
		if size > r.size {
			next = size
		}
	}
	for _, size := range s.tree.points {
		if size > r.size {
			next = min(next, size)
			break
		}
	}
	const escaped = 4 // one byte more may end an escape that is as many
	return max(next-r.size-escaped, 0)
}

// direct reads up to directSize bytes and answers false when no value begins so.
func (s *search) direct(r *reading) bool {
	r.size, r.node, r.next = 0, -1, 0
	c, status := s.view.begin(r.form, r.start)
	r.status, r.cursors[0] = status, c
	if status != read {
		return false // there is no first character, or another
	}
	point, only := 0, false
	h := uint64(0)
	for r.size < directSize {
		b, status := s.view.next(r.form, &c, r.size)
		if status != read {
			r.status = status
			if r.size == 0 && status == ended && !s.tree.starts(s.view.bits(r.form, r.start)) {
				return false
			}
			if r.form == formLines && status == ended && c.at < len(s.view.text) && !s.mayReturn(r.size, h) {
				return false
			}
			for only && r.next == 0 && s.tree.points[point] <= r.size {
				s.check(r, point)
				point++
			}
			return r.node >= 0 || status == ended && !s.view.final
		}
		r.odd = r.odd || odd(b)
		h = s.keys.roll(h, b)
		r.size++
		r.cursors[r.size], r.hashes[r.size] = c, h
		switch {
		case r.size < MinValue:
			if !s.tree.begins(r.size, h) {
				return false
			}
			continue
		case r.size == windowSize && !s.view.pure(r.form, r.start):
			return false
		case !only && r.size == s.tree.points[point]:
			s.check(r, point)
			point++
			if r.next != 0 {
				return r.node >= 0
			}
			// Of one value that is at hand, its end says all.
			n := &s.tree.nodes[r.node]
			only = n.count == 1 && n.longest <= directSize && r.size > windowSize
		}
		if s.tree.nodes[r.node].longest == r.size {
			return true
		}
	}
	return true
}

// mayReturn tells whether a value may go on with a carriage return, which is all
// that is at hand behind size bytes, or with the line feed behind one.
func (s *search) mayReturn(size int, h uint64) bool {
	return size+1 >= MinValue || s.tree.begins(size+1, s.keys.roll(h, '\r')) || s.tree.begins(size+1, s.keys.roll(h, '\n'))
}

// check looks a checkpoint up that was read.
func (s *search) check(r *reading, point int) {
	size := s.tree.points[point]
	if node := s.tree.find(size, r.hashes[size]); node >= 0 {
		r.node = node
	} else {
		r.next = size
	}
}

// long goes on behind directSize bytes. That a prefix fits is true for all that
// are shorter, so the deepest checkpoint is found by halving.
func (s *search) long(r *reading) {
	s.follow(r)
	longest := s.tree.nodes[r.node].longest
	r.trail.extend(s.keys, &s.view, r.form, r.from+longest-directSize)
	r.size = min(directSize+r.trail.size-r.from, longest)
	r.status = r.trail.status
	from, to := r.trail.at(s.keys, &s.view, r.form, r.from), r.trail.at(s.keys, &s.view, r.form, r.from+r.size-directSize)
	r.odd = r.odd || from.odd != to.odd
	points := s.tree.points
	low := 0 // fits
	for points[low] < directSize {
		low++
	}
	high := low // does not fit, or is not at hand
	for points[high] <= r.size {
		high++
	}
	last := high
	for high-low > 1 {
		middle := (low + high) / 2
		h, _ := s.hash(r, points[middle])
		if node := s.tree.find(points[middle], h); node >= 0 {
			low, r.node = middle, node
		} else {
			high = middle
		}
	}
	if high < last {
		r.next = points[high]
	}
}

// trailsEach is how many trails a family of forms has: base64 can be read in
// four ways that never meet, others in fewer.
const trailsEach = 4

// follow finds the trail that passes where the reading is, or starts one there.
func (s *search) follow(r *reading) {
	c := r.cursors[directSize]
	family := &s.trails[r.form.family()]
	oldest := &family[0]
	for i := range family {
		t := &family[i]
		if size, ok := t.find(&s.view, r.form, c); ok {
			r.trail, r.from = t, size
			return
		}
		if len(t.samples) == 0 || len(oldest.samples) > 0 && t.end.cursor.at < oldest.end.cursor.at {
			oldest = t
		}
	}
	oldest.start(c)
	r.trail, r.from = oldest, 0
}

// hash is the rolling hash of the first n bytes of a reading, and the cursor
// behind them.
func (s *search) hash(r *reading, n int) (uint64, cursor) {
	if n <= directSize {
		return r.hashes[n], r.cursors[n]
	}
	from := r.trail.at(s.keys, &s.view, r.form, r.from)
	to := r.trail.at(s.keys, &s.view, r.form, r.from+n-directSize)
	// Both hashes begin where the trail does. Taking the first one out and
	// putting that of the first directSize bytes in is one multiplication.
	swap := reduce(r.hashes[directSize] + prime - from.hash)
	return reduce(mul(swap, s.keys.power(n-directSize)) + to.hash), to.cursor
}

// whole returns the longest value that was read to its end.
func (s *search) whole(r *reading, none verdict) verdict {
	i := r.node
	if i >= 0 && s.tree.nodes[i].count == 1 { // checkpoints between here and its end may have been left out
		if v := s.ofLength(r, s.tree.nodes[i].longest); v.value >= 0 {
			return v
		}
		i = s.tree.nodes[i].up
	}
	for ; i >= 0; i = s.tree.nodes[i].up {
		for _, size := range s.tree.nodes[i].lengths {
			if v := s.ofLength(r, size); v.value >= 0 {
				return v
			}
		}
		if s.tree.nodes[i].whole >= 0 {
			if v := s.ofLength(r, s.tree.nodes[i].size); v.value >= 0 {
				return v
			}
		}
	}
	return none
}

// ofLength returns the value that is the first size bytes of a reading.
func (s *search) ofLength(r *reading, size int) verdict {
	if size <= r.size {
		h, c := s.hash(r, size)
		if w := s.tree.find(size, h); w >= 0 && s.ends(r, s.tree.nodes[w].whole, size, c) {
			return verdict{value: s.tree.nodes[w].whole, end: c.at, form: r.form}
		}
	}
	return verdict{value: -1, form: r.form}
}

// ends confirms that the value whose fingerprint agrees is what was read. One
// that is covered as a whole changes nothing, and where a value overlaps itself
// the first place was confirmed already: opening it again for each byte would
// make the work quadratic in its length.
func (s *search) ends(r *reading, value int32, size int, c cursor) bool {
	if value < 0 || r.form == formJSON && c.left > 0 {
		return false
	}
	if c.at <= s.done || s.confirmed[value] > s.offset(r.start) {
		return true
	}
	return s.compare(r, value, size, true)
}

// compare opens a value and compares its first size bytes. What cannot be opened
// counts as equal: of two mistakes, hiding is the one that hurts less.
func (s *search) compare(r *reading, value int32, size int, whole bool) bool {
	equal := true
	opened := s.open(value, func(p []byte) {
		if len(p) < size || whole && len(p) != size {
			equal = false
			return
		}
		c := r.cursors[0]
		for i, want := range p[:size] {
			b, status := s.view.next(r.form, &c, i)
			if status != read || b != want {
				equal = false
				return
			}
		}
	})
	return equal || !opened
}

// mayGoOn tells whether what was read to the end of the stream is the beginning
// of a value. Behind the last checkpoint only the value knows. It is opened when
// there is credit for it: each call and each byte of the stream brings some, so
// that bytes written one at a time cannot make the work more than linear.
// Without, or where many values begin so, the answer is yes, up to the next
// checkpoint.
func (s *search) mayGoOn(r *reading) bool {
	if !s.prompt || r.node < 0 {
		return true
	}
	n := &s.tree.nodes[r.node]
	if n.size == r.size || n.count > fewValues {
		return true
	}
	cost := n.count * (n.longest + openCost)
	if s.credit < cost {
		return true
	}
	s.credit -= cost
	for _, value := range n.values[:n.count] {
		if s.compare(r, value, r.size, false) {
			return true
		}
	}
	return false
}

const (
	openCost      = 512     // of opening a value, in bytes of comparing
	creditPerCall = 1 << 10 // opens a short value
	firstCredit   = 64 << 10
	maxCredit     = 4 << 20 // opens what a node names of the longest values
)

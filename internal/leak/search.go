package leak

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// A sink gets what a search finds, in the order of the stream.
type sink interface {
	text(p []byte)                // that holds no value; p is valid during the call
	found(m verdict, start int64) // and where it stands
	leaves(n int)                 // the first n bytes of the buffer, which go away
}

// A search looks for values in one stream. It holds the part of the stream that
// may be the beginning of one.
type search struct {
	*Finder
	sink   sink
	prompt bool // whoever reads waits for what is no beginning

	buf  []byte
	base int64 // where in the stream buf begins
	view view  // buf
	pos  int   // no value that is not known begins before
	done int   // what is before was given to the sink

	waiting   bool            // for more of the stream, to know what is at pos
	wake      int             // how long buf must be for that
	group     group           // that pos is in
	credit    int             // see mayGoOn
	chain     []int32         // the values found that overlap each other, up to done
	confirmed map[int32]int64 // where in the stream the last confirmed match of a value ends

	hit, percent, escape int // the next window, % and \ from pos on; -1 when nobody looked
	hitGroup             group
	line                 int // the same for the end of a long line
	before               int // see view

	reading reading
	trails  [form64a0 + 1][trailsEach]trail
}

func newSearch(f *Finder, to sink, prompt bool) *search {
	return &search{Finder: f, sink: to, prompt: prompt, credit: firstCredit, confirmed: map[int32]int64{}}
}

// offset is a place in buf as one in the stream.
func (s *search) offset(at int) int64 { return s.base + int64(at) }

// maxRoom is how much is searched at once: it should stay in the second-level
// cache.
const maxRoom = 128 << 10

// room returns where to put the bytes of the stream that follow, at most n of
// them and at least one.
func (s *search) room(n int) []byte {
	n = min(n, maxRoom)
	if free := cap(s.buf) - len(s.buf); free < n {
		size := max(2*cap(s.buf), len(s.buf)+n, 512)
		larger := make([]byte, len(s.buf), size)
		copy(larger, s.buf)
		clear(s.buf)
		s.buf = larger
	}
	return s.buf[len(s.buf) : len(s.buf)+n]
}

// compact lets go of what is decided.
func (s *search) compact() {
	n := s.pos
	s.sink.leaves(n)
	s.before = s.runBefore(n)
	kept := copy(s.buf, s.buf[n:])
	clear(s.buf[kept:])
	s.buf = s.buf[:kept]
	s.base += int64(n)
	s.pos = 0
	s.done = max(s.done-n, 0)
	s.wake -= n
	for family := range s.trails {
		for i := range s.trails[family] {
			s.trails[family][i].move(n)
		}
	}
}

// took says that n bytes were put into the room, and decides what can be.
func (s *search) took(n int) {
	s.buf = s.buf[:len(s.buf)+n]
	s.credit = min(s.credit+creditPerCall+n, maxCredit)
	s.run(false)
	if s.pos >= len(s.buf)-s.pos {
		s.compact()
	}
}

// held is how many bytes were not given to the sink.
func (s *search) held() int { return len(s.buf) - max(s.pos, s.done) }

// finish decides all that is held, as if nothing followed.
func (s *search) finish() {
	s.run(true)
	s.chain = s.chain[:0]
	s.compact()
}

// wipe forgets the stream.
func (s *search) wipe() {
	clear(s.buf[:cap(s.buf)])
	s.buf, s.pos, s.done, s.waiting, s.before = nil, 0, 0, false, 0
	s.view = view{}
	clear(s.confirmed)
	s.reading = reading{}
	for family := range s.trails {
		for i := range s.trails[family] {
			t := &s.trails[family][i]
			clear(t.samples[:cap(t.samples)])
			*t = trail{}
		}
	}
}

// run decides every place of the stream in turn, until one where a value may
// have begun.
func (s *search) run(final bool) {
	if s.waiting && len(s.buf) < s.wake && !final {
		return
	}
	s.view = view{text: s.buf, final: final, before: s.before}
	s.hit, s.percent, s.escape, s.line = -1, -1, -1, -1
	for s.pos < len(s.buf) {
		if !s.waiting {
			s.pos, s.group = s.candidate()
		}
		s.waiting = false
		if s.pos >= len(s.buf) {
			break
		}
		v := s.at(s.pos, s.group)
		if v.pending {
			s.waiting = true
			break
		}
		if v.value >= 0 {
			s.match(v)
		}
		s.pos++
	}
	s.flush(s.pos)
	s.view = view{}
}

// flush gives the sink what is before a place.
func (s *search) flush(to int) {
	if s.done < to {
		s.sink.text(s.buf[s.done:to])
		s.done = to
		s.chain = s.chain[:0]
	}
}

// match tells the sink of a value at pos. Values that overlap are all told, each
// once: every byte of every value is hidden, and a value that overlaps itself
// over and over does not fill the screen.
func (s *search) match(v verdict) {
	if v.end <= s.done {
		return // inside another
	}
	if s.pos >= s.done {
		s.flush(s.pos)
		s.chain = s.chain[:0]
	}
	s.done = v.end
	s.confirmed[v.value] = s.offset(v.end)
	if slices.Contains(s.chain, v.value) {
		return
	}
	s.chain = append(s.chain, v.value)
	s.sink.found(v, s.offset(s.pos))
}

// at looks for the longest value at a place, in the forms of a group.
func (s *search) at(start int, g group) verdict {
	best := verdict{value: -1}
	try := func(f form) bool {
		v := s.longest(f, start)
		if v.value >= 0 && (best.value < 0 || v.end > best.end) {
			best = v
		}
		best.pending = best.pending || v.pending
		return s.reading.odd
	}
	if g&groupBytes != 0 && try(formPlain) {
		g |= groupPercent | groupJSON
		if !best.pending {
			try(formLines)
		}
	}
	for _, f := range [...]struct {
		group group
		form  form
	}{
		{groupPercent, formPercent}, {groupPercent, formForm}, {groupJSON, formJSON}, {groupHex, formHex},
		{group64a0, form64a0}, {group64a1, form64a1}, {group64a2, form64a2},
	} {
		if g&f.group != 0 && !best.pending {
			try(f.form)
		}
	}
	return best
}

// tail is how many bytes at the end of what is at hand are looked at one by one:
// windows do not fit there, nor the longest escape behind five bytes.
const tail = 17

// candidate returns the next place where a value may begin, and how.
func (s *search) candidate() (int, group) {
	limit := max(len(s.buf)-tail, 0)
	for pos := s.pos; pos < limit; pos++ {
		if s.hit < pos {
			s.hit, s.hitGroup = s.window(pos, limit)
		}
		if s.percent < pos {
			s.percent = s.nextPercent(pos)
		}
		if s.escape < pos {
			s.escape = s.nextEscape(pos)
		}
		if s.line <= pos {
			s.line = s.nextLine(pos)
		}
		// Windows have no escapes and no ends of lines in them: before one, each place
		// is looked at. Two of base64 begin a character late.
		const ahead = windowSize - 1
		pos = min(s.hit, max(s.percent-ahead, pos), max(s.escape-ahead, pos), max(s.line-windowSize, pos), limit)
		if pos == limit {
			break
		}
		g := group(0)
		if pos == s.hit {
			g = s.hitGroup
		}
		if first := s.buf[pos]; s.tree.first[first] || pos == s.percent || pos == s.escape {
			if s.percent <= pos+ahead {
				g |= groupPercent
			}
			if s.escape <= pos+ahead {
				g |= groupJSON
			}
		}
		if s.line <= pos+windowSize {
			g |= groupHex | group64a0 | group64a1 | group64a2
		}
		if g != 0 {
			return pos, g
		}
	}
	return max(limit, s.pos), groupAll
}

// window returns the first place before limit that begins as a value does.
func (s *search) window(from, limit int) (int, group) {
	for at := from; ; {
		// A window is found by either of its grams, and two of the base64 ones lie
		// a character behind where the value begins.
		at = s.grams.next(s.keys, s.buf, at, limit+2)
		if at >= limit+2 {
			return limit, 0
		}
		for start := max(at-2, from); start <= at && start < limit; start++ {
			g := s.start.find(s.keys, binary.LittleEndian.Uint64(s.buf[start:])) & (groupBytes | groupHex | group64a0)
			g |= s.start.find(s.keys, binary.LittleEndian.Uint64(s.buf[start+1:])) & (group64a1 | group64a2)
			if g != 0 {
				return start, g
			}
		}
		at += 2
	}
}

// nextPercent returns where the next %XX stands, or the end.
func (s *search) nextPercent(from int) int {
	for {
		i := bytes.IndexByte(s.buf[from:], '%')
		if i < 0 {
			return len(s.buf)
		}
		if _, digits := s.view.digits(from+i+1, 2); digits == 2 {
			return from + i
		}
		from += i + 1
	}
}

// nextEscape returns where the next JSON escape stands, or the end.
func (s *search) nextEscape(from int) int {
	for {
		i := bytes.IndexByte(s.buf[from:], '\\')
		if i < 0 {
			return len(s.buf)
		}
		from += i
		if from+1 < len(s.buf) && (escapes[s.buf[from+1]] != 0 || s.buf[from+1] == 'u') {
			return from
		}
		from++
	}
}

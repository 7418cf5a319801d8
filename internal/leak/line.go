package leak

import "bytes"

const (
	// longLine is how many characters of base64 in a row, up to the end of a line,
	// make it one that was wrapped: uuencode and Ruby have 60, PEM 64, MIME 76.
	longLine = 60
	// maxLineEnd is how many line feeds and carriage returns are one end of a line.
	// A server that knows a value could have us hold endless ones back.
	maxLineEnd = 4
)

// lineEnds goes over the end of a line where the form may be wrapped. Before the
// first character there is nothing that could be.
func (v *view) lineEnds(c *cursor, n int) {
	at := c.at
	if at == len(v.text) || v.text[at] != '\n' && v.text[at] != '\r' {
		return
	}
	if n < breakFrom {
		if n == 0 && c.left == 0 || !v.endsLong(at) {
			return
		}
		if v.text[at] == '\r' {
			if at++; at < len(v.text) && v.text[at] != '\n' {
				return
			}
		}
	}
	for at < len(v.text) && at-c.at < maxLineEnd && (v.text[at] == '\n' || v.text[at] == '\r') {
		at++
	}
	c.at = at
}

// endsLong tells whether a long line ends at a place.
func (v *view) endsLong(at int) bool {
	if v.asked != at+1 {
		from := at
		for from > 0 && at-from < longLine && sextets[v.text[from-1]] != none {
			from--
		}
		run := at - from
		if from == 0 {
			run += v.before
		}
		v.asked, v.long = at+1, run >= longLine
	}
	return v.long
}

// runBefore is how many characters of base64 stand in a row right before a place
// in buf, as far as endsLong wants to know.
func (s *search) runBefore(at int) int {
	run := 0
	for run < longLine && run < at && sextets[s.buf[at-1-run]] != none {
		run++
	}
	if run == at {
		run = min(run+s.before, longLine)
	}
	return run
}

// nextLine returns where the next long line ends behind a place, or the end. Of
// other text it looks at few bytes: one that is not of base64 is in no long line.
func (s *search) nextLine(from int) int {
	for start := from - s.runBefore(from); ; {
		last := start + longLine - 1
		if last >= len(s.buf) {
			return len(s.buf)
		}
		i := last
		for i >= max(start, from) && sextets[s.buf[i]] != none {
			i--
		}
		if i >= max(start, from) {
			start = i + 1
			continue
		}
		i = bytes.IndexByte(s.buf[last+1:], '\n')
		if i < 0 {
			return len(s.buf)
		}
		end := last + 1 + i
		start = end + 1
		if end > 0 && s.buf[end-1] == '\r' {
			end--
		}
		if end > from && s.view.endsLong(end) {
			return end
		}
	}
}

// withReturns writes the first characters of a value with a carriage return before
// each line feed but a very first, and returns how many there are among them.
func withReturns(w *[windowSize]byte, first []byte) (returns int) {
	at := 0
	for i, c := range first {
		if c == '\n' && i > 0 && at < len(w) {
			w[at] = '\r'
			at++
			returns++
		}
		if at < len(w) {
			w[at] = c
			at++
		}
	}
	return returns
}

// pureLines is pure for lines.
func (v *view) pureLines(start int) bool {
	with, without := false, false
	for i := start + 1; i < start+windowSize; i++ {
		switch {
		case v.text[i] == '\n' && (i-1 == start || v.text[i-1] != '\r'):
			without = true
		case v.text[i] == '\r' && i+1 < len(v.text) && v.text[i+1] == '\n':
			with = true
		}
	}
	return !with || !without
}

// lines goes over the carriage return of an end of a line.
func (v *view) lines(c *cursor, n int) status {
	if n == 0 || c.at >= len(v.text) || v.text[c.at] != '\r' {
		return read
	}
	switch next := c.at + 1; {
	case next == len(v.text) && !v.final:
		return ended
	case next < len(v.text) && v.text[next] == '\n':
		c.at++
	}
	return read
}

package resolver

import (
	"bytes"
	"errors"
	"io"
)

// blockSize is how much of a template is in memory at once: small enough for a second-level cache, large enough that a
// system call costs little beside the bytes that it moves.
const blockSize = 128 << 10

// kind is what a token of a template is.
type kind uint8

const (
	none    kind = iota // only text
	hole                // a placeholder
	literal             // a placeholder written with a backslash
	near                // passes through, but was surely meant as a placeholder
)

// scanner cuts a template into tokens, in one pass and in memory of fixed size. What it finds does not depend on how
// the reader cuts the input: what the end of a block leaves undecided is moved to the front of the next.
type scanner struct {
	r        io.Reader
	buf      []byte
	pos, end int  // buf[pos:end] is read but not yet in a token
	eof      bool // buf[:end] ends the input
	err      error
	size     int64
	prev     byte // the byte before buf[pos]

	nearMisses bool // look for them; without it there is no near token
	known      func(string) bool
	positions  bool // keep line and column

	// The token, in buf: valid until the next call of next.
	text      []byte // what stands before it and passes through
	kind      kind
	raw       []byte // itself
	hole      placeholder
	why       string // of a near miss; a placeholder in three braces has one too
	line, col int    // of raw
}

func newScanner(r io.Reader, buf []byte) *scanner {
	return &scanner{r: r, buf: buf, line: 1, col: 1}
}

// next moves to the next token. It is false behind the last, and when the reader failed, which err then says.
func (s *scanner) next() bool {
	s.move(s.raw)
	if s.size == 0 && !s.eof {
		if !s.fill() {
			return false
		}
		if s.nearMisses && looksUTF16(s.buf[:min(s.end, maxPlaceholder)]) {
			s.take(0, near, 0, "this is UTF-16: placeholders are found in UTF-8 text only")
			return true
		}
	}
	from := 0 // buf[pos:pos+from] is known to pass through
	for {
		b := s.buf[s.pos:s.end]
		at := bytes.IndexByte(b[from:], '{')
		switch at += from; {
		case at < from:
			at = len(b)
		case at+1 < len(b) && b[at+1] != '{':
			from = at + 2
			continue
		case at+1 < len(b):
			n, k, why, v := s.match(b[at:])
			if v == no {
				from = at + 1
				continue
			}
			if v == yes {
				s.take(at, k, n, why)
				return true
			}
		case s.eof: // half an opening, and no more to come
			at++
		}
		if at > 0 {
			s.take(at, none, 0, "")
			return true
		}
		if s.eof || !s.fill() {
			return false
		}
		from = 0
	}
}

// match decides what the opening at the start of b opens.
func (s *scanner) match(b []byte) (n int, k kind, why string, v verdict) {
	n, v = parse(b, !s.eof, &s.hole)
	switch {
	case v == yes && s.hole.escapes > 0:
		return n, literal, "", yes
	case v == yes:
		why, v = s.threeBraces(b, n)
		return n, hole, why, v
	case v == short || !s.nearMisses:
		return 0, none, "", v
	}
	l, n, v := parseLoose(b, !s.eof)
	if v == yes {
		if why = l.why(s.known); why == "" {
			v = no
		}
	}
	return n, near, why, v
}

// threeBraces reports a placeholder of n bytes that stands in a further pair of braces, as Handlebars and Mustache
// write raw values: it is replaced, and the outer braces stay.
func (s *scanner) threeBraces(b []byte, n int) (string, verdict) {
	at := s.end - len(b)
	if !s.nearMisses || at == s.pos && s.prev != '{' || at > s.pos && s.buf[at-1] != '{' {
		return "", yes
	}
	if n == len(b) && !s.eof {
		return "", short
	}
	if n < len(b) && b[n] == '}' {
		return "three braces: the outer ones stay", yes
	}
	return "", yes
}

// take makes a token of the next bytes: text, and behind it raw.
func (s *scanner) take(text int, k kind, raw int, why string) {
	s.kind, s.why = k, why
	s.text = s.buf[s.pos : s.pos+text]
	s.raw = s.buf[s.pos+text : s.pos+text+raw]
	s.pos += text + raw
	s.move(s.text)
}

// move counts what stands before the next position.
func (s *scanner) move(p []byte) {
	if len(p) == 0 {
		return
	}
	s.prev = p[len(p)-1]
	if !s.positions {
		return
	}
	if i := bytes.LastIndexByte(p, '\n'); i >= 0 {
		s.line += bytes.Count(p, []byte{'\n'})
		s.col = len(p) - i
		return
	}
	s.col += len(p)
}

// fill moves what is left to the front of the block and reads until the block is full or the input ends. There is
// always room: what is left is at most an unfinished placeholder. It is false when the reader failed.
func (s *scanner) fill() bool {
	s.text, s.raw = nil, nil
	left := copy(s.buf, s.buf[s.pos:s.end])
	n, err := io.ReadFull(s.r, s.buf[left:])
	s.pos, s.end = 0, left+n
	s.size += int64(n)
	if s.eof = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF); s.eof {
		return true
	}
	s.err = err
	return err == nil
}

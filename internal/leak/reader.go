package leak

import (
	"bytes"
	"io"
	"strings"
)

// A reader is what another says, masked.
type reader struct {
	from   io.Reader
	masker *Masker
	ready  bytes.Buffer // masked, not yet read
	buf    []byte
	err    error
}

// Reader returns what r says, masked. It never waits for more than r needs to say
// something, unless that is the beginning of a value. What it held is wiped when
// r has ended or failed.
func (f *Finder) Reader(r io.Reader) io.Reader {
	m := &reader{from: r}
	m.masker = f.Masker(&m.ready)
	return m
}

// readSize is how much is read at once.
const readSize = 32 << 10

func (r *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for idle := 0; r.ready.Len() == 0; idle++ {
		if r.err != nil {
			return 0, r.err
		}
		if r.buf == nil {
			r.buf = make([]byte, readSize)
		}
		n, err := r.from.Read(r.buf)
		if _, failed := r.masker.Write(r.buf[:n]); failed != nil {
			err = failed
		}
		clear(r.buf[:n])
		if n > 0 {
			idle = 0
		}
		if err == nil && idle == 100 { // as bufio does
			err = io.ErrNoProgress
		}
		if err != nil {
			r.err = err
			_ = r.masker.Close() // writes to a buffer
		}
	}
	return r.ready.Read(p)
}

// MaskString masks a short text: a header, an error.
func (f *Finder) MaskString(s string) string {
	var out strings.Builder
	m := f.Masker(&out)
	text := []byte(s)
	_, _ = m.Write(text) // out takes everything
	clear(text)
	_ = m.Close()
	return out.String()
}

// A scanner tells of matches and lets the rest go.
type scanner struct {
	finder *Finder
	search *search
	fn     func(Match) error
	err    error

	counted   int   // up to where in the search's buffer lines were counted
	line      int   // there, from 0
	lineStart int64 // where in the stream that line begins
}

// count counts the lines before a place in the buffer.
func (s *scanner) count(to int) {
	if to <= s.counted {
		return
	}
	p := s.search.buf[s.counted:to]
	if last := bytes.LastIndexByte(p, '\n'); last >= 0 {
		s.line += bytes.Count(p, []byte("\n"))
		s.lineStart = s.search.offset(s.counted + last + 1)
	}
	s.counted = to
}

// leaves implements sink.
func (s *scanner) leaves(n int) {
	s.count(n)
	s.counted -= n
}

func (s *scanner) text([]byte) {}

func (s *scanner) found(v verdict, start int64) {
	if s.err != nil {
		return
	}
	at := int(start - s.search.base)
	s.count(at)
	m := Match{Offset: start, Line: s.line + 1, Column: int(start-s.lineStart) + 1, Name: s.finder.names[v.value]}
	text := s.search.buf[at:v.end]
	m.Len, m.Encoding = len(text), v.form.encoding(text)
	s.err = s.fn(m)
}

// encoding names a form.
func (f form) encoding(text []byte) string {
	switch f.family() {
	case formPlain, formLines:
		return "plain"
	case formPercent, formForm:
		return "percent"
	case formJSON:
		return "json"
	case formHex:
		return "hex"
	default: // the alignments of base64
	}
	if bytes.ContainsAny(text, "-_") {
		return "base64url"
	}
	return "base64"
}

// Scan reads r to its end and calls fn for each place where a value stands, in
// order. A value inside a longer one is not told, nor one that overlaps itself.
// Errors are those of r, and of fn, which end the scan.
func (f *Finder) Scan(r io.Reader, fn func(Match) error) error {
	s := &scanner{finder: f, fn: fn}
	s.search = newSearch(f, s, false)
	defer s.search.wipe()
	for idle := 0; s.err == nil; idle++ {
		n, err := r.Read(s.search.room(maxRoom))
		if n > 0 {
			s.search.took(n)
			idle = 0
		}
		if err == nil && idle == 100 { // as bufio does
			err = io.ErrNoProgress
		}
		if err == io.EOF {
			if s.err == nil {
				s.search.finish()
			}
			break
		}
		if err != nil && s.err == nil {
			s.err = err
		}
	}
	return s.err
}

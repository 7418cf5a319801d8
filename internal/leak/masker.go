package leak

import (
	"errors"
	"io"
)

// A Masker is a writer that writes on what it gets, with {{NAME}} in place of
// each value of the finder. It holds back only what may be the beginning of a
// value. One goroutine uses it.
type Masker struct {
	to     io.Writer
	search *search
	out    []byte // what goes on with the next write
	err    error  // of to
}

// Masker returns a masker that writes to w.
func (f *Finder) Masker(w io.Writer) *Masker {
	m := &Masker{to: w}
	m.search = newSearch(f, m, true)
	return m
}

// gather is how much is gathered around replaced values before it is written.
const gather = 32 << 10

// text implements sink.
func (m *Masker) text(p []byte) {
	const short = 4 << 10
	if len(p) < short && (len(m.out) > 0 || m.search.pos < len(m.search.buf)) {
		m.out = append(m.out, p...)
	} else {
		m.send()
		m.write(p)
	}
	if len(m.out) >= gather {
		m.send()
	}
}

// found implements sink.
func (m *Masker) found(v verdict, _ int64) {
	m.out = append(m.out, "{{"...)
	m.out = append(m.out, m.search.names[v.value]...)
	m.out = append(m.out, "}}"...)
}

// leaves implements sink.
func (m *Masker) leaves(int) {}

func (m *Masker) send() {
	m.write(m.out)
	m.out = m.out[:0]
}

func (m *Masker) write(p []byte) {
	if m.err != nil || len(p) == 0 {
		return
	}
	n, err := m.to.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	m.err = err
}

// errClosed is what a closed masker answers.
var errClosed = errors.New("masking: already closed")

// Write masks p and writes on all that cannot be the beginning of a value. Its
// error is that of the writer below, which ends the masker.
func (m *Masker) Write(p []byte) (int, error) {
	for written := 0; ; {
		if m.err != nil {
			return written, m.err
		}
		if written == len(p) {
			m.send()
			return written, m.err
		}
		n := copy(m.search.room(len(p)-written), p[written:])
		m.search.took(n)
		written += n
	}
}

// ReadFrom writes all that r says, and saves io.Copy a copy of it.
func (m *Masker) ReadFrom(r io.Reader) (total int64, err error) {
	for idle := 0; m.err == nil; {
		n, err := r.Read(m.search.room(maxRoom))
		total += int64(n)
		m.search.took(n)
		m.send()
		switch {
		case err == io.EOF:
			return total, m.err
		case err != nil:
			return total, err
		case n > 0:
			idle = 0
		default:
			if idle++; idle == 100 { // as bufio does
				return total, io.ErrNoProgress
			}
		}
	}
	return total, m.err
}

// Held is how many bytes are held back.
func (m *Masker) Held() int { return m.search.held() }

// Release writes what is held back, values in it replaced. A value of which
// only the beginning was there is then no longer found.
func (m *Masker) Release() error {
	if m.err != nil {
		return m.err
	}
	m.search.finish()
	m.send()
	return m.err
}

// Close writes what is held back and wipes what the masker held. The writer
// below stays open.
func (m *Masker) Close() error {
	err := m.err
	if err == nil {
		err = m.Release()
	}
	m.search.wipe()
	clear(m.out[:cap(m.out)])
	m.out = nil
	if m.err == nil {
		m.err = errClosed
	}
	if errors.Is(err, errClosed) {
		return nil
	}
	return err
}

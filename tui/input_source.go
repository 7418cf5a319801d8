package tui

import (
	"io"
	"os"
	"time"

	"tacenda/keyring/secret"
)

// A source is where the reader's bytes come from.
type source interface {
	// exact tells whether ready knows about bytes that nobody has read yet.
	exact() bool
	// ready tells whether a read will not block, after waiting for that as long
	// as d. A source that is not exact cannot tell and says no.
	ready(d time.Duration) bool
	read(p []byte) (int, error)
	write(p []byte) (int, error)
	fd() uintptr
	// close frees what the source made for itself; flush drops what the
	// terminal has not delivered yet.
	close(flush bool)
}

// fileSource is a terminal, or the end of a pipe. The file is the caller's.
type fileSource struct {
	f  *os.File
	no uintptr
}

func newFileSource(f *os.File) *fileSource {
	return &fileSource{f: f, no: f.Fd()} // Fd makes it blocking: ready is asked first
}

func (s *fileSource) exact() bool                 { return canWait }
func (s *fileSource) ready(d time.Duration) bool  { return readable(s.no, d) }
func (s *fileSource) write(p []byte) (int, error) { return s.f.Write(p) }
func (s *fileSource) fd() uintptr                 { return s.no }

// read makes one error of all the ways in which a terminal is gone.
func (s *fileSource) read(p []byte) (int, error) {
	n, err := s.f.Read(p)
	if n == 0 && err != nil {
		return 0, errTerminalGone
	}
	return n, nil
}

func (s *fileSource) close(flush bool) {
	if flush {
		flushInput(s.no)
	}
}

// streamSource turns a stream, an SSH session, into a file, so that there is
// one way to wait for bytes: its bytes go through a pipe, which is memory of
// the kernel.
type streamSource struct {
	*fileSource
	w io.Writer
}

func newStreamSource(from io.Reader) (*streamSource, error) {
	buf, err := secret.New(4096)
	if err != nil {
		return nil, err
	}
	out, in, err := os.Pipe()
	if err != nil {
		buf.Destroy()
		return nil, err
	}
	s := &streamSource{fileSource: newFileSource(out)}
	s.w, _ = from.(io.Writer)
	go pump(in, from, buf)
	return s, nil
}

// pump ends when the stream ends, or with the first byte after the reader was
// closed. An SSH session's stream ends with the session.
func pump(to *os.File, from io.Reader, buf *secret.Bytes) {
	defer buf.Destroy()
	defer func() { _ = to.Close() }() // a pipe has nothing left to say
	_ = buf.Relay(to, from)
}

func (s *streamSource) write(p []byte) (int, error) {
	if s.w == nil {
		return 0, io.ErrClosedPipe
	}
	return s.w.Write(p)
}

func (s *streamSource) close(bool) { _ = s.f.Close() }

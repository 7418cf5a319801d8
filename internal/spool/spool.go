// Package spool keeps what a pipe delivers, so that it can be read more than once. Up to 8 MiB stay in memory; what is
// longer goes to a temporary file without a name, which disappears with the process however that ends.
//
// It is meant for templates, which hold no values. Nothing that it keeps is wiped.
package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	// maxMemory is the longest text kept in memory: half of what a resolve may use whatever its input.
	maxMemory = 8 << 20
	// chunkSize is the unit in which memory grows. Chunks are never copied into larger ones, which would need twice
	// the memory at the worst moment.
	chunkSize = 256 << 10
)

// Spool is a text that can be read again and again. Close it, or a temporary file stays open.
type Spool struct {
	chunks [][]byte
	file   *os.File // all of the text, instead of chunks
	size   int64
	at     int64
}

// New reads r to its end.
func New(r io.Reader) (*Spool, error) {
	s := &Spool{}
	for s.size <= maxMemory {
		// Behind the last full chunk one byte more is tried: does the input end here?
		chunk := make([]byte, min(chunkSize, maxMemory-s.size+1))
		n, err := io.ReadFull(r, chunk)
		if n > 0 {
			s.chunks = append(s.chunks, chunk[:n])
			s.size += int64(n)
		}
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return s, nil
		case err != nil:
			return nil, err
		}
	}
	if err := s.toFile(r); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// toFile moves the text so far to a temporary file and appends the rest of r.
func (s *Spool) toFile(r io.Reader) (err error) {
	if s.file, err = unnamedFile(); err != nil {
		return fmt.Errorf("spooling a long input: %w", err)
	}
	for _, chunk := range s.chunks {
		if _, err := s.file.Write(chunk); err != nil {
			return fmt.Errorf("spooling a long input: %w", err)
		}
	}
	buf := s.chunks[0]
	s.chunks = nil
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if _, err := s.file.Write(buf[:n]); err != nil {
				return fmt.Errorf("spooling a long input: %w", err)
			}
			s.size += int64(n)
		}
		if err == io.EOF {
			_, err := s.file.Seek(0, io.SeekStart)
			return err
		}
		if err != nil {
			return err
		}
	}
}

// Read reads from where the last Read or Seek ended.
func (s *Spool) Read(p []byte) (int, error) {
	if s.file != nil {
		return s.file.Read(p)
	}
	if s.at >= s.size {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) && s.at < s.size {
		// Every chunk but the last is full, so the place is a division.
		k := copy(p[n:], s.chunks[s.at/chunkSize][s.at%chunkSize:])
		n += k
		s.at += int64(k)
	}
	return n, nil
}

// Seek sets where the next Read begins.
func (s *Spool) Seek(offset int64, whence int) (int64, error) {
	if s.file != nil {
		return s.file.Seek(offset, whence)
	}
	switch whence {
	case io.SeekCurrent:
		offset += s.at
	case io.SeekEnd:
		offset += s.size
	}
	if offset < 0 {
		return 0, errors.New("seeking before the start")
	}
	s.at = offset
	return offset, nil
}

// Close frees the text.
func (s *Spool) Close() error {
	s.chunks = nil
	s.size, s.at = 0, 0
	if s.file == nil {
		return nil
	}
	return discard(s.file)
}

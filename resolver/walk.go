package resolver

import (
	"fmt"
	"io"
)

// Occurrence is a placeholder or a near miss, and where it stands.
type Occurrence struct {
	// Line and Column count from 1, the column in bytes.
	Line, Column int
	// Text is what stands there, in printable ASCII.
	Text string
	// Name is the secret's; it is empty for what passes through.
	Name string
	// Why explains a near miss. A placeholder in three braces has both a name and a why.
	Why string
}

// Walk calls fn for each placeholder and near miss in the text, in order, and stops at fn's first error, which it
// returns. Other errors come from r. Of the options, Escape is not used.
func Walk(r io.Reader, o Options, fn func(Occurrence) error) error {
	return walk(newScanner(r, make([]byte, blockSize)), o, fn)
}

func walk(s *scanner, o Options, fn func(Occurrence) error) error {
	s.positions, s.nearMisses, s.known = true, true, o.Known
	for s.next() {
		if s.kind != hole && s.kind != near {
			continue
		}
		found := Occurrence{Line: s.line, Column: s.col, Text: printable(s.raw), Why: s.why}
		if s.kind == hole {
			found.Name = string(s.hole.name)
		}
		if err := fn(found); err != nil {
			return err
		}
	}
	if s.err != nil {
		return fmt.Errorf("reading %s: %w", o.File, s.err)
	}
	return nil
}

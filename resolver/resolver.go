// Package resolver finds placeholders such as {{API_KEY}} in a text and replaces them by values. It keeps the template
// contract that docs/templates.md states: grammar, filters, near misses, all or nothing, preview.
//
// It promises that every other byte passes through unchanged, that nothing is written unless every placeholder can be
// replaced, that memory does not grow with the template, and that values exist only in guarded memory while it works.
//
// It knows nothing of vaults, projects or permissions. It is given a text that can be read more than once, and a
// lookup.
package resolver

import (
	"errors"
	"fmt"
	"io"
)

// maxNames bounds the one thing that grows with a template: the table of the names in it. It is far above what one
// project holds in practice, and keeps a hostile template from filling the memory.
const maxNames = 100_000

// ErrChanged means that the template read differently the second time. Output may have begun.
var ErrChanged = errors.New("the template changed while it was being resolved")

// Options say how to read a template.
type Options struct {
	// File is what messages call the template.
	File string
	// Escape is the filter of every placeholder that names none of its own.
	Escape Filter
	// Known says whether the project has a secret of this name. It is asked only when a lower-case name stands where
	// a placeholder could, so it may look names up when first called. Without it, such names are not reported.
	Known func(name string) bool
}

// Template is a text whose placeholders are known. It reads its source again for each output.
type Template struct {
	o     Options
	src   io.ReadSeeker
	start int64 // where in src the text begins
	size  int64
	holes int64 // how many placeholders
	chain int   // filters in the longest chain
	near  Problems
	index map[string]int // name to its place in names and needs
	names []string
	last  int    // the place last found
	needs []need // by name, what all its filters need together
	buf   []byte // the block of the scanner, which each pass uses again
}

// Scan reads the text from where src stands to its end. src must stay open and unchanged for as long as the template
// is used, and nothing else may move in it. An error that is no *Error comes from src.
func Scan(src io.ReadSeeker, o Options) (*Template, error) {
	start, err := src.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, fmt.Errorf("reading the template: %w", err)
	}
	t := &Template{o: o, src: src, start: start, index: map[string]int{}, buf: make([]byte, blockSize)}
	s := newScanner(src, t.buf)
	s.nearMisses, s.known = true, o.Known
	var misses bool
	for s.next() {
		misses = misses || s.why != ""
		if s.kind == hole {
			if err := t.add(&s.hole); err != nil {
				return nil, err
			}
		}
	}
	if s.err != nil {
		return nil, fmt.Errorf("reading the template: %w", s.err)
	}
	t.size = s.size
	if misses {
		// Lines are counted only now: on the way they would slow down every template for the few that need them.
		t.near, err = t.list(func(s *scanner) string { return s.why })
	}
	return t, err
}

// add enters a placeholder into the table of names.
func (t *Template) add(h *placeholder) error {
	i, ok := t.find(h.name)
	if !ok {
		if len(t.names) == maxNames {
			return &Error{one(Problem{File: t.o.File, Why: fmt.Sprintf("more than %d different names", maxNames)})}
		}
		i = len(t.names)
		name := string(h.name)
		t.index[name] = i
		t.names = append(t.names, name)
		t.needs = append(t.needs, 0)
	}
	chain := t.filters(h)
	t.needs[i] |= needsOf(chain)
	t.chain = max(t.chain, len(chain))
	t.holes++
	return nil
}

// find looks a name up in the table. The name before is tried first: a long template tends to be made of one pattern.
func (t *Template) find(name []byte) (i int, ok bool) {
	if t.last < len(t.names) && t.names[t.last] == string(name) {
		return t.last, true
	}
	if i, ok = t.index[string(name)]; ok {
		t.last = i
	}
	return i, ok
}

// filters is the chain that a placeholder's value goes through.
func (t *Template) filters(h *placeholder) []Filter {
	if h.n == 0 && t.o.Escape != None {
		h.filters[0], h.n = t.o.Escape, 1
	}
	return h.filters[:h.n]
}

// Names lists each name in the template once, in the order of first use. The slice is the template's own.
func (t *Template) Names() []string { return t.names }

// NearMisses lists what passes through but was surely meant as a placeholder.
func (t *Template) NearMisses() Problems { return t.near }

// Missing lists every placeholder whose name is not among those that the project has, with the closest of them as a
// suggestion. It reads the template again.
func (t *Template) Missing(have []string) (Problems, error) {
	known := make(map[string]bool, len(have))
	for _, name := range have {
		known[name] = true
	}
	close := newSuggester(have)
	why := map[string]string{}
	return t.list(func(s *scanner) string {
		if s.kind != hole || known[string(s.hole.name)] {
			return ""
		}
		text, ok := why[string(s.hole.name)]
		if !ok {
			name := string(s.hole.name)
			text = "no such secret"
			if other := close.to(name); other != "" {
				text += "; did you mean {{" + other + "}}?"
			}
			why[name] = text
		}
		return text
	})
}

// again starts another pass over the text.
func (t *Template) again() (*scanner, error) {
	if _, err := t.src.Seek(t.start, io.SeekStart); err != nil {
		return nil, fmt.Errorf("reading the template again: %w", err)
	}
	return newScanner(t.src, t.buf), nil
}

// list reads the template again and collects a problem for every token that why has something to say of.
func (t *Template) list(why func(*scanner) string) (Problems, error) {
	var ps Problems
	s, err := t.again()
	if err != nil {
		return ps, err
	}
	s.positions, s.nearMisses, s.known = true, true, t.o.Known
	for s.next() {
		if w := why(s); w != "" {
			ps.add(func() Problem { return t.problem(s, w) })
		}
	}
	return ps, s.readAgain()
}

// readAgain is what went wrong with the source in a later pass.
func (s *scanner) readAgain() error {
	if s.err == nil {
		return nil
	}
	return fmt.Errorf("reading the template again: %w", s.err)
}

func (t *Template) problem(s *scanner, why string) Problem {
	return Problem{File: t.o.File, Line: s.line, Column: s.col, Text: printable(s.raw), Why: why}
}

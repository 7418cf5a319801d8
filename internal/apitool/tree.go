package apitool

import (
	"strings"
	"unicode/utf8"
)

// nodeKind is what a node of a definition is.
type nodeKind uint8

const (
	isNull nodeKind = iota
	isString
	isNumber
	isBool
	isList
	isMapping
)

func (k nodeKind) String() string {
	return [...]string{"nothing", "text", "a number", "true or false", "a list", "a mapping"}[k]
}

// node is a part of a definition, from YAML or from JSON.
type node struct {
	kind   nodeKind
	at     int    // where it begins, in bytes of the text
	value  string // of a string, what it means; of a number or a boolean, the same in JSON
	raw    string // of a scalar, as written
	keys   []node // of a mapping
	values []node // of a mapping, or of a list
}

// scalar tells whether a node has a text that can be put into a header or a query.
func (n *node) scalar() bool { return n.kind == isString || n.kind == isNumber || n.kind == isBool }

// A source is the text of a definition, and what was found wrong with it.
type source struct {
	file     string
	text     string
	problems []Problem
	last     place // where offset was asked for last
}

// maxProblems is how many problems are kept: whoever has so many mends some and tries again.
const maxProblems = 100

// problem notes what is wrong at an offset of the text.
func (s *source) problem(at int, why string) { s.add(at, why, false) }

// warn notes what is odd at an offset of the text.
func (s *source) warn(at int, why string) { s.add(at, why, true) }

func (s *source) add(at int, why string, warning bool) {
	if len(s.problems) == maxProblems {
		return
	}
	line, column := s.position(at)
	s.problems = append(s.problems, Problem{File: s.file, Line: line, Column: column, Text: why, Warning: warning})
}

// failed tells whether something is wrong that keeps the text from being a definition.
func (s *source) failed() bool {
	for _, p := range s.problems {
		if !p.Warning {
			return true
		}
	}
	return false
}

// position is an offset as line and column, both from 1.
func (s *source) position(at int) (line, column int) {
	before := s.text[:min(max(at, 0), len(s.text))]
	return strings.Count(before, "\n") + 1, len(before) - strings.LastIndexByte(before, '\n')
}

// A place is one as the YAML library gives it: lines that end where YAML 1.1 ends them, columns that count characters.
type place struct{ line, column, at int }

// offset is where a line and a column are in the text. Nodes come in the order of the text, so it goes on from where the
// last one was: from the beginning each time, a large definition would take minutes.
func (s *source) offset(line, column int) int {
	p := s.last
	if line < p.line || line == p.line && column < p.column || p.line == 0 {
		p = place{line: 1, column: 1}
	}
	for ; p.line < line && p.at < len(s.text); p.line++ {
		i := strings.IndexAny(s.text[p.at:], "\n\r\u0085\u2028\u2029")
		if i < 0 {
			return len(s.text)
		}
		p.at += i
		if strings.HasPrefix(s.text[p.at:], "\r\n") {
			p.at++
		}
		_, n := utf8.DecodeRuneInString(s.text[p.at:])
		p.at += n
		p.column = 1
	}
	for ; p.column < column && p.at < len(s.text); p.column++ {
		_, n := utf8.DecodeRuneInString(s.text[p.at:])
		p.at += n
	}
	s.last = p
	return p.at
}

// read turns the text into a tree, or says why there is none.
func (s *source) read() *node {
	switch {
	case len(s.text) > MaxText:
		s.text = s.text[:MaxText]
		s.problem(0, "a definition has at most 1 MiB")
		return nil
	case !utf8.ValidString(s.text):
		s.problem(validPrefix(s.text), "the text is not UTF-8")
		return nil
	}
	if s.isJSON() {
		return s.readJSON()
	}
	root := s.readYAML()
	if root == nil && strings.HasSuffix(strings.ToLower(s.file), ".json") {
		s.problems = nil // what a parser of JSON says helps more
		return s.readJSON()
	}
	return root
}

// validPrefix is how many bytes of s are UTF-8.
func validPrefix(s string) int {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(s)
}

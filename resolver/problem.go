package resolver

import "fmt"

// maxListed is how many problems are kept. A template generated wrongly may have millions.
const maxListed = 1000

// Problem is a place in a template and what is wrong there.
type Problem struct {
	File string
	// Line and Column count from 1, the column in bytes. Both are 0 when the problem is the template's as a whole.
	Line, Column int
	// Text is what stands there, in printable ASCII. It is empty for a problem of the whole template.
	Text string
	// Why never holds a part of a value.
	Why string
}

// String is "file:line:column: {{NAME}}: why", without what the problem lacks.
func (p Problem) String() string {
	s := p.File
	if p.Line > 0 {
		s += fmt.Sprintf(":%d:%d", p.Line, p.Column)
	}
	if p.Text != "" {
		s += ": " + p.Text
	}
	return s + ": " + p.Why
}

// Problems are the first problems of a template and how many there are.
type Problems struct {
	First []Problem // at most 1,000
	Total int
}

// add takes a function, so that problems which are only counted cost nothing.
func (ps *Problems) add(p func() Problem) {
	if ps.Total++; ps.Total <= maxListed {
		ps.First = append(ps.First, p())
	}
}

func one(p Problem) Problems { return Problems{First: []Problem{p}, Total: 1} }

// Error says that a template does not resolve because of what it says or what the values are. Nothing was written.
type Error struct{ Problems Problems }

// Error gives the first problem and counts the others; callers list them all.
func (e *Error) Error() string {
	if len(e.Problems.First) == 0 {
		return "the template does not resolve"
	}
	s := e.Problems.First[0].String()
	if more := e.Problems.Total - 1; more > 0 {
		s += fmt.Sprintf(" (and %d more)", more)
	}
	return s
}

package tui

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"tacenda/internal/vault"
)

// A textDoc is a tool's definition or an instruction, read against the secrets
// of its project: with hints in place of values, and what is wrong in it.
type textDoc struct {
	*template
	tool     Tool
	problems []Problem // of the placeholders too, by line
	unsafe   []string  // secrets whose values a model would see
}

// readText reads a text. check is for tools, and may be nil.
func readText(k vault.TextKind, name, text string, rows *rows, ascii bool, check func(string) (Tool, []Problem)) (*textDoc, error) {
	t, err := newTemplate(name, []byte(text), rows, ascii)
	if err != nil {
		return nil, err
	}
	d := &textDoc{template: t}
	if k == vault.Tool && check != nil {
		d.tool, d.problems = check(text)
	}
	for _, use := range t.uses {
		if use.wrong != "" {
			d.problems = append(d.problems, Problem{Line: use.line, Text: use.text + ": " + use.wrong, Warning: true})
		}
		if i, ok := rows.find(use.text); k == vault.Instruction && use.name && ok && !rows.secrets[i].LLMSafe {
			d.unsafe = append(d.unsafe, use.text)
		}
	}
	slices.SortStableFunc(d.problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return d, nil
}

// broken is the first problem that keeps a tool from being saved, or nil.
func (d *textDoc) broken() *Problem {
	for i := range d.problems {
		if !d.problems[i].Warning {
			return &d.problems[i]
		}
	}
	return nil
}

// marked are the lines with a problem.
func (d *textDoc) marked() map[int]bool {
	m := map[int]bool{}
	for _, p := range d.problems {
		m[p.Line] = true
	}
	return m
}

// names are the secrets that it refers to, whether they exist or not.
func (d *textDoc) names() int {
	n := 0
	for _, use := range d.uses {
		if use.name {
			n++
		}
	}
	return n
}

// nextProblem is the first problem below a line, going round.
func (d *textDoc) nextProblem(line int) (Problem, bool) {
	for _, p := range d.problems {
		if p.Line > line {
			return p, true
		}
	}
	if len(d.problems) == 0 {
		return Problem{}, false
	}
	return d.problems[0], true
}

func (p Problem) String() string {
	if p.Line == 0 {
		return p.Text
	}
	return "line " + strconv.Itoa(p.Line) + ": " + p.Text
}

// target is where a tool sends its request, as short as it can be said.
func (t Tool) target() string {
	url := strings.TrimPrefix(t.URL, "https://")
	if t.Method == "" {
		return url
	}
	return t.Method + " " + url
}

// A textRow is a tool or an instruction in its list.
type textRow struct {
	vault.Text
	head   string // of a tool where it sends its request, of an instruction its first line
	about  string
	names  int // secrets that it refers to
	wrong  int // problems
	unsafe int
	lower  string // what a filter looks at
}

func newTextRow(t *vault.Text, d *textDoc) textRow {
	r := textRow{Text: *t, names: d.names(), wrong: len(d.problems), unsafe: len(d.unsafe)}
	if t.Kind == vault.Tool && d.tool.URL != "" {
		r.head, r.about = d.tool.target(), d.tool.Description
	} else {
		r.head = firstLine(t.Text)
	}
	var b strings.Builder
	b.WriteString(t.Name + "\n" + r.head + "\n" + r.about)
	for _, use := range d.uses {
		b.WriteString("\n" + use.text)
	}
	r.lower = strings.ToLower(b.String())
	return r
}

// headMax is how much of a first line is kept: no list is wider.
const headMax = 200

// firstLine is the first line with something in it, without a title's marks.
func firstLine(text string) string {
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(line), "#")); line != "" {
			if len(line) > headMax {
				line = strings.ToValidUTF8(line[:headMax], "")
			}
			return line
		}
	}
	return ""
}

package tui

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
	"strings"

	"tacenda/resolver"
)

// previewMax is how much of a template is shown; larger files resolve all the
// same, only not here.
const previewMax = 1 << 20

// A template is a file with hints in place of values, and what is wrong in it.
type template struct {
	path     string
	raw      []string // its lines
	hinted   []string // its lines with hints
	uses     []templateUse
	problems int            // of uses
	at       map[string]int // where a name is in uses, while they are collected
}

// A templateUse is a name, or something that was surely meant to be one, and
// where it stands first.
type templateUse struct {
	text  string
	name  bool // text is the name of a placeholder
	line  int  // from 1
	times int
	hint  string
	wrong string // what is wrong with it; empty when it resolves
}

// newTemplate reads a text against a project's secrets.
func newTemplate(path string, text []byte, rows *rows, ascii bool) (*template, error) {
	if len(text) > previewMax {
		return nil, fmt.Errorf("it has %s bytes, and %s are shown at most: tacenda resolve --preview shows all of it", number(len(text)), number(previewMax))
	}
	known := func(name string) bool { _, ok := rows.find(name); return ok }
	o := resolver.Options{File: path, Known: known}
	t, err := resolver.Scan(bytes.NewReader(text), o)
	if err != nil {
		return nil, err
	}
	var hinted bytes.Buffer
	hint := func(name string) (string, bool) {
		i, ok := rows.find(name)
		if !ok {
			return "", false
		}
		return rows.secrets[i].Hint, true
	}
	if err := t.Preview(&hinted, hint, ascii); err != nil {
		return nil, err
	}
	out := &template{path: path, raw: splitLines(text), hinted: splitLines(hinted.Bytes()), at: map[string]int{}}
	err = resolver.Walk(bytes.NewReader(text), o, func(x resolver.Occurrence) error {
		out.add(x, hint, rows)
		return nil
	})
	out.at = nil
	sort.SliceStable(out.uses, func(i, j int) bool { return out.uses[i].line < out.uses[j].line })
	return out, err
}

// suggestMax is for how many problems of a text a better name is looked for: it
// takes a look at every name there is.
const suggestMax = 100

// add notes an occurrence; a name is listed once, with the times it occurs.
func (t *template) add(x resolver.Occurrence, hint func(string) (string, bool), rows *rows) {
	use := templateUse{text: x.Text, line: x.Line, times: 1, wrong: x.Why}
	if x.Name != "" && x.Why == "" {
		use.text, use.name = x.Name, true
		h, ok := hint(x.Name)
		if use.hint = h; !ok {
			use.wrong = "unknown in this project"
		}
		if i, ok := t.at[x.Name]; ok {
			t.uses[i].times++
			return
		}
		t.at[x.Name] = len(t.uses)
		if !ok && t.problems < suggestMax {
			if s := resolver.Suggest(x.Name, rows.names()); s != "" {
				use.wrong = "unknown: did you mean " + s + "?"
			}
		}
	}
	if use.wrong != "" {
		t.problems++
	}
	t.uses = append(t.uses, use)
}

// names are all names, for suggestions.
func (r *rows) names() []string {
	out := make([]string, len(r.secrets))
	for i := range r.secrets {
		out[i] = r.secrets[i].Name
	}
	return out
}

// splitLines cuts a text into lines to be drawn, with tabs as wide as they
// look in an editor.
func splitLines(text []byte) []string {
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for i, l := range lines {
		l = strings.TrimSuffix(l, "\r")
		if strings.ContainsRune(l, '\t') {
			l = strings.ReplaceAll(l, "\t", "    ")
		}
		lines[i] = l
	}
	return slices.Clip(lines)
}

// next returns the use with a problem that follows the line, going round.
func (t *template) next(line int) (templateUse, bool) {
	var first *templateUse
	for i := range t.uses {
		u := &t.uses[i]
		if u.wrong == "" {
			continue
		}
		if first == nil {
			first = u
		}
		if u.line > line {
			return *u, true
		}
	}
	if first == nil {
		return templateUse{}, false
	}
	return *first, true
}

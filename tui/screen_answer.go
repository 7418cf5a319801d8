package tui

import (
	"bytes"
	"encoding/json"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// answerView shows what an API said. It comes from outside: what would steer a
// terminal is taken out when it is drawn, as everywhere.
type answerView struct {
	name  string
	tried tried
	raw   bool // as it came, where that differs
	heads bool // the headers too
	win   window

	text *folded // of what is shown, laid out for w cells
	w    int
}

func newAnswerView(name string, t tried) *answerView { return &answerView{name: name, tried: t} }

func (d *answerView) groups(u *ui) []group {
	same, heads, mode := "", "headers", "as it came"
	if d.tried.came == nil {
		same = "this is how it came"
	}
	if d.heads {
		heads = "no headers"
	}
	if d.raw {
		mode = "laid out"
	}
	flip := func(b *bool) func() tea.Cmd { return func() tea.Cmd { *b = !*b; d.text = nil; return nil } }
	return []group{{"Answer", []binding{
		{keys: "i", help: heads, hint: hintAlways, run: flip(&d.heads)},
		{keys: "t", help: mode, hint: hintAlways, off: same, run: flip(&d.raw)},
		{keys: "esc q enter", help: "close", hint: hintAlways, run: func() tea.Cmd { u.close(d); return nil }},
	}}, {"Text", listMoves(func(key string) tea.Cmd { d.win.scrollKey(key); return nil })}}
}

func (d *answerView) update(*ui, tea.Msg) tea.Cmd { return nil }
func (d *answerView) width(u *ui) int             { return u.w - 8 }
func (d *answerView) alone() bool                 { return true }
func (d *answerView) wheel(n int)                 { d.win.scroll(n) }

func (d *answerView) sheet(u *ui, w, h int) sheet {
	t := u.theme
	sw := newSheet(u, w, "Answer to "+d.name)
	if d.text == nil || d.w != w {
		d.text, d.w = fold(u, d.shown(), w), w
	}
	rows := max(h-3, 1)
	d.win.fit(len(d.text.parts), rows)
	st, mark := t.good, "ok"
	if d.tried.answer.Failed {
		st, mark = t.danger, "x"
	}
	r := sw.row()
	r.cell(st, mark, 3)
	r.text(t.strong, d.tried.answer.Status)
	r.right(t.dim, "  "+sizeOf(len(d.tried.answer.Body)), r.left)
	sw.add(r.end())
	sw.line(t.dim, rule(u, w))
	for i := d.win.top; i < d.win.top+rows; i++ {
		r := sw.row()
		if i < d.win.end() {
			d.text.draw(r, i, false)
		}
		sw.add(r.end())
	}
	about := "Values were replaced by {{NAME}}."
	if d.tried.answer.Cut {
		about = "There was more, which is not shown. " + about
	}
	if len(d.text.parts) > rows {
		about = number(d.win.top+1) + "-" + number(d.win.end()) + " of " + number(len(d.text.parts)) + ". " + about
	}
	sw.line(t.dim, about)
	return sw.sheet
}

func sizeOf(n int) string { return count(n, "byte", "bytes") }

// shown are the lines of what is to be seen.
func (d *answerView) shown() []string {
	lines := d.tried.lines
	if d.raw && d.tried.came != nil {
		lines = d.tried.came
	}
	if d.heads {
		lines = append(append([]string{}, d.tried.answer.Head...), append([]string{""}, lines...)...)
	}
	return lines
}

// Of an answer in JSON is laid out what people read: a file of megabytes, or one
// nested to make it grow, is shown as it came.
const (
	layMax   = 256 << 10
	layDepth = 32
)

// bodyLines cuts an answer into lines. JSON is laid out, and came is then how it
// was.
func bodyLines(body string) (lines, came []string) {
	lines = splitLines([]byte(body))
	text := strings.TrimSpace(body)
	if len(text) > layMax || !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "[") || depth(text) > layDepth {
		return lines, nil
	}
	var b bytes.Buffer
	if json.Indent(&b, []byte(text), "", "  ") != nil || b.String() == text {
		return lines, nil
	}
	return splitLines(b.Bytes()), lines
}

// depth is how deep brackets are nested in a JSON text.
func depth(text string) int {
	deepest, now, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}

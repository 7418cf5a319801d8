package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// A picker is a list in a dialog that typing narrows: the palette, the
// projects to clone to. It shows the same number of lines whatever matches, so
// that the box stays where it is.
type picker struct {
	query field
	win   window
	hits  []int // indexes of what matches
	lines int   // lines the list takes
}

// narrow matches the query against n texts.
func (p *picker) narrow(n int, text func(i int) string) {
	terms := strings.Fields(strings.ToLower(p.query.string()))
	p.hits = p.hits[:0]
	for i := range n {
		if matches(strings.ToLower(text(i)), terms) {
			p.hits = append(p.hits, i)
		}
	}
	p.win.fit(len(p.hits), p.lines)
}

// matches tells whether a text holds every one of the terms.
func matches(text string, terms []string) bool {
	for _, t := range terms {
		if !strings.Contains(text, t) {
			return false
		}
	}
	return true
}

// chosen is the index of what is selected, or -1.
func (p *picker) chosen() int {
	if p.win.at >= len(p.hits) {
		return -1
	}
	return p.hits[p.win.at]
}

// update walks the list or edits the query; it tells whether the query changed.
func (p *picker) update(u *ui, msg tea.Msg) bool {
	before := p.query.string()
	switch msg := msg.(type) {
	case pastedMsg:
		p.query.paste(u)
	case tea.KeyPressMsg:
		switch key := msg.String(); key {
		case "up", "down", "pgup", "pgdown":
			p.win.key(key)
		default:
			p.query.key(key, msg.Text)
		}
	}
	if p.query.string() == before {
		return false
	}
	p.win.to(0)
	return true
}

// draw writes the query and the rows; row draws one.
func (p *picker) draw(sw *sheetWriter, prompt string, row func(r *row, i int, st style), pick func(i int) tea.Cmd) {
	u, t := sw.u, sw.u.theme
	r := sw.row()
	r.text(t.accent, prompt+" ")
	x := sw.w - r.left
	drawn, at := p.query.view(u, r.left)
	sw.cursor = &point{x + at, len(sw.lines)}
	r.raw(drawn, r.left)
	sw.add(r.end())
	sw.space()
	p.win.fit(len(p.hits), p.lines)
	for n := range p.lines {
		i := p.win.top + n
		if i >= p.win.end() {
			if n == 0 {
				sw.line(t.dim, "  nothing matches")
			} else {
				sw.space()
			}
			continue
		}
		r, st, mark := sw.row(), style(""), "  "
		if i == p.win.at {
			st, mark = t.strong, "> "
		}
		r.text(t.accent, mark)
		row(r, p.hits[i], st)
		sw.add(r.end())
		if i == p.win.at {
			sw.inSight(len(sw.lines) - 1)
		}
		sw.clickable(func() tea.Cmd { return pick(p.hits[i]) })
	}
}

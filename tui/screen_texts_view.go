package tui

import (
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// textColumns are the widths of a row's cells; 0 leaves a column out. Columns
// go whole, the description first and what it uses last.
type textColumns struct{ name, head, uses, updated, about int }

// usesWidth is "2 secrets" and "!1", with what parts them.
const usesWidth = 9 + 1 + 2

// usesWords say how many secrets a text refers to, in 9 cells.
func usesWords(n int) string {
	switch {
	case n == 1:
		return "1 secret"
	case n < 10:
		return strconv.Itoa(n) + " secrets"
	case n < 10_000:
		return strconv.Itoa(n) + " sec."
	}
	return "many"
}

func (s *textsScreen) columns() textColumns {
	const (
		fixed    = 3 + 2 // "> " before, the menu's dots behind
		minName  = 12
		minHead  = 20
		minAbout = 18
	)
	w := s.list.w - 2 - fixed
	c := textColumns{name: w}
	if w < minName+2+usesWidth {
		return c
	}
	c.uses = usesWidth
	c.name = w - 2 - usesWidth
	name := min(max(s.longest, minName), 24)
	rest := c.name - name
	if rest < 2+minHead {
		return c
	}
	c.name = name
	c.head = rest - 2
	if c.head-12 >= minHead {
		c.updated = 10
		c.head -= 12
	}
	if room := c.head - 2 - minHead; room >= minAbout && s.kind == vault.Tool {
		c.about = max(room-20, minAbout)
		c.head -= 2 + c.about
	}
	return c
}

func (s *textsScreen) headRows() int {
	if s.columns().head > 0 {
		return 1
	}
	return 0
}

func (s *textsScreen) draw(u *ui, where rect) ([]string, *tea.Cursor) {
	return s.browser.draw(u, where, len(s.view), func() []string { return s.drawList(u) },
		func(where rect, focused bool) []string { return s.drawPreview(u, where, focused) }), nil
}

func (s *textsScreen) drawList(u *ui) []string {
	w, h := s.list.w-2, s.list.h-2
	c := s.columns()
	lines := make([]string, 0, h)
	s.win.fit(len(s.view), h-s.headRows())
	if len(s.view) == 0 {
		lines = s.drawNothing(u, w)
	} else if c.head > 0 {
		lines = append(lines, s.drawHead(u, c, w))
	}
	for i := s.win.top; i < s.win.end(); i++ {
		lines = append(lines, drawTextRow(u, c, w, &s.rows[s.view[i]], i == s.win.at))
	}
	note := ""
	if n := len(s.view); n > 0 {
		note = number(s.win.at+1) + "/" + number(n)
	} else if s.loaded {
		note = "0"
	}
	return s.pane(u, s.words.title, note, lines)
}

func (s *textsScreen) drawHead(u *ui, c textColumns, w int) string {
	head := "REQUEST"
	if s.kind == vault.Instruction {
		head = "FIRST LINE"
	}
	return u.listHead(w, []heading{{"NAME", c.name}, {head, c.head}, {"USES", c.uses}, {"UPDATED", c.updated}, {"DESCRIPTION", c.about}})
}

func drawTextRow(u *ui, c textColumns, w int, x *textRow, selected bool) string {
	r, st := u.listRow(w, selected)
	r.name(st, x.Name, c.name)
	if c.head > 0 {
		r.gap(2)
		r.cell("", x.head, c.head)
	}
	if c.uses > 0 {
		r.gap(2)
		r.cell(u.theme.dim, usesWords(x.names), usesWidth-3)
		r.gap(1)
		warn := ""
		if n := x.wrong + x.unsafe; n > 9 {
			warn = "!+"
		} else if n > 0 {
			warn = "!" + strconv.Itoa(n)
		}
		r.cell(u.theme.warn.unless(warn == ""), warn, 2)
	}
	if c.updated > 0 {
		r.gap(2)
		r.cell("", u.day(x.Updated), c.updated)
	}
	if c.about > 0 {
		r.gap(2)
		r.cell(u.theme.dim, x.about, c.about)
	}
	return r.endWithMenu()
}

// drawNothing says why there is nothing to list and what to do about it.
func (s *textsScreen) drawNothing(u *ui, w int) []string {
	sw := newSheet(u, w-4, "")
	key := func(keys, what string) {
		r := sw.row()
		r.gap(1)
		r.cell(u.theme.accent, keys, 9)
		r.gap(1)
		r.text("", what)
		sw.add(r.end())
	}
	sw.space()
	switch {
	case s.err != nil:
		sw.notice(u.theme.danger, "x", "The "+s.words.many+" could not be read: "+reason(s.err))
		sw.space()
		key("r", "try again")
	case !s.loaded:
		if u.data.loaded && len(u.data.projects) == 0 {
			why, then := u.noProjects()
			sw.para("", why)
			sw.space()
			if then != "" {
				key("p", then)
			}
		}
	case s.filter.string() != "":
		sw.para("", "Nothing matches “"+s.filter.string()+"”.")
		sw.space()
		key("esc", "clear the filter")
	default:
		sw.para("", "No "+s.words.many+" in "+u.data.project+" yet.")
		sw.space()
		if off := mayTexts(u); off == "" {
			key("n", "create one")
		} else {
			sw.line(u.theme.dim, " n         create one: "+off)
		}
		sw.space()
		sw.para("", s.words.empty)
	}
	for i, l := range sw.lines {
		sw.lines[i] = "  " + l + "  "
	}
	return sw.lines
}

func (s *textsScreen) status(u *ui, w int) (string, *point) {
	found := func(n int) string { return textCount(s.kind, n) }
	if s.asking {
		return s.statusField(u, w, found(len(s.view)))
	}
	r := newRow(u, w)
	if !s.loaded {
		return r.end(), nil
	}
	parts := []string{found(len(s.rows))}
	if f := s.filter.string(); f != "" {
		parts[0] = number(len(s.view)) + " of " + parts[0]
		parts = append(parts, "filter: "+f)
	}
	if len(s.rows) > 1 {
		parts = append(parts, "sorted by "+s.by.String())
	}
	r.text(u.theme.dim, strings.Join(parts, " "+u.glyphs.dot+" "))
	return r.end(), nil
}

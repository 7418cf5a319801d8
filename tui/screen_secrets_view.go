package tui

import (
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// hintWidth is a hint at its widest in ordinary text: four, four dots, four.
const hintWidth = 12

// columns are the widths of a row's cells; 0 leaves a column out. Columns go
// whole, the description first and the hint last.
type columns struct{ name, hint, used, updated, about int }

// columnsFor shares w cells out. longest is the longest name there is.
func columnsFor(w, longest int, used bool) columns {
	const (
		fixed   = 3 + 2 // "> " before, the menu's dots behind
		minName = 16
		minWide = 20 // of a name beside more than its hint
	)
	w -= fixed
	c := columns{name: w}
	if w < minName/2+2+hintWidth {
		return c
	}
	c.hint = hintWidth
	c.name = w - 2 - hintWidth
	wide := min(max(longest, minWide), 32)
	rest := c.name - wide
	if used && rest >= 6 {
		c.used = 4
		rest -= 6
	}
	if rest >= 12 {
		c.updated = 10
		rest -= 12
	} else {
		rest = 0
	}
	if rest >= 14 {
		c.about = rest - 2
		c.name = wide
		return c
	}
	if c.used > 0 {
		c.name -= 6
	}
	if c.updated > 0 {
		c.name -= 12
	}
	return c
}

// headed tells whether the columns need their names over them.
func (c columns) headed() bool { return c.used+c.updated+c.about > 0 }

func (s *secretsScreen) columns() columns {
	return columnsFor(s.list.w-2, s.rows.longest, len(s.rows.refs) > 0)
}

func (s *secretsScreen) headRows(*ui) int {
	if s.columns().headed() {
		return 1
	}
	return 0
}

// draw draws the list, the preview, or both.
func (s *secretsScreen) draw(u *ui, where rect) ([]string, *tea.Cursor) {
	return s.browser.draw(u, where, s.len(), func() []string { return s.drawList(u) },
		func(where rect, focused bool) []string { return s.drawPreview(u, where, focused) }), nil
}

func (s *secretsScreen) drawList(u *ui) []string {
	w, h := s.list.w-2, s.list.h-2
	c := s.columns()
	lines := make([]string, 0, h)
	s.win.fit(s.len(), h-s.headRows(u))
	if s.len() == 0 {
		lines = s.drawNothing(u, w)
	} else if c.headed() {
		lines = append(lines, drawHead(u, c, w))
	}
	for i := s.win.top; i < s.win.end(); i++ {
		lines = append(lines, s.drawRow(u, c, w, s.row(i), i == s.win.at))
	}
	note := "0"
	if n := s.len(); n > 0 {
		note = number(s.win.at+1) + "/" + number(n)
	} else if !u.data.loaded {
		note = ""
	}
	return s.pane(u, "Secrets", note, lines)
}

func drawHead(u *ui, c columns, w int) string {
	return u.listHead(w, []heading{{"NAME", c.name}, {"HINT", c.hint}, {"USED", c.used}, {"UPDATED", c.updated}, {"DESCRIPTION", c.about}})
}

func (s *secretsScreen) drawRow(u *ui, c columns, w int, x *vault.Secret, selected bool) string {
	r, st := u.listRow(w, selected)
	r.name(st, x.Name, c.name)
	if c.hint > 0 {
		r.gap(2)
		r.cell("", u.hintCell(x.Hint, c.hint), c.hint)
	}
	if c.used > 0 {
		r.gap(2)
		r.right("", strconv.Itoa(len(s.rows.refs[x.Name])), c.used)
	}
	if c.updated > 0 {
		r.gap(2)
		r.cell("", u.day(x.Updated), c.updated)
	}
	if c.about > 0 {
		r.gap(2)
		r.cell(u.theme.dim, x.Description, c.about)
	}
	return r.endWithMenu()
}

// hintCell is a hint for a cell of w. One that is wider than the cell, in
// scripts with wide characters, is replaced by the hint that shows nothing: a
// hint that was cut would read as another secret's.
func (u *ui) hintCell(h string, w int) string {
	h = u.plain(h)
	if u.width(h) > w {
		return u.glyphs.hidden
	}
	return h
}

// drawNothing says why there is nothing to list and what to do about it.
func (s *secretsScreen) drawNothing(u *ui, w int) []string {
	sw := newSheet(u, w-4, "")
	say := func(text string) { sw.para("", text) }
	key := func(key, text string) {
		r := sw.row()
		r.gap(2)
		r.cell(u.theme.accent, key, 10)
		r.text("", text)
		sw.add(r.end())
	}
	sw.space()
	switch d := u.data; {
	case d.err != nil && !d.loaded:
		sw.notice(u.theme.danger, "x", "The secrets could not be read: "+reason(d.err))
		sw.space()
		key("r", "try again")
	case !d.loaded:
		say("") // a quick load must not flash words
	case len(d.projects) == 0:
		why, then := u.noProjects()
		say(why)
		sw.space()
		if then != "" {
			key("p", then)
		}
	case s.filter.string() != "":
		say("Nothing matches “" + s.filter.string() + "”.")
		sw.space()
		key("esc", "clear the filter")
	default:
		say("No secrets in " + d.project + " yet.")
		sw.space()
		if off := u.may("secrets:manage"); off == "" {
			key("n", "create one")
		} else {
			sw.line(u.theme.dim, "  n         create one: "+off)
		}
		key("p", "open another project, and clone from there")
		key(":", "find any command by name")
		sw.space()
		say("Files refer to a secret as {{NAME}}, and get its value where it is needed.")
	}
	for i, l := range sw.lines {
		sw.lines[i] = "  " + l + "  "
	}
	return sw.lines
}

// status says how many there are, in which order, and how they are filtered.
func (s *secretsScreen) status(u *ui, w int) (string, *point) {
	if s.asking {
		return s.statusField(u, w, count(s.len(), "secret", "secrets"))
	}
	r := newRow(u, w)
	total := len(s.rows.secrets)
	if !u.data.loaded || u.data.project == "" {
		return r.end(), nil
	}
	dot := " " + u.glyphs.dot + " "
	parts := []string{count(total, "secret", "secrets")}
	if f := s.filter.string(); f != "" {
		parts[0] = number(s.len()) + " of " + parts[0]
		parts = append(parts, "filter: "+f)
	}
	if total > 1 {
		parts = append(parts, "sorted by "+s.by.String())
	}
	r.text(u.theme.dim, strings.Join(parts, dot))
	return r.end(), nil
}

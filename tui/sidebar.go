package tui

import (
	"strconv"

	tea "charm.land/bubbletea/v2"
)

// sidebar lists the projects and the sections.
type sidebar struct {
	where rect
	at    int // the row of the cursor: projects first, then sections
	top   int // the first project drawn
	shown int // projects drawn
	apart int // empty lines between projects and sections: none where it is tight
}

func (s *sidebar) inside(x, y int) bool { return s.where.holds(x, y) }

// draw returns the sidebar as lines.
func (s *sidebar) draw(m *root) []string {
	u := m.u
	inner, rows := s.where.w-2, s.where.h-2
	projects := u.data.projects
	s.at = max(min(s.at, len(projects)+len(m.sections)-1), 0)
	s.apart = min(max(rows-len(m.sections)-1, 0), 1)
	s.shown = max(min(len(projects), rows-len(m.sections)-1-s.apart), 0)
	s.keepInSight(u)
	lines := make([]string, 0, rows)
	r := newRow(u, inner)
	r.gap(1)
	r.text(u.theme.dim, "PROJECT")
	r.gap(r.left - 2)
	r.text(u.theme.accent, "p")
	lines = append(lines, r.end())
	for i := s.top; i < s.top+s.shown; i++ {
		lines = append(lines, s.project(m, i, inner))
	}
	for range s.apart {
		lines = append(lines, line(u, inner, "", ""))
	}
	for i := range m.sections {
		lines = append(lines, s.section(m, i, inner))
	}
	title := u.cfg.Name
	if title == "" {
		title = "vault"
	}
	return pane{title: title, focused: u.onSide, w: s.where.w, h: s.where.h, lines: lines}.draw(u)
}

// keepInSight scrolls the projects to the cursor, or to the open one.
func (s *sidebar) keepInSight(u *ui) {
	want := s.at
	if !u.onSide || want >= len(u.data.projects) {
		for i, p := range u.data.projects {
			if p.Name == u.data.project {
				want = i
			}
		}
	}
	if want < s.top {
		s.top = want
	}
	if want >= s.top+s.shown {
		s.top = want - s.shown + 1
	}
	s.top = max(min(s.top, len(u.data.projects)-s.shown), 0)
}

func (s *sidebar) mark(u *ui, at int) string {
	if u.onSide && s.at == at {
		return ">"
	}
	return " "
}

func (s *sidebar) project(m *root, i, w int) string {
	u := m.u
	name, st, current := u.data.projects[i].Name, style(""), " "
	if name == u.data.project {
		st, current = u.theme.strong, "*"
	}
	r := newRow(u, w)
	r.text("", s.mark(u, i))
	r.text(u.theme.accent.unless(current == " "), current)
	r.gap(1)
	r.name(st, name, r.left)
	return r.end()
}

func (s *sidebar) section(m *root, i, w int) string {
	u := m.u
	st, current := style(""), " "
	if i == m.open {
		st, current = u.theme.strong, ">"
		if u.onSide {
			current = "*"
		}
	}
	sec := m.sections[i]
	n, title := sec.count(u), sec.title()
	fits := func() bool { return 4+u.width(title)+1+u.width(n) <= w }
	if s, ok := sec.(interface{ short() string }); ok && !fits() {
		title = s.short()
	}
	if !fits() {
		n = "" // it would cut the title, and stands in the status line
	}
	r := newRow(u, w)
	r.text("", s.mark(u, len(u.data.projects)+i))
	r.text(u.theme.accent.unless(current == " "), current)
	r.text(u.theme.accent, strconv.Itoa(i+1))
	r.gap(1)
	r.cell(st, title, r.left-u.width(n)-1)
	r.right(u.theme.dim, n, r.left)
	return r.end()
}

// row returns the index of the row drawn at a line of the pane.
func (s *sidebar) row(m *root, y int) (int, bool) {
	i := y - s.where.y - 2
	if i >= 0 && i < s.shown {
		return s.top + i, true
	}
	i -= s.shown + s.apart
	if i >= 0 && i < len(m.sections) {
		return len(m.u.data.projects) + i, true
	}
	return 0, false
}

func (s *sidebar) click(m *root, _, y int) tea.Cmd {
	i, ok := s.row(m, y)
	if !ok {
		return nil
	}
	s.at = i
	return s.choose(m)
}

func (s *sidebar) wheel(d int) { s.at = max(s.at+d/3, 0) }

// choose opens the project or section under the cursor.
func (s *sidebar) choose(m *root) tea.Cmd {
	if i := s.at - len(m.u.data.projects); i >= 0 {
		return m.switchTo(i)
	}
	m.u.onSide = false
	return m.u.openProject(m.u.data.projects[s.at].Name)
}

// move walks the cursor.
func (s *sidebar) move(m *root, d int) {
	s.at = max(min(s.at+d, len(m.u.data.projects)+len(m.sections)-1), 0)
}

// key moves by a list key.
func (s *sidebar) key(m *root, key string) {
	switch n := len(m.u.data.projects) + len(m.sections); key {
	case "j":
		s.move(m, 1)
	case "k":
		s.move(m, -1)
	case "g":
		s.move(m, -n)
	case "G":
		s.move(m, n)
	case "ctrl+d", "pgdown":
		s.move(m, 10)
	case "ctrl+u", "pgup":
		s.move(m, -10)
	}
}

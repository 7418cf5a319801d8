package tui

import (
	"strconv"

	tea "charm.land/bubbletea/v2"
)

type rect struct{ x, y, w, h int }

func (r rect) holds(x, y int) bool { return x >= r.x && x < r.x+r.w && y >= r.y && y < r.y+r.h }

// sideWidth is the width of the sidebar; 0 where there is none.
func sideWidth(w int) int {
	switch {
	case w >= 120:
		return 20
	case w >= 60:
		return 16
	}
	return 0
}

// sideWidth is sideWidth for the open section, which may want the whole width.
func (m *root) sideWidth() int {
	if s, ok := m.sections[m.open].(interface{ whole(u *ui) bool }); ok && s.whole(m.u) {
		return 0
	}
	return sideWidth(m.u.w)
}

// hintRow tells whether there is room for the hint line.
func hintRow(h int) bool { return h >= 16 }

// compose draws the whole screen as lines.
func (m *root) compose() []string {
	u := m.u
	if m.gate != nil {
		lines := append([]string{m.header()}, blank(u.w, u.h-1)...)
		if g, ok := m.gate.(*unlock); ok && g.pending(u) {
			return lines
		}
		m.gateLines(lines)
		m.layOver(lines, m.gate)
		return lines
	}
	foot := 1
	if hintRow(u.h) {
		foot = 2
	}
	body := rect{0, 1, u.w, u.h - 1 - foot}
	lines := make([]string, 0, u.h)
	lines = append(lines, m.header())
	sw := m.sideWidth()
	u.onSide = u.onSide && sw > 0
	m.side.where = rect{0, body.y, sw, body.h}
	body.x, body.w = sw, body.w-sw
	drawn, cursor := m.sections[m.open].draw(u, body)
	if sw > 0 {
		drawn = beside(m.side.draw(m), drawn)
	}
	lines = append(lines, drawn...)
	status, at := m.status()
	lines = append(lines, status)
	if at != nil {
		cursor = tea.NewCursor(at.x, u.h-foot)
		cursor.Blink = false
	}
	m.cursor = cursor
	if foot == 2 {
		lines = append(lines, hintLine(u, u.w, m.hints()))
	}
	for i, d := range u.stack {
		if i < len(u.stack)-1 {
			if a, ok := u.stack[i+1].(interface{ alone() bool }); ok && a.alone() {
				continue // it takes the place of the one it was opened from
			}
		}
		m.layOver(lines, d)
	}
	return lines
}

// layOver draws a dialog over lines and remembers where.
func (m *root) layOver(lines []string, d dialog) {
	off := 0
	for _, s := range m.before {
		if s.dialog == d {
			off = s.off
		}
	}
	at, cursor := layDialog(m.u, d, lines, off)
	m.cursor = cursor
	m.dialogs = append(m.dialogs, at)
}

// gateLines draws what there is around the unlock box on its blank screen.
func (m *root) gateLines(lines []string) {
	u := m.u
	status, _ := m.status()
	if hintRow(u.h) {
		lines[u.h-2] = status
		lines[u.h-1] = hintLine(u, u.w, m.hints())
	} else {
		lines[u.h-1] = status
	}
}

// header says where one is and who one is.
func (m *root) header() string {
	u := m.u
	r := newRow(u, u.w)
	if m.gate != nil {
		r.text(u.theme.strong, "tacenda")
		r.gap(2)
		r.text(u.theme.dim, m.gateName())
		return r.end()
	}
	if sideWidth(u.w) == 0 {
		return m.narrowHeader(r)
	}
	who, may := u.plain(u.session.vault.Actor()), m.permission()
	tail := u.width(who)
	if may != "" {
		tail += 2 + u.width(may)
	}
	tail = min(tail, u.w/2)
	r.text(u.theme.strong, "tacenda")
	r.gap(2)
	room := r.left - tail - 2
	crumbs := m.sections[m.open].title()
	if u.data.project != "" {
		crumbs = u.data.project + " / " + crumbs
	}
	if u.cfg.Name != "" {
		crumbs = u.cfg.Name + " / " + crumbs
	}
	r.text("", u.middle(crumbs, room))
	r.gap(r.left - tail)
	r.text("", u.cutText(who, tail))
	if may != "" {
		r.gap(2)
		r.text(u.theme.dim, may)
	}
	return r.end()
}

func (m *root) narrowHeader(r *row) string {
	u := m.u
	tabs := 0
	for range m.sections {
		tabs += 2
	}
	tabs++
	may := m.permission()
	if u.w < 48 || u.width(u.data.project) > u.w-12-2-2-tabs-2-len(may) {
		may = "" // the name of the project comes first
	}
	name := u.cfg.Name
	if name == "" {
		name = "tacenda"
	}
	r.text(u.theme.strong, u.middle(name, 12))
	r.gap(2)
	if may != "" {
		tabs += 2 + len(may)
	}
	r.text("", u.middle(u.data.project, max(r.left-tabs-2, 0)))
	r.gap(2)
	if may != "" {
		r.text(u.theme.dim, may)
		r.gap(2)
	}
	for i := range m.sections {
		n := strconv.Itoa(i + 1)
		switch {
		case i == m.open:
			r.text(u.theme.strong, "["+n+"]")
		case i == m.open+1:
			r.text("", n)
		default:
			r.text("", " "+n)
		}
	}
	return r.end()
}

// permission words what the user may do in the open project.
func (m *root) permission() string {
	switch d, p := m.u.data, m.u.data.current(); {
	case d.people != nil && d.people.owner:
		return "owner"
	case p != nil:
		return permissionWord(p.Permissions)
	}
	return ""
}

func (m *root) gateName() string {
	if m.u.cfg.Missing {
		return "no vault yet"
	}
	return "locked"
}

// A statuser is a section with something to say in the status line: a text, or
// a field being typed in with its cursor.
type statuser interface {
	status(u *ui, w int) (string, *point)
}

// status draws the status line: what just happened, what is under way, or what
// the section says.
func (m *root) status() (string, *point) {
	u := m.u
	t := u.theme
	if m.gate == nil && len(u.stack) == 0 {
		if s, ok := m.sections[m.open].(statuser); ok && m.typing() && u.toast.kind != toastWarn { // a warning is about what was typed
			return s.status(u, u.w)
		}
	}
	if st, text := u.toastWords(); text != "" {
		return line(u, u.w, st, text), nil
	}
	if label := u.slow(); label != "" {
		return line(u, u.w, t.dim, u.spinner()+" "+label), nil
	}
	if m.gate != nil {
		return line(u, u.w, "", ""), nil
	}
	if u.data.err != nil && u.data.loaded {
		before, then := "! not up to date: ", "; r tries again"
		return line(u, u.w, t.warn, before+u.cutText(reason(u.data.err), u.w-len(before)-len(then))+then), nil
	}
	if s, ok := m.sections[m.open].(statuser); ok {
		return s.status(u, u.w)
	}
	return line(u, u.w, "", ""), nil
}

// toastWords is the toast as it is drawn; no text when there is none.
func (u *ui) toastWords() (style, string) {
	switch t := u.theme; u.toast.kind {
	case toastNone:
	case toastInfo:
		return "", u.toast.text
	case toastWarn:
		return t.warn, "! " + u.toast.text
	case toastError:
		return t.danger, "x " + u.toast.text
	}
	return "", ""
}

// hints are the bindings that the hint line is drawn from.
func (m *root) hints() []group {
	if d := m.top(); d != nil {
		return d.groups(m.u)
	}
	return m.workspace()
}

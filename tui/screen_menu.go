package tui

import (
	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// menu is the actions menu of one secret. Its first item does no harm; the
// last deletes, and only opens a dialog.
type menu struct {
	list  *secretsScreen
	name  string
	items []menuItem
	win   window
}

type menuItem struct {
	label string
	do    binding
	apart bool // a rule before it
}

func newMenu(u *ui, list *secretsScreen, sel *vault.Secret) *menu {
	m := &menu{list: list, name: sel.Name}
	by := map[string]binding{}
	for _, b := range list.actions(u) {
		by[b.keys] = b
	}
	refs := len(u.data.rows.refs[sel.Name])
	used := "Used by"
	if refs > 0 {
		used += " (" + number(refs) + ")"
	}
	m.items = []menuItem{
		{"Copy " + placeholder("NAME"), by["y"], false},
		{"Edit" + u.glyphs.ellipsis, by["e"], false},
		{"Clone to project" + u.glyphs.ellipsis, by["c"], false},
		{used, by["u"], false},
		{"Delete" + u.glyphs.ellipsis, by["d"], true},
	}
	m.win.fit(len(m.items), len(m.items))
	return m
}

func (m *menu) run(u *ui, i int) tea.Cmd {
	b := m.items[i].do
	if b.off != "" {
		u.say(toastWarn, b.off)
		return nil
	}
	u.close(m)
	return b.run()
}

func (m *menu) groups(u *ui) []group {
	g := group{"Menu", []binding{
		{keys: "up down", show: u.glyphs.upDown, help: "move", hint: hintAlways, run: none},
		{keys: "enter", help: "run", hint: hintAlways, run: func() tea.Cmd { return m.run(u, m.win.at) }},
		{keys: "esc", help: "close", hint: hintAlways, run: func() tea.Cmd { u.close(m); return nil }},
	}}
	g.bindings[0].keys = ""
	for i, it := range m.items {
		g.bindings = append(g.bindings, binding{keys: it.do.keys, help: it.label, run: func() tea.Cmd { return m.run(u, i) }})
	}
	return []group{g}
}

func (m *menu) update(_ *ui, msg tea.Msg) tea.Cmd {
	if k, ok := msg.(tea.KeyPressMsg); ok {
		m.win.key(k.String())
	}
	return nil
}

func (m *menu) wheel(d int)          { m.win.move(d / 3) }
func (m *menu) clickedOutside(u *ui) { u.close(m) }
func (m *menu) width(*ui) int        { return 34 }

func (m *menu) sheet(u *ui, w, _ int) sheet {
	sw := newSheet(u, w, m.name)
	for i, it := range m.items {
		if it.apart {
			sw.line(u.theme.dim, rule(u, w))
		}
		r := sw.row()
		st, mark := style(""), "  "
		if i == m.win.at {
			st, mark = u.theme.strong, "> "
		}
		if it.do.off != "" {
			st = u.theme.dim
		}
		r.text(u.theme.accent, mark)
		right := it.do.keys
		if it.do.off != "" {
			right = it.do.off
		}
		r.text(st, it.label)
		r.gap(r.left - u.width(right))
		r.text(u.theme.dim, right)
		sw.add(r.end())
		if i == m.win.at {
			sw.inSight(len(sw.lines) - 1)
		}
		sw.clickable(func() tea.Cmd { return m.run(u, i) })
	}
	sw.near = m.list.menuPlace(u)
	return sw.sheet
}

// menuPlace is beside the selected row, so that menu and row read as one.
func (s *secretsScreen) menuPlace(u *ui) *point {
	if s.list.w == 0 {
		return nil
	}
	return &point{s.list.x + s.list.w/2, s.list.y + 2 + s.headRows(u) + s.win.at - s.win.top}
}

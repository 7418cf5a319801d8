package tui

import (
	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// menu is the actions menu of one row. Its first item does no harm; the
// last deletes, and only opens a dialog.
type menu struct {
	name  string
	items []menuItem
	place func() *point // beside the row
	win   window
}

type menuItem struct {
	label string
	do    binding
	apart bool // a rule before it
}

func newMenu(name string, place func() *point, items ...menuItem) *menu {
	m := &menu{name: name, items: items, place: place}
	m.win.fit(len(m.items), len(m.items))
	return m
}

// byKeys finds bindings by their keys.
func byKeys(bs []binding) map[string]binding {
	by := map[string]binding{}
	for _, b := range bs {
		by[b.keys] = b
	}
	return by
}

func (s *secretsScreen) menu(u *ui, sel *vault.Secret) *menu {
	by := byKeys(s.actions(u))
	refs := len(u.data.rows.refs[sel.Name])
	used := "Used by"
	if refs > 0 {
		used += " (" + number(refs) + ")"
	}
	return newMenu(sel.Name, func() *point { return s.menuPlace(s.headRows(u)) },
		menuItem{"Copy " + placeholder("NAME"), by["y"], false},
		menuItem{"Edit" + u.glyphs.ellipsis, by["e"], false},
		menuItem{"Clone to project" + u.glyphs.ellipsis, by["c"], false},
		menuItem{used, by["u"], false},
		menuItem{"Delete" + u.glyphs.ellipsis, by["d"], true},
	)
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

// width has room for every label beside its key, or beside why it cannot be done.
func (m *menu) width(u *ui) int {
	w := 34
	for _, it := range m.items {
		w = max(w, 2+u.width(u.plain(it.label))+2+u.width(u.plain(or(it.do.off, it.do.keys))))
	}
	return w
}

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
		r.text(st, u.cutText(it.label, r.left-u.width(right)-1))
		r.gap(r.left - u.width(right))
		r.text(u.theme.dim, right)
		sw.add(r.end())
		if i == m.win.at {
			sw.inSight(len(sw.lines) - 1)
		}
		sw.clickable(func() tea.Cmd { return m.run(u, i) })
	}
	sw.near = m.place()
	return sw.sheet
}

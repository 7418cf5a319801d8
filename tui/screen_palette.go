package tui

import (
	tea "charm.land/bubbletea/v2"
)

// palette finds every action by name. It is made of the bindings that work
// where it was opened, so that it cannot offer what is not there.
type palette struct {
	picker
	actions []binding
}

func newPalette(m *root) *palette {
	d := &palette{}
	d.query = field{max: 64}
	seen := map[string]bool{}
	for _, g := range m.workspace() {
		for _, b := range g.bindings {
			if b.name != "" && !seen[b.name] {
				seen[b.name] = true
				d.actions = append(d.actions, b)
			}
		}
	}
	d.lines = 8
	d.narrow()
	return d
}

func (d *palette) narrow() {
	d.picker.narrow(len(d.actions), func(i int) string { return d.actions[i].name })
}

func (d *palette) pick(u *ui, i int) tea.Cmd {
	if i < 0 {
		return nil
	}
	b := d.actions[i]
	if b.off != "" {
		u.say(toastWarn, b.off)
		return nil
	}
	u.close(d)
	return b.run()
}

func (d *palette) typing() bool         { return true }
func (d *palette) clickedOutside(u *ui) { u.close(d) }
func (d *palette) wheel(n int)          { d.win.move(n / 3) }

func (d *palette) groups(u *ui) []group {
	return []group{{"Commands", []binding{
		{keys: "enter", help: "run", hint: hintAlways, run: func() tea.Cmd { return d.pick(u, d.chosen()) }},
		{keys: "tab", help: "complete", hint: hintAlways, run: func() tea.Cmd { d.complete(); return nil }},
		{show: u.glyphs.upDown, help: "move", hint: hintAlways, run: none},
		{keys: "esc", help: "close", hint: hintAlways, run: func() tea.Cmd { u.close(d); return nil }},
	}}}
}

// complete puts the selected name into the query.
func (d *palette) complete() {
	if i := d.chosen(); i >= 0 {
		d.query.set(d.actions[i].name)
		d.narrow()
	}
}

func (d *palette) update(u *ui, msg tea.Msg) tea.Cmd {
	if d.picker.update(u, msg) {
		d.narrow()
	}
	return nil
}

func (d *palette) sheet(u *ui, w, _ int) sheet {
	sw := newSheet(u, w, "Command")
	d.draw(sw, ":", func(r *row, i int, st style) {
		b := d.actions[i]
		right := b.off
		if right == "" && b.keys != "" {
			right = b.shown()
		}
		if b.off != "" {
			st = u.theme.dim
		}
		r.cell(st, b.name, r.left-u.width(u.plain(right))-1)
		r.gap(1)
		r.text(u.theme.dim, right)
	}, func(i int) tea.Cmd { return d.pick(u, i) })
	return sw.sheet
}

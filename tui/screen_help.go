package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// help lists the keys. It is drawn from the bindings themselves.
type help struct {
	shown []group
	win   window
}

func newHelp(here []group, always group) *help {
	keys := (&form{}).moves()
	keys.bindings = append(keys.bindings,
		binding{keys: "ctrl+s", help: "save"}, binding{keys: "esc", help: "cancel"}, binding{keys: "ctrl+u", help: "clear"},
		binding{keys: "alt+enter", help: "newline"}, binding{keys: "ctrl+g", help: "generate"})
	return &help{shown: append(append(here, always), keys)}
}

func (d *help) groups(u *ui) []group {
	return []group{{"Help", []binding{
		{keys: "j down", show: u.glyphs.upDown, help: "scroll", hint: hintAlways, run: func() tea.Cmd { d.win.scroll(1); return nil }},
		{keys: "k up", run: func() tea.Cmd { d.win.scroll(-1); return nil }},
		{keys: "pgdown ctrl+d space", run: func() tea.Cmd { d.win.scroll(d.win.h); return nil }},
		{keys: "pgup ctrl+u", run: func() tea.Cmd { d.win.scroll(-d.win.h); return nil }},
		{keys: "esc enter q ?", show: "any other key", help: "closes", hint: hintAlways, run: func() tea.Cmd { u.close(d); return nil }},
	}}}
}

func (d *help) update(u *ui, msg tea.Msg) tea.Cmd {
	if _, ok := msg.(tea.KeyPressMsg); ok {
		u.close(d)
	}
	return nil
}

func (d *help) clickedOutside(u *ui) { u.close(d) }
func (d *help) wheel(n int)          { d.win.scroll(n) }

// helpKey is the width of the keys in the help.
const helpKey = 9

func (d *help) sheet(u *ui, w, h int) sheet {
	sw := newSheet(u, w, "Keys")
	n := max(min(w/20, 3), 1)
	cw := w / n
	columns := make([][]string, n)
	for _, g := range d.shown {
		lines := g.lines(u, cw)
		if len(lines) == 0 {
			continue
		}
		to := 0 // the shortest column, so that all of them end at about the same line
		for i := range columns {
			if len(columns[i]) < len(columns[to]) {
				to = i
			}
		}
		if len(columns[to]) > 0 {
			lines = append([]string{line(u, cw, "", "")}, lines...)
		}
		columns[to] = append(columns[to], lines...)
	}
	for i, more := 0, true; more; i++ {
		more = false
		r := sw.row()
		for _, c := range columns {
			if i < len(c) {
				r.raw(c[i], cw)
				more = true
			} else {
				r.gap(cw)
			}
		}
		if more {
			sw.add(r.end())
		}
	}
	if len(sw.lines)+2 <= h {
		sw.space()
	}
	sw.para(u.theme.dim, "Values are write-only: nothing here can show one.")
	d.win.fit(len(sw.lines), h)
	all := sw.lines
	sw.lines = all[d.win.top:d.win.end()]
	if len(all) > h {
		sw.title = "Keys " + number(d.win.top+1) + "-" + number(d.win.end()) + " of " + number(len(all))
	}
	return sw.sheet
}

// lines draw a group for the help, in w cells.
func (g group) lines(u *ui, w int) []string {
	var out []string
	for _, b := range g.bindings {
		if b.help == "" || b.keys == "" && b.show == "" {
			continue
		}
		st := style("")
		if b.off != "" {
			st = u.theme.dim
		}
		r := newRow(u, w)
		r.cell(u.theme.accent, strings.ReplaceAll(b.shown(), "ctrl+", "^"), helpKey)
		r.gap(1)
		r.cell(st, b.help, r.left-1)
		out = append(out, r.end())
	}
	if len(out) > 0 {
		out = append([]string{line(u, w, u.theme.strong, g.title)}, out...)
	}
	return out
}

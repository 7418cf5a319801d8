package tui

import tea "charm.land/bubbletea/v2"

// discard asks before something that was typed is lost. Enter means no.
type discard struct{ leave func() tea.Cmd }

func (d *discard) groups(u *ui) []group {
	stay := func() tea.Cmd { u.close(d); return nil }
	return []group{{"Discard", []binding{
		{keys: "y", help: "discard", hint: hintAlways, run: func() tea.Cmd { u.close(d); return d.leave() }},
		{keys: "n enter esc", show: "n", help: "go on editing", hint: hintAlways, run: stay},
	}}}
}

func (d *discard) update(*ui, tea.Msg) tea.Cmd { return nil }
func (d *discard) width(*ui) int               { return 44 }

func (d *discard) sheet(u *ui, w, _ int) sheet {
	sw := newSheet(u, w, "Discard changes?")
	sw.para("", "What you typed here is lost, and cannot be had back.")
	sw.space()
	sw.buttons(d.groups(u)[0].bindings...)
	return sw.sheet
}

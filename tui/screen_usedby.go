package tui

import (
	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// usedByDialog lists what refers to a secret, and opens it there.
type usedByDialog struct {
	project, name string
	list          referenceList
}

func newUsedBy(u *ui, sel *vault.Secret) *usedByDialog {
	return &usedByDialog{project: u.data.project, name: sel.Name}
}

func (d *usedByDialog) refs(u *ui) []vault.Reference {
	if u.data.project != d.project {
		return nil
	}
	return u.data.rows.refs[d.name]
}

func (d *usedByDialog) open(u *ui) tea.Cmd {
	ref, ok := d.list.selected(d.refs(u))
	if !ok {
		return nil
	}
	return openReference(u, d.project, ref)
}

func (d *usedByDialog) groups(u *ui) []group {
	shut := func() tea.Cmd { u.close(d); return nil }
	if len(d.refs(u)) == 0 {
		return []group{{"Used by", []binding{{keys: "esc enter q u", help: "close", hint: hintAlways, run: shut}}}}
	}
	return []group{{"Used by", []binding{
		{keys: "enter", help: "open", hint: hintAlways, run: func() tea.Cmd { return d.open(u) }},
		{keys: "esc q", help: "close", hint: hintAlways, run: shut},
	}}, {"List", listMoves(func(key string) tea.Cmd { d.list.win.key(key); return nil })}}
}

func (d *usedByDialog) update(*ui, tea.Msg) tea.Cmd { return nil }
func (d *usedByDialog) clickedOutside(u *ui)        { u.close(d) }
func (d *usedByDialog) wheel(n int)                 { d.list.win.move(n / 3) }

func (d *usedByDialog) sheet(u *ui, w, h int) sheet {
	sw := newSheet(u, w, d.name)
	refs := d.refs(u)
	if len(refs) == 0 {
		sw.para("", "No tool and no instruction of "+d.project+" refers to it.")
	} else {
		sw.line(u.theme.dim, "USED BY")
		d.list.draw(sw, refs, max(h-7, 2), true, func(ref vault.Reference) tea.Cmd { return openReference(u, d.project, ref) })
	}
	sw.space()
	sw.para(u.theme.dim, "Files are not listed here: tacenda refs "+d.name+" finds it in them.")
	sw.space()
	sw.buttons(d.groups(u)[0].bindings...)
	return sw.sheet
}

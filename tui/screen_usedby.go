package tui

import (
	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// usedByDialog lists what refers to a secret.
type usedByDialog struct{ name string }

func newUsedBy(sel *vault.Secret) *usedByDialog { return &usedByDialog{sel.Name} }

func (d *usedByDialog) groups(u *ui) []group {
	return []group{{"Used by", []binding{
		{keys: "esc enter q u", help: "close", hint: hintAlways, run: func() tea.Cmd { u.close(d); return nil }},
	}}}
}

func (d *usedByDialog) update(*ui, tea.Msg) tea.Cmd { return nil }
func (d *usedByDialog) clickedOutside(u *ui)        { u.close(d) }

func (d *usedByDialog) sheet(u *ui, w, _ int) sheet {
	sw := newSheet(u, w, d.name)
	usedBy(sw, u.data.rows.refs[d.name])
	sw.space()
	sw.para(u.theme.dim, "Files are not listed here: tacenda refs "+d.name+" finds it in them.")
	sw.space()
	sw.buttons(d.groups(u)[0].bindings...)
	return sw.sheet
}

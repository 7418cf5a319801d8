package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// slots lists what opens the vault.
type slots struct {
	slots   []vault.SlotInfo
	loaded  bool
	trouble string
}

func openSlots(u *ui) tea.Cmd {
	d := &slots{}
	u.push(d)
	return ask(u, "reading the keys", func(ctx context.Context, v Vault) ([]vault.SlotInfo, error) {
		return v.Slots(ctx)
	}, func(found []vault.SlotInfo, err error) tea.Cmd {
		d.slots, d.loaded = found, err == nil
		if err != nil {
			d.trouble = "the keys could not be read: " + reason(err)
		}
		return nil
	})
}

func (d *slots) groups(u *ui) []group {
	return []group{{"Keys", []binding{
		{keys: "esc enter q", help: "close", hint: hintAlways, run: func() tea.Cmd { u.close(d); return nil }},
	}}}
}

func (d *slots) update(*ui, tea.Msg) tea.Cmd { return nil }
func (d *slots) clickedOutside(u *ui)        { u.close(d) }

func (d *slots) sheet(u *ui, w, _ int) sheet {
	t := u.theme
	sw := newSheet(u, w, "Keys to this vault")
	sw.para("", "Each of these opens the whole vault, by itself.")
	sw.space()
	for _, s := range d.slots {
		r := sw.row()
		r.name(t.strong, s.Label, r.left-26)
		r.gap(2)
		r.cell("", string(s.Kind), 12)
		r.gap(2)
		r.text(t.dim, u.day(s.Created))
		sw.add(r.end())
		if s.Fingerprint != "" {
			r := sw.row()
			r.gap(2)
			r.text(t.dim, u.middle(s.Fingerprint, r.left))
			sw.add(r.end())
		}
	}
	if d.trouble != "" {
		sw.notice(t.danger, "x", d.trouble)
	} else if !d.loaded {
		sw.line(t.dim, "reading them "+u.glyphs.ellipsis)
	}
	sw.space()
	sw.para(t.dim, "tacenda key add and tacenda key remove change them.")
	sw.space()
	sw.buttons(d.groups(u)[0].bindings...)
	return sw.sheet
}

package tui

import (
	"context"
	"errors"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// textDeletion asks before a tool or an instruction is deleted. Nothing in a
// vault refers to one, so that y is enough; enter means no.
type textDeletion struct {
	text    vault.Text
	busy    bool
	trouble string
}

func newTextDeletion(t *vault.Text) *textDeletion { return &textDeletion{text: *t} }

func (d *textDeletion) interrupted() {
	if d.busy {
		d.busy, d.trouble = false, lockedMeanwhile
	}
}

func (d *textDeletion) delete(u *ui) tea.Cmd {
	d.busy, d.trouble = true, ""
	t := d.text
	return do(u, "deleting", func(ctx context.Context, v Vault) error {
		return v.DeleteText(ctx, t.Project, t.Kind, t.Name)
	}, func(err error) tea.Cmd {
		d.busy = false
		if err != nil && !errors.Is(err, vault.ErrNotFound) {
			d.trouble = "not deleted: " + reason(err)
			return nil
		}
		u.close(d)
		u.say(toastInfo, deletedWords(t.Name, err))
		return u.load()
	})
}

func (d *textDeletion) groups(u *ui) []group {
	busy := ""
	if d.busy {
		busy = "it is being deleted"
	}
	return []group{{"Delete", []binding{
		{keys: "y", help: "delete", hint: hintAlways, off: busy, run: func() tea.Cmd { return d.delete(u) }},
		{keys: "n enter esc", show: "n", help: "keep it", hint: hintAlways, run: func() tea.Cmd { u.close(d); return nil }},
	}}}
}

func (d *textDeletion) update(*ui, tea.Msg) tea.Cmd { return nil }

func (d *textDeletion) sheet(u *ui, w, _ int) sheet {
	sw := newSheet(u, w, "Delete "+d.text.Name+"?")
	about := "Agents and scripts that call this tool will no longer find it. The secrets that it uses stay."
	if d.text.Kind == vault.Instruction {
		about = "Agents that are given this instruction will no longer find it. The secrets that it uses stay."
	}
	sw.para("", about)
	sw.space()
	sw.para("", "This cannot be undone.")
	sw.space()
	if d.trouble != "" {
		sw.wrong(d.trouble)
	}
	sw.buttons(d.groups(u)[0].bindings...)
	return sw.sheet
}

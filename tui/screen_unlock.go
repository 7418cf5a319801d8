package tui

import (
	"context"
	"errors"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// passphraseMax bounds a passphrase, in bytes: far more than anybody types.
const passphraseMax = 1024

// unlock is the box on the empty screen of a locked vault.
type unlock struct {
	form
	pass    *entry
	why     string // why it is locked, when it was open before
	trouble string
	trying  bool
	quiet   bool // trying by itself, which mostly takes no time: no box yet
}

// pending tells that the box need not be drawn: a vault that opens by itself
// at once must not flash a question.
func (d *unlock) pending(u *ui) bool { return d.quiet && u.slow() == "" }

func newUnlock(u *ui) *unlock {
	d := &unlock{pass: u.input.newEntry(passphraseMax, false)}
	d.items = []*item{{label: "Passphrase", value: d.pass}}
	return d
}

func (d *unlock) wipe() { d.pass.wipe() }
func (d *unlock) drop() { d.pass.drop() }

// tryOpen tries what asks nobody. That nothing fits is no trouble: it is what
// the box is for.
func (d *unlock) tryOpen(u *ui) tea.Cmd {
	d.trying = true
	asked := !d.quiet // by a key, which must not seem to do nothing
	return task(u, "opening the vault", u.cfg.Open, func(v Vault, err error) tea.Cmd {
		d.trying, d.quiet = false, false
		if err == nil {
			return tea.Batch(u.entered(v), func() tea.Msg { collect(); return nil })
		}
		d.why = triedWords(err)
		switch {
		case !errors.Is(err, vault.ErrLocked):
			d.trouble = reason(err)
		case asked && d.why == "":
			d.why = "no key was found that opens it: type the passphrase"
		}
		return nil
	})
}

// triedWords says what was tried to open a vault that is still locked, if who tried
// it tells: a key that was given and does not fit is worth a word.
func triedWords(err error) string {
	var t interface{ Tried() string }
	if errors.As(err, &t) {
		return t.Tried()
	}
	return ""
}

// try tries the passphrase; without one, what asks nobody.
func (d *unlock) try(u *ui) tea.Cmd {
	d.trouble, d.why = "", ""
	pass, err := d.pass.take()
	switch {
	case err != nil:
		d.trouble = reason(err)
		return nil
	case pass == nil:
		return d.tryOpen(u)
	}
	d.trying = true
	return task(u, "unlocking", func(ctx context.Context) (Vault, error) {
		defer collect() // what a passphrase is stretched with is 64 MiB and more
		defer pass.Destroy()
		return u.cfg.Unlock(ctx, pass)
	}, func(v Vault, err error) tea.Cmd {
		d.trying = false
		switch {
		case err == nil:
			return u.entered(v)
		case errors.Is(err, vault.ErrLocked):
			d.trouble = "wrong passphrase"
		default:
			d.trouble = reason(err)
		}
		return nil
	})
}

func (d *unlock) groups(u *ui) []group {
	busy := ""
	if d.trying {
		busy = "one moment: it is being tried"
	}
	return []group{{"Unlock", []binding{
		{keys: "enter", help: "unlock", hint: hintAlways, off: busy, run: func() tea.Cmd { return d.try(u) }},
		{keys: "ctrl+u", help: "clear", hint: hintAlways, run: none},
		{keys: "esc", help: "quit", hint: hintAlways, run: u.leave},
	}}}
}

func (d *unlock) update(_ *ui, msg tea.Msg) tea.Cmd {
	if _, ok := msg.(changedMsg); ok {
		d.trouble = ""
	}
	return nil
}

func (d *unlock) width(*ui) int { return 50 }

func (d *unlock) sheet(u *ui, w, _ int) sheet {
	t := u.theme
	sw := newSheet(u, w, "Unlock vault")
	sw.line(t.dim, u.middle(u.cfg.Place, w))
	sw.space()
	d.draw(sw, 0)
	switch {
	case d.trouble != "":
		sw.wrong(d.trouble)
	case d.trying:
		sw.line(t.dim, "opening "+u.glyphs.ellipsis)
	case d.why != "":
		sw.para(t.dim, d.why)
	default:
		sw.line(t.dim, "enter alone tries your keys again")
	}
	sw.space()
	sw.buttons(d.groups(u)[0].bindings[0], d.groups(u)[0].bindings[2])
	return sw.sheet
}

package tui

import (
	"context"
	"errors"
	"strings"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// memberForm makes somebody a member by their public key. What is typed here is
// no secret, but people mistake the one half of a key for the other: see private.
type memberForm struct {
	form
	name, key         field
	nameItem, keyItem *item
	checked           string // the key that kind, fingerprint and wrong are of
	kind, fingerprint string
	wrong, trouble    string
	burnt             bool // the private half was typed: the field takes nothing until ctrl+u
}

func newMemberForm(u *ui) *memberForm {
	f := &memberForm{name: field{max: vault.MaxName, form: lower}, key: field{max: fieldMax}}
	f.nameItem = &item{label: "Name", about: "a-z 0-9, and after the first . _ -", field: &f.name}
	f.nameItem.problem = func() string { return f.nameProblem(u) }
	f.keyItem = &item{label: "Public key", about: "age1…, ssh-ed25519 … or ssh-rsa …: paste it", field: &f.key}
	f.keyItem.paste = func(_ *ui, text string) {
		if f.burnt = private(text); f.burnt {
			return
		}
		f.key.insert(strings.TrimSpace(text))
	}
	f.keyItem.problem = func() string { return f.wrong }
	f.items = []*item{f.nameItem, f.keyItem}
	return f
}

// private tells whether a text holds the half of a key that nobody gives away.
func private(text string) bool {
	text = strings.ToUpper(text)
	for _, mark := range []string{"AGE-SECRET-KEY-", "AGE-PLUGIN-", "-----BEGIN"} {
		if strings.Contains(text, mark) {
			return true
		}
	}
	return false
}

func (f *memberForm) nameProblem(u *ui) string {
	name := f.name.string()
	switch {
	case name == "":
		return ""
	case vault.CheckName("member", name) != nil:
		return "a-z and 0-9, and after the first also . _ -"
	case u.data.people.find(name) != nil:
		return name + " exists"
	}
	return ""
}

// check reads the key as it is now, for its fingerprint.
func (f *memberForm) check(u *ui) {
	text := strings.TrimSpace(f.key.string())
	if f.burnt = f.burnt || private(text); f.burnt {
		clear(f.key.text[:cap(f.key.text)])
		f.key.set("")
		f.checked, f.kind, f.fingerprint = "", "", ""
		f.wrong = "that is a private key, which is not kept: ctrl+u, then the public one"
		return
	}
	if text == f.checked {
		return
	}
	f.checked, f.kind, f.fingerprint, f.wrong = text, "", "", ""
	if text == "" {
		return
	}
	kind, fingerprint, err := u.cfg.CheckRecipient(text)
	if err != nil {
		f.wrong = reason(err)
		return
	}
	f.kind, f.fingerprint = kind, fingerprint
}

func (f *memberForm) changed() bool { return f.name.string() != "" || f.key.string() != "" }

func (f *memberForm) cancel(u *ui) tea.Cmd {
	if f.changed() {
		return u.push(&discard{leave: func() tea.Cmd { u.close(f); return nil }})
	}
	u.close(f)
	return nil
}

// next goes on to the fingerprint, or to what keeps it from that.
func (f *memberForm) next(u *ui) tea.Cmd {
	switch {
	case f.name.string() == "":
		f.to(f.nameItem)
		f.trouble = "it needs a name"
	case f.nameProblem(u) != "":
		f.to(f.nameItem)
		f.trouble = "the name cannot be used"
	case f.fingerprint == "":
		f.to(f.keyItem)
		f.trouble = "it needs a public key"
	default:
		f.trouble = ""
		return u.push(&memberConfirm{form: f})
	}
	return nil
}

func (f *memberForm) groups(u *ui) []group {
	g := f.moves()
	g.bindings = append(g.bindings,
		binding{keys: "ctrl+s", help: "add…", hint: hintAlways, run: func() tea.Cmd { return f.next(u) }},
		binding{keys: "esc", help: "cancel", hint: hintAlways, run: func() tea.Cmd { return f.cancel(u) }},
	)
	return []group{g}
}

func (f *memberForm) update(u *ui, msg tea.Msg) tea.Cmd {
	f.trouble = ""
	if k, ok := msg.(tea.KeyPressMsg); ok && k.String() == "ctrl+u" && f.burnt {
		f.burnt, f.wrong = false, ""
	}
	f.form.update(u, msg)
	f.check(u)
	return nil
}

func (f *memberForm) sheet(u *ui, w, h int) sheet {
	t := u.theme
	sw := newSheet(u, w, "New member")
	f.draw(sw, h-5)
	sw.label("Fingerprint", f.kind)
	if f.fingerprint != "" {
		sw.para("", f.fingerprint)
	} else {
		sw.line(t.dim, "of the key, when it can be read")
	}
	if f.trouble != "" {
		sw.wrong(f.trouble)
	} else {
		sw.space()
	}
	g := f.groups(u)[0].bindings
	sw.buttons(g[len(g)-2:]...)
	return sw.sheet
}

// memberConfirm shows the fingerprint to be compared before somebody is added:
// who swaps the key on its way to here would be the member.
type memberConfirm struct {
	form    *memberForm
	busy    bool
	trouble string
}

func (d *memberConfirm) interrupted() {
	if d.busy {
		d.busy, d.trouble = false, lockedMeanwhile
	}
}

func (d *memberConfirm) add(u *ui) tea.Cmd {
	d.busy, d.trouble = true, ""
	name, key := d.form.name.string(), d.form.checked
	return ask(u, "adding a member", func(ctx context.Context, v Vault) (vault.Member, error) {
		return v.AddMember(ctx, name, key)
	}, func(m vault.Member, err error) tea.Cmd {
		d.busy = false
		if errors.Is(err, vault.ErrExists) {
			u.close(d)
			d.form.trouble = reason(err)
			return nil
		}
		if err != nil {
			d.trouble = "not added: " + reason(err)
			return nil
		}
		u.close(d.form)
		u.say(toastInfo, "added "+m.Name+": e says what they may do")
		u.someone = m.Name
		return u.load()
	})
}

func (d *memberConfirm) groups(u *ui) []group {
	busy := ""
	if d.busy {
		busy = "one moment"
	}
	return []group{{"Member", []binding{
		{keys: "y", help: "same: add", hint: hintAlways, off: busy, run: func() tea.Cmd { return d.add(u) }},
		{keys: "n enter esc", show: "n", help: "back", hint: hintAlways, off: busy, run: func() tea.Cmd { u.close(d); return nil }},
	}}}
}

func (d *memberConfirm) update(*ui, tea.Msg) tea.Cmd { return nil }
func (d *memberConfirm) alone() bool                 { return true }

func (d *memberConfirm) sheet(u *ui, w, _ int) sheet {
	t, f := u.theme, d.form
	sw := newSheet(u, w, "Add "+f.name.string()+"?")
	sw.para("", "Ask "+f.name.string()+", by another way than the key came, whether this is the fingerprint of their key:")
	if hintRow(u.h) {
		sw.space()
	}
	sw.para(t.strong, f.fingerprint)
	sw.line(t.dim, f.kind)
	if hintRow(u.h) {
		d.more(sw)
	}
	if d.trouble != "" {
		sw.wrong(d.trouble)
	}
	sw.buttons(d.groups(u)[0].bindings...)
	return sw.sheet
}

// more says how to compare it, where there is room for that.
func (d *memberConfirm) more(sw *sheetWriter) {
	t, f := sw.u.theme, d.form
	sw.space()
	switch {
	case strings.HasPrefix(f.kind, "ssh-"):
		sw.para(t.dim, "ssh-keygen -l -f KEY.pub shows it to them.")
	case len(f.checked) < 100: // short enough to be read out
		sw.para(t.dim, "Or compare the key itself:")
		sw.para("", f.checked)
	}
	sw.para("", "They find nothing in the vault until something is granted to them.")
	sw.space()
}

package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// setup is the first run: it makes the vault, opened by a passphrase or by a
// key that the user has, and its first project.
type setup struct {
	form
	pass, again *entry
	project     field
	useKey      []bool // one of cfg.Keys, or none for the passphrase
	passItem    *item
	againItem   *item
	projectItem *item
	trouble     string
	making      bool
}

func newSetup(u *ui) *setup {
	d := &setup{pass: u.input.newEntry(passphraseMax, false), again: u.input.newEntry(passphraseMax, false)}
	d.project = field{max: vault.MaxName, form: lower}
	d.project.set(firstProject(u))
	d.useKey = make([]bool, len(u.cfg.Keys))
	byKey := func() bool { return d.key() >= 0 }
	d.passItem = &item{label: "Passphrase", about: "it opens the vault: nobody can recover it", value: d.pass, hidden: byKey,
		note: func() string { return strengthWords(d.pass) }}
	d.againItem = &item{label: "Again", value: d.again, hidden: byKey, problem: d.againProblem}
	d.projectItem = &item{label: "Project", about: "what the first secrets are for", field: &d.project, problem: d.projectProblem}
	for i, k := range u.cfg.Keys {
		d.items = append(d.items, &item{label: "use " + k.Label, about: "instead of a passphrase", check: &d.useKey[i]})
	}
	d.items = append(d.items, d.passItem, d.againItem, d.projectItem)
	d.to(d.passItem)
	return d
}

func firstProject(u *ui) string {
	if vault.CheckName("project", u.cfg.Project) == nil {
		return u.cfg.Project
	}
	return "default"
}

func (d *setup) wipe() { d.pass.wipe(); d.again.wipe() }
func (d *setup) drop() { d.pass.drop(); d.again.drop() }

// key is the index of the key that is used, or -1.
func (d *setup) key() int {
	for i, on := range d.useKey {
		if on {
			return i
		}
	}
	return -1
}

func (d *setup) againProblem() string {
	if d.again.empty() || d.pass.equal(d.again) {
		return ""
	}
	return "not the same yet"
}

func (d *setup) projectProblem() string {
	if d.project.string() == "" || vault.CheckName("project", d.project.string()) == nil {
		return ""
	}
	return "a-z 0-9, and after the first . _ -"
}

func (d *setup) ready() bool {
	byKey := d.key() >= 0
	switch {
	case !byKey && d.pass.empty():
		d.to(d.passItem)
		d.trouble = "it needs a passphrase"
	case !byKey && !d.pass.equal(d.again):
		d.to(d.againItem)
		d.trouble = "the two passphrases differ"
	case vault.CheckName("project", d.project.string()) != nil:
		d.to(d.projectItem)
		d.trouble = "the project needs a name of a-z 0-9 . _ -"
	default:
		return true
	}
	return false
}

// create makes the vault.
func (d *setup) create(u *ui) tea.Cmd {
	if !d.ready() {
		return nil
	}
	s := Setup{Project: d.project.string()}
	if i := d.key(); i >= 0 {
		s.Key = u.cfg.Keys[i].ID
	} else {
		pass, err := d.pass.take()
		if err != nil {
			d.trouble = reason(err)
			return nil
		}
		s.Passphrase = pass
	}
	d.wipe()
	d.making, d.trouble = true, ""
	return task(u, "creating the vault", func(ctx context.Context) (Vault, error) {
		defer s.Passphrase.Destroy()
		return u.cfg.Create(ctx, s)
	}, func(v Vault, err error) tea.Cmd {
		d.making = false
		if err != nil {
			d.trouble = "not created: " + reason(err)
			d.to(d.passItem)
			return nil
		}
		u.cfg.Missing = false
		u.data.project = s.Project
		cmd := u.entered(v)
		u.say(toastInfo, "the vault was created at "+u.cfg.Place)
		return cmd
	})
}

func (d *setup) groups(u *ui) []group {
	busy := ""
	if d.making {
		busy = "one moment: it is being created"
	}
	g := d.moves()
	g.title = "Create vault"
	g.bindings = append(g.bindings,
		binding{keys: "ctrl+s", help: "create", hint: hintAlways, off: busy, run: func() tea.Cmd { return d.create(u) }},
		binding{keys: "esc", help: "quit", hint: hintAlways, run: u.leave},
	)
	return []group{g}
}

func (d *setup) update(u *ui, msg tea.Msg) tea.Cmd {
	if d.making {
		return nil
	}
	d.trouble = ""
	before := d.key()
	d.form.update(u, msg)
	if d.key() != before { // one key at most
		for i := range d.useKey {
			d.useKey[i] = d.useKey[i] && i != before
		}
	}
	return nil
}

func (d *setup) sheet(u *ui, w, h int) sheet {
	t := u.theme
	sw := newSheet(u, w, "Create vault")
	sw.para("", "There is no vault here yet. It will be made at")
	sw.line(t.strong, u.middle(u.cfg.Place, w))
	sw.space()
	d.draw(sw, h-5)
	switch {
	case d.trouble != "":
		sw.wrong(d.trouble)
	case d.making:
		sw.line(t.dim, "creating the vault "+u.glyphs.ellipsis)
	default:
		sw.space()
	}
	g := d.groups(u)[0].bindings
	sw.buttons(g[len(g)-2], g[len(g)-1])
	return sw.sheet
}

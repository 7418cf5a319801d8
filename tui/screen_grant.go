package tui

import (
	"context"
	"errors"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// grantForm sets what a member may do in the open project.
type grantForm struct {
	form
	resealing
	project, member           string
	secrets                   int // in the project
	old                       *vault.Grant
	read, use, manage, server bool
	trouble                   string
}

func newGrantForm(u *ui, p *person) *grantForm {
	d := &grantForm{project: u.data.project, member: p.name, old: p.grant(u.data.project)}
	if c := u.data.current(); c != nil {
		d.secrets = c.Secrets
	}
	if g := d.old; g != nil {
		keep := *g
		d.old = &keep
		d.read, d.use, d.manage = true, g.Permissions&vault.PermUse != 0, g.Permissions&vault.PermManage != 0
		d.server = g.ServerOnly
	}
	include := func() { d.trouble, d.read = "", d.read || d.use || d.manage }
	d.items = []*item{
		{label: "read       ", about: "names, hints, descriptions, tools", check: &d.read, flipped: func() {
			d.use, d.manage = d.use && d.read, d.manage && d.read
			include()
		}},
		{label: "use        ", about: "resolve, run and call; includes read", check: &d.use, flipped: include},
		{label: "manage     ", about: "create, edit, delete; read, not use", check: &d.manage, flipped: include},
		{label: "server only", about: "no keys: only a server acts on it", check: &d.server, flipped: include},
	}
	return d
}

// next is the grant that saving makes; nil when nothing is left of it.
func (d *grantForm) next() *vault.Grant {
	var p vault.Permission
	if d.read {
		p |= vault.PermRead
	}
	if d.use {
		p |= vault.PermUse
	}
	if d.manage {
		p |= vault.PermManage
	}
	if p == 0 {
		return nil
	}
	return &vault.Grant{Project: d.project, Permissions: p, ServerOnly: d.server}
}

func (d *grantForm) changed() bool {
	next := d.next()
	if d.old == nil || next == nil {
		return d.old != nil || next != nil
	}
	return *next != *d.old
}

// off says why there is nothing to save.
func (d *grantForm) off() string {
	switch {
	case d.next() == nil && d.old != nil:
		return "nothing would be left: d revokes"
	case d.next() == nil:
		return "choose a permission first"
	case !d.changed():
		return "nothing was changed"
	}
	return ""
}

func (d *grantForm) save(u *ui) tea.Cmd {
	next, project, member := *d.next(), d.project, d.member
	d.trouble = ""
	done := member + " has " + grantWords(&next) + " in " + project
	return d.start(u, "granting", d, member, func(ctx context.Context, v Vault, step func(int, int)) (map[string][]string, error) {
		lost, err := v.Grant(ctx, member, project, next.Permissions, next.ServerOnly, step)
		return map[string][]string{project: lost}, err
	}, func(err error) {
		if d.trouble = stopped(err); errors.Is(err, vault.ErrNotFound) {
			d.trouble = member + " or the project is gone meanwhile"
		}
	}, done)
}

func (d *grantForm) interrupted() {
	if d.busy {
		d.busy, d.trouble = false, lockedMeanwhile
	}
}

func (d *grantForm) groups(u *ui) []group {
	if d.busy {
		return []group{{"Permission", []binding{d.stopBinding()}}}
	}
	g := d.moves()
	g.bindings = append(g.bindings,
		binding{keys: "space x", help: "change", hint: hintAlways, run: func() tea.Cmd { d.now().flip(); return nil }},
		binding{keys: "ctrl+s", help: "save", hint: hintAlways, off: d.off(), run: func() tea.Cmd { return d.save(u) }},
		binding{keys: "esc", help: "cancel", hint: hintAlways, run: func() tea.Cmd { u.close(d); return nil }},
	)
	return []group{g}
}

// typing is false: a letter is a shortcut here, and a paste is refused.
func (d *grantForm) typing() bool { return false }

func (d *grantForm) update(u *ui, msg tea.Msg) tea.Cmd {
	if !d.busy {
		d.form.update(u, msg)
	}
	return nil
}

func (d *grantForm) sheet(u *ui, w, h int) sheet {
	sw := newSheet(u, w, d.member+" in "+d.project)
	d.form.draw(sw, h)
	sw.space()
	switch {
	case d.busy:
		d.resealing.draw(sw)
	case d.trouble != "":
		sw.wrong(d.trouble)
	default:
		d.effect(sw)
	}
	sw.show[1] = len(sw.lines) - 1 // what it would do is seen where there is no room for all
	sw.space()
	g := d.groups(u)[0].bindings
	sw.buttons(g[max(len(g)-2, 0):]...)
	return sw.sheet
}

// effect says what saving would do.
func (d *grantForm) effect(sw *sheetWriter) {
	t, next := sw.u.theme, d.next()
	switch {
	case next == nil || !d.changed():
		sw.notice(t.dim, "", d.off())
	case keysOf(next) < keysOf(d.old):
		words := "This takes keys away: the project gets new ones, and its " + count(d.secrets, "secret", "secrets") + " are sealed anew."
		if readsValues(d.old) && !readsValues(next) {
			words += " What " + d.member + " could have read is listed afterwards: change it where it comes from."
		}
		sw.notice(t.warn, "!", words)
	case readsValues(d.old) && !readsValues(next):
		sw.notice(t.warn, "!", "What "+d.member+" could have read is listed afterwards: change it where it comes from.")
	case keysOf(next) > keysOf(d.old):
		sw.notice(t.dim, "", d.member+" gets keys of the project.")
	default:
		sw.notice(t.dim, "", "No keys are given or taken.")
	}
	if next != nil && d.manage && !d.use && !d.server {
		sw.notice(t.warn, "!", "A manager has the keys: a program of their own could read values. With server only it could not.")
	}
}

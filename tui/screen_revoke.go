package tui

import (
	"context"
	"errors"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// revocation takes from a member what they were granted in the open project, or
// everything and the vault itself: pick one, then confirm.
type revocation struct {
	resealing
	project, member string
	grant           *vault.Grant // in the project
	grants          []vault.Grant
	at              int  // 0 the project, 1 the vault
	asking          bool // y does it
	trouble         string
}

func newRevocation(u *ui, p *person) *revocation {
	d := &revocation{project: u.data.project, member: p.name, grants: append([]vault.Grant(nil), p.grants...)}
	if g := p.grant(d.project); g != nil {
		keep := *g
		d.grant = &keep
	} else {
		d.at = 1
	}
	return d
}

// A way is one of the two things to choose from.
type way struct{ label, right, off string }

func (d *revocation) ways() []way {
	here := way{label: "Revoke from " + d.project, right: grantWord(d.grant)}
	switch {
	case d.project == "":
		here.label, here.off = "Revoke from the project", "none is open"
	case d.grant == nil:
		here.off = "nothing is granted there"
	}
	return []way{here, {label: "Remove " + d.member + " from the vault", right: count(len(d.grants), "grant", "grants")}}
}

func (d *revocation) pick() tea.Cmd {
	if w := d.ways()[d.at]; w.off != "" {
		d.trouble = w.label + ": " + w.off
		return nil
	}
	d.asking, d.trouble = true, ""
	return nil
}

func (d *revocation) run(u *ui) tea.Cmd {
	member, project := d.member, d.project
	failed := func(err error) {
		d.asking = false
		if d.trouble = stopped(err); errors.Is(err, vault.ErrNotFound) {
			d.trouble = "that is gone already"
		}
	}
	d.trouble = ""
	if d.at == 0 {
		return d.start(u, "revoking", d, member, func(ctx context.Context, v Vault, step func(int, int)) (map[string][]string, error) {
			lost, err := v.Revoke(ctx, member, project, step)
			return map[string][]string{project: lost}, err
		}, failed, member+" has nothing in "+project+" any more")
	}
	return d.start(u, "removing a member", d, member, func(ctx context.Context, v Vault, step func(int, int)) (map[string][]string, error) {
		return v.RemoveMember(ctx, member, step)
	}, failed, "removed "+member)
}

func (d *revocation) interrupted() {
	if d.busy {
		d.busy, d.asking, d.trouble = false, false, lockedMeanwhile
	}
}

func (d *revocation) groups(u *ui) []group {
	switch {
	case d.busy:
		return []group{{"Revoke", []binding{d.stopBinding()}}}
	case d.asking:
		help := "revoke"
		if d.at == 1 {
			help = "remove"
		}
		return []group{{"Revoke", []binding{
			{keys: "y", help: help, hint: hintAlways, run: func() tea.Cmd { return d.run(u) }},
			{keys: "n enter esc", show: "n", help: "back", hint: hintAlways, run: func() tea.Cmd { d.asking = false; return nil }},
		}}}
	}
	to := func(at int) func() tea.Cmd {
		return func() tea.Cmd { d.at, d.trouble = at, ""; return nil }
	}
	return []group{{"Revoke", []binding{
		{keys: "up k", show: u.glyphs.upDown, help: "move", hint: hintAlways, run: to(0)},
		{keys: "down j", run: to(1)},
		{keys: "enter", help: "pick", hint: hintAlways, run: d.pick},
		{keys: "esc q", help: "cancel", hint: hintAlways, run: func() tea.Cmd { u.close(d); return nil }},
	}}}
}

func (d *revocation) update(*ui, tea.Msg) tea.Cmd { return nil }

func (d *revocation) sheet(u *ui, w, _ int) sheet {
	title := "Revoke from " + d.member
	if d.asking && d.at == 0 {
		title = "Revoke from " + d.member + " in " + d.project + "?"
	} else if d.asking {
		title = "Remove " + d.member + "?"
	}
	sw := newSheet(u, w, title)
	switch {
	case d.busy:
		d.draw(sw)
		sw.space()
	case d.asking:
		d.question(sw)
	default:
		d.choose(sw)
	}
	if d.trouble != "" {
		sw.wrong(d.trouble)
	}
	g := d.groups(u)[0].bindings
	sw.buttons(g[max(len(g)-2, 0):]...)
	return sw.sheet
}

func (d *revocation) choose(sw *sheetWriter) {
	t := sw.u.theme
	for i, x := range d.ways() {
		r, st, mark, right := sw.row(), style(""), "  ", x.right
		if i == d.at {
			st, mark = t.strong, "> "
		}
		if x.off != "" {
			st, right = t.dim, x.off
		}
		r.text(t.accent, mark)
		r.name(st, x.label, r.left-sw.u.width(right)-2)
		r.right(t.dim, right, r.left)
		sw.add(r.end())
		sw.clickable(func() tea.Cmd { d.at = i; return d.pick() })
	}
	sw.space()
}

// question says what y would do.
func (d *revocation) question(sw *sheetWriter) {
	t, tight := sw.u.theme, !hintRow(sw.u.h)
	taken, read, where := keysOf(d.grant), readsValues(d.grant), "The project gets"
	what := d.member + " has " + grantWords(d.grant) + "."
	if d.at == 1 {
		taken, read, where = 0, false, "Each project whose keys they have gets"
		var in []string
		for i := range d.grants {
			taken, read = taken+keysOf(&d.grants[i]), read || readsValues(&d.grants[i])
			in = append(in, d.grants[i].Project)
		}
		what = d.member + " has no grants."
		if len(in) > 0 {
			what = d.member + " has grants in " + list(in, 6) + "."
		}
	}
	if !tight {
		sw.para("", what)
		sw.space()
	}
	if taken > 0 {
		sw.para("", where+" new keys, and everything in it is sealed anew.")
	}
	if read {
		sw.notice(t.warn, "!", "What they know stays known. What they could have read is listed afterwards: change it where it comes from.")
	}
	if (taken > 0 || read) && !tight {
		sw.space()
	}
}

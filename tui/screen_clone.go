package tui

import (
	"context"
	"errors"
	"slices"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// clone copies a secret to another project: pick one, then confirm.
type clone struct {
	picker
	project string
	secret  vault.Secret
	targets []target
	asking  bool // the target was picked; enter confirms
	busy    bool
	trouble string
}

// A target is a project that the secret could be cloned to.
type target struct {
	name   string
	may    string // what the user may do there
	known  bool   // whether the name is free was looked up
	exists bool
	denied bool
	needs  string // what is lacking, when denied
}

func openClone(u *ui, sel *vault.Secret) tea.Cmd {
	d := &clone{project: u.data.project, secret: *sel}
	d.query = field{max: vault.MaxName}
	for _, p := range u.data.projects {
		if p.Name != d.project {
			d.targets = append(d.targets, newTarget(u, &p))
		}
	}
	d.lines = max(min(len(d.targets), 8), 3)
	d.narrow()
	u.push(d)
	return d.lookUp(u)
}

// newTarget says whether a project can be cloned to. Besides the right to manage
// both, a value that the target lets somebody read who could not read it where it
// is needs the right to use it there: see vault.CloneSecrets.
func newTarget(u *ui, p *vault.Project) target {
	t := target{name: p.Name, may: permissionWord(p.Permissions)}
	mine := u.data.people.mine
	switch uses := slices.Contains(p.Permissions, "secrets:use"); {
	case !slices.Contains(p.Permissions, "secrets:manage"):
		t.denied, t.needs = true, "needs manage"
	case u.may("secrets:use") == "" || u.owns() == "":
	case uses || readsValues(mine(p.Name)) && !readsValues(mine(u.data.project)):
		t.denied, t.needs = true, "needs use here"
	}
	return t
}

func (d *clone) narrow() {
	d.picker.narrow(len(d.targets), func(i int) string { return d.targets[i].name })
}

// lookUp finds out where the name is free.
func (d *clone) lookUp(u *ui) tea.Cmd {
	targets, name := slices.Clone(d.targets), d.secret.Name
	return ask(u, "looking at the projects", func(ctx context.Context, v Vault) ([]target, error) {
		for i := range targets {
			if targets[i].denied {
				continue
			}
			_, err := v.Secret(ctx, targets[i].name, name)
			targets[i].known = err == nil || errors.Is(err, vault.ErrNotFound)
			targets[i].exists = err == nil
			if errors.Is(err, vault.ErrDenied) {
				targets[i].denied, targets[i].needs = true, "needs read"
			}
		}
		return targets, ctx.Err()
	}, func(found []target, err error) tea.Cmd {
		if err == nil {
			d.targets = found
			d.narrow()
		}
		return nil
	})
}

// word says whether a target can be cloned to.
func (t target) word() (mark, text string) {
	switch {
	case t.denied:
		return "x", t.needs
	case t.exists:
		return "!", "name exists"
	case t.known:
		return " ", "name is free"
	}
	return " ", ""
}

// pick chooses a target, if it can be one.
func (d *clone) pick(i int) tea.Cmd {
	if i < 0 {
		return nil
	}
	switch t := d.targets[i]; {
	case t.denied:
		d.trouble = "not permitted: " + t.name + " " + t.needs
	case t.exists:
		d.trouble = t.name + " has a " + d.secret.Name + " already: edit or delete that one"
	default:
		d.trouble, d.asking = "", true
		for n, h := range d.hits {
			if h == i {
				d.win.to(n)
			}
		}
	}
	return nil
}

// clone copies it. What went wrong meanwhile leads back to the list.
func (d *clone) clone(u *ui) tea.Cmd {
	d.busy = true
	from, name, to := d.project, d.secret.Name, d.targets[d.chosen()].name
	return do(u, "cloning", func(ctx context.Context, v Vault) error {
		return v.CloneSecrets(ctx, from, []string{name}, to, false)
	}, func(err error) tea.Cmd {
		d.busy, d.asking = false, false
		switch {
		case err == nil:
			u.close(d)
			u.say(toastInfo, "cloned "+name+" to "+to)
			return u.load()
		case errors.Is(err, vault.ErrDenied):
			d.trouble = "you may no longer create secrets in " + to
		case errors.Is(err, vault.ErrExists):
			d.trouble = to + " got a " + name + " meanwhile"
		default:
			d.trouble = "not cloned: " + reason(err)
		}
		return d.lookUp(u)
	})
}

func (d *clone) typing() bool { return !d.asking && len(d.targets) > 0 }

func (d *clone) interrupted() {
	if d.busy {
		d.busy, d.trouble = false, lockedMeanwhile
	}
}

func (d *clone) groups(u *ui) []group {
	if d.asking {
		busy := ""
		if d.busy {
			busy = "it is being cloned"
		}
		return []group{{"Clone", []binding{
			{keys: "enter", help: "confirm", hint: hintAlways, off: busy, run: func() tea.Cmd { return d.clone(u) }},
			{keys: "esc", help: "back", hint: hintAlways, run: func() tea.Cmd { d.asking = d.busy; return nil }},
		}}}
	}
	if len(d.targets) == 0 {
		return []group{{"Clone", []binding{
			{keys: "p", help: "projects", hint: hintAlways, run: func() tea.Cmd { u.close(d); return openProjects(u) }},
			{keys: "esc", help: "cancel", hint: hintAlways, run: func() tea.Cmd { u.close(d); return nil }},
		}}}
	}
	return []group{{"Clone", []binding{
		{show: u.glyphs.upDown, help: "project", hint: hintAlways, run: none},
		{show: "type", help: "to filter", hint: hintAlways, run: none},
		{keys: "enter", help: "pick", hint: hintAlways, run: func() tea.Cmd { return d.pick(d.chosen()) }},
		{keys: "esc", help: "cancel", hint: hintAlways, run: func() tea.Cmd { u.close(d); return nil }},
	}}}
}

func (d *clone) update(u *ui, msg tea.Msg) tea.Cmd {
	if !d.asking {
		d.trouble = ""
		if d.picker.update(u, msg) {
			d.narrow()
		}
	}
	return nil
}

func (d *clone) wheel(n int) {
	if !d.asking {
		d.win.move(n / 3)
	}
}

func (d *clone) sheet(u *ui, w, _ int) sheet {
	t := u.theme
	sw := newSheet(u, w, "Clone "+d.secret.Name+" to"+u.glyphs.ellipsis)
	switch {
	case len(d.targets) == 0:
		sw.para("", "There is no other project to clone it to. Make one with n in the list of projects.")
	case d.asking:
		sw.para(t.strong, "Clone to "+d.targets[d.chosen()].name+"?")
		sw.space()
		sw.para("", "The name, the value, the hint and the description are copied. What is edited later here does not change there.")
		sw.space()
	default:
		d.drawTargets(sw)
	}
	if d.trouble != "" {
		sw.pin()
		sw.notice(t.warn, "!", d.trouble)
	} else if !d.asking && len(d.targets) > 0 {
		sw.line(t.dim, "Value and description are copied; later edits are not.")
	}
	g := d.groups(u)[0].bindings
	sw.space()
	sw.buttons(g[len(g)-2], g[len(g)-1])
	return sw.sheet
}

func (d *clone) drawTargets(sw *sheetWriter) {
	t := sw.u.theme
	d.draw(sw, "/", func(r *row, i int, st style) {
		x := d.targets[i]
		mark, word := x.word()
		tone := t.dim
		if mark == "!" {
			tone = t.warn
		}
		if mark == "x" {
			tone = t.danger
		}
		r.name(st, x.name, max(r.left-28, 12))
		r.gap(2)
		r.cell(t.dim, x.may, 8)
		r.gap(2)
		r.cell(tone, mark, 2)
		r.text(tone, word)
	}, d.pick)
	sw.space()
}

// permissionWord is what a set of permissions allows, in one word.
func permissionWord(have []string) string {
	may := func(p string) bool { return slices.Contains(have, "secrets:"+p) }
	switch {
	case may("manage") && may("use"):
		return "full"
	case may("manage"):
		return "manage"
	case may("use"):
		return "use"
	case may("read"):
		return "read"
	}
	return "nothing"
}

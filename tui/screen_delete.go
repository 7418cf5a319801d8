package tui

import (
	"context"
	"errors"
	"strings"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// deletion asks before a secret is deleted. While nothing refers to it, y
// deletes and enter means no; when something does, the name must be typed.
type deletion struct {
	form
	project string
	secret  vault.Secret
	refs    []vault.Reference
	typed   field
	others  []string // projects that hold a secret of this name
	busy    bool
	trouble string
}

func openDelete(u *ui, sel *vault.Secret) tea.Cmd {
	d := &deletion{project: u.data.project, secret: *sel, refs: u.data.rows.refs[sel.Name]}
	d.typed = field{max: vault.MaxSecretName, form: upper}
	d.items = []*item{{label: "Type the name", about: "to delete it", field: &d.typed,
		paste: func(u *ui, _ string) { u.say(toastWarn, "type the name: pasting does not count") }}}
	u.push(d)
	return d.lookAround(u)
}

// lookAround finds out where else there is a secret of this name: what was
// cloned stays.
func (d *deletion) lookAround(u *ui) tea.Cmd {
	var projects []string
	for _, p := range u.data.projects {
		if p.Name != d.project {
			projects = append(projects, p.Name)
		}
	}
	name := d.secret.Name
	return ask(u, "looking for clones", func(ctx context.Context, v Vault) ([]string, error) {
		var out []string
		for _, p := range projects {
			if _, err := v.Secret(ctx, p, name); err == nil {
				out = append(out, p)
			}
		}
		return out, ctx.Err()
	}, func(out []string, _ error) tea.Cmd {
		d.others = out
		return nil
	})
}

func (d *deletion) typing() bool { return len(d.refs) > 0 }

// off says why deleting is not possible yet.
func (d *deletion) off() string {
	switch {
	case d.busy:
		return "it is being deleted"
	case len(d.refs) > 0 && d.typed.string() != d.secret.Name:
		return "type the whole name first"
	}
	return ""
}

func (d *deletion) delete(u *ui) tea.Cmd {
	d.busy, d.trouble = true, ""
	project, name := d.project, d.secret.Name
	return do(u, "deleting", func(ctx context.Context, v Vault) error {
		return v.DeleteSecrets(ctx, project, []string{name})
	}, func(err error) tea.Cmd {
		d.busy = false
		if err != nil && !errors.Is(err, vault.ErrNotFound) {
			d.trouble = "not deleted: " + reason(err)
			return nil
		}
		u.close(d)
		u.say(toastInfo, "deleted "+name)
		return u.load()
	})
}

func (d *deletion) interrupted() { d.busy = false }

func (d *deletion) groups(u *ui) []group {
	no := func() tea.Cmd { u.close(d); return nil }
	del := binding{keys: "y", help: "delete", hint: hintAlways, off: d.off(), run: func() tea.Cmd { return d.delete(u) }}
	if len(d.refs) > 0 {
		del.keys = "enter"
		return []group{{"Delete", []binding{del, {keys: "esc", help: "cancel", hint: hintAlways, run: no}}}}
	}
	return []group{{"Delete", []binding{del, {keys: "n enter esc", show: "n", help: "keep it", hint: hintAlways, run: no}}}}
}

func (d *deletion) update(u *ui, msg tea.Msg) tea.Cmd {
	if len(d.refs) > 0 && !d.busy {
		d.trouble = ""
		d.form.update(u, msg)
	}
	return nil
}

func (d *deletion) sheet(u *ui, w, _ int) sheet {
	t := u.theme
	sw := newSheet(u, w, "Delete "+d.secret.Name+"?")
	if n := len(d.refs); n > 0 {
		sw.notice(t.warn, "!", count(n, "reference", "references")+" will break:")
		for _, ref := range d.refs {
			r := sw.row()
			r.gap(2)
			r.cell(t.dim, ref.Kind, 13)
			r.name("", ref.Name, min(20, r.left))
			r.gap(1)
			r.text(t.dim, ref.Where)
			sw.add(r.end())
		}
		sw.space()
	} else {
		sw.para("", "Nothing that this vault knows of refers to it. Files that do will no longer resolve.")
		sw.space()
	}
	end := "This cannot be undone."
	if len(d.others) > 0 {
		end += " The one in " + list(d.others, 3) + " stays."
	}
	sw.para("", end)
	sw.space()
	if len(d.refs) > 0 {
		d.draw(sw, 0)
	}
	if d.trouble != "" {
		sw.notice(t.danger, "!", d.trouble)
	}
	sw.buttons(d.groups(u)[0].bindings...)
	return sw.sheet
}

// list joins at most n names, and says how many more there are.
func list(names []string, n int) string {
	more := ""
	if len(names) > n {
		more = " and " + number(len(names)-n) + " more"
		names = names[:n]
	}
	return strings.Join(names, ", ") + more
}

// rule is a line across.
func rule(u *ui, w int) string { return strings.Repeat(u.glyphs.rule, max(w, 0)) }

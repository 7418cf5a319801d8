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
	used    bool // something referred to it when the dialog opened: the name must be typed
	list    referenceList
	onList  bool // the references have the focus, not the name
	typed   field
	others  []string // projects that hold a secret of this name
	busy    bool
	trouble string
}

func openDelete(u *ui, sel *vault.Secret) tea.Cmd {
	d := &deletion{project: u.data.project, secret: *sel, used: len(u.data.rows.refs[sel.Name]) > 0}
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

// follow wants the name typed also for what began to refer to it meanwhile.
func (d *deletion) follow(u *ui) tea.Cmd {
	if !d.used && !d.busy && len(d.refs(u)) > 0 {
		d.used = true
		u.deafen()
	}
	return nil
}

func (d *deletion) typing() bool { return d.used && !d.onList }

// refs are what refers to it now: one that was opened may have been mended.
func (d *deletion) refs(u *ui) []vault.Reference {
	if u.data.project != d.project {
		return nil
	}
	return u.data.rows.refs[d.secret.Name]
}

// off says why deleting is not possible yet.
func (d *deletion) off() string {
	switch {
	case d.busy:
		return "it is being deleted"
	case d.used && d.typed.string() != d.secret.Name:
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
		u.say(toastInfo, deletedWords(name, err))
		return u.load()
	})
}

// deletedWords says what became of what was to be deleted: what cannot be found
// was somebody else's doing, and may only have another name now.
func deletedWords(name string, err error) string {
	if err != nil {
		return name + " was not there any more"
	}
	return "deleted " + name
}

func (d *deletion) interrupted() {
	if d.busy {
		d.busy, d.trouble = false, lockedMeanwhile
	}
}

func (d *deletion) groups(u *ui) []group {
	no := func() tea.Cmd { u.close(d); return nil }
	del := binding{keys: "y", help: "delete", hint: hintAlways, off: d.off(), run: func() tea.Cmd { return d.delete(u) }}
	switch {
	case d.onList:
		return []group{{"References", []binding{
			{keys: "enter", help: "open", hint: hintAlways, run: func() tea.Cmd { return d.open(u) }},
			{keys: "tab shift+tab", help: "type the name", hint: hintAlways, run: func() tea.Cmd { d.onList = false; return nil }},
			{keys: "esc", help: "cancel", hint: hintAlways, run: no},
		}}, {"List", listMoves(func(key string) tea.Cmd { d.list.win.key(key); return nil })}}
	case d.used:
		del.keys = "enter"
		return []group{{"Delete", []binding{del,
			{keys: "tab shift+tab", help: "references", hint: hintAlways, off: d.noList(u), run: func() tea.Cmd { d.onList = true; return nil }},
			{keys: "esc", help: "cancel", hint: hintAlways, run: no}}}}
	}
	return []group{{"Delete", []binding{del, {keys: "n enter esc", show: "n", help: "keep it", hint: hintAlways, run: no}}}}
}

func (d *deletion) noList(u *ui) string {
	if len(d.refs(u)) == 0 {
		return "nothing refers to it any more"
	}
	return ""
}

func (d *deletion) open(u *ui) tea.Cmd {
	ref, ok := d.list.selected(d.refs(u))
	if !ok {
		return nil
	}
	return openReference(u, d.project, ref)
}

func (d *deletion) update(u *ui, msg tea.Msg) tea.Cmd {
	if d.typing() && !d.busy {
		d.trouble = ""
		d.form.update(u, msg)
	}
	return nil
}

func (d *deletion) wheel(n int) { d.list.win.move(n / 3) }

func (d *deletion) sheet(u *ui, w, h int) sheet {
	t := u.theme
	sw := newSheet(u, w, "Delete "+d.secret.Name+"?")
	refs := d.refs(u)
	d.onList = d.onList && len(refs) > 0
	switch n := len(refs); {
	case n > 0:
		sw.notice(t.warn, "!", count(n, "reference", "references")+" will break:")
		d.list.draw(sw, refs, max(min(n, h-11), 2), d.onList, func(ref vault.Reference) tea.Cmd { return openReference(u, d.project, ref) })
		if d.used && !d.onList {
			sw.line(t.dim, "  tab walks the list; enter there opens the reference")
		}
	case d.used:
		sw.para("", "Nothing that this vault knows of refers to it any more.")
	default:
		sw.para("", "Nothing that this vault knows of refers to it. Files that do will no longer resolve.")
	}
	sw.space()
	end := "This cannot be undone."
	if len(d.others) > 0 {
		end += " The one in " + list(d.others, 3) + " stays."
	}
	sw.para("", end)
	sw.space()
	if d.used {
		seen := sw.show
		d.draw(sw, 0)
		if d.onList {
			sw.cursor, sw.show = nil, seen
		}
	}
	if d.trouble != "" {
		sw.wrong(d.trouble)
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

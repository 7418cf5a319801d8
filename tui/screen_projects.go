package tui

import (
	"context"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// projects lists the projects: to open one, and to make, rename, duplicate and
// delete them.
type projects struct {
	win    window
	filter field
	asking bool
	hits   []vault.Project
	at     string // the selected project, by name: it survives reloads
}

func openProjects(u *ui) tea.Cmd {
	d := &projects{filter: field{max: vault.MaxName}, at: u.data.project}
	d.narrow(u)
	u.push(d)
	return u.load() // counts of the others may be old
}

func (d *projects) narrow(u *ui) {
	d.hits = d.hits[:0]
	for _, p := range u.data.projects {
		if strings.Contains(p.Name, strings.ToLower(d.filter.string())) {
			d.hits = append(d.hits, p)
		}
	}
	d.win.fit(len(d.hits), d.win.h)
	if i := slices.IndexFunc(d.hits, func(p vault.Project) bool { return p.Name == d.at }); i >= 0 {
		d.win.to(i)
	}
	d.remember()
}

// remember notes the selection.
func (d *projects) remember() {
	if p := d.selected(); p != nil {
		d.at = p.Name
	}
}

func (d *projects) selected() *vault.Project {
	if d.win.at >= len(d.hits) {
		return nil
	}
	return &d.hits[d.win.at]
}

func (d *projects) typing() bool { return d.asking }

func (d *projects) groups(u *ui) []group {
	if d.asking {
		return []group{{"Filter", []binding{
			{keys: "enter", help: "keep", hint: hintAlways, run: func() tea.Cmd { d.asking = false; return nil }},
			{keys: "esc", help: "clear", hint: hintAlways, run: func() tea.Cmd { d.clear(u); return nil }},
		}}}
	}
	none, name, owner := "", "", u.owns()
	if p := d.selected(); p == nil {
		none = "no project is selected"
	} else {
		name = p.Name
	}
	push := func(what projectTask) func() tea.Cmd {
		return func() tea.Cmd { return u.push(newProjectName(u, what, name)) }
	}
	return []group{{"Projects", []binding{
		{keys: "enter", help: "open", hint: hintAlways, off: none, run: func() tea.Cmd { u.close(d); return u.openProject(name) }},
		{keys: "n", help: "new", hint: hintAlways, off: owner, run: push(projectCreate)},
		{keys: "e", help: "rename", hint: hintAlways, off: or(none, owner), run: push(projectRename)},
		{keys: "c", help: "duplicate", hint: hintAlways, off: or(none, owner), run: push(projectDuplicate)},
		{keys: "d", help: "delete…", hint: hintAlways, off: or(none, owner), run: push(projectDelete)},
		{keys: "/", help: "filter", hint: hintAlways, run: func() tea.Cmd { d.asking = true; return nil }},
		{keys: "esc q p", help: "close", hint: hintAlways, run: func() tea.Cmd { return d.esc(u) }},
	}}, {"List", listMoves(func(key string) tea.Cmd { d.win.key(key); d.remember(); return nil })}}
}

func (d *projects) esc(u *ui) tea.Cmd {
	if d.filter.string() != "" {
		d.clear(u)
		return nil
	}
	u.close(d)
	return nil
}

func (d *projects) clear(u *ui) {
	d.asking = false
	d.filter.set("")
	d.narrow(u)
}

func (d *projects) update(u *ui, msg tea.Msg) tea.Cmd {
	if !d.asking {
		return nil
	}
	switch msg := msg.(type) {
	case pastedMsg:
		d.filter.paste(u)
	case tea.KeyPressMsg:
		if key := msg.String(); key == "up" || key == "down" {
			d.win.key(key)
			d.remember()
		} else {
			d.filter.key(key, msg.Text)
		}
	}
	d.narrow(u)
	return nil
}

func (d *projects) wheel(n int) { d.win.scroll(n); d.remember() }

func (d *projects) sheet(u *ui, w, h int) sheet {
	t := u.theme
	d.narrow(u)
	sw := newSheet(u, w, "Projects")
	if d.asking || d.filter.string() != "" {
		r := sw.row()
		r.text(t.accent, "/ ")
		drawn, x := d.filter.view(u, r.left)
		if d.asking {
			sw.cursor = &point{2 + x, 0}
		}
		r.raw(drawn, r.left)
		sw.add(r.end())
	} else {
		sw.line(t.dim, count(len(u.data.projects), "project", "projects"))
	}
	sw.space()
	rows := max(min(len(u.data.projects), h-7, 12), 1)
	d.win.fit(len(d.hits), rows)
	for n := range rows {
		i := d.win.top + n
		switch {
		case i < d.win.end():
			d.drawProject(sw, u, i)
		case n > 0:
			sw.space()
		case len(u.data.projects) == 0:
			sw.line("", d.empty(u))
		default:
			sw.line(t.dim, "  nothing matches")
		}
	}
	if off := u.owns(); off != "" {
		sw.space()
		sw.line(t.dim, "new, rename, duplicate, delete: "+off)
	}
	if !hintRow(u.h) {
		sw.space()
		sw.add(hintLine(u, w, d.groups(u)))
	}
	return sw.sheet
}

// empty says why there is nothing to list.
func (d *projects) empty(u *ui) string {
	if u.owns() != "" {
		return "Nothing was granted to you yet."
	}
	return "No projects yet: n makes the first one."
}

func (d *projects) drawProject(sw *sheetWriter, u *ui, i int) {
	t := u.theme
	p := d.hits[i]
	r, st, mark, open := sw.row(), style(""), "  ", "  "
	if i == d.win.at {
		st, mark = t.strong, "> "
	}
	if p.Name == u.data.project {
		open = "* "
	}
	r.text(t.accent, mark+open)
	r.name(st, p.Name, r.left-24)
	r.gap(2)
	r.right("", count(p.Secrets, "secret", "secrets"), 13)
	r.gap(2)
	r.text(t.dim, permissionWord(p.Permissions))
	sw.add(r.end())
	sw.clickable(func() tea.Cmd {
		if i == d.win.at {
			u.close(d)
			return u.openProject(p.Name)
		}
		d.win.to(i)
		d.remember()
		return nil
	})
}

// projectTask is what a name is asked for.
type projectTask int

const (
	projectCreate projectTask = iota
	projectRename
	projectDuplicate
	projectDelete
)

// projectName asks for the name of a project: a new one to make, or its own to
// delete it.
type projectName struct {
	form
	what    projectTask
	old     string
	name    field
	busy    bool
	trouble string
}

func newProjectName(u *ui, what projectTask, old string) *projectName {
	d := &projectName{what: what, old: old, name: field{max: vault.MaxName, form: lower}}
	it := &item{label: "Name", about: "a-z 0-9, and after the first . _ -", field: &d.name}
	switch what {
	case projectDelete:
		it.label, it.about = "Type the name", "to delete it"
		it.paste = func(u *ui, _ string) { u.say(toastWarn, "type the name: pasting does not count") }
	case projectRename:
		d.name.set(old)
	case projectCreate, projectDuplicate:
	}
	it.problem = func() string { return d.problem(u) }
	d.items = []*item{it}
	return d
}

func (d *projectName) problem(u *ui) string {
	name := d.name.string()
	switch {
	case name == "" || d.what == projectDelete || d.what == projectRename && name == d.old:
		return ""
	case vault.CheckName("project", name) != nil:
		return "a-z and 0-9, and after the first also . _ -"
	}
	for _, p := range u.data.projects {
		if p.Name == name {
			return name + " exists"
		}
	}
	return ""
}

// words for each task: the title, the key's, the work's, and what was done.
func (d *projectName) words() (title, verb, doing, done string) {
	switch d.what {
	case projectRename:
		return "Rename " + d.old, "rename", "renaming", "renamed " + d.old + " to " + d.name.string()
	case projectDuplicate:
		return "Duplicate " + d.old, "duplicate", "duplicating", "duplicated " + d.old + " as " + d.name.string()
	case projectDelete:
		return "Delete " + d.old + "?", "delete", "deleting", "deleted " + d.old
	case projectCreate:
	}
	return "New project", "create", "creating", "created " + d.name.string()
}

func (d *projectName) off(u *ui) string {
	name := d.name.string()
	switch {
	case d.busy:
		return "one moment"
	case d.what == projectDelete && name != d.old:
		return "type the whole name first"
	case name == "" || d.what == projectRename && name == d.old:
		return "type a new name first"
	case d.problem(u) != "":
		return d.problem(u)
	}
	return ""
}

func (d *projectName) run(u *ui) tea.Cmd {
	what, old, name := d.what, d.old, d.name.string()
	_, verb, doing, done := d.words()
	d.busy, d.trouble = true, ""
	return do(u, doing+" the project", func(ctx context.Context, v Vault) error {
		switch what {
		case projectRename:
			return v.RenameProject(ctx, old, name)
		case projectDuplicate:
			return v.DuplicateProject(ctx, old, name)
		case projectDelete:
			return v.DeleteProject(ctx, old)
		case projectCreate:
		}
		return v.CreateProject(ctx, name)
	}, func(err error) tea.Cmd {
		d.busy = false
		if err != nil {
			d.trouble = "could not " + verb + " it: " + reason(err)
			return nil
		}
		u.closeAll()
		u.say(toastInfo, done)
		if what == projectDelete && old == u.data.project {
			u.opened = "" // that another one is open then is no surprise
		}
		if what == projectCreate || what == projectRename && old == u.data.project {
			return u.openProject(name)
		}
		return u.load()
	})
}

func (d *projectName) interrupted() {
	if d.busy {
		d.busy, d.trouble = false, lockedMeanwhile
	}
}

func (d *projectName) groups(u *ui) []group {
	_, verb, _, _ := d.words()
	return []group{{"Project", []binding{
		{keys: "enter ctrl+s", help: verb, hint: hintAlways, off: d.off(u), run: func() tea.Cmd { return d.run(u) }},
		{keys: "esc", help: "cancel", hint: hintAlways, run: func() tea.Cmd { u.close(d); return nil }},
	}}}
}

func (d *projectName) update(u *ui, msg tea.Msg) tea.Cmd {
	if !d.busy {
		d.trouble = ""
		d.form.update(u, msg)
	}
	return nil
}

func (d *projectName) width(*ui) int { return 56 }
func (d *projectName) alone() bool   { return true }

func (d *projectName) sheet(u *ui, w, _ int) sheet {
	t := u.theme
	title, _, _, _ := d.words()
	sw := newSheet(u, w, title)
	switch d.what {
	case projectDelete:
		n := 0
		for _, p := range u.data.projects {
			if p.Name == d.old {
				n = p.Secrets
			}
		}
		sw.notice(t.warn, "!", "With it go "+count(n, "secret", "secrets")+", its tools, its instructions and its history. This cannot be undone.")
		sw.space()
	case projectDuplicate:
		sw.para("", "Copies the secrets with their values, then tools and instructions. Later changes are not copied.")
		sw.space()
	case projectCreate, projectRename:
	}
	d.draw(sw, 0)
	if d.trouble != "" {
		sw.wrong(d.trouble)
	}
	sw.buttons(d.groups(u)[0].bindings...)
	return sw.sheet
}

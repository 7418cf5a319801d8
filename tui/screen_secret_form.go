package tui

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"unicode"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
	"tacenda/keyring/secret"
)

// secretForm creates a secret, or edits one whose name and version it was
// opened with. The value is write-only: it is an entry, which is all that is
// known of it here.
type secretForm struct {
	form
	project string
	old     *vault.Secret // nil when a secret is created
	version uint64        // the version that saving replaces

	name, about, hosts field
	models, more       bool
	value              *entry
	nameItem, valItem  *item
	hostItem           *item

	saving  bool
	lost    bool   // the value was wiped by a lock or a suspend
	typed   bool   // there is something in it that a suspend would take
	trouble string // why the last save failed
	theirs  string // what another process saved meanwhile
}

func newSecretForm(u *ui, old *vault.Secret) *secretForm {
	f := &secretForm{project: u.data.project, value: u.input.newEntry(vault.MaxValue, true)}
	f.name = field{max: vault.MaxSecretName, form: upper}
	f.about = field{max: vault.MaxDescription}
	f.hosts = field{max: fieldMax, form: unicode.ToLower}
	f.nameItem = &item{label: "Name", about: "A-Z 0-9 _ ; must not start with a digit", field: &f.name}
	f.nameItem.problem = func() string { return f.nameProblem(u) }
	f.valItem = &item{label: "Value", about: "write-only: it can never be viewed again", value: f.value,
		note: func() string { return f.valueNote() }}
	about := &item{label: "Description", about: "optional, shown in lists: no secrets here", field: &f.about}
	folded := func() bool { return !f.more }
	more := &item{label: "More", about: "models, allowed hosts", fold: &f.more}
	models := &item{label: "safe for the model", about: "instructions may hand it to a model", check: &f.models, hidden: folded}
	f.hostItem = &item{label: "Hosts", about: "calls may send it only there; empty: anywhere", field: &f.hosts, hidden: folded}
	f.hostItem.problem = f.hostProblem
	if off := u.may("secrets:use"); off != "" { // they decide where values go
		models.fixed, models.about = true, off
		f.hostItem.fixed, f.hostItem.about = true, off
	}
	f.items = []*item{f.nameItem, f.valItem, about, more, models, f.hostItem}
	if old != nil {
		keep := *old
		f.old, f.version = &keep, old.Version
		f.name.set(old.Name)
		f.about.set(old.Description)
		f.hosts.set(strings.Join(old.AllowedHosts, " "))
		f.models = old.LLMSafe
		f.more = old.LLMSafe || len(old.AllowedHosts) > 0
		f.nameItem.fixed, f.nameItem.about, f.nameItem.problem = true, "it never changes", nil
		f.valItem.label, f.valItem.about = "New value", "leave empty to keep the current one"
		f.valItem.empty, f.valItem.hint = "(unchanged)", old.Hint
		f.at = 1
	}
	return f
}

func (f *secretForm) wipe() {
	if !f.value.empty() {
		f.lost = true
	}
	f.value.wipe()
}

// interrupted ends a save whose end nobody will hear of.
func (f *secretForm) interrupted() {
	if f.saving {
		f.saving, f.lost = false, true
		f.trouble = "locked while it was being saved: see whether it is there"
	}
}

// resumed notices that a suspend took the value.
func (f *secretForm) resumed() { f.lost = f.lost || f.typed && f.value.empty() }

func (f *secretForm) drop() { f.value.drop() }

// changed tells whether leaving would lose something.
func (f *secretForm) changed() bool {
	if !f.value.empty() {
		return true
	}
	if f.old == nil {
		return f.name.string() != "" || f.about.string() != ""
	}
	return f.about.string() != f.old.Description || f.models != f.old.LLMSafe ||
		f.hosts.string() != strings.Join(f.old.AllowedHosts, " ")
}

func (f *secretForm) nameProblem(u *ui) string {
	name := f.name.string()
	if name == "" {
		return ""
	}
	if err := vault.CheckSecretName(name); err != nil {
		if name[0] >= '0' && name[0] <= '9' {
			return "a name must not start with a digit"
		}
		return "only A-Z, 0-9 and _"
	}
	if f.project == u.data.project {
		if _, taken := u.data.rows.find(name); taken {
			return name + " exists: edit it, or take another name"
		}
	}
	return ""
}

func (f *secretForm) hostProblem() string {
	if err := vault.CheckHosts(f.hostList()); err != nil {
		return "write HOST or HOST:PORT, with spaces between several"
	}
	return ""
}

func (f *secretForm) hostList() []string {
	return strings.FieldsFunc(f.hosts.string(), func(r rune) bool { return r == ' ' || r == ',' })
}

func (f *secretForm) valueNote() string {
	switch _, lines := f.value.size(); {
	case f.lost:
		return "it was wiped: type it again"
	case f.value.empty():
		return "type or paste it; ctrl+g makes one up"
	case lines > 1:
		return "no hint will be shown: it has several lines"
	}
	return "alt+enter newline, ctrl+u clear, ctrl+g generate"
}

func (f *secretForm) groups(u *ui) []group {
	busy := ""
	if f.saving {
		busy = "it is being saved"
	}
	move := f.moves()
	move.bindings = append(move.bindings,
		f.saveBinding(u),
		binding{keys: "esc", help: "cancel", hint: hintAlways, off: busy, run: func() tea.Cmd { return f.cancel(u) }},
	)
	if f.now() == f.valItem {
		move.bindings = append(move.bindings,
			binding{keys: "ctrl+g", help: "generate", hint: hintAlways, run: func() tea.Cmd { return f.generate(u) }},
			binding{keys: "alt+enter ctrl+j", help: "newline", run: none},
			binding{keys: "ctrl+u", help: "clear", run: none},
		)
	}
	return []group{move}
}

func none() tea.Cmd { return nil }

func (f *secretForm) saveBinding(u *ui) binding {
	off := ""
	if f.saving {
		off = "it is being saved"
	}
	return binding{keys: "ctrl+s", help: "save", hint: hintAlways, off: off, run: func() tea.Cmd { return f.save(u) }}
}

// cancel closes the form, after asking when something would be lost.
func (f *secretForm) cancel(u *ui) tea.Cmd {
	if f.changed() {
		return u.push(&discard{leave: func() tea.Cmd { u.close(f); return nil }})
	}
	u.close(f)
	return nil
}

func (f *secretForm) update(u *ui, msg tea.Msg) tea.Cmd {
	if f.saving {
		return nil
	}
	if _, ok := msg.(changedMsg); ok {
		f.lost, f.typed = false, !f.value.empty()
	}
	f.trouble = ""
	f.form.update(u, msg)
	return nil
}

// ready focuses the first thing that keeps the form from being saved.
func (f *secretForm) ready(u *ui) bool {
	switch {
	case f.old == nil && f.name.string() == "":
		f.to(f.nameItem)
		f.trouble = "it needs a name"
	case f.old == nil && f.nameProblem(u) != "":
		f.to(f.nameItem)
		f.trouble = "the name cannot be used"
	case f.old == nil && f.value.empty():
		f.to(f.valItem)
		f.trouble = "it needs a value"
	case f.old != nil && f.lost && f.value.empty(): // it would look as if the new value were saved
		f.lost = false
		f.to(f.valItem)
		f.trouble = "the new value was wiped: type it again, or ctrl+s once more keeps the current one"
	case f.hostProblem() != "":
		f.more = true
		f.to(f.hostItem)
		f.trouble = "the hosts cannot be used"
	default:
		return true
	}
	return false
}

// save writes the secret. The value travels to the command that needs it and
// comes back only when that fails.
func (f *secretForm) save(u *ui) tea.Cmd {
	if !f.ready(u) {
		return nil
	}
	if f.old != nil && f.theirs == "" && !f.changed() {
		return f.unchanged(u)
	}
	value, err := f.value.take()
	if err != nil {
		f.trouble = reason(err)
		return nil
	}
	f.saving, f.trouble = true, ""
	work := f.creating(value)
	if f.old != nil {
		work = f.editing(value)
	}
	return askWith(u, "saving", value.Destroy, work, func(s vault.Secret, err error) tea.Cmd {
		return f.saved(u, value, s, err)
	})
}

// unchanged closes a form with nothing to save: a new version would tell others
// of a change, and get in the way of theirs.
func (f *secretForm) unchanged(u *ui) tea.Cmd {
	u.say(toastInfo, "nothing was changed")
	u.close(f)
	return nil
}

func (f *secretForm) creating(value *secret.Bytes) func(context.Context, Vault) (vault.Secret, error) {
	d := vault.Draft{Name: f.name.string(), Value: value, Description: f.about.string(), LLMSafe: f.models, AllowedHosts: f.hostList()}
	project := f.project
	return func(ctx context.Context, v Vault) (vault.Secret, error) {
		defer collect()
		return v.CreateSecret(ctx, project, d)
	}
}

func (f *secretForm) editing(value *secret.Bytes) func(context.Context, Vault) (vault.Secret, error) {
	e := vault.Edit{Value: value, IfVersion: f.version}
	if about := f.about.string(); about != f.old.Description {
		e.Description = &about
	}
	if f.models != f.old.LLMSafe {
		models := f.models
		e.LLMSafe = &models
	}
	if hosts := f.hostList(); strings.Join(hosts, " ") != strings.Join(f.old.AllowedHosts, " ") {
		e.AllowedHosts = &hosts
	}
	project, name := f.project, f.old.Name
	return func(ctx context.Context, v Vault) (vault.Secret, error) {
		defer collect()
		return v.EditSecret(ctx, project, name, e)
	}
}

// saved ends a save: the form closes, or stays with everything in it.
func (f *secretForm) saved(u *ui, value *secret.Bytes, s vault.Secret, err error) tea.Cmd {
	f.saving = false
	if err == nil {
		value.Destroy()
		verb := "created "
		if f.old != nil {
			verb = "saved "
		}
		u.say(toastInfo, f.done(u, verb, s))
		u.close(f)
		u.wanted = s.Name
		return u.load()
	}
	if value != nil {
		if u.isOpen(f) {
			f.value.put(value)
		} else {
			value.Destroy()
		}
	}
	var conflict *vault.ConflictError
	switch {
	case errors.As(err, &conflict):
		f.version = conflict.Version
		f.theirs = conflict.Author + " saved v" + strconv.FormatUint(conflict.Version, 10) + " at " + u.clock(conflict.Updated)
		u.deafen()
	case errors.Is(err, vault.ErrExists):
		f.to(f.nameItem)
		f.trouble = f.name.string() + " was created meanwhile: take another name"
		u.deafen() // what is typed now was meant for the value, and must not be drawn
	default:
		f.trouble = "not saved: " + reason(err)
	}
	return nil
}

// done says what was saved, with its hint where that fits whole.
func (f *secretForm) done(u *ui, verb string, s vault.Secret) string {
	if text := verb + s.Name + " " + u.glyphs.dot + " hint " + s.Hint; u.width(u.plain(text)) <= u.w {
		return text
	}
	return verb + u.middle(s.Name, u.w-u.width(verb))
}

// waiting says who refers to a secret of this name already.
func (f *secretForm) waiting(u *ui) string {
	refs := u.data.rows.refs[f.name.string()]
	if len(refs) == 0 || f.project != u.data.project || f.nameProblem(u) != "" {
		return ""
	}
	words := "Also mends " + refs[0].Kind + " " + refs[0].Name + ", " + refs[0].Where
	if len(refs) > 1 {
		words += ", and " + number(len(refs)-1) + " more"
	}
	return words
}

func (f *secretForm) sheet(u *ui, w, h int) sheet {
	title := "New secret " + u.glyphs.dot + " " + f.project
	if f.old != nil {
		title = "Edit " + f.old.Name + " " + u.glyphs.dot + " v" + strconv.FormatUint(f.old.Version, 10)
	}
	sw := newSheet(u, w, title)
	f.draw(sw, h-3)
	used := 0
	if f.old != nil {
		used = len(u.data.rows.refs[f.old.Name])
	}
	switch {
	case f.theirs != "":
		sw.pin()
		sw.notice(u.theme.warn, "!", f.theirs+". ctrl+s overwrites it, esc keeps it")
	case f.trouble != "":
		sw.wrong(f.trouble)
	case f.old == nil && f.waiting(u) != "":
		sw.line(u.theme.dim, f.waiting(u))
	case used > 0:
		sw.line(u.theme.dim, "Used in "+count(used, "place", "places")+": the next use gets the new value")
	default:
		sw.space()
	}
	sw.buttons(f.saveBinding(u), binding{keys: "esc", help: "cancel", run: func() tea.Cmd { return f.cancel(u) }})
	return sw.sheet
}

package tui

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// textForm creates a tool or an instruction, or edits one whose name and
// version it was opened with. How it looks is in screen_text_form_view.go.
type textForm struct {
	form
	kind    vault.TextKind
	words   textWords
	project string
	old     *vault.Text // nil when one is created
	version uint64      // the version that saving replaces

	name     field
	nameItem *item
	textItem *item
	offer    completion

	doc     *textDoc // of the text as it was at seen
	seen    textSeen
	reading bool // the text is being read
	failed  string

	saving  bool
	trouble string   // why the last save failed
	theirs  string   // what another process saved meanwhile
	asked   []string // secrets of which was asked whether to mark them as safe
	mark    bool     // and answered with yes
}

// textSeen says what a document was read from.
type textSeen struct {
	revision int
	rows     *rows
}

// wordsOf are how a kind of text is called.
func wordsOf(k vault.TextKind) textWords {
	if k == vault.Tool {
		return toolWords
	}
	return instructionWords
}

func newTextForm(u *ui, k vault.TextKind, old *vault.Text) *textForm {
	f := &textForm{kind: k, words: wordsOf(k), project: u.data.project}
	f.name = field{max: vault.MaxName, form: lower}
	f.nameItem = &item{label: "Name", field: &f.name}
	f.nameItem.problem = func() string { return f.nameProblem() }
	text := ""
	if old != nil {
		keep := *old
		f.old, f.version, text, f.project = &keep, old.Version, old.Text, old.Project
		f.name.set(old.Name)
		f.nameItem.fixed, f.nameItem.problem = true, nil
		f.at = 1
	}
	f.textItem = &item{label: "Text", text: newEditor(text, vault.MaxText)}
	f.items = []*item{f.nameItem, f.textItem}
	f.seen.revision = -1
	return f
}

func (f *textForm) editor() *editor { return f.textItem.text }

// changed tells whether leaving would lose something.
func (f *textForm) changed() bool {
	e := f.editor()
	if f.old == nil {
		return f.name.string() != "" || e.size > 0
	}
	return e.revision > 0 && e.string() != f.old.Text
}

// interrupted ends what nobody will hear of any more.
func (f *textForm) interrupted() {
	f.reading = false
	if f.saving {
		f.saving = false
		f.trouble = "locked while it was being saved: see whether it is there"
	}
}

func (f *textForm) nameProblem() string {
	if name := f.name.string(); name != "" && vault.CheckName(f.kind.String(), name) != nil {
		return "a-z and 0-9, and after the first also . _ -"
	}
	return ""
}

// follow reads what was typed, one text at a time: hints, problems, warnings.
func (f *textForm) follow(u *ui) tea.Cmd {
	if !u.data.loaded || u.data.project != f.project {
		return nil // what it would be read against is not there
	}
	if f.reading || f.saving || f.seen == (textSeen{f.editor().revision, u.data.rows}) {
		return nil
	}
	f.reading = true
	return f.read(u, "checking", func(d *textDoc, err error) tea.Cmd {
		f.reading = false
		return nil
	})
}

// read reads the text in a command, and keeps what was read.
func (f *textForm) read(u *ui, label string, then func(*textDoc, error) tea.Cmd) tea.Cmd {
	kind, name, text, ascii, check := f.kind, f.name.string(), f.editor().string(), u.glyphs.ascii, u.cfg.CheckTool
	seen := textSeen{f.editor().revision, u.data.rows}
	return task(u, label, func(context.Context) (*textDoc, error) {
		return readText(kind, name, text, seen.rows, ascii, check)
	}, func(d *textDoc, err error) tea.Cmd {
		f.seen, f.failed = seen, ""
		if err == nil {
			f.doc = d
		} else {
			f.failed = reason(err)
		}
		return then(d, err)
	})
}

func (f *textForm) groups(u *ui) []group {
	if f.offer.open() {
		return []group{{"Secrets", []binding{
			{show: u.glyphs.upDown, help: "choose", hint: hintAlways, run: none},
			{keys: "down", run: func() tea.Cmd { f.offer.win.move(1); return nil }},
			{keys: "up", run: func() tea.Cmd { f.offer.win.move(-1); return nil }},
			{keys: "enter tab", help: "insert", hint: hintAlways, run: func() tea.Cmd { f.offer.take(f.editor()); return nil }},
			{keys: "esc", help: "close the list", hint: hintAlways, run: func() tea.Cmd { f.offer.close(); f.offer.shut = true; return nil }},
			f.saveBinding(u),
		}}}
	}
	busy := ""
	if f.saving {
		busy = "it is being saved"
	}
	move := f.moves()
	move.bindings = append(move.bindings, f.saveBinding(u),
		binding{keys: "esc", help: "cancel", hint: hintAlways, off: busy, run: func() tea.Cmd { return f.cancel(u) }})
	if f.now() == f.textItem {
		move.bindings = append(move.bindings,
			binding{show: "{{", help: "secrets", hint: hintAlways, run: none},
			binding{keys: "alt+u ctrl+_", help: "undo", hint: hintRoom, off: busy, run: func() tea.Cmd { f.editor().undo(); f.offer = completion{}; return nil }},
			binding{show: "ctrl+k ctrl+u", help: "clear line", hint: hintNever, run: none})
	}
	return []group{move}
}

func (f *textForm) saveBinding(u *ui) binding {
	off := ""
	if f.saving {
		off = "it is being saved"
	}
	return binding{keys: "ctrl+s", help: "save", hint: hintAlways, off: off, run: func() tea.Cmd { return f.save(u) }}
}

// cancel closes the form, after asking when something would be lost.
func (f *textForm) cancel(u *ui) tea.Cmd {
	if f.changed() {
		return u.push(&discard{leave: func() tea.Cmd { u.close(f); return nil }})
	}
	u.close(f)
	return nil
}

func (f *textForm) update(u *ui, msg tea.Msg) tea.Cmd {
	if f.saving {
		return nil
	}
	e := f.editor()
	before, key := e.revision, ""
	if k, ok := msg.(tea.KeyPressMsg); ok {
		key = k.String()
	}
	f.trouble = ""
	f.form.update(u, msg)
	switch {
	case e.full:
		u.say(toastWarn, "it does not fit: a text has at most "+number(e.max)+" bytes")
	case f.now() != f.textItem || e.revision == before:
		f.offer = completion{} // the cursor was moved, or nothing was done
	case key != "" && u.data.project == f.project:
		f.offer.follow(e, u.data.rows)
	}
	return nil
}

func (f *textForm) wheel(d int) {
	if f.now() == f.textItem && !f.offer.open() {
		f.editor().climb(d)
	}
}

// save reads the text as it is now, and goes on from there.
func (f *textForm) save(u *ui) tea.Cmd {
	f.offer = completion{}
	name := f.name.string()
	switch {
	case name == "" && f.old == nil:
		f.to(f.nameItem)
		f.trouble = "it needs a name"
		return nil
	case f.old == nil && f.nameProblem() != "":
		f.to(f.nameItem)
		f.trouble = "the name cannot be used"
		return nil
	case strings.TrimSpace(f.editor().string()) == "":
		f.to(f.textItem)
		f.trouble = "it needs a text"
		return nil
	}
	f.saving, f.trouble = true, ""
	return f.read(u, "checking", func(d *textDoc, err error) tea.Cmd {
		f.saving = false
		if err != nil {
			f.trouble = "not saved: " + reason(err)
			return nil
		}
		if p := d.broken(); p != nil {
			f.to(f.textItem)
			if p.Line > 0 {
				f.editor().to(p.Line-1, p.Column-1)
			}
			f.trouble = "not saved: " + p.String()
			return nil
		}
		if f.old != nil && f.theirs == "" && len(d.unsafe) == 0 && !f.changed() {
			u.say(toastInfo, "nothing was changed")
			u.close(f)
			return nil
		}
		if !holdsAll(f.asked, d.unsafe) && u.isOpen(f) {
			return u.push(&safeQuestion{form: f, names: d.unsafe})
		}
		return f.write(u)
	})
}

// holdsAll tells whether every one of names is in set.
func holdsAll(set, names []string) bool {
	return !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(set, n) })
}

// written is what a save did.
type written struct {
	text     vault.Text
	unmarked error // why secrets were not marked
}

// write stores the text, and then marks the secrets if that was wanted: a text
// that could not be stored must not have changed anything else.
func (f *textForm) write(u *ui) tea.Cmd {
	f.saving = true
	project, kind, name, text, version := f.project, f.kind, f.name.string(), f.editor().string(), f.version
	if f.old == nil {
		version = vault.NewText
	}
	var mark []string
	if f.mark {
		mark = f.doc.unsafe
	}
	return ask(u, "saving", func(ctx context.Context, v Vault) (w written, err error) {
		if w.text, err = v.SetText(ctx, project, kind, name, text, version); err != nil {
			return w, err
		}
		safe := true
		for _, secret := range mark {
			if _, err := v.EditSecret(ctx, project, secret, vault.Edit{LLMSafe: &safe}); err != nil {
				w.unmarked = err
			}
		}
		return w, nil
	}, func(w written, err error) tea.Cmd { return f.saved(u, w, err) })
}

// saved ends a save: the form closes, or stays with everything in it.
func (f *textForm) saved(u *ui, w written, err error) tea.Cmd {
	f.saving = false
	if err == nil {
		verb := "saved "
		if f.old == nil {
			verb = "created "
		}
		u.say(toastInfo, verb+w.text.Name)
		if w.unmarked != nil {
			u.say(toastWarn, verb+w.text.Name+"; its secrets are not marked: "+reason(w.unmarked))
		}
		u.close(f)
		u.sought = textName{f.kind, w.text.Name}
		return u.load()
	}
	var conflict *vault.ConflictError
	switch {
	case errors.As(err, &conflict) && f.old == nil:
		f.to(f.nameItem)
		f.trouble = f.name.string() + " exists: edit it, or take another name"
	case errors.As(err, &conflict):
		f.version = conflict.Version
		f.theirs = conflict.Author + " saved v" + strconv.FormatUint(conflict.Version, 10) + " at " + u.clock(conflict.Updated) + ". ctrl+s overwrites it, esc keeps it"
		u.deafen()
	case errors.Is(err, vault.ErrNotFound) && f.old != nil && f.version != 0:
		f.version = 0
		f.theirs = f.old.Name + " was deleted meanwhile. ctrl+s creates it again"
		u.deafen()
	default:
		f.trouble = "not saved: " + reason(err)
	}
	return nil
}

// safeQuestion asks, before an instruction is saved, whether the secrets in it
// may be seen by a model. Whatever the answer, the instruction is saved.
type safeQuestion struct {
	form  *textForm
	names []string
}

func (d *safeQuestion) answer(u *ui, mark bool) tea.Cmd {
	u.close(d)
	d.form.asked, d.form.mark = d.names, mark
	return d.form.write(u)
}

func (d *safeQuestion) groups(u *ui) []group {
	return []group{{"Safe for the model", []binding{
		{keys: "y", help: "mark and save", hint: hintAlways, run: func() tea.Cmd { return d.answer(u, true) }},
		{keys: "n enter", show: "n", help: "only save", hint: hintAlways, run: func() tea.Cmd { return d.answer(u, false) }},
		{keys: "esc", help: "edit", hint: hintAlways, run: func() tea.Cmd { u.close(d); return nil }},
	}}}
}

func (d *safeQuestion) update(*ui, tea.Msg) tea.Cmd { return nil }

func (d *safeQuestion) sheet(u *ui, w, _ int) sheet {
	sw := newSheet(u, w, "Safe for the model?")
	sw.notice(u.theme.warn, "!", modelWarning(d.names, len(d.names)))
	sw.space()
	sw.para("", "Mark "+map[bool]string{true: "it", false: "them"}[len(d.names) == 1]+
		" as safe for the model? Without the mark, using it warns, and agents are refused.")
	sw.space()
	sw.buttons(d.groups(u)[0].bindings...)
	return sw.sheet
}

package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// An item is one thing to fill in. Exactly one of field, text, value, check and
// fold says what kind it is.
type item struct {
	label string
	about string // what may be in it, in a few words
	field *field
	text  *editor // drawn by who owns it
	value *entry
	check *bool
	fold  *bool // opens the items that are hidden while it is false

	fixed   bool                     // shown, but never the focus
	paste   func(u *ui, text string) // nil puts pasted text in
	empty   string                   // drawn in an empty value: "(unchanged)"
	hint    string                   // of the value that there is, behind it
	problem func() string            // what is wrong with it now; "" when nothing
	note    func() string            // drawn under it when there is no problem
	hidden  func() bool
	flipped func() // after check was changed by its key or the mouse; may be nil
}

func (i *item) shown() bool { return i.hidden == nil || !i.hidden() }

func (i *item) wrong() string {
	if i.value != nil && i.value.problem() != "" {
		return i.value.problem()
	}
	if i.problem == nil {
		return ""
	}
	return i.problem()
}

// flip changes a check.
func (i *item) flip() {
	if i.fixed {
		return
	}
	*i.check = !*i.check
	if i.flipped != nil {
		i.flipped()
	}
}

// A form is items and the one that has the focus. Enter goes on to the next
// item and never submits: what is saved is saved on purpose.
type form struct {
	items []*item
	at    int
}

func (f *form) now() *item { return f.items[f.at] }

// to focuses an item.
func (f *form) to(want *item) {
	for i, it := range f.items {
		if it == want {
			f.at = i
		}
	}
}

// step goes d items on, round the ends, past what cannot have the focus.
func (f *form) step(d int) {
	for range f.items {
		f.at = (f.at + d + len(f.items)) % len(f.items)
		if it := f.now(); it.shown() && !it.fixed {
			return
		}
	}
}

// last tells whether the focus is on the last item.
func (f *form) last() bool {
	for _, it := range f.items[f.at+1:] {
		if it.shown() && !it.fixed {
			return false
		}
	}
	return true
}

func (f *form) entry() *entry { return f.now().value }

func (f *form) typing() bool { return true }

// update edits the focused item.
func (f *form) update(u *ui, msg tea.Msg) {
	it := f.now()
	switch msg := msg.(type) {
	case pastedMsg:
		if it.text != nil {
			if text, ok := u.input.pasteText(it.text.max); ok {
				it.text.insert(text, false)
			}
			return
		}
		if it.field == nil {
			return
		}
		if it.paste == nil {
			it.field.paste(u)
		} else if text, ok := it.field.pasted(u); ok {
			it.paste(u, text)
		}
	case tea.KeyPressMsg:
		f.key(msg.String(), msg.Text)
		if it.field != nil {
			it.field.tell(u)
		}
	}
}

func (f *form) key(key, text string) {
	if e := f.now().text; e != nil && key != "tab" && key != "shift+tab" {
		e.key(key, text)
		return
	}
	switch key {
	case "tab", "down":
		f.step(1)
		return
	case "enter":
		if it := f.now(); it.fold != nil {
			*it.fold = true
		}
		if !f.last() {
			f.step(1)
		}
		return
	case "shift+tab", "up":
		f.step(-1)
		return
	}
	switch it := f.now(); {
	case it.field != nil:
		it.field.key(key, text)
	case it.check != nil && (key == "space" || key == "x"):
		it.flip()
	case it.fold != nil && (key == "space" || key == "right" || key == "left"):
		*it.fold = !*it.fold
	}
}

// groups are the keys of every form, for the help and the hint line.
func (f *form) moves() group {
	to := func(d int) func() tea.Cmd { return func() tea.Cmd { f.step(d); return nil } }
	return group{"Form", []binding{
		{keys: "tab", help: "next", hint: hintAlways, run: to(1)},
		{keys: "shift+tab", show: "S-tab", help: "previous", run: to(-1)},
	}}
}

// draw writes the items that are shown. The line under a field is kept free
// for what is wrong with it, so that nothing moves while one types. Where h
// lines have room for it, an empty line parts the fields.
func (f *form) draw(sw *sheetWriter, h int) {
	need := 0
	for _, it := range f.items {
		switch {
		case !it.shown():
		case it.check != nil || it.fold != nil:
			need++
		case it.note != nil:
			need += 4
		default:
			need += 3
		}
	}
	air := h >= need
	checks := false
	for i, it := range f.items {
		if !it.shown() {
			continue
		}
		if air && checks && it.check == nil {
			sw.space()
		}
		checks = it.check != nil
		focused := i == f.at
		first := len(sw.lines)
		switch {
		case it.check != nil:
			f.drawCheck(sw, it, focused)
		case it.fold != nil:
			f.drawFold(sw, it, focused)
		default:
			sw.label(it.label, it.about)
			f.drawText(sw, it, focused)
			f.drawUnder(sw, it)
		}
		if focused {
			sw.inSight(first)
		}
		if air && it.note != nil {
			sw.space()
		}
		to := it
		if !it.fixed {
			sw.clickable(func() tea.Cmd { f.to(to); return nil })
		}
	}
}

func (f *form) drawText(sw *sheetWriter, it *item, focused bool) {
	u, t := sw.u, sw.u.theme
	r := sw.row()
	st := t.dim
	if focused {
		st = t.accent
	}
	bar := u.glyphs.pane.down
	r.text(st, bar)
	switch {
	case it.value != nil:
		x := 0
		if it.value.empty() {
			r.text(t.dim, it.empty)
			drawHintOf(r, it.hint)
		} else {
			r.text("", strings.Repeat("*", 12))
			r.gap(2)
			r.text(t.dim, sizeWords(it.value))
			x = 12
		}
		if focused {
			sw.cursor = &point{1 + x, len(sw.lines)}
		}
	case it.fixed:
		r.text(t.dim, it.field.string())
	default:
		drawn, x := it.field.view(u, r.left)
		r.raw(drawn, r.left)
		if focused {
			sw.cursor = &point{1 + x, len(sw.lines)}
		}
	}
	sw.add(r.end())
	if !it.fixed {
		sw.clickable(func() tea.Cmd { f.to(it); return nil })
	}
}

// drawHintOf draws the hint of what is stored, whole or not at all.
func drawHintOf(r *row, hint string) {
	if hint == "" {
		return
	}
	for _, label := range []string{"  current hint ", "  hint "} {
		if u := r.u; len(label)+u.width(u.plain(hint)) <= r.left {
			r.text(u.theme.dim, label+hint)
			return
		}
	}
}

// sizeWords is all that is ever said about a value.
func sizeWords(e *entry) string {
	bytes, lines := e.size()
	s := count(bytes, "byte", "bytes")
	if lines > 1 {
		s += ", " + count(lines, "line", "lines")
	}
	return s
}

func (f *form) drawUnder(sw *sheetWriter, it *item) {
	t := sw.u.theme
	if wrong := it.wrong(); wrong != "" {
		sw.notice(t.warn, "!", wrong)
		return
	}
	if it.note != nil {
		sw.line(t.dim, it.note())
		return
	}
	sw.space()
}

func (f *form) drawCheck(sw *sheetWriter, it *item, focused bool) {
	r := sw.row()
	box := "[ ] "
	if *it.check {
		box = "[x] "
	}
	st := style("")
	if it.fixed {
		st = sw.u.theme.dim
	}
	if focused {
		sw.cursor = &point{1, len(sw.lines)}
		r.text(sw.u.theme.accent, box)
	} else {
		r.text(st, box)
	}
	r.text(st, it.label)
	r.gap(2)
	r.text(sw.u.theme.dim, it.about)
	sw.add(r.end())
	if !it.fixed {
		sw.clickable(func() tea.Cmd { f.to(it); it.flip(); return nil })
	}
}

func (f *form) drawFold(sw *sheetWriter, it *item, focused bool) {
	r := sw.row()
	mark := sw.u.glyphs.fold[0]
	if *it.fold {
		mark = sw.u.glyphs.fold[1]
	}
	st := style("")
	if focused {
		st = sw.u.theme.accent
		sw.cursor = &point{0, len(sw.lines)}
	}
	r.text(st, mark+" ")
	r.cell(sw.u.theme.strong, it.label, labelWidth-2)
	r.text(sw.u.theme.dim, it.about)
	sw.add(r.end())
	sw.clickable(func() tea.Cmd { f.to(it); *it.fold = !*it.fold; return nil })
}

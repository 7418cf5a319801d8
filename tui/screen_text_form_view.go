package tui

import (
	"strconv"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// width is all there is: a text needs room.
func (f *textForm) width(u *ui) int { return u.w - 6 }

// besideWidth is from where the preview stands beside the text.
const besideWidth = 100

// formRows shares out the lines of the form.
type formRows struct {
	text, preview int // without their labels
	notices       int
	label, beside bool
}

func (f *textForm) rows(u *ui, w, h int) formRows {
	rest := h - 2 - len(f.troubleLines(u, w)) // the name, what must be said, the buttons
	r := formRows{label: rest >= 6, beside: w >= besideWidth}
	if r.label {
		rest--
	}
	switch {
	case rest >= 24:
		r.notices = 4
	case rest >= 10:
		r.notices = 2
	}
	rest -= r.notices
	r.text = max(rest, 1)
	switch {
	case r.beside:
		r.preview = r.text
	case f.offer.open() && rest >= 4:
		r.preview = max((rest-1)*2/5, 2)
	case rest >= 10:
		r.preview = (rest - 1) * 2 / 5
	}
	if !r.beside && r.preview > 0 {
		r.text = rest - r.preview - 1
	}
	return r
}

func (f *textForm) sheet(u *ui, w, h int) sheet {
	dot := " " + u.glyphs.dot + " "
	title := "New " + f.kind.String() + dot + f.project
	if f.old != nil {
		title = "Edit " + f.old.Name + dot + "v" + strconv.FormatUint(f.old.Version, 10)
	}
	sw := newSheet(u, w, title)
	rows := f.rows(u, w, h)
	f.drawName(sw)
	if rows.beside {
		f.drawBeside(sw, rows)
	} else {
		f.drawText(sw, rows)
		if rows.preview > 0 {
			f.drawPreview(sw, rows.preview)
		}
	}
	f.drawNotices(sw, rows.notices)
	f.drawTrouble(sw)
	sw.buttons(f.saveBinding(u), binding{keys: "esc", help: "cancel", run: func() tea.Cmd { return f.cancel(u) }})
	return sw.sheet
}

// nameCells is how wide the name's field is: as wide as a long name, so that
// what is said about it has room beside it.
const nameCells = 34

// drawName draws the name in one line: the text needs the others.
func (f *textForm) drawName(sw *sheetWriter) {
	t, r := sw.u.theme, sw.row()
	focused := f.now() == f.nameItem
	st := t.dim
	if focused {
		st = t.accent
	}
	r.cell(t.strong, "Name", 6)
	r.text(st, sw.u.glyphs.pane.down)
	w := min(nameCells, max(r.left-10, 8))
	if f.nameItem.fixed {
		r.cell(t.dim, f.name.string(), w)
		r.gap(1)
		r.text(t.dim, "it never changes")
	} else {
		drawn, x := f.name.view(sw.u, w)
		r.raw(drawn, w)
		if focused {
			sw.cursor = &point{7 + x, len(sw.lines)}
		}
		r.gap(1)
		if wrong := f.nameItem.wrong(); wrong != "" {
			r.text(t.warn, "! "+wrong)
		} else {
			r.text(t.dim, "a-z 0-9 . _ -")
		}
	}
	sw.add(r.end())
	if !f.nameItem.fixed {
		sw.clickable(func() tea.Cmd { f.to(f.nameItem); return nil })
	}
}

// drawText draws the text, with where the cursor is.
func (f *textForm) drawText(sw *sheetWriter, rows formRows) {
	t, e := sw.u.theme, f.editor()
	if rows.label {
		r := sw.row()
		about := "YAML or JSON"
		if f.kind == vault.Instruction {
			about = "what an agent is told"
		}
		r.cell(t.strong, "Text", 6)
		at := strconv.Itoa(e.row+1) + ":" + strconv.Itoa(e.col+1)
		r.cell(t.dim, about+"; {{ lists the secrets", r.left-len(at)-1)
		r.gap(1)
		r.text(t.dim, at)
		sw.add(r.end())
	}
	var marked map[int]bool
	if f.doc != nil && f.seen.revision == e.revision && !f.blank() {
		marked = f.doc.marked()
	}
	first := len(sw.lines)
	e.draw(sw, rows.text, f.now() == f.textItem, marked)
	for i := first; i < len(sw.lines); i++ {
		row := e.top + i - first
		sw.clicks = append(sw.clicks, click{i, 0, sw.w, func() tea.Cmd {
			f.to(f.textItem)
			e.to(row, len(e.lines[min(row, len(e.lines)-1)]))
			return nil
		}})
	}
}

// previewLine bounds how much of a line the preview draws.
const previewLine = 4096

// drawPreview draws n lines of the text with hints, around the cursor; while a
// placeholder is typed, what it could become.
func (f *textForm) drawPreview(sw *sheetWriter, n int) {
	u, t := sw.u, sw.u.theme
	head := sw.row()
	if f.offer.open() {
		head.text(t.strong, "Secrets")
		head.gap(2)
		head.text(t.dim, count(len(f.offer.names), "name", "names")+", enter puts one in")
		sw.add(head.end())
		f.offer.draw(sw, n, u.data.rows)
		return
	}
	if f.blank() {
		head.text(t.strong, "For example")
		sw.add(head.end())
		for i := range n {
			sw.line(t.dim, "  "+f.example(i))
		}
		return
	}
	head.text(t.strong, "Preview")
	head.gap(2)
	if f.doc != nil && f.doc.tool.URL != "" {
		head.text(t.dim, f.doc.tool.target())
	} else {
		head.text(t.dim, "with hints in place of values")
	}
	sw.add(head.end())
	var lines []string
	if f.doc != nil {
		lines = f.doc.hinted
	}
	row := min(f.editor().row, max(len(lines)-1, 0))
	from, to := max(row-n, 0), min(row+n, len(lines))
	near := make([]string, 0, 2*n)
	for _, l := range lines[from:to] {
		near = append(near, l[:min(len(l), previewLine)])
	}
	text := fold(u, near, sw.w-2)
	at := max(text.first(row-from)-n/2, 0)
	at = max(min(at, len(text.parts)-n), 0)
	for i := range n {
		r := sw.row()
		r.gap(2)
		if at+i < len(text.parts) {
			text.draw(r, at+i, true)
		}
		sw.add(r.end())
	}
}

// blank tells that nothing was written yet: then there is nothing wrong with it
// either, and an example says what belongs there.
func (f *textForm) blank() bool {
	lines := f.editor().lines
	return len(lines) == 1 && lines[0] == ""
}

// example is line i of what a text may look like; short enough for the preview of
// the smallest screen that has one.
func (f *textForm) example(i int) string {
	lines := []string{"method: GET", "url: https://api.example.com/v1/items", "headers:", "  Authorization: Bearer {{NAME}}"}
	if f.kind == vault.Instruction {
		lines = []string{"Look the order up first. Then call the refund tool."}
	}
	if i >= len(lines) {
		return ""
	}
	return lines[i]
}

// drawBeside draws the text on the left and the preview on the right.
func (f *textForm) drawBeside(sw *sheetWriter, rows formRows) {
	lw := sw.w * 55 / 100
	left, right := newSheet(sw.u, lw, ""), newSheet(sw.u, sw.w-lw-2, "")
	f.drawText(left, rows)
	f.drawPreview(right, len(left.lines)-1)
	first := len(sw.lines)
	for i := range left.lines {
		sw.add(left.lines[i] + "  " + right.lines[i])
	}
	if c := left.cursor; c != nil {
		sw.cursor = &point{c.x, c.y + first}
	}
	for _, c := range left.clicks {
		c.line += first
		sw.clicks = append(sw.clicks, c)
	}
}

// drawNotices draws n lines of what is wrong in the text. They are kept free
// while nothing is, so that nothing moves while one types.
func (f *textForm) drawNotices(sw *sheetWriter, n int) {
	t := sw.u.theme
	all, wrong := newSheet(sw.u, sw.w, ""), 0
	if f.failed != "" {
		all.notice(t.danger, "x", f.failed)
	}
	if f.doc != nil {
		if w := modelWarning(f.doc.unsafe, 4); w != "" {
			all.notice(t.warn, "!", w)
		}
		wrong = len(f.doc.problems)
		for i, p := range f.doc.problems {
			if i == 2*n || f.blank() {
				break // more are not shown anyway
			}
			st, mark := t.warn, "!"
			if !p.Warning {
				st, mark = t.danger, "x"
			}
			all.notice(st, mark, p.String())
		}
	}
	for i := range n {
		switch {
		case i >= len(all.lines):
			sw.space()
		case i == n-1 && len(all.lines) > n && wrong > 1:
			sw.line(t.warn, "! "+count(wrong, "problem", "problems")+" in all")
		default:
			sw.add(all.lines[i])
		}
	}
}

// troubleMost is how many lines what became of a save may take: the text needs
// the others.
const troubleMost = 2

// troubleLines say what became of a save, in at least one line.
func (f *textForm) troubleLines(u *ui, w int) []string {
	lines := words(u, or(f.trouble, f.theirs), w-2)
	if len(lines) == 0 {
		return []string{""}
	}
	if len(lines) > troubleMost {
		lines = lines[:troubleMost]
		last := &lines[troubleMost-1]
		*last = cut(u.cells, *last, w-2-u.width(u.glyphs.ellipsis), "") + u.glyphs.ellipsis
	}
	return lines
}

func (f *textForm) drawTrouble(sw *sheetWriter) {
	st := sw.u.theme.warn
	if f.trouble != "" {
		st = sw.u.theme.danger
	}
	for i, l := range f.troubleLines(sw.u, sw.w) {
		r := sw.row()
		mark := ""
		if i == 0 && l != "" {
			mark = "!"
		}
		r.cell(st.unless(mark == ""), mark, 2)
		r.text(st.unless(l == ""), l)
		sw.add(r.end())
	}
}

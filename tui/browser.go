package tui

import tea "charm.land/bubbletea/v2"

// previewMode is where the details of the selected row are.
type previewMode int

const (
	previewSide previewMode = iota // beside the list, where there is room
	previewOff
	previewFull // instead of the list
)

// A browser is a list that can be filtered, with a preview of the selected row:
// what the sections with a list have in common. It knows no rows.
type browser struct {
	filter field
	asking bool // the filter is being typed
	win    window
	mode   previewMode

	list, side rect // where they were drawn
	detail     window
	onPreview  bool

	filtered func() // makes the view again, after the filter changed
	picked   func() // notices what is selected now
}

func (b *browser) typing() bool { return b.asking }

// update edits the filter while it is asked for, or moves.
func (b *browser) update(u *ui, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case pastedMsg:
		if b.asking {
			b.filter.paste(u)
			b.filtered()
		}
	case tea.KeyPressMsg:
		key := msg.String()
		if b.asking {
			b.ask(key, msg.Text)
			return nil
		}
		b.move(key)
	}
	return nil
}

// ask handles a key while the filter is being typed.
func (b *browser) ask(key, text string) {
	switch key {
	case "enter":
		b.asking = false
	case "esc":
		b.asking = false
		b.filter.set("")
		b.filtered()
	case "up", "down", "pgup", "pgdown":
		b.move(key)
	default:
		before := b.filter.string()
		if b.filter.key(key, text) && b.filter.string() != before {
			b.filtered()
		}
	}
}

// asks are the bindings while the filter is being typed.
func (b *browser) asks() []group {
	return []group{{"Filter", []binding{
		{keys: "enter", help: "keep", hint: hintAlways, run: func() tea.Cmd { b.ask("enter", ""); return nil }},
		{keys: "esc", help: "clear", hint: hintAlways, run: func() tea.Cmd { b.ask("esc", ""); return nil }},
	}}}
}

// move walks the list, or scrolls the preview when that has the focus.
func (b *browser) move(key string) {
	if b.onPreview || b.mode == previewFull {
		b.detail.scrollKey(key)
		return
	}
	b.win.key(key)
	b.picked()
}

// previewBinding goes from one mode to the next.
func (b *browser) previewBinding(u *ui, off string) binding {
	return binding{keys: "v", help: "preview", name: b.nextModeName(u), off: off, hint: hintRoom, run: func() tea.Cmd {
		b.mode = b.nextMode(u)
		b.onPreview = false
		return nil
	}}
}

// filterBinding asks for the filter of what is listed.
func (b *browser) filterBinding(what, off string) binding {
	return binding{keys: "/", help: "filter", name: "filter the " + what, off: off, hint: hintAlways, run: func() tea.Cmd {
		b.asking, b.mode = true, b.listMode()
		return nil
	}}
}

// listMode is the mode that shows the list.
func (b *browser) listMode() previewMode {
	if b.mode == previewFull {
		return previewSide
	}
	return b.mode
}

// nextMode goes from side to off to full; without room for a side, from the
// list to full and back.
func (b *browser) nextMode(u *ui) previewMode {
	if u.w < 80 {
		if b.mode == previewFull {
			return previewSide
		}
		return previewFull
	}
	return (b.mode + 1) % 3
}

func (b *browser) nextModeName(u *ui) string {
	switch b.nextMode(u) {
	case previewSide:
		return "show the list"
	case previewOff:
		return "close the preview"
	case previewFull:
	}
	return "show the preview over the full width"
}

// back undoes one thing at a time: full preview, focus, filter. It tells
// whether there was one.
func (b *browser) back() bool {
	switch {
	case b.mode == previewFull:
		b.mode = previewSide
	case b.onPreview:
		b.onPreview = false
	case b.filter.string() != "":
		b.filter.set("")
		b.filtered()
	default:
		return false
	}
	return true
}

// next moves the focus within the section; false when it leaves it.
func (b *browser) next(_ *ui, d int) bool {
	if b.side.w == 0 || b.list.w == 0 {
		return false
	}
	to := d > 0
	if b.onPreview == to {
		return false
	}
	b.onPreview = to
	return true
}

// first puts the focus where it enters the section from.
func (b *browser) first(d int) { b.onPreview = d < 0 && b.side.w > 0 && b.list.w > 0 }

// press moves the focus to where a click was, and tells whether that was the
// list.
func (b *browser) press(x, y int) bool {
	switch {
	case b.list.holds(x, y):
		b.onPreview = false
		return true
	case b.side.holds(x, y):
		b.onPreview = b.list.w > 0
	}
	return false
}

// pressRow selects the row at a line of the list below head lines. It tells
// whether its menu is asked for: by a second click, or one on its dots.
func (b *browser) pressRow(x, y, head int) bool {
	i := b.win.top + y - b.list.y - 1 - head
	if i < b.win.top || i >= b.win.end() {
		return false
	}
	again := i == b.win.at || x >= b.list.x+b.list.w-3
	b.win.to(i)
	b.picked()
	return again
}

func (b *browser) wheel(_ *ui, x, y, d int) {
	if b.side.holds(x, y) {
		b.detail.scroll(d)
		return
	}
	b.win.scroll(d)
	b.picked()
}

// whole tells that the list takes the sidebar's place too: a narrow screen
// whose preview was put away is for the list. Then nothing stands beside the
// rows, and the terminal scrolls them by itself: a fifth of the bytes.
func (b *browser) whole(u *ui) bool { return b.mode == previewOff && u.w >= 80 && u.w < 120 }

// draw draws the list of n rows, the preview, or both.
func (b *browser) draw(u *ui, where rect, n int, list func() []string, preview func(where rect, focused bool) []string) []string {
	b.list, b.side = where, rect{}
	switch {
	case b.mode == previewFull:
		b.list, b.side = rect{}, where
		return preview(where, true)
	case b.mode == previewSide && u.w >= 80 && n > 0:
		w := min(max(where.w*42/100, 27), 42)
		b.list.w -= w
		b.side = rect{where.x + b.list.w, where.y, w, where.h}
		return beside(list(), preview(b.side, b.onPreview))
	}
	b.onPreview = false
	return list()
}

// menuPlace is beside the selected row, so that menu and row read as one.
func (b *browser) menuPlace(head int) *point {
	if b.list.w == 0 {
		return nil
	}
	return &point{b.list.x + b.list.w/2, b.list.y + 2 + head + b.win.at - b.win.top}
}

// statusField draws the filter being typed, and what it found.
func (b *browser) statusField(u *ui, w int, found string) (string, *point) {
	r := newRow(u, w)
	r.text(u.theme.accent, "/ ")
	field, x := b.filter.view(u, max(r.left-u.width(found)-2, 1))
	r.raw(field, r.left-u.width(found)-2)
	r.gap(2)
	r.text(u.theme.dim, found)
	return r.end(), &point{2 + x, 0}
}

// pane frames the list.
func (b *browser) pane(u *ui, title, note string, lines []string) []string {
	return pane{title: title, note: note, focused: u.listFocused() && !b.onPreview, w: b.list.w, h: b.list.h, lines: lines}.draw(u)
}

// scrolled frames the part of a preview's lines that fits, and says which part
// it is when there is more.
func (b *browser) scrolled(u *ui, p pane, lines []string) []string {
	for i, l := range lines {
		lines[i] = " " + l + " "
	}
	b.detail.fit(len(lines), p.h-2)
	p.lines = lines[b.detail.top:b.detail.end()]
	if len(lines) > p.h-2 {
		p.note = number(b.detail.top+1) + "-" + number(b.detail.end()) + "/" + number(len(lines))
	}
	return p.draw(u)
}

// listRow begins a row of a list of w cells; st is how its name is written. The
// selected row is marked with > and the weight of its name. Nothing else differs,
// and nothing behind the name: the renderer rewrites a row from its first to its
// last difference, and over a slow line a whole row in reverse costs ten times as
// many bytes.
func (u *ui) listRow(w int, selected bool) (r *row, st style) {
	r = newRow(u, w)
	if !selected {
		r.gap(3)
		return r, ""
	}
	r.gap(1)
	r.text(u.theme.accent, ">")
	r.gap(1)
	return r, u.theme.strong
}

// endWithMenu ends a row of a list with the dots that open its menu.
func (r *row) endWithMenu() string {
	r.gap(r.left - 1)
	r.text(r.u.theme.dim, r.u.glyphs.menu)
	return r.end()
}

// A heading is what stands above a column; one of no width is left out.
type heading struct {
	text string
	w    int
}

// listHead is the row above a list.
func (u *ui) listHead(w int, columns []heading) string {
	r := newRow(u, w)
	r.gap(3)
	for _, c := range columns {
		if c.w > 0 {
			r.cell(u.theme.dim, c.text, c.w)
			r.gap(2)
		}
	}
	return r.end()
}

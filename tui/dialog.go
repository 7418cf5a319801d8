package tui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// A dialog lies over the workspace. The top one owns the input.
type dialog interface {
	// groups are what can be done in it, for keys, hint line and help.
	groups(u *ui) []group
	// update takes a key that no binding wanted, or a paste.
	update(u *ui, msg tea.Msg) tea.Cmd
	// sheet draws the inside, at most w cells wide, knowing that h lines show
	// without scrolling.
	sheet(u *ui, w, h int) sheet
}

// A typist is a dialog that may own the letters: while it does, no letter is a
// shortcut and a paste is text.
type typist interface{ typing() bool }

// A wiper holds a value that must be gone when it is closed or locked.
type wiper interface{ wipe() }

func wipe(d dialog) {
	if w, ok := d.(wiper); ok {
		w.wipe()
	}
}

// lockedMeanwhile is what a dialog says after the unlock of work whose end nobody
// heard of.
const lockedMeanwhile = "locked while it was under way: see whether it was done"

// drop wipes a dialog that is closed, and gives its fields up.
func drop(d dialog) {
	if f, ok := d.(interface{ drop() }); ok {
		f.drop()
		return
	}
	wipe(d)
}

// A sheet is the inside of a dialog.
type sheet struct {
	title  string
	lines  []string // each as wide as the sheet was asked for
	cursor *point   // where the text cursor stands, in the lines
	show   [2]int   // the first and last line that must be in sight
	foot   int      // where not all fits, the lines from here on stay at the bottom; 0 for none
	clicks []click
	near   *point // place the box here if it fits, instead of in the middle
}

type point struct{ x, y int }

// A click is a place in a sheet that a mouse can press.
type click struct {
	line, x, w int
	run        func() tea.Cmd
}

// A sheetWriter puts a sheet together, line by line.
type sheetWriter struct {
	u *ui
	w int
	sheet
}

func newSheet(u *ui, w int, title string) *sheetWriter {
	return &sheetWriter{u: u, w: w, sheet: sheet{title: title, show: [2]int{-1, -1}}}
}

func (s *sheetWriter) line(st style, text string) { s.add(line(s.u, s.w, st, text)) }
func (s *sheetWriter) add(drawn string)           { s.lines = append(s.lines, drawn) }
func (s *sheetWriter) space()                     { s.line("", "") }
func (s *sheetWriter) row() *row                  { return newRow(s.u, s.w) }

// para writes text over as many lines as it needs.
func (s *sheetWriter) para(st style, text string) {
	for _, l := range words(s.u, text, s.w) {
		s.line(st, l)
	}
}

// notice writes a line that must be seen: the mark says what the colour says.
func (s *sheetWriter) notice(st style, mark, text string) {
	for i, l := range words(s.u, text, s.w-2) {
		r := s.row()
		if i == 0 {
			r.cell(st, mark, 2)
		} else {
			r.gap(2)
		}
		r.text(st, l)
		s.add(r.end())
	}
}

// inSight marks the lines from first to the last one written as those that
// must be in sight.
func (s *sheetWriter) inSight(first int) { s.show = [2]int{first, len(s.lines) - 1} }

// pin keeps what is written from here on in sight: what went wrong, and how to go
// on.
func (s *sheetWriter) pin() {
	if s.foot == 0 {
		s.foot = len(s.lines)
	}
}

// wrong says what went wrong, where it stays in sight.
func (s *sheetWriter) wrong(text string) {
	s.pin()
	s.notice(s.u.theme.danger, "!", text)
}

// clickable makes the line that was written last run something.
func (s *sheetWriter) clickable(run func() tea.Cmd) {
	s.clicks = append(s.clicks, click{len(s.lines) - 1, 0, s.w, run})
}

// buttons draws what the dialog's main keys do, to be clicked or read. Those that
// do not fit beside the others stand in a line of their own.
func (s *sheetWriter) buttons(bs ...binding) {
	const apart = 3
	s.pin()
	r := s.row()
	for _, b := range bs {
		need := s.u.width(s.u.plain("[ " + b.help + " " + b.shown() + " ]"))
		if x := s.w - r.left; x > 0 && apart+need > r.left {
			s.add(r.end())
			r = s.row()
		} else if x > 0 {
			r.gap(apart)
		}
		x, st := s.w-r.left, style("")
		if b.off != "" {
			st = s.u.theme.dim
		}
		r.text(st, "[ "+b.help+" ")
		r.text(s.u.theme.accent, b.shown())
		r.text(st, " ]")
		if b.off == "" {
			s.clicks = append(s.clicks, click{len(s.lines), x, s.w - r.left - x, b.run})
		}
	}
	s.add(r.end())
}

// labelWidth is the width of the names of fields, so that what is said about
// them stands in one column.
const labelWidth = 13

// label writes the name of a field and what there is to say about it.
func (s *sheetWriter) label(name, about string) {
	r := s.row()
	r.cell(s.u.theme.strong, name, max(labelWidth, s.u.width(name)+2))
	r.text(s.u.theme.dim, about)
	s.add(r.end())
}

// A shown dialog remembers where it was drawn, for the mouse, and how far it
// is scrolled.
type shown struct {
	dialog     dialog
	x, y, w, h int   // with the border
	off        int   // lines scrolled
	rows       []int // the line of the sheet that stands in each row of the box
	sheet      sheet
}

// scroll moves what is drawn of a sheet that does not fit; it tells whether there
// is more of it.
func (s *shown) scroll(d int) bool {
	if len(s.rows) >= len(s.sheet.lines) {
		return false
	}
	s.off += d // the next frame keeps it within bounds
	return true
}

// bodyMin is how many lines scroll above those that stay.
const bodyMin = 3

// fit picks the lines that rows of them show, from off on as far as what must be
// in sight lets it, and says whether there are more above and below.
func (s *sheet) fit(rows, off int) (at []int, from int, above, below bool) {
	n := len(s.lines)
	foot := n
	if s.foot > 0 && n > rows {
		foot = max(s.foot, n-max(rows-bodyMin, 0))
	}
	body := rows - (n - foot)
	if first, last := s.show[0], min(s.show[1], foot-1); first >= 0 {
		off = min(max(off, last-body+1), first)
	}
	off = max(min(off, foot-body), 0)
	end := min(off+body, foot)
	for i := off; i < end; i++ {
		at = append(at, i)
	}
	for i := foot; i < n; i++ {
		at = append(at, i)
	}
	return at, off, off > 0, end < foot
}

// boxWidth is the inner width of a dialog by the width of the screen: as in
// the drawings at 80 and 140, and never wider than is easy to read.
func boxWidth(w int) int {
	switch {
	case w >= 120:
		return 78
	case w >= 70:
		return 60
	}
	return w - 6
}

// layDialog draws d over base and returns where, and the text cursor.
func layDialog(u *ui, d dialog, base []string, off int) (shown, *tea.Cursor) {
	full := !hintRow(u.h)
	x, y, w, h := 0, 0, u.w, u.h
	inner := u.w - 4
	if !full {
		inner = boxWidth(u.w)
		if s, ok := d.(interface{ width(u *ui) int }); ok {
			inner = min(s.width(u), u.w-6)
		}
		w = inner + 4
		h = u.h - 4 // header, status and hint line stay in sight, and the top border
	}
	sh := d.sheet(u, inner, h-2)
	if !full {
		h = min(h, len(sh.lines)+2)
		x, y = (u.w-w)/2, max((u.h-h)/2-1, 1)
		if sh.near != nil && sh.near.x+w <= u.w && sh.near.y+h <= u.h-2 {
			x, y = sh.near.x, max(sh.near.y, 1)
		}
	}
	rows, off, above, below := sh.fit(h-2, off)
	at := shown{dialog: d, x: x, y: y, w: w, h: h, off: off, rows: rows, sheet: sh}
	box := drawBox(u, at, above, below)
	if st, text := u.toastWords(); full && text != "" { // the status line lies under it
		box[h-1] = toastBorder(u, w, st, text)
	}
	over(u, base, box, x, y, w)
	var cur *tea.Cursor
	if c := sh.cursor; c != nil {
		if row := slices.Index(rows, c.y); row >= 0 {
			cur = tea.NewCursor(x+2+min(c.x, inner-1), y+1+row)
			cur.Blink = false
		}
	}
	return at, cur
}

// drawBox draws the double border that tells a dialog from a pane.
func drawBox(u *ui, s shown, above, below bool) []string {
	g, w, h := u.glyphs.box, s.w, s.h
	out := make([]string, 0, h)
	top := newRow(u, w)
	top.text("", g.topLeft+g.across+" ")
	top.text(u.theme.strong, u.middle(s.sheet.title, w-6))
	top.text("", " ")
	top.text("", strings.Repeat(g.across, max(top.left-1, 0)))
	top.text("", g.topRight)
	out = append(out, top.end())
	empty := strings.Repeat(" ", w-4)
	for i := range h - 2 {
		l := empty
		if i < len(s.rows) {
			l = s.sheet.lines[s.rows[i]]
		}
		out = append(out, g.down+" "+l+" "+g.down)
	}
	bottom := newRow(u, w)
	bottom.text("", g.bottomLeft)
	more := ""
	if above {
		more += u.glyphs.more[0]
	}
	if below {
		more += u.glyphs.more[1]
	}
	if more != "" {
		more = " more " + more + " "
	}
	bottom.text("", strings.Repeat(g.across, max(bottom.left-1-u.width(more), 0)))
	bottom.text(u.theme.dim, more)
	bottom.text("", g.bottomRight)
	return append(out, bottom.end())
}

// toastBorder is the bottom of a box that fills the screen, with a toast in it.
func toastBorder(u *ui, w int, st style, text string) string {
	g, r := u.glyphs.box, newRow(u, w)
	r.text("", g.bottomLeft+" ")
	r.text(st, u.cutText(text, r.left-2))
	r.text("", " ")
	r.text("", strings.Repeat(g.across, max(r.left-1, 0))+g.bottomRight)
	return r.end()
}

// press finds what was clicked at a place of the screen.
func (s shown) press(x, y int) (func() tea.Cmd, bool) {
	inside := x >= s.x && x < s.x+s.w && y >= s.y && y < s.y+s.h
	lx, row := x-s.x-2, y-s.y-1
	if row < 0 || row >= len(s.rows) {
		return nil, inside
	}
	for _, c := range s.sheet.clicks {
		if inside && c.line == s.rows[row] && lx >= c.x && lx < c.x+c.w {
			return c.run, true
		}
	}
	return nil, inside
}

package tui

import "strings"

// A row is one line of a known width being drawn from left to right. Whatever
// is put into it, end returns exactly that many cells.
type row struct {
	u    *ui
	b    strings.Builder
	left int // cells not yet drawn
}

func newRow(u *ui, w int) *row { return &row{u: u, left: max(w, 0)} }

// text draws s as far as it fits, cutting its end.
func (r *row) text(st style, s string) {
	s = r.u.plain(s)
	w := r.u.width(s)
	if w > r.left {
		s = r.u.cutText(s, r.left)
		w = r.u.width(s) // a wide character that does not fit leaves a cell free
	}
	r.b.WriteString(st.of(s))
	r.left -= w
}

// cell draws s in exactly w cells, cutting its end or padding it.
func (r *row) cell(st style, s string, w int) {
	w = min(w, r.left)
	if w <= 0 {
		return
	}
	s = r.u.plain(s)
	n := r.u.width(s)
	if n > w {
		s = r.u.cutText(s, w)
		n = r.u.width(s)
	}
	r.b.WriteString(st.of(s))
	r.left -= w
	r.pad(w - n)
}

// name is cell for a name, which is cut in its middle: its end tells apart.
func (r *row) name(st style, s string, w int) {
	w = min(w, r.left)
	if w <= 0 {
		return
	}
	r.cell(st, r.u.middle(s, w), w)
}

// right draws s at the right end of a cell of w cells.
func (r *row) right(st style, s string, w int) {
	w = min(w, r.left)
	s = r.u.plain(s)
	if n := r.u.width(s); n < w {
		r.gap(w - n)
		w = n
	}
	r.cell(st, s, w)
}

// gap leaves n cells empty.
func (r *row) gap(n int) {
	n = min(n, r.left)
	if n > 0 {
		r.left -= n
		r.pad(n)
	}
}

// raw puts a piece in that is already drawn and w cells wide.
func (r *row) raw(s string, w int) {
	if w <= r.left {
		r.b.WriteString(s)
		r.left -= w
	}
}

const blanks = "                                                                "

func (r *row) pad(n int) {
	for n > len(blanks) {
		r.b.WriteString(blanks)
		n -= len(blanks)
	}
	if n > 0 {
		r.b.WriteString(blanks[:n])
	}
}

// end fills what is left and returns the line.
func (r *row) end() string {
	r.gap(r.left)
	return r.b.String()
}

// line is a row with one text.
func line(u *ui, w int, st style, s string) string {
	r := newRow(u, w)
	r.text(st, s)
	return r.end()
}

// A pane is a box of the workspace.
type pane struct {
	title   string
	note    string // at the right of the top border
	focused bool
	w, h    int      // with the border
	lines   []string // of w-2 cells each; missing ones are drawn empty
}

// draw returns h lines of w cells. Focus is shown by a mark and weight in the
// title: a border in another colour would repaint every line of the screen.
func (p pane) draw(u *ui) []string {
	if p.w < 2 || p.h < 2 {
		return blank(p.w, p.h)
	}
	g, inner := u.glyphs.pane, p.w-2
	out := make([]string, 0, p.h)
	dim := u.theme.dim // the frame stays behind what it frames
	top := newRow(u, p.w)
	top.text(dim, g.topLeft+g.across)
	if p.title != "" {
		st := style("")
		if p.focused {
			top.text(u.theme.accent, u.glyphs.mark)
			st = u.theme.strong
		}
		note := u.width(p.note)
		if note > 0 {
			note += 2
		}
		top.gap(1)
		top.text(st, u.middle(p.title, max(top.left-note-3, 0)))
		top.gap(1)
	}
	tail := 1
	if p.note != "" && top.left > u.width(p.note)+4 {
		tail = u.width(p.note) + 3
	}
	if tail > 1 {
		top.text(dim, strings.Repeat(g.across, max(top.left-tail, 0)))
		top.gap(1)
		top.text("", p.note)
		top.gap(1)
		top.text(dim, g.topRight)
	} else {
		top.text(dim, strings.Repeat(g.across, max(top.left-1, 0))+g.topRight)
	}
	out = append(out, top.end())
	empty, down := strings.Repeat(" ", inner), dim.of(g.down)
	for i := range p.h - 2 {
		l := empty
		if i < len(p.lines) {
			l = p.lines[i]
		}
		out = append(out, down+l+down)
	}
	return append(out, dim.of(g.bottomLeft+strings.Repeat(g.across, inner)+g.bottomRight))
}

// blank is h lines of w spaces.
func blank(w, h int) []string {
	out := make([]string, max(h, 0))
	for i := range out {
		out[i] = strings.Repeat(" ", max(w, 0))
	}
	return out
}

// beside joins pictures of the same height from left to right.
func beside(parts ...[]string) []string {
	if len(parts) == 1 {
		return parts[0]
	}
	out := make([]string, len(parts[0]))
	for i := range out {
		n := 0
		for _, p := range parts {
			n += len(p[i])
		}
		var b strings.Builder
		b.Grow(n)
		for _, p := range parts {
			b.WriteString(p[i])
		}
		out[i] = b.String()
	}
	return out
}

// over lays a picture of w cells on base at x, y. What would fall outside of
// base is not drawn.
func over(u *ui, base, top []string, x, y, w int) {
	for i, l := range top {
		at := y + i
		if at < 0 || at >= len(base) {
			continue
		}
		left := u.cells.Truncate(base[at], x, "")
		right := u.cells.TruncateLeft(base[at], x+w, "")
		// A wide character that is cut in half leaves a cell empty.
		if n := u.cells.StringWidth(left); n < x {
			left += strings.Repeat(" ", x-n)
		}
		n, want := u.cells.StringWidth(right), u.w-x-w
		if n > want {
			right = u.cells.TruncateLeft(base[at], x+w+1, "")
			n = u.cells.StringWidth(right)
		}
		base[at] = left + l + strings.Repeat(" ", max(want-n, 0)) + right
	}
}

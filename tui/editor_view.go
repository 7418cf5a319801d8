package tui

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// glyph draws one character of a text that is edited. What draws nothing is
// marked: somebody who edits a text should see that there is something.
func glyph(u *ui, cluster string) string {
	if cluster == "\t" {
		return "    "
	}
	if s := u.plain(cluster); s != "" {
		return s
	}
	return "?"
}

// stretch draws at most w cells of a line from its byte from on, and returns
// how many cells that took and the byte after the last one drawn.
func stretch(u *ui, s string, from, w int) (drawn string, cells, to int) {
	var b strings.Builder
	at := from
	for at < len(s) {
		c := s[at]
		n, cw, g := 1, 1, ""
		if c >= ' ' && c < 0x7f && (at+1 == len(s) || s[at+1] < utf8.RuneSelf) {
			g = s[at : at+1]
		} else {
			cluster, _ := ansi.FirstGraphemeCluster(s[at:], u.cells)
			n = len(cluster)
			g = glyph(u, cluster)
			cw = u.width(g)
		}
		if cells+cw > w {
			break
		}
		b.WriteString(g)
		cells += cw
		at += n
	}
	return b.String(), cells, at
}

// cellsFrom is how many cells the bytes from one place of a line to another
// take, or more than most.
func cellsFrom(u *ui, s string, from, to, most int) int {
	_, n, at := stretch(u, s[:to], from, most)
	if at < to {
		return most + 1
	}
	return n
}

// back is the byte of a line that stands about n cells before another.
func back(u *ui, s string, at, n int) int {
	for n > 0 && at > 0 {
		from := before(s, at)
		n -= max(u.width(glyph(u, s[from:at])), 1)
		at = from
	}
	return at
}

// keepInSight scrolls to the cursor: lines up and down, and the cursor's own
// line sideways.
func (e *editor) keepInSight(u *ui, w, h int) {
	e.h = h
	e.top = max(min(e.top, e.row), e.row-h+1, 0)
	e.top = max(min(e.top, len(e.lines)-h), 0)
	line := e.lines[e.row]
	e.off = min(e.off, len(line))
	room := max(w-2, 1) // a cell for the mark, and one for the cursor at the end
	switch {
	case cellsFrom(u, line, 0, e.col, room) <= room:
		e.off = 0
	case e.off == 0 || e.col < e.off || cellsFrom(u, line, e.off, e.col, room-1) > room-1:
		e.off = back(u, line, e.col, room*2/3)
	}
}

// draw writes h lines of the text. Lines are numbered, for problems name them;
// those in marked have one.
func (e *editor) draw(sw *sheetWriter, h int, focused bool, marked map[int]bool) {
	u, t := sw.u, sw.u.theme
	num := max(len(strconv.Itoa(len(e.lines))), 2)
	w := sw.w - num - 3
	e.keepInSight(u, w, h)
	bar := t.dim
	if focused {
		bar = t.accent
	}
	for i := e.top; i < e.top+h; i++ {
		r := sw.row()
		switch {
		case i >= len(e.lines):
			r.gap(num + 1)
		case marked[i+1]:
			r.text(t.warn, "!")
			r.right(t.warn, strconv.Itoa(i+1), num)
		default:
			r.gap(1)
			r.right(t.dim, strconv.Itoa(i+1), num)
		}
		r.text(bar, u.glyphs.pane.down)
		if i < len(e.lines) {
			x := e.drawLine(r, i, w)
			if i == e.row && focused {
				sw.cursor = &point{min(num+2+x, sw.w-1), len(sw.lines)}
			}
		}
		sw.add(r.end())
	}
}

// drawLine draws a line in w cells and returns the cursor's in it.
func (e *editor) drawLine(r *row, i, w int) int {
	u, line, from, x := r.u, e.lines[i], 0, 0
	if i == e.row {
		if from = e.off; from > 0 {
			r.text(u.theme.dim, u.glyphs.ellipsis)
			w--
			x = 1
		}
		x += cellsFrom(u, line, from, e.col, w)
	}
	text, cells, to := stretch(u, line, from, w)
	if to < len(line) {
		text, cells, _ = stretch(u, line, from, w-1)
	}
	r.raw(text, cells)
	if to < len(line) {
		r.gap(w - 1 - cells)
		r.text(u.theme.dim, u.glyphs.ellipsis)
	}
	return x
}

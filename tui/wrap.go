package tui

import (
	"strings"
)

// A folded text is lines of which those that are too long go on below. Where
// they break is known for all of it; only what is on the screen is drawn.
type folded struct {
	lines []string // fit to be drawn
	parts []part
	w     int
}

// A part is a piece of a line.
type part struct {
	line     int // from 0
	from, to int
}

// fold breaks lines at w cells, between words where there is one, and not
// inside of a hint.
func fold(u *ui, lines []string, w int) *folded {
	f := &folded{lines: make([]string, len(lines)), parts: make([]part, 0, len(lines)), w: max(w, 1)}
	for i, l := range lines {
		l = u.plain(strings.ReplaceAll(l, "\t", "    "))
		f.lines[i] = l
		at := 0
		for {
			whole, n := measure(u.cells, l[at:], f.w, f.w)
			if whole {
				f.parts = append(f.parts, part{i, at, len(l)})
				break
			}
			n = max(breakAt(l[at:], n), 1)
			for n < len(l)-at && l[at+n]&0xc0 == 0x80 { // a character wider than the screen
				n++
			}
			f.parts = append(f.parts, part{i, at, at + n})
			at += n
		}
	}
	return f
}

// breakAt is where to break a line of which n bytes fit: behind the last space
// if that is not too far back, and not inside of a hint's brackets.
func breakAt(s string, n int) int {
	if i := strings.LastIndexByte(s[:n], ' '); i > n/3 {
		n = i + 1
	}
	if i := strings.LastIndex(s[:n], "⟦"); i > 0 && strings.LastIndex(s[:n], "⟧") < i {
		n = i
	}
	return n
}

// first is the part that a line from 0 begins with.
func (f *folded) first(line int) int {
	lo, hi := 0, len(f.parts)
	for lo < hi {
		if mid := (lo + hi) / 2; f.parts[mid].line < line {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// draw puts a part into a row, with what a preview put into it coloured.
func (f *folded) draw(r *row, i int, hints bool) {
	p := f.parts[i]
	text := f.lines[p.line][p.from:p.to]
	if hints {
		drawHints(r, text)
	} else {
		r.text("", text)
	}
}

// drawHints draws text with hints. What stands in a preview's brackets is not
// of the text: it is coloured.
func drawHints(r *row, text string) {
	u, from, to := r.u, "⟦", "⟧"
	for !u.glyphs.ascii {
		before, rest, ok := strings.Cut(text, from)
		hint, after, closed := strings.Cut(rest, to)
		if !ok || !closed {
			break
		}
		r.text("", before)
		if r.left < u.width(from+hint+to) { // a hint that is cut reads as another secret's
			if r.left > 0 {
				r.text(u.theme.dim, u.glyphs.ellipsis)
			}
			return
		}
		st := u.theme.accent
		if strings.HasSuffix(hint, " missing") {
			st = u.theme.warn
		}
		r.text(st, from+hint+to)
		text = after
	}
	r.text("", text)
}

// Package plain makes text from outside fit to be shown: names, descriptions,
// file names, host names, error texts. It promises that what it returns cannot
// steer a terminal, hide or reorder what stands beside it, or join with it. It
// removes and never escapes: the result is for people, not for programs.
package plain

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMarks is how many combining marks of a kind may follow a character. Two
// are enough for the scripts in use; more is how text is made to spill over
// the lines above and below it.
const maxMarks = 2

// String returns s as one line that is safe to draw. Line ends, tabs and the
// other spaces of Unicode become a plain space each; what else draws nothing,
// or means something to a terminal, is removed. A string that needs no change
// is returned as it is, without allocating.
func String(s string) string { return clean(s, false) }

// Lines is String for text of several lines: line feeds stay, and the other
// ends of a line (CR, CR LF, U+2028, U+2029) become line feeds.
func Lines(s string) string { return clean(s, true) }

func clean(s string, lines bool) string {
	i := 0
	for i < len(s) && (s[i] >= ' ' && s[i] < 0x7f || lines && s[i] == '\n') {
		i++
	}
	if i == len(s) {
		return s
	}
	w := writer{src: s, same: i}
	if i == 0 || s[i-1] == '\n' {
		w.start()
	}
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n <= 1: // not UTF-8
			w.drop()
		case r == '\r' && lines && strings.HasPrefix(s[i+1:], "\n"):
			w.drop() // the line feed behind it ends the line
		case r == '\n', r == '\r', r == '\u2028', r == '\u2029':
			if lines {
				w.put(r, '\n')
			} else {
				w.put(r, ' ')
			}
		default:
			w.character(r)
		}
		i += n
	}
	return w.end()
}

// A writer copies only from the first character on that is not kept as it is.
type writer struct {
	b       strings.Builder
	src     string
	same    int  // the length of the prefix of src that is kept as it is
	changed bool // b is in use
	marks   int  // combining marks since the last character
	spacing int  // those of them that take a cell of their own
}

// start makes marks that come next be dropped: with no character of this text
// before them they would join what is drawn to the left.
func (w *writer) start() { w.marks, w.spacing = maxMarks, maxMarks }

func (w *writer) drop() {
	if !w.changed {
		w.changed = true
		w.b.Grow(len(w.src))
		w.b.WriteString(w.src[:w.same])
	}
}

// put writes out, which stands for r.
func (w *writer) put(r, out rune) {
	switch {
	case out == '\n':
		w.start()
	case out < 0x300: // the first mark
		w.marks, w.spacing = 0, 0
	case unicode.Is(unicode.Mn, out):
		if w.marks == maxMarks {
			w.drop()
			return
		}
		w.marks++
	case unicode.Is(unicode.Mc, out):
		if w.spacing == maxMarks {
			w.drop()
			return
		}
		w.spacing++
	default:
		w.marks, w.spacing = 0, 0
	}
	if !w.changed && r == out {
		w.same += utf8.RuneLen(r)
		return
	}
	w.drop()
	w.b.WriteRune(out)
}

func (w *writer) end() string {
	if !w.changed {
		return w.src
	}
	return w.b.String()
}

func (w *writer) character(r rune) {
	switch {
	case r >= ' ' && r < 0x7f:
		w.put(r, r)
	case r == '\t', r == '\v', r == '\f', r == '\u0085', unicode.Is(unicode.Zs, r):
		w.put(r, ' ')
	case r >= 0x1F1E6 && r <= 0x1F1FF:
		// Flags are pairs of these letters, drawn in two cells or in four as
		// the terminal likes. The letters say the same.
		w.put(r, 'A'+r-0x1F1E6)
	case r == 0x0E33, r == 0x0EB3:
		// Thai and Lao am: one character that some count as a mark. Its two
		// parts, a mark and a vowel, look the same and are counted alike.
		w.put(r, r+0x1A)
		w.put(r, r-1)
	case r == 0xFF9E, r == 0xFF9F:
		w.put(r, r-0xFF9E+0x309B) // half-width Japanese voicing marks, likewise
	case !unicode.IsPrint(r), unicode.Is(unicode.Me, r), invisible(r), uneven(r):
		w.drop()
	default:
		w.put(r, r)
	}
}

// invisible reports characters that Unicode calls printable and that draw
// nothing: names that look the same must be the same.
func invisible(r rune) bool {
	return r == 0x2800 || // a braille cell without dots
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// uneven reports characters that join a neighbour in one terminal and stand
// alone in the next, so that whoever draws a border behind them cannot know
// where it will be: skin tones, and letters that lead into the one after.
func uneven(r rune) bool {
	switch {
	case r >= 0x1F3FB && r <= 0x1F3FF, r >= 0x11A84 && r <= 0x11A89:
		return true
	}
	switch r {
	case 0x0D4E, 0x111C2, 0x111C3, 0x113D1, 0x1193F, 0x11941, 0x11D46, 0x11F02:
		return true
	}
	return false
}

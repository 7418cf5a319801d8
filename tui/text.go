package tui

import (
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"tacenda/internal/plain"
)

// Text from outside reaches the screen through clean, then cut or middle; row
// pads it. How many cells a text takes depends on the terminal: most add up the
// widths of code points (ansi.WcWidth), those that answer to mode 2027 draw a
// cluster as one (ansi.GraphemeWidth). Whoever measures says which.

// clean makes text from outside safe to draw in one line.
func clean(s string) string { return plain.String(s) }

// width is the number of cells that clean text takes.
func width(m ansi.Method, s string) int {
	if isASCII(s) {
		return len(s)
	}
	return m.StringWidth(s)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// cut shortens clean text to at most w cells; an ellipsis takes the place of
// the end. Where a wide character would have to be split, one cell stays free.
func cut(m ansi.Method, s string, w int, ellipsis string) string {
	whole, head := measure(m, s, w, w-width(m, ellipsis))
	switch {
	case whole:
		return s
	case w < width(m, ellipsis):
		return ""
	}
	return s[:head] + ellipsis
}

// middle shortens clean text to at most w cells and keeps both of its ends:
// it is for names, whose ends tell them apart.
func middle(m ansi.Method, s string, w int, ellipsis string) string {
	room := w - width(m, ellipsis)
	whole, head := measure(m, s, w, (room+1)/2)
	switch {
	case whole:
		return s
	case room < 0:
		return ""
	case isASCII(s):
		return s[:head] + ellipsis + s[len(s)-room/2:]
	}
	return s[:head] + ellipsis + tail(m, s[head:], room/2)
}

// measure tells whether s fits in w cells, and how many of its bytes fit in
// room cells where it does not. It looks no further than it must: a text of a
// megabyte costs no more than one that is just too long.
func measure(m ansi.Method, s string, w, room int) (whole bool, head int) {
	at, used := 0, 0
	for at < len(s) {
		n, cw := 1, 1
		if s[at] >= 0x80 || at+1 < len(s) && s[at+1] >= 0x80 {
			var cluster string
			cluster, cw = ansi.FirstGraphemeCluster(s[at:], m)
			n = len(cluster)
		}
		if used+cw > w {
			return false, head
		}
		at, used = at+n, used+cw
		if used <= room {
			head = at
		}
	}
	return true, len(s)
}

// tail is the longest end of s that starts with a whole character and takes at
// most w cells.
func tail(m ansi.Method, s string, w int) string {
	over := m.StringWidth(s) - w
	for over > 0 && s != "" {
		cluster, cw := ansi.FirstGraphemeCluster(s, m)
		over -= cw
		s = s[len(cluster):]
	}
	return s
}

// from is clean text without its first w cells, and without the rest of a hint
// that begins in them.
func (u *ui) from(s string, w int) string {
	rest := u.cells.TruncateLeft(s, w, "")
	head := strings.TrimSuffix(s, rest)
	if i := strings.LastIndex(head, "⟦"); i >= 0 && !strings.Contains(head[i:], "⟧") {
		if _, after, ok := strings.Cut(rest, "⟧"); ok {
			return after
		}
	}
	return rest
}

// count says how many of something there are.
func count(n int, one, many string) string {
	switch n {
	case 0:
		return "no " + many
	case 1:
		return "1 " + one
	}
	return number(n) + " " + many
}

// number writes n with commas, so that a million is not read as ten.
func number(n int) string {
	s := strconv.Itoa(n)
	digits := strings.TrimPrefix(s, "-")
	if len(digits) <= 3 {
		return s
	}
	var b strings.Builder
	b.WriteString(s[:len(s)-len(digits)])
	for i, d := range []byte(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteByte(d)
	}
	return b.String()
}

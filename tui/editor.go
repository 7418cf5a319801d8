package tui

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// An editor is text of several lines being typed: a tool's definition, an
// instruction. It never holds a value; those have an entry. Bytes that it does
// not draw, such as a carriage return, stay what they are.
type editor struct {
	lines    []string // never empty
	row, col int      // the cursor: a line, and the byte of it where a character begins
	want     int      // the cell that up and down keep to; -1 for the cursor's
	top, off int      // the first line drawn, and the first byte drawn of the cursor's
	h        int      // lines drawn the last time
	size     int      // bytes of the text, with its line feeds
	max      int      // bytes that fit
	full     bool     // the last insertion did not fit
	revision int      // grows with each change
	changes  []change
	kept     int // bytes that changes hold
}

// A change is what undo takes back: lines from at, of which n took the place
// of old.
type change struct {
	at       int
	old      []string
	n        int
	row, col int  // the cursor before it
	typed    bool // single characters, which are taken back together
}

// Of changes are kept as many as anybody takes back, and no more bytes than a
// few whole texts have: a change in one line keeps that line.
const (
	changesMax  = 500
	changesHeld = 4 << 20
)

func newEditor(text string, limit int) *editor {
	return &editor{lines: strings.Split(text, "\n"), size: len(text), max: limit, want: -1}
}

func (e *editor) string() string { return strings.Join(e.lines, "\n") }

// replace puts lines in the place of n others and moves the cursor. Every
// change goes through it.
func (e *editor) replace(at, n int, with []string, row, col int, typed bool) {
	for _, l := range e.lines[at : at+n] {
		e.size -= len(l) + 1
	}
	for _, l := range with {
		e.size += len(l) + 1
	}
	last := len(e.changes) - 1
	joined := typed && n == 1 && len(with) == 1 && last >= 0 && e.changes[last].typed && e.changes[last].at == at
	if !joined {
		c := change{at: at, old: slices.Clone(e.lines[at : at+n]), n: len(with), row: e.row, col: e.col, typed: typed}
		e.changes = append(e.changes, c)
		e.kept += c.bytes()
		for len(e.changes) > changesMax || e.kept > changesHeld && len(e.changes) > 1 {
			e.kept -= e.changes[0].bytes()
			e.changes = e.changes[1:]
		}
	}
	e.lines = slices.Replace(e.lines, at, at+n, with...)
	e.row, e.col, e.want = row, col, -1
	e.revision++
}

func (c *change) bytes() int {
	n := 0
	for _, l := range c.old {
		n += len(l)
	}
	return n
}

// undo takes the last change back.
func (e *editor) undo() {
	if len(e.changes) == 0 {
		return
	}
	c := e.changes[len(e.changes)-1]
	e.changes = e.changes[:len(e.changes)-1]
	kept, rest := e.kept-c.bytes(), e.changes
	e.replace(c.at, c.n, c.old, c.row, c.col, false)
	e.changes, e.kept = rest, kept
	e.full = false
}

// settle ends what undo takes back together: the cursor was moved.
func (e *editor) settle() {
	if n := len(e.changes); n > 0 {
		e.changes[n-1].typed = false
	}
}

// insert puts text at the cursor, without control characters other than tabs
// and line feeds, if it fits.
func (e *editor) insert(s string, typed bool) {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
	if s == "" {
		return
	}
	if e.full = e.size+len(s) > e.max; e.full {
		return
	}
	in := strings.Split(s, "\n")
	line := e.lines[e.row]
	rest := line[e.col:]
	last := len(in) - 1
	in[0] = line[:e.col] + in[0]
	col := len(in[last])
	in[last] += rest
	e.replace(e.row, 1, in, e.row+last, col, typed && last == 0)
}

// newline begins a line as far in as this one.
func (e *editor) newline() {
	before := e.lines[e.row][:e.col]
	e.insert("\n"+before[:len(before)-len(strings.TrimLeft(before, " \t"))], false)
}

// remove takes out what lies between two places of the cursor's line.
func (e *editor) remove(from, to int, typed bool) {
	if from >= to {
		return
	}
	line := e.lines[e.row]
	e.replace(e.row, 1, []string{line[:from] + line[to:]}, e.row, from, typed)
}

// join makes one line of row and the next.
func (e *editor) join(row int) {
	if row < 0 || row+1 >= len(e.lines) {
		return
	}
	e.replace(row, 2, []string{e.lines[row] + e.lines[row+1]}, row, len(e.lines[row]), false)
}

// to moves the cursor to a line from 0, and a byte of it.
func (e *editor) to(row, col int) {
	e.settle()
	e.row = max(min(row, len(e.lines)-1), 0)
	e.col = max(min(col, len(e.lines[e.row])), 0)
	for e.col > 0 && e.col < len(e.lines[e.row]) && !utf8.RuneStart(e.lines[e.row][e.col]) {
		e.col--
	}
	e.want = -1
}

// key edits by a key; typed is the text that the key stands for. It tells
// whether it did anything with it.
func (e *editor) key(key, typed string) bool {
	e.full = false
	if e.walk(key) {
		return true
	}
	line := e.lines[e.row]
	switch key {
	case "enter", "alt+enter", "ctrl+j":
		e.newline()
	case "backspace", "ctrl+h":
		if e.col == 0 {
			e.join(e.row - 1)
		} else {
			e.remove(before(line, e.col), e.col, true)
		}
	case "delete", "ctrl+d":
		if e.col == len(line) {
			e.join(e.row)
		} else {
			e.remove(e.col, after(line, e.col), true)
		}
	case "ctrl+w", "alt+backspace":
		if e.col == 0 {
			e.join(e.row - 1)
		} else {
			e.remove(wordBefore(line, e.col), e.col, false)
		}
	case "ctrl+u":
		e.remove(0, e.col, false)
	case "ctrl+k":
		if e.col == len(line) {
			e.join(e.row)
		} else {
			e.remove(e.col, len(line), false)
		}
	default:
		if typed == "" {
			return false
		}
		e.insert(typed, true)
	}
	return true
}

// walk moves the cursor by a key.
func (e *editor) walk(key string) bool {
	line := e.lines[e.row]
	switch key {
	case "left", "ctrl+b":
		if e.col == 0 && e.row > 0 {
			e.to(e.row-1, len(e.lines[e.row-1]))
		} else {
			e.to(e.row, before(line, e.col))
		}
	case "right", "ctrl+f":
		if e.col == len(line) && e.row+1 < len(e.lines) {
			e.to(e.row+1, 0)
		} else {
			e.to(e.row, after(line, e.col))
		}
	case "ctrl+left", "alt+left", "alt+b":
		e.to(e.row, wordBefore(line, e.col))
	case "ctrl+right", "alt+right", "alt+f":
		e.to(e.row, wordAfter(line, e.col))
	case "home", "ctrl+a":
		e.to(e.row, 0)
	case "end", "ctrl+e":
		e.to(e.row, len(line))
	case "ctrl+home":
		e.to(0, 0)
	case "ctrl+end":
		e.to(len(e.lines)-1, len(e.lines[len(e.lines)-1]))
	case "up":
		e.climb(-1)
	case "down":
		e.climb(1)
	case "pgup":
		e.climb(-max(e.h-1, 1))
	case "pgdown":
		e.climb(max(e.h-1, 1))
	default:
		return false
	}
	return true
}

// climb goes d lines down and keeps to the column that it began in. At the
// first and the last line it goes to their ends.
func (e *editor) climb(d int) {
	want := e.want
	if want < 0 {
		want = spread(e.lines[e.row][:e.col])
	}
	row := e.row + d
	switch {
	case row < 0 && e.row == 0:
		e.to(0, 0)
		return
	case row >= len(e.lines) && e.row == len(e.lines)-1:
		e.to(e.row, len(e.lines[e.row]))
		return
	}
	row = max(min(row, len(e.lines)-1), 0)
	e.to(row, reach(e.lines[row], want))
	e.want = want
}

// tabWidth is how many cells a tab takes here, wherever it stands.
const tabWidth = 4

// spreadMax bounds how far into a line cells are counted: beyond it a byte is
// taken for one, which is right for most text, and quick for all.
const spreadMax = 4096

// spread is about how many cells a piece of a line takes.
func spread(s string) int {
	if len(s) > spreadMax {
		return len(s)
	}
	n := 0
	for s != "" {
		cluster, w := ansi.FirstGraphemeCluster(s, ansi.GraphemeWidth)
		if cluster == "\t" {
			w = tabWidth
		}
		n += w
		s = s[len(cluster):]
	}
	return n
}

// reach is the byte of a line that stands at about the cell want.
func reach(s string, want int) int {
	if want > spreadMax {
		return min(want, len(s))
	}
	at, n := 0, 0
	for at < len(s) {
		cluster, w := ansi.FirstGraphemeCluster(s[at:], ansi.GraphemeWidth)
		if cluster == "\t" {
			w = tabWidth
		}
		if n += w; n > want {
			break
		}
		at += len(cluster)
	}
	return at
}

// after is where the character at a byte of a line ends.
func after(s string, at int) int {
	if at >= len(s) {
		return len(s)
	}
	cluster, _ := ansi.FirstGraphemeCluster(s[at:], ansi.GraphemeWidth)
	return at + len(cluster)
}

// clusterMax is how far back a character may begin: longer ones are nonsense,
// and are taken apart.
const clusterMax = 256

// before is where the character that ends at a byte of a line begins. One is
// looked for from the last byte of ASCII on, which is a character's own.
func before(s string, at int) int {
	if at <= 0 {
		return 0
	}
	from := at - 1
	for from > 0 && s[from] >= utf8.RuneSelf && at-from < clusterMax {
		from--
	}
	for from < at && !utf8.RuneStart(s[from]) {
		from++
	}
	for {
		next := after(s[:at], from)
		if next >= at {
			return from
		}
		from = next
	}
}

func wordBefore(s string, at int) int {
	s = strings.TrimRightFunc(s[:at], apart)
	return len(strings.TrimRightFunc(s, func(r rune) bool { return !apart(r) }))
}

func wordAfter(s string, at int) int {
	rest := strings.TrimLeftFunc(s[at:], apart)
	i := strings.IndexFunc(rest, apart)
	if i < 0 {
		return len(s)
	}
	return len(s) - len(rest) + i
}

// apart tells what stands between words.
func apart(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' }

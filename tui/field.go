package tui

import (
	"cmp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A field is one line of text being typed: a name, a description, a filter. It
// never holds a value: those have a field of their own, see valueField.
type field struct {
	text []rune
	at   int  // the cursor, in runes
	off  int  // the first rune drawn
	max  int  // bytes that fit; 0 for no limit of its own
	full bool // the last insertion did not fit whole
	// form changes a rune as it is typed, or refuses it with -1; nil keeps it.
	form func(rune) rune
}

// fieldMax bounds fields without a limit of their own: nobody types more, and
// what is pasted by mistake must not cost memory.
const fieldMax = 4096

func (f *field) string() string { return string(f.text) }

func (f *field) set(s string) {
	f.text = f.text[:0]
	f.at, f.off = 0, 0
	f.insert(s)
}

// insert puts s at the cursor, without what cannot be drawn, as far as it fits.
func (f *field) insert(s string) {
	limit := cmp.Or(f.max, fieldMax)
	used := len(string(f.text))
	f.full = false
	var in []rune
	for _, r := range clean(s) {
		if f.form != nil {
			if r = f.form(r); r < 0 {
				continue
			}
		}
		if used += utf8.RuneLen(r); used > limit {
			f.full = true
			break
		}
		in = append(in, r)
	}
	if len(in) == 0 {
		return
	}
	rest := append(in, f.text[f.at:]...)
	f.text = append(f.text[:f.at:f.at], rest...)
	f.at += len(in)
}

// paste puts pasted text in, as far as it fits.
func (f *field) paste(u *ui) {
	if text, ok := f.pasted(u); ok {
		f.insert(text)
		f.tell(u)
	}
}

// pasted is what was pasted, if any field could hold it.
func (f *field) pasted(u *ui) (string, bool) {
	text, ok := u.input.pasteText(fieldMax)
	if !ok {
		u.say(toastWarn, "the paste is too long for this field")
	}
	return text, ok
}

// tell says so when what came last did not fit whole.
func (f *field) tell(u *ui) {
	if f.full {
		u.say(toastWarn, "not all of it fits: at most "+number(cmp.Or(f.max, fieldMax))+" bytes here")
	}
}

// key edits by a key; typed is the text that the key stands for. It tells
// whether it did anything with it.
func (f *field) key(key, typed string) bool {
	f.full = false
	switch key {
	case "left", "ctrl+b":
		f.at = max(f.at-1, 0)
	case "right", "ctrl+f":
		f.at = min(f.at+1, len(f.text))
	case "home", "ctrl+a":
		f.at = 0
	case "end", "ctrl+e":
		f.at = len(f.text)
	case "backspace", "ctrl+h":
		f.remove(f.at-1, f.at)
	case "delete", "ctrl+d":
		f.remove(f.at, f.at+1)
	case "ctrl+u":
		f.set("")
	case "ctrl+k":
		f.remove(f.at, len(f.text))
	case "ctrl+w", "alt+backspace":
		f.remove(f.wordStart(), f.at)
	default:
		if typed == "" {
			return false
		}
		f.insert(typed)
	}
	return true
}

func (f *field) remove(from, to int) {
	from, to = max(from, 0), min(to, len(f.text))
	if from >= to {
		return
	}
	f.text = append(f.text[:from], f.text[to:]...)
	f.at = from
}

func (f *field) wordStart() int {
	i := f.at
	for i > 0 && unicode.IsSpace(f.text[i-1]) {
		i--
	}
	for i > 0 && !unicode.IsSpace(f.text[i-1]) {
		i--
	}
	return i
}

// view draws the field in w cells and returns where the cursor stands in them.
// The last cell stays free for the cursor, and the first one says so when there
// is more before it.
func (f *field) view(u *ui, w int) (string, int) {
	f.off = min(f.off, f.at)
	mark := func() string {
		if f.off == 0 {
			return ""
		}
		return u.glyphs.ellipsis
	}
	for f.off < f.at && u.width(mark())+u.width(u.plain(string(f.text[f.off:f.at]))) > w-1 {
		f.off++
	}
	x := u.width(mark()) + u.width(u.plain(string(f.text[f.off:f.at])))
	r := newRow(u, w)
	r.text(u.theme.dim, mark())
	r.text("", string(f.text[f.off:]))
	return r.end(), min(x, max(w-1, 0))
}

// upper raises letters and turns what people type between words into the
// underscore that a secret's name has there.
func upper(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z':
		return r - 'a' + 'A'
	case r == '-' || r == ' ' || r == '.':
		return '_'
	case r > unicode.MaxASCII:
		return -1
	}
	return r
}

// lower is upper's sibling for the names of projects.
func lower(r rune) rune {
	switch {
	case r >= 'A' && r <= 'Z':
		return r - 'A' + 'a'
	case r == ' ':
		return '-'
	case r > unicode.MaxASCII:
		return -1
	}
	return r
}

// words cuts text into lines of at most w cells, between words where it can.
func words(u *ui, text string, w int) []string {
	if w <= 0 {
		return nil
	}
	var out []string
	cur := ""
	for word := range strings.FieldsSeq(u.plain(text)) {
		for { // a word longer than a line is cut hard
			head := cut(u.cells, word, w, "")
			if head == word || head == "" {
				break
			}
			if cur != "" {
				out, cur = append(out, cur), ""
			}
			out, word = append(out, head), word[len(head):]
		}
		switch {
		case cur == "":
			cur = word
		case u.width(cur)+1+u.width(word) <= w:
			cur += " " + word
		default:
			out, cur = append(out, cur), word
		}
	}
	if cur != "" {
		out = append(out, cur)
	}
	return out
}

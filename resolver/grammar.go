package resolver

import (
	"bytes"
	"fmt"
	"strings"
)

// Limits of one placeholder. A name's is the vault's own. The numbers of filters and of backslashes have one so that a
// window of fixed size is enough to recognise a placeholder. What exceeds them passes through and is reported as a near
// miss.
const (
	maxName        = 255
	maxFilters     = 8
	maxPlaceholder = 4 << 10 // bytes from the first brace to the last
)

// verdict is what a parser says of the bytes from "{{" on.
type verdict uint8

const (
	no    verdict = iota
	yes           // it is one
	short         // the input ends inside something that may still become one
)

// placeholder is a placeholder as it was read. Name lies in the scanner's block.
type placeholder struct {
	name    []byte
	filters [maxFilters]Filter
	n       int // how many filters
	escapes int // backslashes behind the opening; above 0 it is a literal
}

func isUpper(c byte) bool  { return c-'A' < 26 || c == '_' }
func isDigit(c byte) bool  { return c-'0' < 10 }
func isLetter(c byte) bool { return c|0x20-'a' < 26 }
func isSpace(c byte) bool  { return c == ' ' || c-'\t' < 5 }

// window cuts b to the longest placeholder there may be and says whether more input could still change the verdict.
func window(b []byte, more bool) ([]byte, verdict) {
	if len(b) >= maxPlaceholder {
		return b[:maxPlaceholder], no
	}
	if more {
		return b, short
	}
	return b, no
}

// parse reads a placeholder or a literal at the start of b, which begins with "{{". more says that the input goes on
// behind b.
func parse(b []byte, more bool, p *placeholder) (n int, v verdict) {
	b, atEnd := window(b, more)
	i := 2
	for i < len(b) && b[i] == '\\' {
		i++
	}
	p.escapes = i - 2
	start := i
	for i < len(b) && (isUpper(b[i]) || isDigit(b[i])) {
		i++
	}
	if i == len(b) {
		return 0, atEnd
	}
	p.name, p.n = b[start:i], 0
	if len(p.name) == 0 || len(p.name) > maxName || isDigit(p.name[0]) {
		return 0, no
	}
	for b[i] == '|' {
		i++
		start = i
		for i < len(b) && (isLetter(b[i]) || isDigit(b[i])) {
			i++
		}
		if i == len(b) {
			return 0, atEnd
		}
		f := filterNamed(b[start:i])
		if f == None || p.n == maxFilters {
			return 0, no
		}
		p.filters[p.n] = f
		p.n++
	}
	switch {
	case b[i] != '}':
		return 0, no
	case i+1 == len(b):
		return 0, atEnd
	case b[i+1] != '}':
		return 0, no
	}
	return i + 2, yes
}

// loose is what parseLoose found: a text that differs from a placeholder in ways people get wrong.
type loose struct {
	name    []byte
	filters [][]byte
	spaced  bool
	single  bool // one closing brace
}

// parseLoose reads what may be a near miss at the start of b, which begins with "{{" and is no placeholder.
func parseLoose(b []byte, more bool) (l loose, n int, v verdict) {
	b, atEnd := window(b, more)
	i := 2
	space := func() {
		for i < len(b) && isSpace(b[i]) {
			i++
			l.spaced = true
		}
	}
	word := func(dash bool) []byte {
		start := i
		for i < len(b) && (isLetter(b[i]) || isDigit(b[i]) || b[i] == '_' || dash && b[i] == '-') {
			i++
		}
		return b[start:i]
	}
	space()
	l.name = word(false)
	space()
	for i < len(b) && b[i] == '|' {
		i++
		space()
		l.filters = append(l.filters, word(true))
		space()
	}
	switch {
	case i == len(b):
		return l, 0, atEnd
	case len(l.name) == 0 || isDigit(l.name[0]) || b[i] != '}':
		return l, 0, no
	case i+1 == len(b) && atEnd == short:
		return l, 0, short
	}
	l.single = i+1 == len(b) || b[i+1] != '}'
	if l.single {
		return l, i + 1, yes
	}
	return l, i + 2, yes
}

// why says what keeps l from being a placeholder. It is empty when nothing suggests that one was meant: a lower-case
// name is somebody else's syntax unless the project has it in capitals.
func (l *loose) why(known func(string) bool) string {
	upper := string(bytes.ToUpper(l.name))
	if upper != string(l.name) && (known == nil || len(upper) > maxName || !known(upper)) {
		return ""
	}
	meant := "{{" + upper
	for _, f := range l.filters {
		meant += "|" + string(f)
	}
	meant = printable([]byte(meant + "}}"))
	switch {
	case len(l.name) > maxName:
		return fmt.Sprintf("a name has at most %d bytes", maxName)
	case l.single:
		return "a closing brace is missing: " + meant
	case l.spaced:
		return "write it without white space: " + meant
	case upper != string(l.name):
		return "names are in capitals: " + meant
	}
	for _, f := range l.filters {
		if filterNamed(f) == None {
			return fmt.Sprintf("unknown filter %q: use %s", printable(f), filterNames())
		}
	}
	return fmt.Sprintf("more than %d filters", maxFilters) // nothing else is left for parse to refuse
}

// looksUTF16 says that the start of a template is UTF-16: by its byte order mark, or because its braces are two bytes
// wide. No placeholder is ever found in such a text.
func looksUTF16(head []byte) bool {
	return bytes.HasPrefix(head, []byte("\xFF\xFE")) || bytes.HasPrefix(head, []byte("\xFE\xFF")) ||
		bytes.Contains(head, []byte("{\x00{\x00")) || bytes.Contains(head, []byte("\x00{\x00{"))
}

// maxShown bounds how much of a template's text a message repeats.
const maxShown = 300

// printable makes text fit for a one-line message: whatever is not printable ASCII is escaped.
func printable(text []byte) string {
	cut := text[:min(len(text), maxShown)]
	var s strings.Builder
	for _, c := range cut {
		switch {
		case c == '\n':
			s.WriteString(`\n`)
		case c == '\r':
			s.WriteString(`\r`)
		case c == '\t':
			s.WriteString(`\t`)
		case c < ' ' || c >= 0x7F:
			fmt.Fprintf(&s, `\x%02x`, c)
		default:
			s.WriteByte(c)
		}
	}
	if len(cut) < len(text) {
		s.WriteString("...")
	}
	return s.String()
}

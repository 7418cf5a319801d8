package resolver

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Filter fits a value to the place where it lands.
type Filter uint8

// The filters of the template contract. None is the absence of one.
const (
	None Filter = iota
	JSON
	Shell
	URL
	XML
	Base64
)

// need is a set of properties that a value must have for a filter to carry it.
type need uint8

const (
	noNUL   need = 1 << iota // a shell word ends at NUL
	isUTF8                   // JSON is defined on Unicode text
	isXML                    // XML 1.0 forbids most control characters, even escaped
	numNeed = iota
)

// filterRow is all that the package knows of one filter.
type filterRow struct {
	name  string
	does  string // for the user's documentation; docs/templates.md repeats it word for word
	needs need
	// clean says that every filter carries what this one makes, so a chain's needs end here. Only sh is not: it
	// hands the value's own bytes on.
	clean  bool
	encode encoder
}

// An encoder turns as much of src into dst as it can and says how much it wrote and read. It wants maxUnit bytes of
// room in dst for every step. It is done when both counts are zero; what it leaves of src then needs more input,
// which happens only while last is false.
type encoder func(st *stage, dst, src []byte, last bool) (wrote, read int)

// maxUnit is the longest text that one step of any encoder makes: `\u0000` and `&quot;`.
const maxUnit = 6

// filterTable has one row a filter, in the order of the constants.
var filterTable = [...]filterRow{
	None:   {},
	JSON:   {"json", "the inside of a JSON string, also right inside a double-quoted YAML string; adds no quotes", isUTF8, true, encodeJSON},
	Shell:  {"sh", "one POSIX shell word, quoted whole", noNUL, false, encodeShell},
	URL:    {"url", "one percent-encoded query or path component", 0, true, encodeURL},
	XML:    {"xml", "text safe in XML and HTML content and in quoted attributes", isXML, true, encodeXML},
	Base64: {"base64", "standard base64, padded", 0, true, encodeBase64},
}

// Filters lists every filter, in the order in which the documentation names them.
func Filters() []Filter { return []Filter{JSON, Shell, URL, XML, Base64} }

// ParseFilter finds a filter by its name in templates. The error lists the names there are.
func ParseFilter(name string) (Filter, error) {
	if f := filterNamed([]byte(name)); f != None {
		return f, nil
	}
	return None, fmt.Errorf("unknown filter %q: use %s", name, filterNames())
}

// String is the filter's name in templates.
func (f Filter) String() string { return filterTable[f].name }

// filterNamed is None for a name that no filter has.
func filterNamed(name []byte) Filter {
	for f := JSON; int(f) < len(filterTable); f++ {
		if string(name) == filterTable[f].name {
			return f
		}
	}
	return None
}

// filterNames is "json, sh, url, xml or base64".
func filterNames() string {
	var names []string
	for _, f := range Filters() {
		names = append(names, f.String())
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// needsOf is what a value must be for every filter of the chain to carry it.
func needsOf(chain []Filter) need {
	var n need
	for _, f := range chain {
		n |= filterTable[f].needs
		if filterTable[f].clean {
			break
		}
	}
	return n
}

// lacks returns those needs that value does not meet.
func lacks(value []byte, n need) need {
	var missing need
	// A loop, where bytes.IndexByte would take the value into vector registers: see move.
	if n&noNUL != 0 && slices.Contains(value, 0) {
		missing |= noNUL
	}
	if n&isUTF8 != 0 && !utf8.Valid(value) {
		missing |= isUTF8
	}
	if n&isXML != 0 && !validXML(value) {
		missing |= isXML
	}
	return missing
}

// whyUnfit explains a lack without a word about where in the value it is.
func whyUnfit(n need) string {
	switch {
	case n&noNUL != 0:
		return "the value holds a NUL byte, which a shell word cannot carry"
	case n&isUTF8 != 0:
		return "the value is not UTF-8 text, which JSON cannot carry"
	default:
		return "the value holds bytes that XML forbids"
	}
}

// validXML holds p to the Char production of XML 1.0 (section 2.2).
func validXML(p []byte) bool {
	for len(p) > 0 {
		c, n := utf8.DecodeRune(p)
		if c == utf8.RuneError && n == 1 {
			return false
		}
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0xFFFE || c == 0xFFFF {
			return false
		}
		p = p[n:]
	}
	return true
}

const hexDigits = "0123456789abcdef"

// encodeJSON escapes what RFC 8259 wants escaped and also what YAML 1.2 does not allow or does not keep inside double
// quotes: DEL and the C1 controls, the line separators that YAML 1.1 takes for line ends, the byte order mark and the
// two noncharacters. All of these have four hexadecimal digits, which \u means in both languages.
func encodeJSON(_ *stage, dst, src []byte, last bool) (wrote, read int) {
	for len(dst)-wrote >= maxUnit && read < len(src) {
		c, n := rune(src[read]), 1
		if c >= utf8.RuneSelf {
			if !last && !utf8.FullRune(src[read:]) {
				break
			}
			c, n = utf8.DecodeRune(src[read:])
		}
		switch {
		case c == '"' || c == '\\':
			wrote += copy(dst[wrote:], []byte{'\\', byte(c)})
		case c == '\n':
			wrote += copy(dst[wrote:], `\n`)
		case c == '\r':
			wrote += copy(dst[wrote:], `\r`)
		case c == '\t':
			wrote += copy(dst[wrote:], `\t`)
		case c < ' ' || c >= 0x7F && c <= 0x9F || c == 0x2028 || c == 0x2029 || c == 0xFEFF || c == 0xFFFE || c == 0xFFFF:
			wrote += copy(dst[wrote:], []byte{'\\', 'u', hexDigits[c>>12], hexDigits[c>>8&15], hexDigits[c>>4&15], hexDigits[c&15]})
		default:
			wrote += copy(dst[wrote:], src[read:read+n])
		}
		read += n
	}
	return wrote, read
}

// encodeShell puts single quotes around the whole, and steps out of them for each single quote inside.
func encodeShell(st *stage, dst, src []byte, last bool) (wrote, read int) {
	if !st.opened && len(dst) >= maxUnit {
		st.opened = true
		dst[0] = '\''
		wrote = 1
	}
	for len(dst)-wrote >= maxUnit && read < len(src) {
		if src[read] == '\'' {
			wrote += copy(dst[wrote:], `'\''`)
		} else {
			dst[wrote] = src[read]
			wrote++
		}
		read++
	}
	if last && st.opened && !st.closed && read == len(src) && wrote < len(dst) {
		st.closed = true
		dst[wrote] = '\''
		wrote++
	}
	return wrote, read
}

// encodeURL keeps the unreserved characters of RFC 3986 (section 2.3) and encodes every other byte.
func encodeURL(_ *stage, dst, src []byte, _ bool) (wrote, read int) {
	const upperHex = "0123456789ABCDEF" // section 2.1: producers should use upper case
	for len(dst)-wrote >= maxUnit && read < len(src) {
		c := src[read]
		if isLetter(c) || isDigit(c) || c == '-' || c == '.' || c == '_' || c == '~' {
			dst[wrote] = c
			wrote++
		} else {
			wrote += copy(dst[wrote:], []byte{'%', upperHex[c>>4], upperHex[c&15]})
		}
		read++
	}
	return wrote, read
}

// encodeXML escapes markup, and tab, line feed and carriage return, which a parser would turn into spaces in an
// attribute and the last of them into a line feed everywhere. An apostrophe is numeric: HTML 4 has no &apos;.
func encodeXML(_ *stage, dst, src []byte, _ bool) (wrote, read int) {
	for len(dst)-wrote >= maxUnit && read < len(src) {
		c := src[read]
		var text string
		switch c {
		case '&':
			text = "&amp;"
		case '<':
			text = "&lt;"
		case '>':
			text = "&gt;"
		case '"':
			text = "&quot;"
		case '\'':
			text = "&#39;"
		case '\t':
			text = "&#9;"
		case '\n':
			text = "&#10;"
		case '\r':
			text = "&#13;"
		default:
			dst[wrote] = c
			wrote++
		}
		wrote += copy(dst[wrote:], text)
		read++
	}
	return wrote, read
}

// encodeBase64 works on whole groups of three bytes until the last.
func encodeBase64(_ *stage, dst, src []byte, last bool) (wrote, read int) {
	groups := min(len(dst)/4, len(src)/3)
	base64.StdEncoding.Encode(dst, src[:groups*3])
	wrote, read = groups*4, groups*3
	if rest := len(src) - read; last && rest > 0 && rest < 3 && len(dst)-wrote >= 4 {
		base64.StdEncoding.Encode(dst[wrote:], src[read:])
		wrote, read = wrote+4, len(src)
	}
	return wrote, read
}

package leak

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"unicode/utf16"
	"unicode/utf8"
)

// A form is a way in which a value may stand in the stream, read from left to
// right from where it may begin:
//
//   - plain: each byte is itself.
//   - lines: the same, but behind the first byte a carriage return right before a
//     line feed is left out, as terminals and Windows put one there.
//   - percent: %XX, in either case, is that byte; every other byte is itself.
//   - form, as browsers encode one: the same, but + is a blank and a blank is none.
//   - json: the escapes of RFC 8259, section 7, are what they stand for, \u in
//     UTF-8, two that are a surrogate pair together; every other byte is itself.
//   - hex: two digits are a byte, the first three bytes in one case.
//   - base64: characters of one alphabet, at least the first; the very first
//     carries 6, 4 or 2 bits of the value, for a value that begins 0, 1 or 2 bytes
//     behind a group of three.
//
// Hex and base64 go on over the end of a line, as tools wrap them: behind their
// first breakFrom bytes over any, before only over that of a line as long as tools
// make them. See lineEnds.
type form uint8

const (
	formPlain form = iota
	formLines
	formPercent
	formForm
	formJSON
	formHex
	form64a0
	form64a1
	form64a2
	forms
)

// family is what forms are that differ only in how they begin.
func (f form) family() form { return min(f, form64a0) }

const (
	windowSize = MinValue
	// breakFrom keeps the last word of each line from being a possible beginning.
	breakFrom = windowSize
)

// firstWindows calls fn with the first characters of a value in each form: those
// that depend on nothing else. Escaped bytes among them are another matter, see
// search.escapes.
func firstWindows(value []byte, fn func(*[windowSize]byte, group)) {
	var w [windowSize]byte
	defer clear(w[:])
	first := value[:windowSize]
	copy(w[:], first)
	fn(&w, groupBytes)
	if n := withReturns(&w, first); n > 0 {
		fn(&w, groupBytes)
		copy(w[:], first)
	}
	for i, c := range w {
		if c == ' ' {
			w[i] = '+'
		}
	}
	fn(&w, groupBytes)
	hex.Encode(w[:], first[:windowSize/2])
	fn(&w, groupHex)
	for i, c := range w {
		if c >= 'a' {
			w[i] = c - 'a' + 'A'
		}
	}
	fn(&w, groupHex)
	var padded [9]byte
	var long [12]byte
	defer clear(padded[:])
	defer clear(long[:])
	for _, alphabet := range [...]*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for shift, g := range [...]group{group64a0, group64a1, group64a2} {
			clear(padded[:])
			copy(padded[shift:], first)
			alphabet.Encode(long[:], padded[:])
			from := 0
			if shift > 0 {
				from = shift + 1
			}
			copy(w[:], long[from:])
			fn(&w, g)
		}
	}
}

// pure tells whether the first characters of hex have digits of one case and
// those of base64 one alphabet, and whether all ends of lines among those of lines
// have a carriage return or none. Windows are made of nothing else, and what is
// found must not depend on whether a window was looked for.
func (v *view) pure(f form, start int) bool {
	if f == formLines {
		return v.pureLines(start)
	}
	if f < formHex {
		return true
	}
	if f > form64a0 {
		start++ // before the window stands a character that the value shares
	}
	var lower, upper, std, url bool
	for _, c := range v.text[start : start+windowSize] {
		lower = lower || c >= 'a' && c <= 'f'
		upper = upper || c >= 'A' && c <= 'F'
		std = std || c == '+' || c == '/'
		url = url || c == '-' || c == '_'
	}
	if f == formHex {
		return !lower || !upper
	}
	return !std || !url
}

// A cursor reads a form.
type cursor struct {
	at   int    // what is read next, in view
	acc  uint32 // bits of base64, or bytes of a JSON escape, that were not handed out
	left uint8  // how many
}

// A view is the part of the stream that is at hand.
type view struct {
	text   []byte
	final  bool // nothing follows
	before int  // characters of base64 in a row that the stream had right before

	asked int  // 1 + the place that endsLong was asked for last
	long  bool // what it said
}

// A status is how reading one byte went.
type status uint8

const (
	read   status = iota
	ended         // the next byte is not at hand as a whole
	broken        // this is not the form, from here on
)

// begin is the cursor of a form at a place.
func (v *view) begin(f form, at int) (cursor, status) {
	if f < form64a1 {
		return cursor{at: at}, read
	}
	if at >= len(v.text) {
		return cursor{}, ended
	}
	digit := sextets[v.text[at]]
	if digit == none {
		return cursor{}, broken
	}
	if f == form64a1 {
		return cursor{at: at + 1, acc: uint32(digit) & 0xf, left: 4}, read
	}
	return cursor{at: at + 1, acc: uint32(digit) & 0x3, left: 2}, read
}

// bits returns the first bits of what begins at a place and ends with the stream
// before it is a byte: 1, and then the bits.
func (v *view) bits(f form, start int) int {
	rest := v.text[start:]
	if f >= formHex {
		rest = bytes.TrimRight(rest, "\r\n")
	}
	if len(rest) == 0 {
		return 1
	}
	digit := func(values *[256]byte, n int) int {
		if i := len(rest) - 1; values[rest[i]] != none {
			return 1<<n | int(values[rest[i]])&(1<<n-1)
		}
		return 1
	}
	switch {
	case (f == formPercent || f == formForm) && len(rest) > 1, f == formHex:
		return digit(&nibbles, 4)
	case f == form64a0:
		return digit(&sextets, 6)
	case f == form64a1:
		return digit(&sextets, 4)
	case f == form64a2 && len(rest) == 1:
		return digit(&sextets, 2)
	}
	return 1
}

// next reads one byte of the value that may begin n bytes before.
func (v *view) next(f form, c *cursor, n int) (byte, status) {
	switch f {
	case formLines:
		if s := v.lines(c, n); s != read {
			return 0, s
		}
	case formPercent:
		return v.percent(c)
	case formForm:
		from := c.at
		b, status := v.percent(c)
		if status == read && c.at == from+1 {
			if b == ' ' {
				c.at = from
				return 0, broken
			}
			if b == '+' {
				b = ' '
			}
		}
		return b, status
	case formJSON:
		return v.json(c)
	case formHex:
		return v.hex(c, n)
	case form64a0, form64a1, form64a2:
		return v.base64(c, n)
	default: // plain
	}
	if c.at >= len(v.text) {
		return 0, ended
	}
	c.at++
	return v.text[c.at-1], read
}

func (v *view) percent(c *cursor) (byte, status) {
	if c.at >= len(v.text) {
		return 0, ended
	}
	b := v.text[c.at]
	if b == '%' {
		value, digits := v.digits(c.at+1, 2)
		if digits == 2 {
			c.at += 3
			return byte(value), read
		}
		if c.at+1+digits == len(v.text) && !v.final {
			return 0, ended
		}
	}
	c.at++
	return b, read
}

// digits reads hex digits, at most n.
func (v *view) digits(at, n int) (value uint32, digits int) {
	for digits < n && at+digits < len(v.text) && nibbles[v.text[at+digits]] != none {
		value = value<<4 | uint32(nibbles[v.text[at+digits]])
		digits++
	}
	return value, digits
}

func (v *view) json(c *cursor) (byte, status) {
	if c.left > 0 {
		b := byte(c.acc)
		c.acc >>= 8
		c.left--
		return b, read
	}
	if c.at >= len(v.text) {
		return 0, ended
	}
	b := v.text[c.at]
	if b != '\\' {
		c.at++
		return b, read
	}
	if c.at+1 == len(v.text) {
		if !v.final {
			return 0, ended
		}
		c.at++
		return b, read
	}
	if e := v.text[c.at+1]; e == 'u' {
		return v.unicode(c)
	} else if escapes[e] != 0 {
		c.at += 2
		return escapes[e], read
	}
	c.at++
	return b, read
}

// unicode reads \uXXXX, or two of them for a character of two halves.
func (v *view) unicode(c *cursor) (byte, status) {
	unit, digits := v.digits(c.at+2, 4)
	switch {
	case digits == 4:
	case c.at+2+digits == len(v.text) && !v.final:
		return 0, ended
	default: // no escape
		c.at++
		return '\\', read
	}
	size := 6
	r := rune(unit)
	if utf16.IsSurrogate(r) {
		const second = `\u`
		i := 0
		for i < len(second) && c.at+6+i < len(v.text) && v.text[c.at+6+i] == second[i] {
			i++
		}
		low, digits := uint32(0), 0
		if i == len(second) {
			low, digits = v.digits(c.at+8, 4)
		}
		if digits < 4 && c.at+6+i+digits == len(v.text) && !v.final {
			return 0, ended
		}
		r = utf16.DecodeRune(r, rune(low))
		if digits < 4 || r == utf8.RuneError {
			return 0, broken
		}
		size = 12
	}
	var text [utf8.UTFMax]byte
	n := utf8.EncodeRune(text[:], r)
	for i := n - 1; i > 0; i-- {
		c.acc = c.acc<<8 | uint32(text[i])
	}
	c.left = uint8(n - 1)
	c.at += size
	return text[0], read
}

func (v *view) hex(c *cursor, n int) (byte, status) {
	from := *c
	v.lineEnds(c, n)
	value, digits := v.digits(c.at, 2)
	if digits == 2 {
		c.at += 2
		return byte(value), read
	}
	defer func() { *c = from }()
	if c.at+digits == len(v.text) {
		return 0, ended
	}
	return 0, broken
}

func (v *view) base64(c *cursor, n int) (byte, status) {
	from := *c
	for c.left < 8 {
		v.lineEnds(c, n)
		if c.at == len(v.text) {
			*c = from
			return 0, ended
		}
		digit := sextets[v.text[c.at]]
		if digit == none {
			*c = from
			return 0, broken
		}
		c.at++
		c.acc = c.acc<<6 | uint32(digit)
		c.left += 6
	}
	c.left -= 8
	b := byte(c.acc >> c.left)
	c.acc &= 1<<c.left - 1
	return b, read
}

// none is what is no digit.
const none = 0xff

var (
	nibbles = digitsOf("0123456789abcdef", "0123456789ABCDEF")
	sextets = digitsOf(alphabet+"+/", alphabet+"-_")
	escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}
)

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// digitsOf is the table of what each character of the alphabets is worth.
func digitsOf(alphabets ...string) (table [256]byte) {
	for i := range table {
		table[i] = none
	}
	for _, a := range alphabets {
		for i := range len(a) {
			table[a[i]] = byte(i)
		}
	}
	return table
}

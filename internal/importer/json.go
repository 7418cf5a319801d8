package importer

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"

	"tacenda/keyring/secret"
)

const jsonSpace = " \t\r\n"

// json reads one object of RFC 8259, strictly, on the bytes: encoding/json would
// leave every value behind as a string.
func (b *builder) json(c *cursor) error {
	c.skip(jsonSpace)
	if c.peek() != '{' {
		return c.fail("", "an import is one JSON object, which begins with {")
	}
	if err := b.jsonObject(c, nil); err != nil {
		return err
	}
	c.skip(jsonSpace)
	if c.i != len(c.p) {
		return c.fail("", "something follows the end of the object")
	}
	return nil
}

func (b *builder) jsonObject(c *cursor, path []string) error {
	if len(path) == maxDepth {
		return &parseError{at: c.at(), what: "objects are nested too deeply"}
	}
	c.next()
	seen := make(map[string]bool)
	c.skip(jsonSpace)
	if c.peek() == '}' {
		c.next()
		return nil
	}
	for {
		if err := b.jsonMember(c, path, seen); err != nil {
			return err
		}
		c.skip(jsonSpace)
		switch c.peek() {
		case ',':
			c.next()
			c.skip(jsonSpace)
		case '}':
			c.next()
			return nil
		default:
			return c.fail("", "expected a comma or } after a member")
		}
	}
}

func (b *builder) jsonMember(c *cursor, path []string, seen map[string]bool) error {
	at := c.at()
	if c.peek() != '"' {
		return c.fail("", `expected a key in double quotes`)
	}
	// A slip of the quotes can make a value look like a key, so that only what a
	// colon follows is shown.
	off, n, err := c.jsonString("")
	if err != nil {
		return err
	}
	key := string(c.p[off : off+n])
	c.skip(jsonSpace)
	if c.peek() != ':' {
		return c.fail("", "expected a colon after the key")
	}
	c.next()
	if seen[key] {
		return &parseError{at: at, key: key, what: "the key stands twice in one object"}
	}
	seen[key] = true
	c.skip(jsonSpace)
	path = append(path[:len(path):len(path)], key)
	return b.jsonValue(c, at, path)
}

func (b *builder) jsonValue(c *cursor, at position, path []string) error {
	if c.peek() == '{' {
		return b.jsonObject(c, path)
	}
	name := b.name(path)
	var off, n int
	var err error
	switch c.peek() {
	case '[':
		return &parseError{at: c.at(), key: name, what: "a list cannot become a secret"}
	case '"':
		off, n, err = c.jsonString(name)
	default:
		off, n, err = c.jsonWord(name)
	}
	if err != nil {
		return err
	}
	return b.add(at, name, off, n, true)
}

// jsonWord takes a number, true, false or null, as written.
func (c *cursor) jsonWord(key string) (off, n int, err error) {
	off = c.i
	end := bytes.IndexAny(c.p[off:], ",}]:\"{[ \t\r\n")
	if end < 0 {
		end = len(c.p) - off
	}
	w := c.p[off : off+end]
	if !jsonNumber(w) && string(w) != "true" && string(w) != "false" && string(w) != "null" {
		return 0, 0, c.fail(key, "expected a value: text stands in double quotes")
	}
	c.i += end
	return off, end, nil
}

// jsonNumber is the grammar of RFC 8259, section 6.
func jsonNumber(p []byte) bool {
	digits := func() bool {
		n := 0
		for n < len(p) && '0' <= p[n] && p[n] <= '9' {
			n++
		}
		p = p[n:]
		return n > 0
	}
	p = bytes.TrimPrefix(p, []byte("-"))
	if len(p) > 0 && p[0] == '0' {
		p = p[1:]
	} else if !digits() {
		return false
	}
	if len(p) > 0 && p[0] == '.' {
		p = p[1:]
		if !digits() {
			return false
		}
	}
	if len(p) > 0 && (p[0] == 'e' || p[0] == 'E') {
		p = p[1:]
		if len(p) > 0 && (p[0] == '+' || p[0] == '-') {
			p = p[1:]
		}
		if !digits() {
			return false
		}
	}
	return len(p) == 0
}

// jsonString takes a string and writes what it means over it: no escape is
// shorter than its meaning.
func (c *cursor) jsonString(key string) (off, n int, err error) {
	open := *c
	c.next()
	off = c.i
	w := off
	for {
		ch := c.next()
		switch {
		case ch == 0:
			return 0, 0, open.fail(key, "this string is never closed")
		case ch == '"':
			secret.Wipe(c.p[w : c.i-1])
			return off, w - off, nil
		case ch < ' ':
			return 0, 0, open.fail(key, "a control character in this string; write it as an escape")
		case ch == '\\':
			r, err := c.jsonEscape(key)
			if err != nil {
				return 0, 0, err
			}
			w += utf8.EncodeRune(c.p[w:c.i], r)
		default:
			c.p[w] = ch
			w++
		}
	}
}

// jsonEscape reads what follows a backslash.
func (c *cursor) jsonEscape(key string) (rune, error) {
	at := *c
	switch c.next() {
	case '"':
		return '"', nil
	case '\\':
		return '\\', nil
	case '/':
		return '/', nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
	default:
		return 0, at.fail(key, "an escape that JSON does not have")
	}
	r, ok := c.jsonHex()
	if !ok {
		return 0, at.fail(key, `\u needs four hexadecimal digits`)
	}
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	// Half a pair stands for no character. Others put U+FFFD in its place, which
	// would store another value than the file's author meant.
	if bytes.HasPrefix(c.p[c.i:], []byte(`\u`)) {
		c.i += 2
		low, ok := c.jsonHex()
		if !ok {
			return 0, at.fail(key, `\u needs four hexadecimal digits`)
		}
		if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
			return both, nil
		}
	}
	return 0, &parseError{at: at.at(), key: key, what: "half of a surrogate pair"}
}

func (c *cursor) jsonHex() (r rune, ok bool) {
	if len(c.p)-c.i < 4 {
		return 0, false
	}
	for _, d := range c.p[c.i : c.i+4] {
		switch {
		case '0' <= d && d <= '9':
			d -= '0'
		case 'a' <= d && d <= 'f':
			d -= 'a' - 10
		case 'A' <= d && d <= 'F':
			d -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	c.i += 4
	return r, true
}

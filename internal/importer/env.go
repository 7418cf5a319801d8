package importer

import (
	"bytes"

	"tacenda/keyring/secret"
)

const blanks = " \t"

// env reads NAME=value lines where shells and dotenv libraries agree on them: an
// optional export, comments, 'raw', "escaped" and bare values. Nothing is
// interpolated. A name that is refused is not shown: the line may be the middle
// of a key in PEM, whose base64 ends with = too.
func (b *builder) env(c *cursor) error {
	for {
		c.skip(blanks + "\r\n")
		switch {
		case c.i == len(c.p):
			return nil
		case c.peek() == '#':
			c.i += lineEnd(c.p[c.i:])
		default:
			if err := b.envLine(c); err != nil {
				return err
			}
		}
	}
}

func (b *builder) envLine(c *cursor) error {
	at, name := c.at(), c.envName()
	if name == "export" && c.onBlank() {
		c.skip(blanks)
		at, name = c.at(), c.envName()
	}
	c.skip(blanks)
	if c.peek() != '=' {
		return c.fail("", "no = here: a line is NAME=value, and a value of several lines stands in quotes")
	}
	c.next()
	c.skip(blanks)
	name = b.o.Prefix + name
	key := name
	if b.o.CheckName(name) != nil {
		key = ""
	}
	off, n, err := c.envValue(key)
	if err != nil {
		return err
	}
	return b.add(at, name, off, n, false)
}

// envName takes everything up to the = or to what cannot be in a name.
func (c *cursor) envName() string {
	n := bytes.IndexAny(c.p[c.i:], "= \t\r\n")
	if n < 0 {
		n = len(c.p) - c.i
	}
	// Longer ones are refused all the same; the limit keeps a text without any of
	// these bytes from becoming a string.
	name := string(c.p[c.i : c.i+min(n, maxEnvName)])
	c.i += n
	return name
}

// maxEnvName is more than any name may have, in bytes.
const maxEnvName = 1024

func (c *cursor) envValue(key string) (off, n int, err error) {
	switch c.peek() {
	case '\'':
		off, n, err = c.envRaw(key)
	case '"':
		off, n, err = c.envEscaped(key)
	default:
		return c.envBare(key)
	}
	if err != nil {
		return 0, 0, err
	}
	gap := c.onBlank()
	c.skip(blanks)
	if gap && c.peek() == '#' {
		c.i += lineEnd(c.p[c.i:])
	}
	if lineEnd(c.p[c.i:]) != 0 {
		return 0, 0, c.fail(key, "text after the closing quote; within double quotes, \\\" is a quote")
	}
	return off, n, nil
}

// envRaw takes what stands between single quotes, line breaks included.
func (c *cursor) envRaw(key string) (off, n int, err error) {
	open := *c
	c.next()
	off = c.i
	for c.peek() != '\'' {
		if c.next() == 0 {
			return 0, 0, open.fail(key, "this single quote is never closed")
		}
	}
	n = c.i - off
	c.next()
	return off, n, nil
}

// envEscaped takes what stands between double quotes, line breaks included, and
// writes the escapes' meaning over it: never longer than they are.
func (c *cursor) envEscaped(key string) (off, n int, err error) {
	open := *c
	c.next()
	off = c.i
	w := off
	for {
		ch := c.next()
		switch ch {
		case 0:
			return 0, 0, open.fail(key, "this double quote is never closed")
		case '"':
			secret.Wipe(c.p[w : c.i-1])
			return off, w - off, nil
		case '\\':
			switch e := c.peek(); e {
			case 'n':
				ch = '\n'
			case 't':
				ch = '\t'
			case '"', '\\', '$':
				ch = e
			default:
				return 0, 0, c.fail(key, `only \n \t \" \\ and \$ may follow a backslash in double quotes; single quotes take everything as it is`)
			}
			c.next()
		}
		c.p[w] = ch
		w++
	}
}

// envBare takes the line's rest without a comment, which a blank must precede,
// and without blanks at its end.
func (c *cursor) envBare(key string) (off, n int, err error) {
	off = c.i
	line := c.p[off : off+lineEnd(c.p[off:])]
	for i, ch := range line {
		if ch == '#' && off+i > 0 && isBlank(c.p[off+i-1]) {
			line = line[:i]
			break
		}
	}
	line = bytes.TrimRight(line, blanks)
	if i := bytes.IndexByte(line, '\r'); i >= 0 {
		c.i += i
		return 0, 0, c.fail(key, "a carriage return that ends no line")
	}
	c.i += lineEnd(c.p[c.i:])
	return off, len(line), nil
}

// lineEnd is the offset of the line's end, before its LF or CRLF.
func lineEnd(p []byte) int {
	n := bytes.IndexByte(p, '\n')
	if n < 0 {
		n = len(p)
	}
	if n > 0 && p[n-1] == '\r' {
		n--
	}
	return n
}

func (c *cursor) onBlank() bool { return isBlank(c.peek()) }

func isBlank(b byte) bool { return b == ' ' || b == '\t' }

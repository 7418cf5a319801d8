// Package importer reads files of other tools (.env, JSON, YAML) into names and
// values that a vault can take.
//
// It keeps the whole input in one guarded buffer and decodes the values in
// place: an entry is a name and a place in that buffer, so that a hundred
// thousand values need no locked page each. It promises that no value of a .env
// or JSON file is ever copied out of guarded memory, that errors name line,
// column and key but never a value, and that hostile input costs a bounded
// amount of memory and time.
//
// YAML is the exception: the library holds scalars as strings, and offers no
// other way. Those copies live on the Go heap until they are collected (with the
// runtime's secret mode: and are then erased). Prefer JSON or .env for values.
//
// It refuses to know what a vault is: whether a name or a length is allowed is
// asked of the caller.
package importer

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"tacenda/keyring/secret"
)

// Format is the language of a file.
type Format string

// The formats.
const (
	Env  Format = "env"
	JSON Format = "json"
	YAML Format = "yaml"
)

const (
	// MaxInput is the longest file, in bytes: a hundred thousand secrets of 600 bytes.
	MaxInput = 64 << 20
	// maxYAML is smaller, because the library builds a node of some 200 bytes for
	// every scalar before we see the first: two bytes of "[a,a,…" become one node.
	maxYAML = 8 << 20
	// maxEntries bounds names, whose bookkeeping is larger than the shortest line.
	maxEntries = 1 << 18
	// maxDepth bounds recursion. A name of 255 bytes cannot join more keys than
	// twice that anyhow; files that people write stay below ten.
	maxDepth = 64
)

// ErrEmpty is in the chain of the refusal of an empty value.
var ErrEmpty = errors.New("empty value")

// Options are what the caller wants and what it allows.
type Options struct {
	// Prefix is put before every name.
	Prefix string
	// CheckName and CheckValue tell whether a name, and a value of n bytes, may be
	// stored. Their errors are wrapped. Both are required.
	CheckName  func(name string) error
	CheckValue func(n int) error
	// SkipEmpty leaves out names whose value is empty, for File.Empty.
	SkipEmpty bool
}

// File is a parsed file. Its values live until Close.
type File struct {
	Entries []Entry  // in the order of the file
	Empty   []string // the names that SkipEmpty left out
	buf     *secret.Bytes
}

// Close wipes all values.
func (f *File) Close() { f.buf.Destroy() }

// Entry is one secret of a file.
type Entry struct {
	Name  string
	Line  int // where its key stands, from 1
	Value Value
}

// Value is a part of the file's guarded buffer.
type Value struct {
	file   *File
	off, n int
}

// Len is the number of bytes.
func (v Value) Len() int { return v.n }

// Use calls fn with the bytes, which are valid only until fn returns. After the
// file was closed it returns secret.ErrDestroyed.
func (v Value) Use(fn func(p []byte) error) error {
	return v.file.buf.Use(func(p []byte) error { return fn(p[v.off : v.off+v.n : v.off+v.n]) })
}

// Format prints [secret] for every verb.
func (v Value) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[secret]") }

// FormatOf tells the format of a file by its name: .env, .env.*, *.env, *.json,
// *.yaml, *.yml; it is false for any other.
func FormatOf(file string) (Format, bool) {
	base := strings.ToLower(filepath.Base(file))
	switch filepath.Ext(base) {
	case ".env":
		return Env, true
	case ".json":
		return JSON, true
	case ".yaml", ".yml":
		return YAML, true
	}
	return Env, strings.HasPrefix(base, ".env.")
}

// Parse reads the whole of in, of which it takes possession: it is overwritten
// with the decoded values and wiped by Close, or here when there is an error.
// Names that collide, and a file of which any part is refused, are errors.
func Parse(in *secret.Bytes, format Format, o Options) (*File, error) {
	f := &File{buf: in}
	if o.CheckName == nil || o.CheckValue == nil {
		f.Close()
		return nil, errors.New("importing needs checks for names and values")
	}
	b := &builder{o: o, file: f, seen: make(map[string]int)}
	if err := b.parse(format); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (b *builder) parse(format Format) error {
	if n := b.file.buf.Len(); n > MaxInput {
		return fmt.Errorf("the file has %d bytes, more than the %d that can be imported at once", n, MaxInput)
	}
	var scalars *arena
	err := b.file.buf.Use(func(p []byte) error {
		c, err := newCursor(p)
		if err != nil {
			return err
		}
		switch format {
		case Env:
			return b.env(c)
		case JSON:
			return b.json(c)
		case YAML:
			scalars, err = b.yaml(c)
			return err
		}
		return fmt.Errorf("unknown format %q", string(format))
	})
	if err != nil || scalars == nil {
		return err
	}
	// Outside of Use, because it destroys the input.
	return b.adopt(scalars)
}

// A parseError says where a file is wrong. Its text never holds a value, and a
// key only where the grammar says for certain that it is one.
type parseError struct {
	at     position
	key    string // "" when unknown
	what   string
	syntax bool  // the file is not in its format, whatever we make of it
	cause  error // a check of the caller
}

func (e *parseError) Error() string {
	s := fmt.Sprintf("line %d", e.at.line)
	if e.at.column > 0 { // a YAML library knows only lines of what it cannot read
		s += fmt.Sprintf(", column %d", e.at.column)
	}
	s += ": "
	if e.key != "" {
		s += showKey(e.key) + ": "
	}
	return s + e.what
}

func (e *parseError) Unwrap() error { return e.cause }

// showKey makes a key safe to print: it came from a file, and may try to speak to
// the terminal or to fill it.
func showKey(k string) string {
	const most = 80
	if len(k) > most {
		return strconv.QuoteToASCII(k[:most]) + "..."
	}
	if q := strconv.QuoteToASCII(k); len(q) != len(k)+2 || strings.ContainsAny(k, " :") {
		return q
	}
	return k
}

// A builder collects entries and holds them against the limits.
type builder struct {
	o    Options
	file *File
	seen map[string]int // name to line
}

// name joins a path of keys and raises it to capitals. Only ASCII letters are
// raised: Unicode would turn letters such as U+0131 into ones that look allowed.
func (b *builder) name(path []string) string {
	p := []byte(strings.Join(path, "_"))
	for i, c := range p {
		if 'a' <= c && c <= 'z' {
			p[i] = c - 'a' + 'A'
		}
	}
	return b.o.Prefix + string(p)
}

// add records the entry whose value is the n bytes at off. A refused name is
// shown only where show says that it is surely a key.
func (b *builder) add(at position, name string, off, n int, show bool) error {
	e := &parseError{at: at, key: name}
	if err := b.o.CheckName(name); err != nil {
		if !show {
			e.key = ""
		}
		e.what, e.cause = "the name is not one of a secret: capital letters, digits and _, not a digit first, at most 255", err
		return e
	}
	if line, ok := b.seen[name]; ok {
		e.what = fmt.Sprintf("the name is already that of line %d", line)
		return e
	}
	if len(b.seen) == maxEntries {
		e.what = fmt.Sprintf("more than %d secrets in one file", maxEntries)
		return e
	}
	if n == 0 && b.o.SkipEmpty {
		b.seen[name] = at.line
		b.file.Empty = append(b.file.Empty, name)
		return nil
	}
	if err := b.o.CheckValue(n); err != nil {
		e.what, e.cause = "the value cannot be stored: "+err.Error(), err
		if n == 0 {
			e.cause = fmt.Errorf("%w: %w", ErrEmpty, err)
		}
		return e
	}
	b.seen[name] = at.line
	b.file.Entries = append(b.file.Entries, Entry{name, at.line, Value{b.file, off, n}})
	return nil
}

// A position counts from 1, columns in bytes.
type position struct{ line, column int }

// A cursor walks through text and knows where it is. What lies before it may be
// overwritten.
type cursor struct {
	p     []byte
	i     int
	line  int
	start int // where the line begins
}

// newCursor refuses what is no text: formats are UTF-8, with a byte order mark at
// most, and NUL is in none of them.
func newCursor(p []byte) (*cursor, error) {
	c := &cursor{p: p, line: 1}
	if bytes.HasPrefix(p, []byte{0xff, 0xfe}) || bytes.HasPrefix(p, []byte{0xfe, 0xff}) {
		return nil, &parseError{at: c.at(), what: "the file is UTF-16; save it as UTF-8", syntax: true}
	}
	body := bytes.TrimPrefix(p, []byte("\ufeff"))
	bom := len(p) - len(body)
	bad, what := bytes.IndexByte(body, 0), "a NUL byte: this is no text file"
	if bad < 0 && !utf8.Valid(body) {
		what = "a byte that is not UTF-8"
		for bad = 0; ; {
			r, n := utf8.DecodeRune(body[bad:])
			if r == utf8.RuneError && n == 1 {
				break
			}
			bad += n
		}
	}
	if bad >= 0 {
		line := bytes.Count(body[:bad], []byte("\n")) + 1
		column := bad - bytes.LastIndexByte(body[:bad], '\n')
		return nil, &parseError{at: position{line, column}, what: what, syntax: true}
	}
	c.i, c.start = bom, bom
	return c, nil
}

func (c *cursor) at() position { return position{c.line, c.i - c.start + 1} }

// peek is the byte under the cursor, 0 at the end: there is no NUL in the text.
func (c *cursor) peek() byte {
	if c.i == len(c.p) {
		return 0
	}
	return c.p[c.i]
}

func (c *cursor) next() byte {
	b := c.peek()
	if c.i == len(c.p) {
		return 0
	}
	c.i++
	if b == '\n' {
		c.line++
		c.start = c.i
	}
	return b
}

// skip passes over bytes of the set.
func (c *cursor) skip(set string) {
	for c.i < len(c.p) && strings.IndexByte(set, c.p[c.i]) >= 0 {
		c.next()
	}
}

func (c *cursor) fail(key, what string) error {
	return &parseError{at: c.at(), key: key, what: what, syntax: true}
}

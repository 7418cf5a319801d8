package prompt

import (
	"crypto/subtle"
	"io"
	"unicode/utf8"

	"tacenda/keyring/secret"
)

// Control characters that a hidden line understands.
const (
	ctrlC     = 0x03
	ctrlD     = 0x04
	backspace = 0x08
	ctrlU     = 0x15
	ctrlW     = 0x17
	escape    = 0x1b
	del       = 0x7f
)

// place is where in an escape sequence the input is.
type place int

const (
	ground place = iota
	afterEscape
	inCSI // ESC [ … until a byte from @ to ~
	inSS3 // ESC O and one byte
)

// editor makes a hidden line out of bytes. What it holds lies in guarded memory throughout.
type editor struct {
	scratch *secret.Bytes // the byte that is read
	value   *secret.Bytes // its first n bytes are the line so far
	n       int
	limit   int

	at       place
	param    int  // the number in a control sequence
	pasting  bool // between the marks of a bracketed paste
	newlines bool // in the paste a line ended; whatever follows makes it several
	problem  error
}

func newEditor(limit int) (*editor, error) {
	const first = 128 // passphrases and most values
	scratch, err := secret.New(1)
	if err != nil {
		return nil, err
	}
	value, err := secret.New(min(first, limit))
	if err != nil {
		scratch.Destroy()
		return nil, err
	}
	return &editor{scratch: scratch, value: value, limit: limit}, nil
}

func (e *editor) destroy() {
	e.scratch.Destroy()
	e.value.Destroy()
}

// take hands the line over; nil if there is a problem with it.
func (e *editor) take() *secret.Bytes {
	if e.problem != nil {
		return nil
	}
	line := e.value
	e.value = nil
	line.Shrink(e.n)
	return line
}

// feed takes the next byte. An error comes with done; io.EOF is ctrl+d.
func (e *editor) feed(c byte) (done bool, err error) {
	switch e.at {
	case afterEscape:
		e.at, e.param = ground, 0
		switch c {
		case '[':
			e.at = inCSI
		case 'O':
			e.at = inSS3
		case escape:
			e.at = afterEscape
		}
		return false, nil // alt and a key is dropped whole
	case inSS3:
		e.at = ground
		return false, nil
	case inCSI:
		return e.sequence(c)
	case ground:
	}
	switch {
	case c == escape:
		e.at = afterEscape
		return false, nil
	case e.pasting:
		return false, e.pasted(c)
	}
	return e.key(c)
}

// pause is called when nothing came for a moment: an escape was the key, not the beginning of a sequence, and must not
// swallow the next character.
func (e *editor) pause() {
	if e.at == afterEscape {
		e.at = ground
	}
}

// sequence goes on with a control sequence. Only the marks of a bracketed paste mean anything.
func (e *editor) sequence(c byte) (done bool, err error) {
	const odd = 1000 // beyond all numbers that mean something
	switch {
	case c >= '0' && c <= '9':
		e.param = min(e.param*10+int(c-'0'), odd)
		return false, nil
	case c < '@' || c > '~':
		e.param = odd
		return false, nil
	}
	e.at = ground
	switch {
	case c == '~' && e.param == 200:
		e.pasting, e.newlines = true, false
	case c == '~' && e.param == 201:
		e.pasting = false
		return e.problem != nil, e.problem
	}
	return false, nil
}

func (e *editor) pasted(c byte) error {
	switch {
	case c == '\r' || c == '\n':
		e.newlines = e.n > 0
		return nil
	case c < ' ' && c != '\t' || c == del:
		return nil
	case e.newlines:
		e.reject(ErrSeveralLines)
		return nil
	}
	return e.insert(c)
}

func (e *editor) key(c byte) (done bool, err error) {
	switch {
	case c == '\r' || c == '\n':
		return true, e.problem
	case c == ctrlC:
		return true, ErrInterrupted
	case c == ctrlD:
		if e.n == 0 && e.problem == nil {
			return true, io.EOF
		}
	case c == backspace || c == del:
		e.dropCharacter()
	case c == ctrlU:
		e.clear()
	case c == ctrlW:
		e.dropWord()
	case c >= ' ' || c == '\t':
		return false, e.insert(c)
	}
	return false, nil
}

// reject forgets the line and what else comes, until the end of the line or of the paste: what is not read here would be
// read by the shell.
func (e *editor) reject(problem error) {
	e.clear()
	e.problem = problem
}

func (e *editor) rejected() bool { return e.problem != nil }

// clear forgets the line.
func (e *editor) clear() {
	e.cut(0)
	e.problem = nil
}

// cut wipes what is behind the first n bytes.
func (e *editor) cut(n int) {
	_ = e.value.Use(func(p []byte) error { secret.Wipe(p[n:e.n]); return nil })
	e.n = n
}

func (e *editor) dropCharacter() {
	n := e.n
	_ = e.value.Use(func(p []byte) error {
		_, size := utf8.DecodeLastRune(p[:e.n])
		n -= size
		return nil
	})
	e.cut(n)
}

// dropWord is what ctrl+w is to the kernel: the spaces at the end and all before them up to the next space.
func (e *editor) dropWord() {
	n := e.n
	_ = e.value.Use(func(p []byte) error {
		for n > 0 && p[n-1] == ' ' {
			n--
		}
		for n > 0 && p[n-1] != ' ' {
			n--
		}
		return nil
	})
	e.cut(n)
}

func (e *editor) insert(c byte) error {
	switch {
	case e.rejected():
		return nil
	case e.n == e.limit:
		e.reject(tooLong(e.limit))
		return nil
	case e.n == e.value.Len():
		if err := e.grow(); err != nil {
			return err
		}
	}
	_ = e.value.Use(func(p []byte) error { p[e.n] = c; return nil })
	e.n++
	return nil
}

// grow doubles the room.
func (e *editor) grow() error {
	larger, err := secret.New(min(2*e.n, e.limit))
	if err != nil {
		return err
	}
	_ = e.value.Use(func(src []byte) error {
		return larger.Use(func(dst []byte) error {
			// Not the builtin, which leaves pieces in vector registers and from there in memory.
			subtle.ConstantTimeCopy(1, dst[:len(src)], src)
			return nil
		})
	})
	e.value.Destroy()
	e.value = larger
	return nil
}

package tui

import (
	"crypto/subtle"
	"fmt"
	"io"
	"slices"
	"sync"
	"unicode/utf8"

	"tacenda/keyring/secret"
)

// An entry is a value being typed or pasted. It can be counted, moved out and
// wiped, and not drawn: what is in it lies in guarded memory alone. It prints
// as [secret].
type entry struct {
	reader *secretReader // nil for a paste that the reader keeps itself
	max    int           // bytes
	lines  bool          // may have line feeds

	mu      sync.Mutex
	buf     *secret.Bytes // nil while it is empty
	n       int           // bytes of buf in use
	refused string        // why the last bytes were not taken
	gone    bool          // dropped: it takes nothing any more
	// A paste is taken whole or not at all.
	pasting bool
	start   int // n when it began
	pasted  int // bytes of it so far, taken or not
	over    bool
}

// entryFirst is the first size of an entry's memory: most values fit, and what
// does not costs a copy from guarded memory to guarded memory each time that
// it has doubled.
const entryFirst = 256

// size is all that anybody may know of what was entered. A line feed at the
// end ends the last line and does not begin another.
func (e *entry) size() (n, lines int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.n == 0 {
		return 0, 0
	}
	_ = e.buf.Use(func(p []byte) error {
		for _, b := range p[:e.n-1] {
			if b == '\n' {
				lines++
			}
		}
		lines++
		return nil
	})
	return e.n, lines
}

func (e *entry) empty() bool {
	n, _ := e.size()
	return n == 0
}

// problem says in words why the last bytes were not taken; "" when they were.
func (e *entry) problem() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.refused
}

// take moves the value out; nil when there is none. The entry is empty
// afterwards and can be used again. Whoever takes it destroys it.
func (e *entry) take() (*secret.Bytes, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	b, n := e.buf, e.n
	e.buf = nil
	e.reset()
	if n == 0 {
		b.Destroy()
		return nil, nil
	}
	if b.Len() < n { // everything was wiped by secret.Purge
		return nil, secret.ErrDestroyed
	}
	b.Shrink(n)
	return b, nil
}

// put replaces what was entered by b, which belongs to the entry from then on.
func (e *entry) put(b *secret.Bytes) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reset()
	if e.gone || b.Len() > e.max {
		b.Destroy()
		return
	}
	e.buf, e.n = b, b.Len()
}

// use lets fn look at what was entered, to judge it, byte by byte: fn must keep
// nothing and copy nothing, see copySlowly.
func (e *entry) use(fn func(p []byte)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.n == 0 {
		fn(nil)
		return
	}
	_ = e.buf.Use(func(p []byte) error { fn(p[:e.n]); return nil })
}

// equal tells whether the same was entered in both, in constant time.
func (e *entry) equal(o *entry) bool {
	same := false
	e.use(func(p []byte) {
		o.use(func(q []byte) { same = subtle.ConstantTimeCompare(p, q) == 1 })
	})
	return same
}

// wipe empties the entry; nil is fine. What is still to come of a paste under
// way is dropped.
func (e *entry) wipe() {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reset()
}

// drop wipes the entry for good and takes the focus from it.
func (e *entry) drop() {
	e.mu.Lock()
	e.gone = true
	e.reset()
	e.mu.Unlock()
	if e.reader != nil {
		e.reader.forget(e)
	}
}

// reset forgets everything; e.mu is held.
func (e *entry) reset() {
	e.buf.Destroy()
	e.buf, e.n, e.refused = nil, 0, ""
	e.pasting, e.over = false, false
}

// Format prints [secret] for every verb.
func (e *entry) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// add appends a typed character.
func (e *entry) add(p []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refused = ""
	if !e.gone && !e.append(p) {
		e.refused = fmt.Sprintf("at most %s bytes fit here", number(e.max))
	}
}

// append appends all of p or nothing; e.mu is held.
func (e *entry) append(p []byte) bool {
	if e.n+len(p) > e.max || !e.reserve(e.n+len(p)) {
		return false
	}
	return e.buf.Use(func(b []byte) error {
		copySlowly(b[e.n:], p)
		e.n += len(p)
		return nil
	}) == nil
}

// copySlowly is copy without vector registers. What copy, and the functions of
// package bytes, load into them stays there, and when the scheduler interrupts
// the program later it writes the registers to the heap: pieces of sixteen
// bytes of a value were found there.
func copySlowly(to, from []byte) {
	for ; len(from) > 0; from, to = from[1:], to[1:] {
		to[0] = from[0]
	}
}

// reserve makes room for n bytes.
func (e *entry) reserve(n int) bool {
	if n <= e.buf.Len() {
		return true
	}
	b, err := secret.New(max(n, min(max(2*e.buf.Len(), entryFirst), e.max)))
	if err != nil {
		return false // the system has no memory left: refuse as if it were full
	}
	if e.n > 0 {
		err = e.buf.Use(func(from []byte) error {
			return b.Use(func(to []byte) error { copySlowly(to, from[:e.n]); return nil })
		})
	}
	if err != nil {
		b.Destroy()
		return false
	}
	e.buf.Destroy()
	e.buf = b
	return true
}

// backspace removes the last character: a whole one where the end is UTF-8,
// else a byte.
func (e *entry) backspace() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refused = ""
	if e.n > 0 {
		_ = e.buf.Use(func(p []byte) error {
			_, size := utf8.DecodeLastRune(p[:e.n])
			e.shorten(p, e.n-size)
			return nil
		})
	}
}

// shorten wipes what is behind the first n bytes of p, the entry's memory.
func (e *entry) shorten(p []byte, n int) {
	secret.Wipe(p[n:e.n])
	e.n = n
}

func (e *entry) beginPaste() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refused = ""
	e.pasting, e.start, e.pasted, e.over = !e.gone, e.n, 0, false
}

// paste appends bytes of a paste. What is too long is counted to its end.
func (e *entry) paste(p []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.pasting {
		return
	}
	e.pasted += len(p)
	if !e.over && !e.append(p) {
		e.over = true
		e.undoPaste()
	}
}

func (e *entry) undoPaste() {
	if e.n > e.start {
		_ = e.buf.Use(func(p []byte) error { e.shorten(p, e.start); return nil })
	}
}

// cancelPaste takes back a paste that does not end.
func (e *entry) cancelPaste() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.pasting {
		e.undoPaste()
		e.pasting = false
	}
}

// endPaste decides about the paste that was under way.
func (e *entry) endPaste() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.pasting {
		return
	}
	e.pasting = false
	if e.over {
		e.refused = fmt.Sprintf("the paste has %s bytes: at most %s fit here", number(e.pasted), number(e.max))
		return
	}
	if e.lines || e.n == e.start {
		return
	}
	_ = e.buf.Use(func(p []byte) error {
		end := e.n
		for end > e.start && p[end-1] == '\n' { // who copies a line copies its end too
			end--
		}
		e.shorten(p, end)
		if slices.Contains(p[e.start:end], '\n') {
			e.shorten(p, e.start)
			e.refused = "the paste has several lines: only one fits here"
		}
		return nil
	})
}

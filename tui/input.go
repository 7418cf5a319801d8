package tui

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"tacenda/keyring/secret"
)

// The terminal's bytes reach the program through a secretReader, which hands
// on keys and keeps values. Bubble Tea would put whatever is typed or pasted
// into buffers, strings and messages that nobody can wipe: fourteen copies of
// a pasted value were found in its memory. So the reader takes the bytes into
// guarded memory first and lets Bubble Tea have what is no text: while an
// entry has the focus, text goes there and only a mark that says so goes on. A
// bracketed paste never goes on at all, whoever has the focus.
//
// Who gets the text is decided in Update, on the other side of Bubble Tea, and
// bytes that were typed ahead must not overtake that decision. Therefore the
// reader hands on one key, puts a mark behind it, and reads no further until
// the mark comes out in filter: by then Update has seen the key.
type secretReader struct {
	src source // nil in tests

	reading sync.Mutex    // one Read at a time
	mem     *secret.Bytes // see memHold and memRead
	pending int           // bytes in mem that were read and not yet looked at
	last    time.Time     // when bytes came last
	unseen  bool          // a mark is under way
	seen    chan struct{} // the mark came out
	done    chan struct{} // closed by close

	mu      sync.Mutex // guards what follows; held while a byte is looked at
	keys    decoder
	focus   *entry          // who gets text; nil for a plain screen
	entries map[*entry]bool // those that live
	offered *entry          // a paste that Update may ask for, until the next message
	closed  bool
}

// errTerminalGone ends the program when the terminal does: io.EOF would leave
// Bubble Tea running without one.
var errTerminalGone = errors.New("the terminal is gone")

// Layout of secretReader.mem: the sequence under way, then what was read.
const (
	memHold = 256 // the longest sequence that is handed on; replies of terminals are far shorter
	memRead = 1024
)

const (
	// escWait is how long a lone ESC may turn out to begin a sequence. Bubble
	// Tea and most editors wait as long.
	escWait = 50 * time.Millisecond
	// seqWait is how long the rest of a sequence may take that has begun. It is
	// longer because what follows could be the rest of a paste's begin mark,
	// behind which a value must not be taken for keys.
	seqWait = time.Second
	// pasteQuiet is how long a paste must have been silent for ctrl+c to end
	// it: terminals die between its begin and its end.
	pasteQuiet = 2 * time.Second
	// seenWait bounds the wait for a mark, so that a fault elsewhere makes the
	// keyboard slow and not dead.
	seenWait = 5 * time.Second
	// plainPasteMax bounds a paste that no entry takes. It is for names,
	// descriptions and filters.
	plainPasteMax = 64 << 10
)

// newSecretReader reads from a terminal, or from an SSH session or whatever
// else is no file. nil makes a reader without input, for tests.
func newSecretReader(from io.Reader) (*secretReader, error) {
	mem, err := secret.New(memHold + memRead)
	if err != nil {
		return nil, err
	}
	r := &secretReader{
		mem:     mem,
		seen:    make(chan struct{}, 1),
		done:    make(chan struct{}),
		entries: map[*entry]bool{},
	}
	switch from := from.(type) {
	case nil:
	case *os.File:
		r.src = newFileSource(from)
	default:
		if r.src, err = newStreamSource(from); err != nil {
			mem.Destroy()
			return nil, err
		}
	}
	return r, nil
}

// Read returns the next key and the mark behind it, or nothing when no key has
// come to its end. It is for Bubble Tea, whose buffer is longer than any key.
func (r *secretReader) Read(p []byte) (int, error) {
	if len(p) < memHold+markMax {
		return 0, io.ErrShortBuffer
	}
	r.reading.Lock()
	defer r.reading.Unlock()
	if r.src == nil {
		return 0, io.EOF
	}
	if !r.awaitSeen() {
		return 0, errTerminalGone
	}
	out := p[:0]
	for first := true; ; first = false {
		if r.pending == 0 && !(first && !r.src.exact()) {
			var wait time.Duration
			if !first {
				wait = r.patience()
			}
			if !r.src.ready(wait) {
				if wait > 0 {
					out = r.expire(out)
				}
				break
			}
		}
		var err error
		var whole bool
		if out, whole, err = r.some(out); err != nil {
			r.wipe()
			return 0, err
		}
		if whole {
			break
		}
	}
	return len(r.mark(out)), nil
}

// awaitSeen waits until the model has seen what was handed on last. It returns
// false when the reader was closed.
func (r *secretReader) awaitSeen() bool {
	if r.unseen {
		timer := time.NewTimer(seenWait)
		defer timer.Stop()
		select {
		case <-r.seen:
		case <-timer.C:
		case <-r.done:
		}
		r.unseen = false
	}
	select {
	case <-r.done:
		return false
	default:
		return true
	}
}

// patience is how long to wait for the next byte before the sequence under way
// is taken to be over.
func (r *secretReader) patience() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys.patience()
}

// some reads bytes and looks at them until a key is whole. Where the source can
// tell that more is there, it takes no byte that might belong behind that key:
// Bubble Tea waits for the file and would not come back for what is kept here.
func (r *secretReader) some(out []byte) (_ []byte, whole bool, err error) {
	err = r.mem.Use(func(mem []byte) error {
		hold, in := mem[:memHold], mem[memHold:]
		defer func() { secret.Wipe(mem[memHold+r.pending:]) }()
		if r.pending == 0 {
			if r.src.exact() {
				in = in[:r.need()]
			}
			n, err := r.src.read(in)
			if n == 0 {
				return err
			}
			r.pending = n
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.keys.stale = time.Since(r.last) > pasteQuiet
		r.last = time.Now()
		used := 0
		for used < r.pending && !whole {
			out, whole = r.step(hold, out, in[used])
			used++
		}
		copySlowly(in, in[used:r.pending])
		r.pending -= used
		if r.keys.held == 0 {
			secret.Wipe(hold)
		}
		return nil
	})
	return out, whole, err
}

// need is how many bytes can be read without reading past the end of a key.
func (r *secretReader) need() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys.need()
}

// expire ends the sequence under way because nothing followed.
func (r *secretReader) expire(out []byte) []byte {
	_ = r.mem.Use(func(mem []byte) error { // destroyed only by close, and then there is nothing to end
		r.mu.Lock()
		defer r.mu.Unlock()
		out = r.timeout(mem[:memHold], out)
		return nil
	})
	return out
}

// close wipes everything. Nothing may be read afterwards. When a value was
// being entered, what the terminal still holds of it is dropped: the shell
// would take it for a command.
func (r *secretReader) close() {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return
	}
	r.closed = true
	entering := r.focus != nil || r.keys.state == inPaste
	r.focus = nil
	r.mu.Unlock()
	close(r.done)
	if r.src != nil {
		r.src.close(entering)
	}
	r.wipe()
	// A Read that is still inside looks at mem: what it leaves is for
	// secret.Purge.
	if r.reading.TryLock() {
		r.mem.Destroy()
		r.reading.Unlock()
	}
}

// Close is close: Bubble Tea wants a file.
func (r *secretReader) Close() error {
	r.close()
	return nil
}

// Fd is the terminal's, for raw mode; an invalid one where there is none.
func (r *secretReader) Fd() uintptr {
	if r.src == nil {
		return ^uintptr(0)
	}
	return r.src.fd()
}

// Write writes to the terminal. Nobody does; the interface of a file wants it.
func (r *secretReader) Write(p []byte) (int, error) {
	if r.src == nil {
		return 0, io.ErrClosedPipe
	}
	return r.src.write(p)
}

// Package secret keeps key material and values in guarded memory: locked against the swap, left out of core dumps, between
// pages that nobody may touch, wiped when done. It promises that a Bytes never prints what it holds, that a small
// memory-lock limit costs protection but never a hang, and that Purge reaches everything. It knows nothing of vaults, and
// it cannot reach copies that others make: whoever looks inside must not let the bytes become a string.
//
// It is the only package that imports memguard, and uses its locked buffers alone: an enclave would need a key, locked
// pages and a goroutine of its own, and hangs where too little memory can be locked.
package secret

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"
)

// ErrTooLarge is returned by ReadAll when the input is longer than its bound.
var ErrTooLarge = errors.New("longer than allowed")

// ErrDestroyed is returned when a destroyed Bytes is used.
var ErrDestroyed = errors.New("secret was already wiped")

// Bytes is a region of guarded memory of a fixed size. Its methods may be called from several goroutines; what Use hands
// out is for its callers to share out among themselves. A nil Bytes behaves like a destroyed one.
type Bytes struct {
	mu   sync.Mutex
	at   *block // nil once destroyed
	n    int
	uses int           // functions inside Use
	idle chan struct{} // made by Destroy when it must wait, closed by the last Use
}

// New returns n zero bytes of guarded memory. It fails only when the system has no memory left to give, or when more
// than 16,384 longer than 4 KiB live.
func New(n int) (*Bytes, error) {
	if n < 0 {
		return nil, fmt.Errorf("reserving %d bytes of guarded memory: negative length", n)
	}
	b := &Bytes{n: n}
	at, err := mem.reserve(b, n)
	if err != nil {
		return nil, err
	}
	b.at = at
	return b, nil
}

// Random returns n random bytes.
func Random(n int) (*Bytes, error) {
	b, err := New(n)
	if err != nil {
		return nil, err
	}
	_ = b.Use(func(p []byte) error {
		_, err := rand.Read(p) // never fails: it ends the program where there is no randomness
		return err
	})
	return b, nil
}

// Move copies src into guarded memory and wipes src, also when it fails.
func Move(src []byte) (*Bytes, error) {
	defer Wipe(src)
	b, err := New(len(src))
	if err != nil {
		return nil, err
	}
	_ = b.Use(func(p []byte) error { move(p, src); return nil })
	return b, nil
}

// ReadAll reads r to its end straight into guarded memory; more than limit bytes is ErrTooLarge, anything else that goes
// wrong is r's own error. Nothing that was read stays behind.
func ReadAll(r io.Reader, limit int) (*Bytes, error) {
	const first = 1 << 10 // a key file or a value fits; a reader that has more costs a copy for each doubling
	b, err := New(min(first, limit+1))
	if err != nil {
		return nil, err
	}
	defer func() { b.Destroy() }() // what b is at the end: nil when it was handed out
	for n, idle := 0, 0; ; {
		var m int
		err := b.Use(func(p []byte) (err error) {
			m, err = r.Read(p[n:])
			return err
		})
		n += m
		switch {
		case n > limit:
			return nil, ErrTooLarge
		case err == io.EOF: //nolint:errorlint // a wrapped one is a failure, not the end
			whole := b
			whole.Shrink(n)
			b = nil
			return whole, nil
		case err != nil:
			return nil, err
		}
		if idle++; m > 0 {
			idle = 0
		}
		if idle == 100 { // as bufio does
			return nil, io.ErrNoProgress
		}
		if n == b.Len() {
			if b, err = grow(b, min(2*n, limit+1)); err != nil {
				return nil, err
			}
		}
	}
}

// Relay moves what from says to to, piece by piece through b, so that no copy of it stays where it passed. It returns
// what ended it: io.EOF when from did, else the error of either side.
func (b *Bytes) Relay(to io.Writer, from io.Reader) error {
	return b.Use(func(p []byte) error {
		for {
			n, err := from.Read(p)
			if n > 0 {
				_, werr := to.Write(p[:n])
				Wipe(p[:n])
				if werr != nil {
					return werr
				}
			}
			if err != nil {
				return err
			}
		}
	})
}

// grow moves b into n bytes and destroys it, whether that works or not.
func grow(b *Bytes, n int) (*Bytes, error) {
	defer b.Destroy()
	c, err := New(n)
	if err != nil {
		return nil, err
	}
	_ = b.Use(func(src []byte) error {
		return c.Use(func(dst []byte) error { move(dst, src); return nil })
	})
	return c, nil
}

// move copies byte by byte. The builtin copies by way of vector registers, which are saved to memory that nobody wipes
// when the goroutine is interrupted: a hundred bytes of a value were found after builtin copies, and none after these.
func move(dst, src []byte) { subtle.ConstantTimeCopy(1, dst[:len(src)], src) }

// Len is the number of bytes; 0 once destroyed.
func (b *Bytes) Len() int {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.at == nil {
		return 0
	}
	return b.n
}

// Use calls fn with the bytes and returns its error. They are valid only until fn returns: a copy of the slice that
// outlives it points to memory that is gone. After Destroy it is ErrDestroyed and fn is not called.
func (b *Bytes) Use(fn func(p []byte) error) error {
	p, err := b.enter()
	if err != nil {
		return err
	}
	defer b.leave()
	return fn(p)
}

func (b *Bytes) enter() ([]byte, error) {
	if b == nil {
		return nil, ErrDestroyed
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.at == nil {
		return nil, ErrDestroyed
	}
	b.uses++
	return b.at.bytes()[:b.n:b.n], nil
}

func (b *Bytes) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.uses--; b.uses == 0 && b.idle != nil {
		close(b.idle)
	}
}

// Shrink wipes everything behind the first n bytes and makes the length n. It panics if n is not within the length.
func (b *Bytes) Shrink(n int) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.at == nil {
		return
	}
	Wipe(b.at.bytes()[:b.n][n:])
	b.n = n
}

// Equal compares in constant time. A destroyed Bytes equals nothing.
func (b *Bytes) Equal(c *Bytes) bool {
	equal := false
	_ = b.Use(func(p []byte) error {
		return c.Use(func(q []byte) error {
			equal = subtle.ConstantTimeCompare(p, q) == 1
			return nil
		})
	})
	return equal
}

// Destroy wipes and frees; nil and a second call are fine. It waits for the functions inside Use, so calling it from one
// of them would wait for ever.
func (b *Bytes) Destroy() { b.destroy(nil) }

// destroy gives up when stop is closed while some Use still runs.
func (b *Bytes) destroy(stop <-chan struct{}) {
	if b == nil {
		return
	}
	at, idle := b.close()
	if at == nil {
		return
	}
	if idle != nil {
		select {
		case <-idle:
		case <-stop:
			return
		}
	}
	mem.release(b, at)
}

// close ends the use of b; idle is nil when nobody is inside.
func (b *Bytes) close() (at *block, idle <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, b.at = b.at, nil
	if at != nil && b.uses > 0 {
		b.idle = make(chan struct{})
	}
	return at, b.idle
}

// Purge wipes every Bytes that still lives and frees those that nobody is using. It waits a tenth of a second at most
// for those that are used, and then overwrites them where they are. Calling it again is fine; nothing may be used
// afterwards.
func Purge() {
	stop := make(chan struct{})
	defer time.AfterFunc(purgeGrace, func() { close(stop) }).Stop()
	for _, b := range mem.living() {
		b.destroy(stop)
	}
	mem.wipe()
}

// Wipe overwrites p with zeros.
func Wipe(p []byte) {
	clear(p)
	runtime.KeepAlive(p) // the stores must happen although nobody reads them
}

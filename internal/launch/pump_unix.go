//go:build unix

package launch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"tacenda/keyring/secret"
)

const (
	// holdTime is how long a terminal waits for what may be the beginning of a value.
	holdTime = 100 * time.Millisecond
	// idleTime and lastTime are how long processes that the command left behind
	// may keep its output open: that long without a word, and that long in all.
	// What the command itself said is in the pipe when it ends, and is written.
	idleTime = 100 * time.Millisecond
	lastTime = time.Second
	// pumpSize is what is read at once, in bytes: all that a Linux pipe holds.
	pumpSize = 64 << 10
)

// A pump takes one stream from the command to us.
type pump struct {
	name     string // for messages
	from     *os.File
	to       *os.File
	terminal bool
	done     chan error

	mu     sync.Mutex // of all below, and of every write
	mask   Masker
	held   time.Time // when what is held back came
	ending bool      // the command has ended
	least  int       // bytes that were in the pipe then
	last   time.Time // when the reading ends, once that was read
	read   int       // bytes, since then
}

// run ends with the stream, or when it cannot be written any more.
func (p *pump) run() {
	buf, err := secret.New(pumpSize)
	if err == nil {
		err = buf.Use(p.copy)
		buf.Destroy()
	}
	p.mu.Lock()
	if closed := p.mask.Close(); err == nil { // what the mask holds back cannot be written either
		err = closed
	}
	p.mu.Unlock()
	// Who still writes there learns that nobody reads.
	quietClose(p.from)
	if errors.Is(err, syscall.EPIPE) {
		err = nil // our reader went away, and took what it wanted
	}
	if err != nil {
		err = fmt.Errorf("writing the command's %s: %w", p.name, err)
	}
	p.done <- err
}

func (p *pump) copy(buf []byte) error {
	for {
		p.setDeadline()
		n, err := p.from.Read(buf)
		if n > 0 {
			err := p.write(buf[:n])
			secret.Wipe(buf[:n]) // the command may wait for days before it says more
			if err != nil {
				return err
			}
		}
		switch {
		case err == nil && p.talking():
			return nil
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			if over, err := p.late(); over || err != nil {
				return err
			}
		case errors.Is(err, io.EOF), errors.Is(err, syscall.EIO), errors.Is(err, os.ErrClosed):
			return nil // a terminal that nobody has open any more says EIO
		default:
			return err
		}
	}
}

func (p *pump) write(b []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ending {
		p.read += len(b)
	}
	if _, err := p.mask.Write(b); err != nil {
		return err
	}
	// What is held and came with this piece has its full time before it.
	if p.held.IsZero() || p.mask.Held() <= len(b) {
		p.held = time.Now()
	}
	return nil
}

// setDeadline says until when the next read may wait.
func (p *pump) setDeadline() {
	p.mu.Lock()
	defer p.mu.Unlock()
	var until time.Time
	if p.terminal && p.mask.Held() > 0 {
		until = p.held.Add(holdTime)
	}
	if p.ending {
		if end := time.Now().Add(idleTime); until.IsZero() || end.Before(until) {
			until = end
		}
	}
	_ = p.from.SetReadDeadline(until)
}

// late is called when a read waited for too long. It tells whether that was the
// last one.
func (p *pump) late() (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ending && waiting(p.from) == 0 {
		return true, nil
	}
	if p.terminal && p.mask.Held() > 0 && time.Since(p.held) >= holdTime {
		return false, p.mask.Release()
	}
	return false, nil
}

// talking tells whether somebody whom the command left behind has talked for
// long enough.
func (p *pump) talking() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	// What was read but not counted when the command ended is less than a buffer.
	return p.ending && p.read >= p.least+pumpSize && time.Now().After(p.last)
}

// end says that the command has ended.
func (p *pump) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ending = true
	p.least = waiting(p.from)
	p.last = time.Now().Add(lastTime)
	_ = p.from.SetReadDeadline(time.Now().Add(idleTime))
}

// release writes what is held back.
func (p *pump) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.mask.Release()
}

package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"time"
)

// defaultLockTimeout is the command line's default for --lock-timeout.
const defaultLockTimeout = 5 * time.Second

// A BusyError is an ErrBusy that names who has the vault.
type BusyError struct {
	Path    string
	PID     int    // 0 when the system does not tell
	Command string // the program, and its command when that is a plain word; "" when unknown
}

func (e *BusyError) Error() string {
	switch {
	case e.PID == 0:
		return fmt.Sprintf("vault %q is in use by another process", e.Path)
	case e.Command == "":
		return fmt.Sprintf("vault %q is in use by process %d", e.Path, e.PID)
	}
	return fmt.Sprintf("vault %q is in use by process %d (%s)", e.Path, e.PID, e.Command)
}

// Unwrap makes it an ErrBusy.
func (e *BusyError) Unwrap() error { return ErrBusy }

// acquire opens the vault's file, shared for readers and alone for a writer,
// and waits for that at most the lock timeout. The file is checked, but not
// what is in it.
func (b *Bolt) acquire(ctx context.Context, write bool) (*os.File, error) {
	mounted := b.options.Mounted && !write
	for start := time.Now(); ; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f, err := openVault(b.path, write, b.options.Mounted)
		if err != nil {
			return nil, err
		}
		if err := b.await(ctx, f, write, start); err != nil {
			release(f)
			return nil, err
		}
		if isCurrent(f, b.path, mounted) {
			return f, nil
		}
		release(f) // it was replaced while we waited: the new one may be free
	}
}

// patience is how long the head of the line is respected by those behind it. One
// that was stopped while it stood there must not keep everybody out.
const patience = time.Second

// await tries for the lock of f until it has it, or the lock timeout since start
// is over.
//
// Who only tried now and then would hardly ever find the file free where others
// come and go without end: readers share it, and a writer that has just let go of
// it is back before anybody has looked. So who does not get the lock at once
// stands in line, where nobody who comes later passes. There is room for one
// writer or for some readers; the others try for that place, where nobody is
// quicker than they are.
func (b *Bolt) await(ctx context.Context, f *os.File, write bool, start time.Time) error {
	const (
		soon  = time.Millisecond / 2 // a quick writer's time
		later = 5 * time.Millisecond
	)
	inLine := false
	for pause := soon; ; pause = min(pause*3/2, later) {
		waited := time.Since(start)
		if inLine || waited >= min(patience, b.options.LockTimeout/2) || !lineBefore(f, write) {
			locked, err := tryLock(f, write)
			if inLine && (locked || err != nil) {
				leaveLine(f)
			}
			if err != nil {
				return sentence("lock", b.path, err)
			}
			if locked {
				return nil
			}
		}
		if waited >= b.options.LockTimeout {
			busy := &BusyError{Path: b.path}
			busy.PID, busy.Command = holder(f)
			return busy
		}
		if !inLine && joinLine(f, write) {
			inLine, pause = true, soon
		}
		//nolint:gosec // keeps processes that wait together from trying together; nothing rests on it
		if err := wait(ctx, pause/2+rand.N(pause)); err != nil {
			return err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

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
	deadline := time.Now().Add(b.options.LockTimeout)
	// From a quick writer's time to what a person does not notice.
	for pause := time.Millisecond; ; pause = min(pause*3/2, 25*time.Millisecond) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f, err := openVault(b.path, write, b.options.Mounted)
		if err != nil {
			return nil, err
		}
		locked, err := tryLock(f, write)
		if locked && isCurrent(f, b.path, mounted) {
			return f, nil
		}
		if err != nil {
			release(f)
			return nil, sentence("lock", b.path, err)
		}
		if !time.Now().Before(deadline) {
			busy := &BusyError{Path: b.path}
			busy.PID, busy.Command = holder(f)
			release(f)
			return nil, busy
		}
		release(f)
		if locked {
			continue // it was replaced while we waited: the new one may be free
		}
		//nolint:gosec // keeps processes that wait together from trying together; nothing rests on it
		if err := wait(ctx, pause/2+rand.N(pause)); err != nil {
			return nil, err
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

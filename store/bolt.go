package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// BoltOptions says how a vault's file is used.
type BoltOptions struct {
	// LockTimeout bounds the wait for other processes; 0 is 5 s, less than 0 one try.
	LockTimeout time.Duration
	// Mounted accepts, for reading, a file as containers mount it: root's,
	// readable by the group, behind links.
	Mounted bool
}

// Bolt is the engine that keeps a vault in one file. Between transactions it
// holds nothing: readers share the file, writers take turns, in this process
// and with others.
type Bolt struct {
	path    string
	options BoltOptions
	writer  chan struct{} // one token, so that only one goroutine polls for the file's lock
	closed  atomic.Bool
}

func newBolt(path string, o BoltOptions) (*Bolt, error) {
	abs, err := filepath.Abs(path) // a later change of directory must not mean another vault
	if err != nil {
		return nil, sentence("find", path, err)
	}
	if o.LockTimeout == 0 {
		o.LockTimeout = defaultLockTimeout
	}
	return &Bolt{path: abs, options: o, writer: make(chan struct{}, 1)}, nil
}

// OpenBolt returns the vault at path, after a look at its type, owner, mode,
// links, and header: ErrNotFound, ErrRefused, ErrDamaged or ErrBusy.
func OpenBolt(path string, o BoltOptions) (*Bolt, error) {
	b, err := newBolt(path, o)
	if err != nil {
		return nil, err
	}
	f, err := b.acquire(context.Background(), false)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := inspect(f, false); err != nil {
		return nil, sentence("read", b.path, err)
	}
	return b, nil
}

// Path returns the absolute path of the vault's file.
func (b *Bolt) Path() string { return b.path }

// Close implements Engine.
func (b *Bolt) Close() error {
	b.closed.Store(true)
	return nil
}

// View implements Engine. Writers in other processes wait until fn returns.
func (b *Bolt) View(ctx context.Context, fn func(Tx) error) error {
	return b.view(ctx, func(tx *boltTx) error { return fn(tx) })
}

func (b *Bolt) view(ctx context.Context, fn func(*boltTx) error) error {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	h, err := b.open(ctx, false)
	if err != nil {
		return err
	}
	defer h.close()
	tx, err := b.begin(h, false)
	if err != nil {
		return err
	}
	return tx.run(fn)
}

// Update implements Engine. Nested in a View or an Update of the same vault it
// fails with ErrBusy after the lock timeout.
//
// When the disk fails to flush the very last page, whether the change happened
// shows in the next View: no file system lets a program know earlier.
func (b *Bolt) Update(ctx context.Context, fn func(Tx) error) error {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	if err := b.turn(ctx); err != nil {
		return err
	}
	defer func() { <-b.writer }()
	h, err := b.open(ctx, true)
	if err != nil {
		return err
	}
	defer h.close()
	b.sweep()
	tx, err := b.begin(h, true)
	if err != nil {
		return err
	}
	err = tx.run(func(tx *boltTx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return ctx.Err()
	})
	if err == nil && (tx.scrub || h.tree.scrubDue) {
		err = b.scrub(ctx, h, tx.scrub)
	}
	return err
}

// turn waits for the other writers of this process.
func (b *Bolt) turn(ctx context.Context) error {
	timeout := time.NewTimer(max(0, b.options.LockTimeout))
	defer timeout.Stop()
	select {
	case b.writer <- struct{}{}:
		return nil
	default:
	}
	select {
	case b.writer <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timeout.C:
		return &BusyError{Path: b.path, PID: os.Getpid()}
	}
}

// open opens the file for one transaction.
func (b *Bolt) open(ctx context.Context, write bool) (*handle, error) {
	if b.closed.Load() {
		return nil, errClosed
	}
	f, err := b.acquire(ctx, write)
	if err != nil {
		return nil, err
	}
	t, err := inspect(f, write)
	if err == nil {
		var h *handle
		if h, err = openBolt(b.path, f, t, b.boltOptions(write)); err == nil {
			if lockedByUs {
				return h, nil
			}
			if h.tree, err = inspect(f, write); err == nil { // it may have changed before bbolt locked it
				return h, nil
			}
			h.close()
		}
	}
	release(f)
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, &BusyError{Path: b.path}
	}
	return nil, sentence("open", b.path, err)
}

// inspect checks what bbolt reads when it opens a file, and that it is a vault.
func inspect(f *os.File, write bool) (*tree, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	p, err := readPages(f, info.Size())
	if err != nil {
		return nil, err
	}
	if write {
		if err := p.readFree(); err != nil {
			return nil, err
		}
	}
	return readTree(p)
}

func (b *Bolt) boltOptions(write bool) bolt.Options {
	o := bolt.Options{
		// Never 0, which waits for ever. Where we lock, the lock is ours already.
		Timeout:  max(b.options.LockTimeout, time.Millisecond),
		ReadOnly: !write,
		// The list of free pages is kept in the file: without it a writer reads
		// the whole tree when it opens (30 ms with 100,000 records, 0.07 with),
		// in a goroutine of bbolt's, whose panics nobody can catch.
		NoFreelistSync: false,
		FreelistType:   bolt.FreelistMapType,
		PageSize:       pageSize,
		MaxSize:        maxFileSize,
		NoStatistics:   true,
	}
	return o
}

// openBolt hands the open file f to bbolt.
func openBolt(path string, f *os.File, t *tree, o bolt.Options) (h *handle, err error) {
	defer caught(&err)
	o.OpenFile = func(string, int, os.FileMode) (*os.File, error) { return f, nil }
	db, err := bolt.Open(path, 0o600, &o)
	if err != nil {
		return nil, err
	}
	return &handle{file: f, db: db, tree: t}, nil
}

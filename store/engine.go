// Package store keeps sealed records in a transactional key-value engine. It
// knows no key and no plaintext: to it a record is opaque bytes under an
// opaque key. It promises that a transaction is durable or did not happen, that
// what it cannot read correctly is an error and never a wrong answer that it
// could have noticed, and that nothing in a file can crash or hang the program.
// It does not promise that a record is the one that was written: whoever seals
// records must authenticate them.
package store

import (
	"context"
	"errors"
	"fmt"
)

// An Engine holds one vault's records. Implementations are safe for use by
// several goroutines, and every one passes storetest.Run.
//
// Transactions do not nest: fn must not call View or Update of its own engine.
// An engine that would wait for itself says so with ErrBusy, it never hangs.
type Engine interface {
	// View runs fn on a point-in-time view. Put, Delete and Scrub fail with
	// ErrReadOnly inside it. Other processes may have to wait until fn returns:
	// it copies the records that it needs and does the work afterwards.
	View(ctx context.Context, fn func(Tx) error) error
	// Update runs fn in a transaction: all of its changes are durable when
	// Update returns nil, and none happened when it returns an error or fn
	// panics. ErrResidue alone says otherwise. A context that ends before the
	// transaction is committed undoes it.
	Update(ctx context.Context, fn func(Tx) error) error
	// Close releases what the engine holds. An engine is unusable afterwards.
	Close() error
}

// A Tx is valid only inside the function it was given to, on the goroutine
// that runs it.
type Tx interface {
	// Get returns a copy of the value under key, or nil when there is none.
	Get(key []byte) ([]byte, error)
	// Put stores a copy of value under key. Neither may be empty. Thousands of
	// records are put in ascending order of their keys: any other order is
	// quadratic on some engines.
	Put(key, value []byte) error
	// Delete removes key; a missing key is no error.
	Delete(key []byte) error
	// Range calls fn for each key that begins with prefix, in ascending byte
	// order, and returns fn's first error as it is. key and value are valid only
	// until fn returns, and not to be written to. fn may Get and Range, but not
	// Put, Delete or Scrub.
	Range(prefix []byte, fn func(key, value []byte) error) error
	// Scrub asks that nothing this transaction replaces or deletes can be read
	// from the medium after it commits.
	Scrub() error
}

// Sentinels that callers choose by. Everything else is a sentence.
var (
	// ErrNotFound: there is no vault at this place.
	ErrNotFound = errors.New("no vault there")
	// ErrExists: there is something at the place where a vault was to be created.
	ErrExists = errors.New("already exists")
	// ErrDamaged: the file is not, or no longer, a vault.
	ErrDamaged = errors.New("damaged")
	// ErrRefused: the file's type, owner, mode or links make it unsafe to use.
	ErrRefused = errors.New("refused")
	// ErrBusy: another process held the vault longer than the lock timeout. See BusyError.
	ErrBusy = errors.New("busy")
	// ErrReadOnly: a write was tried in a View, or on a vault that can only be read.
	ErrReadOnly = errors.New("read-only")
	// ErrNoSpace: the medium is full, or a size limit was reached. Nothing changed.
	ErrNoSpace = errors.New("no space left")
	// ErrResidue: the change IS stored, but what it replaced or deleted could not
	// be removed from the medium as Scrub asked. The next Update tries again.
	ErrResidue = errors.New("stored, but old bytes remain")
)

// MaxKey is the longest key in bytes, so that several fit a page of any engine.
// etcd and bbolt would both allow more.
const MaxKey = 1024

// MaxValue is the longest value in bytes: 64 MiB, far above a sealed secret's
// 1.2 MiB and below every engine's own limit for one record.
const MaxValue = 64 << 20

func checkKey(key []byte) error {
	switch {
	case len(key) == 0:
		return errors.New("a record needs a key")
	case len(key) > MaxKey:
		return fmt.Errorf("a key of %d bytes is too long: %d at most", len(key), MaxKey)
	}
	return nil
}

func checkRecord(key, value []byte) error {
	if err := checkKey(key); err != nil {
		return err
	}
	switch {
	case len(value) == 0:
		return errors.New("a record needs a value")
	case len(value) > MaxValue:
		return fmt.Errorf("a value of %d bytes is too long: %d at most", len(value), MaxValue)
	}
	return nil
}

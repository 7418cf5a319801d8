package store

import (
	"os"
	"runtime"

	bolt "go.etcd.io/bbolt"
)

// bbolt panics on some damage, and its memory map faults when the file is cut
// off under it. The pages are checked before bbolt meets them, so this is the
// second line: every call of bbolt runs below caught, on a goroutine for which
// debug.SetPanicOnFault is on.

// caught makes an ErrDamaged of a panic. To be deferred directly.
func caught(err *error) {
	if p := recover(); p != nil {
		*err = damaged("%v", p)
	}
}

// isFault tells whether a panic is a memory fault: whoever reads a slice that
// Range passed may meet one.
func isFault(p any) bool {
	e, ok := p.(runtime.Error)
	if !ok {
		return false
	}
	_, ok = e.(interface{ Addr() uintptr })
	return ok
}

// A handle is an open, locked file, for one operation.
type handle struct {
	file *os.File // db's, to read and write beside it while the lock holds
	db   *bolt.DB
	tree *tree // as of the last commit

	// broken is set while bbolt runs what it may not come back from with its own
	// locks released. db.Close would then wait for ever.
	broken bool
}

// close lets go of the file and its lock.
func (h *handle) close() {
	if h.broken {
		release(h.file) // the map stays until the process ends
		return
	}
	var err error
	defer caught(&err)
	_ = h.db.Close()
}

func (h *handle) begin(write bool) (tx *bolt.Tx, err error) {
	defer caught(&err)
	h.broken = true
	tx, err = h.db.Begin(write)
	h.broken = false
	return tx, err
}

// commit ends tx, also when it fails.
func (h *handle) commit(tx *bolt.Tx) (err error) {
	defer caught(&err)
	h.broken = true
	err = tx.Commit()
	h.broken = false
	return err
}

func (h *handle) rollback(tx *bolt.Tx) {
	var err error
	defer caught(&err)
	h.broken = true
	err = tx.Rollback()
	h.broken = false
}

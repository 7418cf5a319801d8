package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// Mem is an engine that keeps its records in memory, for tests and trial
// vaults. A View sees the state before any Update that is still running.
type Mem struct {
	writer  chan struct{} // holds one token while an Update runs
	timeout time.Duration // of the wait for that

	mu      sync.Mutex
	records []memRecord // ascending by key; never changed in place
	closed  bool
}

type memRecord struct {
	key   string
	value []byte
}

// NewMem returns an empty memory engine.
func NewMem() *Mem {
	return &Mem{writer: make(chan struct{}, 1), timeout: defaultLockTimeout}
}

// View implements Engine.
func (m *Mem) View(ctx context.Context, fn func(Tx) error) error {
	tx, err := m.begin(ctx, false)
	if err != nil {
		return err
	}
	defer tx.end()
	return fn(tx)
}

// Update implements Engine. It waits for another Update as long as Bolt does by
// default.
func (m *Mem) Update(ctx context.Context, fn func(Tx) error) error {
	wait := time.NewTimer(m.timeout)
	defer wait.Stop()
	select {
	case m.writer <- struct{}{}:
		defer func() { <-m.writer }()
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
		return fmt.Errorf("the vault in memory is being written: %w", ErrBusy)
	}
	tx, err := m.begin(ctx, true)
	if err != nil {
		return err
	}
	defer tx.end()
	if err := fn(tx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	tx.merge()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return errClosed
	}
	m.records = tx.base
	return nil
}

// Close implements Engine. The records are gone.
func (m *Mem) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records, m.closed = nil, true
	return nil
}

func (m *Mem) begin(ctx context.Context, write bool) (*memTx, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, errClosed
	}
	tx := &memTx{base: m.records}
	if write {
		tx.changes = map[string][]byte{}
	}
	return tx, nil
}

// memTx is a transaction on a Mem: the records as they were, and what changed
// since. A nil change is a deletion.
type memTx struct {
	base    []memRecord
	changes map[string][]byte // nil in a View
	ranging int               // how many Ranges are running
	done    bool
}

func (tx *memTx) end() { tx.done = true }

func (tx *memTx) Get(key []byte) ([]byte, error) {
	if tx.done {
		return nil, errTxDone
	}
	if v, ok := tx.changes[string(key)]; ok {
		return bytes.Clone(v), nil
	}
	if i, ok := find(tx.base, string(key)); ok {
		return bytes.Clone(tx.base[i].value), nil
	}
	return nil, nil
}

func (tx *memTx) Put(key, value []byte) error {
	if err := tx.writable(); err != nil {
		return err
	}
	if err := checkRecord(key, value); err != nil {
		return err
	}
	tx.changes[string(key)] = bytes.Clone(value)
	return nil
}

func (tx *memTx) Delete(key []byte) error {
	if err := tx.writable(); err != nil {
		return err
	}
	if err := checkKey(key); err != nil {
		return err
	}
	tx.changes[string(key)] = nil
	return nil
}

func (tx *memTx) Range(prefix []byte, fn func(key, value []byte) error) error {
	if tx.done {
		return errTxDone
	}
	tx.merge()
	tx.ranging++
	defer func() { tx.ranging-- }()
	i, _ := find(tx.base, string(prefix))
	for _, r := range tx.base[i:] {
		if !strings.HasPrefix(r.key, string(prefix)) {
			break
		}
		if err := fn([]byte(r.key), bytes.Clone(r.value)); err != nil {
			return err
		}
	}
	return nil
}

// Scrub has nothing to do: what a Mem no longer refers to was never on a medium.
func (tx *memTx) Scrub() error { return tx.writable() }

func (tx *memTx) writable() error {
	switch {
	case tx.done:
		return errTxDone
	case tx.changes == nil:
		return errInView
	case tx.ranging > 0:
		return errInRange
	}
	return nil
}

// merge folds the changes into a new base, so that other transactions keep theirs.
func (tx *memTx) merge() {
	if len(tx.changes) == 0 {
		return
	}
	changed := make([]memRecord, 0, len(tx.changes))
	for k, v := range tx.changes {
		changed = append(changed, memRecord{k, v})
	}
	slices.SortFunc(changed, func(a, b memRecord) int { return strings.Compare(a.key, b.key) })
	merged := make([]memRecord, 0, len(tx.base)+len(changed))
	rest := tx.base
	for _, c := range changed {
		i, found := find(rest, c.key)
		merged = append(merged, rest[:i]...)
		rest = rest[i:]
		if found {
			rest = rest[1:]
		}
		if c.value != nil {
			merged = append(merged, c)
		}
	}
	tx.base = append(merged, rest...)
	clear(tx.changes)
}

// find returns where key is in records, or where it would be.
func find(records []memRecord, key string) (int, bool) {
	return sort.Find(len(records), func(i int) int { return strings.Compare(key, records[i].key) })
}

// What a caller did wrong, the same words from every engine.
var (
	errClosed  = errors.New("the vault is closed")
	errTxDone  = errors.New("the transaction is over")
	errInView  = fmt.Errorf("a view cannot change the vault: %w", ErrReadOnly)
	errInRange = errors.New("a record cannot change while a range runs over it: collect the keys first")
)

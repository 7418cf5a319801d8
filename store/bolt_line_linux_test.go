package store_test

import (
	"sync/atomic"
	"testing"
	"time"

	"tacenda/internal/prooftest"
	"tacenda/store"
)

// TestCrowds: those who come and go without end, always one of them inside, keep
// nobody out. Each has the vault open for itself, as processes have.
func TestCrowds(t *testing.T) {
	read := func(b *store.Bolt, inside func()) error {
		return b.View(t.Context(), func(store.Tx) error { inside(); return nil })
	}
	write := func(b *store.Bolt, inside func()) error {
		return b.Update(t.Context(), func(tx store.Tx) error { inside(); return tx.Put([]byte("n"), []byte("1")) })
	}
	type access = func(*store.Bolt, func()) error
	for _, c := range []struct {
		name  string
		crowd []access
		one   access
	}{
		{"a writer among readers", []access{read}, write},
		{"a reader among writers", []access{write}, read},
		{"a writer among writers", []access{write}, write},
		{"a writer among both", []access{read, write}, write},
		{"a reader among both", []access{read, write}, read},
	} {
		t.Run(c.name, func(t *testing.T) {
			path, patient := place(t), store.BoltOptions{LockTimeout: 30 * time.Second}
			b := create(t, path, patient, someRecords)
			const crowd, turns = 6, 10
			var entered atomic.Int64
			stop, ended := make(chan struct{}), make(chan error, crowd)
			for i := range crowd {
				other, err := store.OpenBolt(path, patient)
				do(t, err)
				go func() {
					for {
						select {
						case <-stop:
							ended <- nil
							return
						default:
						}
						inside := func() { entered.Add(1); time.Sleep(2 * time.Millisecond) }
						if err := c.crowd[i%len(c.crowd)](other, inside); err != nil {
							ended <- err
							return
						}
					}
				}()
			}
			for range turns {
				for before := entered.Load(); entered.Load() < before+2*crowd; { // they are at it
					time.Sleep(time.Millisecond)
				}
				if err := c.one(b, func() {}); err != nil {
					t.Error(err)
					break
				}
			}
			close(stop)
			for range crowd {
				if err := <-ended; err != nil {
					t.Error("in the crowd: ", err)
				}
			}
			prooftest.Cases(t, turns, "turns in a crowd")
		})
	}
}

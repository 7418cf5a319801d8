package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"tacenda/store"
)

func testDurable(t *testing.T, e store.Engine) {
	var pairs []string
	for i := range 20 {
		k := fmt.Sprintf("key %02d", i)
		put(t, e, k, "old")
		put(t, e, k, k)
		pairs = append(pairs, k, k)
		want(t, e, pairs...)
	}
}

func testRollbackOnError(t *testing.T, e store.Engine) {
	put(t, e, "a", "1", "b", "2")
	err := e.Update(t.Context(), func(tx store.Tx) error {
		return errors.Join(putIn(tx, "a", "x", "c", "y"), tx.Delete([]byte("b")), errTest)
	})
	if !errors.Is(err, errTest) {
		t.Errorf("Update = %v, want fn's error", err)
	}
	want(t, e, "a", "1", "b", "2")
	if err := e.View(t.Context(), func(store.Tx) error { return errTest }); !errors.Is(err, errTest) {
		t.Errorf("View = %v, want fn's error", err)
	}
}

func testRollbackOnPanic(t *testing.T, e store.Engine) {
	put(t, e, "a", "1")
	for _, run := range []func(context.Context, func(store.Tx) error) error{e.Update, e.View} {
		func() {
			defer func() {
				if p := recover(); p != "the test's own panic" {
					t.Errorf("recovered %v, want fn's panic", p)
				}
			}()
			err := run(t.Context(), func(tx store.Tx) error {
				_ = tx.Put([]byte("a"), []byte("x")) // fails in the View
				panic("the test's own panic")
			})
			t.Errorf("returned %v after a panic", err)
		}()
	}
	want(t, e, "a", "1")
	put(t, e, "b", "2") // and it is still usable
	want(t, e, "a", "1", "b", "2")
}

func testViewRefusesWrites(t *testing.T, e store.Engine) {
	put(t, e, "a", "1")
	view(t, e, func(tx store.Tx) error {
		for name, err := range map[string]error{
			"Put": tx.Put([]byte("a"), []byte("2")), "Delete": tx.Delete([]byte("a")), "Scrub": tx.Scrub(),
		} {
			if !errors.Is(err, store.ErrReadOnly) {
				t.Errorf("%s in a View = %v, want ErrReadOnly", name, err)
			}
		}
		return nil
	})
	want(t, e, "a", "1")
}

func testAfterTheEnd(t *testing.T, e store.Engine) {
	put(t, e, "a", "1")
	for _, run := range []func(context.Context, func(store.Tx) error) error{e.View, e.Update} {
		var kept store.Tx
		if err := run(t.Context(), func(tx store.Tx) error { kept = tx; return nil }); err != nil {
			t.Fatal(err)
		}
		_, err := kept.Get([]byte("a"))
		for name, err := range map[string]error{
			"Get": err, "Put": kept.Put([]byte("a"), []byte("x")), "Delete": kept.Delete([]byte("a")),
			"Scrub": kept.Scrub(), "Range": kept.Range(nil, func(_, _ []byte) error { return nil }),
		} {
			if err == nil {
				t.Errorf("%s succeeded after the transaction", name)
			}
		}
	}
	want(t, e, "a", "1")
}

func testContexts(t *testing.T, e store.Engine) {
	put(t, e, "a", "1")
	ctx, cancel := context.WithCancel(t.Context())
	err := e.Update(ctx, func(tx store.Tx) error {
		defer cancel()
		return tx.Put([]byte("a"), []byte("2"))
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Update whose context ended = %v, want context.Canceled", err)
	}
	never := func(store.Tx) error {
		t.Error("fn ran although its context had ended")
		return nil
	}
	for name, err := range map[string]error{"View": e.View(ctx, never), "Update": e.Update(ctx, never)} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s with an ended context = %v, want context.Canceled", name, err)
		}
	}
	want(t, e, "a", "1")
}

func testScrub(t *testing.T, e store.Engine) {
	put(t, e, "a", "1", "b", "2")
	update(t, e, func(tx store.Tx) error {
		return errors.Join(putIn(tx, "a", "3"), tx.Delete([]byte("b")), tx.Scrub())
	})
	want(t, e, "a", "3")
	update(t, e, func(tx store.Tx) error { return tx.Scrub() })
	want(t, e, "a", "3")
}

func testConcurrency(t *testing.T, e store.Engine) {
	const writers, readers, rounds = 4, 4, 25
	put(t, e, "x", "0", "y", "0")
	var wg sync.WaitGroup
	errs := make(chan error, writers+readers)
	for range writers {
		wg.Go(func() {
			for range rounds {
				err := e.Update(t.Context(), func(tx store.Tx) error {
					v, err := tx.Get([]byte("x"))
					var n int
					if _, err := fmt.Sscan(string(v), &n); err != nil {
						return err
					}
					next := fmt.Sprint(n + 1)
					return errors.Join(err, putIn(tx, "x", next, "y", next))
				})
				if err != nil {
					errs <- err
					return
				}
			}
		})
	}
	for range readers {
		wg.Go(func() {
			for range rounds {
				err := e.View(t.Context(), func(tx store.Tx) error {
					x, err1 := tx.Get([]byte("x"))
					y, err2 := tx.Get([]byte("y"))
					if !bytes.Equal(x, y) {
						return fmt.Errorf("half of a transaction: x = %q, y = %q", x, y)
					}
					return errors.Join(err1, err2)
				})
				if err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	n := fmt.Sprint(writers * rounds)
	want(t, e, "x", n, "y", n)
}

// testIsolation: a view that began before a change does not see it.
func testIsolation(t *testing.T, e store.Engine) {
	put(t, e, "a", "1")
	started, done := make(chan struct{}), make(chan error, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		<-started
		done <- e.Update(t.Context(), func(tx store.Tx) error { return tx.Put([]byte("a"), []byte("2")) })
	})
	view(t, e, func(tx store.Tx) error {
		close(started)
		for range 100 { // an engine may let the writer finish now, or make it wait
			wantIn(t, tx, "", "a", "1")
		}
		return nil
	})
	wg.Wait()
	if err := <-done; err != nil {
		t.Errorf("Update beside a View: %v", err)
	}
	want(t, e, "a", "2")
}

// testNesting: forbidden, but it neither hangs nor harms.
func testNesting(t *testing.T, e store.Engine) {
	put(t, e, "a", "1")
	nothing := func(store.Tx) error { return nil }
	update(t, e, func(store.Tx) error {
		if err := e.Update(t.Context(), nothing); !errors.Is(err, store.ErrBusy) {
			t.Errorf("Update in an Update = %v, want ErrBusy", err)
		}
		if err := e.View(t.Context(), nothing); err != nil && !errors.Is(err, store.ErrBusy) {
			t.Errorf("View in an Update = %v, want nothing or ErrBusy", err)
		}
		return nil
	})
	view(t, e, func(store.Tx) error {
		if err := e.Update(t.Context(), nothing); err != nil && !errors.Is(err, store.ErrBusy) {
			t.Errorf("Update in a View = %v, want nothing or ErrBusy", err)
		}
		return nil
	})
	want(t, e, "a", "1")
}

func testClose(t *testing.T, e store.Engine) {
	put(t, e, "a", "1")
	if err := e.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	nothing := func(store.Tx) error { return nil }
	if e.View(t.Context(), nothing) == nil || e.Update(t.Context(), nothing) == nil {
		t.Error("a closed engine can be used")
	}
	if err := e.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
}

// Package storetest is the suite that every engine passes: what store.Engine
// promises, as tests. It keeps nothing and knows no engine.
package storetest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tacenda/store"
)

// Run runs the suite. open returns a new, empty engine, which the suite closes.
// An engine that waits for itself when transactions nest must give up within
// seconds.
func Run(t *testing.T, open func(t *testing.T) store.Engine) {
	tests := map[string]func(t *testing.T, e store.Engine){
		"Empty":             testEmpty,
		"ReadYourWrites":    testReadYourWrites,
		"Durable":           testDurable,
		"RollbackOnError":   testRollbackOnError,
		"RollbackOnPanic":   testRollbackOnPanic,
		"ViewRefusesWrites": testViewRefusesWrites,
		"CopiesArguments":   testCopiesArguments,
		"CopiesResults":     testCopiesResults,
		"RangeOrder":        testRangeOrder,
		"RangeStops":        testRangeStops,
		"RangeSeesChanges":  testRangeSeesChanges,
		"RangeForbids":      testRangeForbids,
		"BadRecords":        testBadRecords,
		"AfterTheEnd":       testAfterTheEnd,
		"Contexts":          testContexts,
		"LargeValues":       testLargeValues,
		"ManyRecords":       testManyRecords,
		"Scrub":             testScrub,
		"Concurrency":       testConcurrency,
		"Isolation":         testIsolation,
		"Nesting":           testNesting,
		"Close":             testClose,
		"Model":             testModel,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := open(t)
			defer e.Close()
			test(t, e)
		})
	}
}

var errTest = errors.New("the test's own error")

func update(t *testing.T, e store.Engine, fn func(store.Tx) error) {
	t.Helper()
	if err := e.Update(t.Context(), fn); err != nil {
		t.Fatalf("Update: %v", err)
	}
}

func view(t *testing.T, e store.Engine, fn func(store.Tx) error) {
	t.Helper()
	if err := e.View(t.Context(), fn); err != nil {
		t.Fatalf("View: %v", err)
	}
}

// put stores pairs of keys and values.
func put(t *testing.T, e store.Engine, pairs ...string) {
	t.Helper()
	update(t, e, func(tx store.Tx) error { return putIn(tx, pairs...) })
}

func putIn(tx store.Tx, pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		if err := tx.Put([]byte(pairs[i]), []byte(pairs[i+1])); err != nil {
			return err
		}
	}
	return nil
}

// want checks everything that is stored.
func want(t *testing.T, e store.Engine, pairs ...string) {
	t.Helper()
	view(t, e, func(tx store.Tx) error {
		wantIn(t, tx, "", pairs...)
		return nil
	})
}

func wantIn(t *testing.T, tx store.Tx, prefix string, pairs ...string) {
	t.Helper()
	got := []string{}
	err := tx.Range([]byte(prefix), func(k, v []byte) error {
		got = append(got, string(k), string(v))
		return nil
	})
	if err != nil {
		t.Errorf("Range: %v", err)
	}
	if diff := cmp.Diff(append([]string{}, pairs...), got); diff != "" {
		t.Errorf("records under %q (-want +got):\n%s", prefix, diff)
	}
	for i := 0; i < len(pairs); i += 2 {
		if v, err := tx.Get([]byte(pairs[i])); err != nil || string(v) != pairs[i+1] {
			t.Errorf("Get(%q) = %q, %v; want %q", pairs[i], v, err, pairs[i+1])
		}
	}
}

func testEmpty(t *testing.T, e store.Engine) {
	want(t, e)
	view(t, e, func(tx store.Tx) error {
		if v, err := tx.Get([]byte("a")); v != nil || err != nil {
			t.Errorf("Get of a missing key = %q, %v; want nil, nil", v, err)
		}
		return nil
	})
	update(t, e, func(tx store.Tx) error { return tx.Delete([]byte("a")) })
	update(t, e, func(store.Tx) error { return nil })
	want(t, e)
}

func testReadYourWrites(t *testing.T, e store.Engine) {
	put(t, e, "a", "1", "b", "2", "c", "3")
	update(t, e, func(tx store.Tx) error {
		err := errors.Join(putIn(tx, "b", "new", "d", "4"), tx.Delete([]byte("a")))
		wantIn(t, tx, "", "b", "new", "c", "3", "d", "4")
		if v, err := tx.Get([]byte("a")); v != nil || err != nil {
			t.Errorf("Get of a deleted key = %q, %v; want nil, nil", v, err)
		}
		err = errors.Join(err, putIn(tx, "a", "again"), tx.Delete([]byte("d")))
		wantIn(t, tx, "", "a", "again", "b", "new", "c", "3")
		return err
	})
	want(t, e, "a", "again", "b", "new", "c", "3")
}

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

func testCopiesArguments(t *testing.T, e store.Engine) {
	update(t, e, func(tx store.Tx) error {
		k, v := []byte("key"), []byte("value")
		err := tx.Put(k, v)
		copy(k, "xxx")
		copy(v, "xxxxx")
		wantIn(t, tx, "", "key", "value")
		return err
	})
	want(t, e, "key", "value")
}

func testCopiesResults(t *testing.T, e store.Engine) {
	put(t, e, "a", "value")
	var kept []byte
	for _, run := range []func(context.Context, func(store.Tx) error) error{e.View, e.Update} {
		err := run(t.Context(), func(tx store.Tx) error {
			v, err := tx.Get([]byte("a"))
			copy(v, "xxxxx")
			if again, _ := tx.Get([]byte("a")); string(again) != "value" {
				t.Errorf("writing to a result changed the record: %q", again)
			}
			kept = append(kept, v...)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	put(t, e, "a", "other")
	if string(kept) != "xxxxxxxxxx" {
		t.Errorf("a result changed after its transaction: %q", kept)
	}
	want(t, e, "a", "other")
}

func testRangeOrder(t *testing.T, e store.Engine) {
	put(t, e, "b", "1", "a\xff", "2", "a", "3", "ab", "4", "a\x00", "5", "\xff\xff", "6", "\x00", "7", "ac", "8")
	want(t, e, "\x00", "7", "a", "3", "a\x00", "5", "ab", "4", "ac", "8", "a\xff", "2", "b", "1", "\xff\xff", "6")
	view(t, e, func(tx store.Tx) error {
		wantIn(t, tx, "a", "a", "3", "a\x00", "5", "ab", "4", "ac", "8", "a\xff", "2")
		wantIn(t, tx, "ab", "ab", "4")
		wantIn(t, tx, "aa")
		wantIn(t, tx, "\xff", "\xff\xff", "6")
		wantIn(t, tx, "\xff\xff\xff")
		return nil
	})
}

func testRangeStops(t *testing.T, e store.Engine) {
	put(t, e, "a", "1", "b", "2", "c", "3")
	calls := 0
	err := e.View(t.Context(), func(tx store.Tx) error {
		return tx.Range(nil, func(k, _ []byte) error {
			if calls++; string(k) == "b" {
				return errTest
			}
			return nil
		})
	})
	if !errors.Is(err, errTest) || calls != 2 {
		t.Errorf("Range = %v after %d calls, want fn's error after 2", err, calls)
	}
}

func testRangeSeesChanges(t *testing.T, e store.Engine) {
	var pairs []string
	for i := range 600 {
		pairs = append(pairs, fmt.Sprintf("%04d", i), "old")
	}
	put(t, e, pairs...)
	update(t, e, func(tx store.Tx) error {
		var left []string
		for i := range 600 {
			k := fmt.Sprintf("%04d", i)
			if i > 5 && i < 590 { // empties whole pages
				if err := tx.Delete([]byte(k)); err != nil {
					return err
				}
				continue
			}
			left = append(left, k, "old")
			if i%2 == 0 {
				left = append(left, k+"+", "new")
				if err := putIn(tx, k+"+", "new"); err != nil {
					return err
				}
			}
		}
		wantIn(t, tx, "", left...)
		wantIn(t, tx, "0001", "0001", "old")
		return nil
	})
}

func testRangeForbids(t *testing.T, e store.Engine) {
	put(t, e, "a", "1", "b", "2")
	update(t, e, func(tx store.Tx) error {
		seen := ""
		err := tx.Range(nil, func(k, _ []byte) error {
			if tx.Put(k, []byte("x")) == nil || tx.Delete(k) == nil || tx.Scrub() == nil {
				t.Error("a record could be changed while a range ran over it")
			}
			if v, err := tx.Get([]byte("b")); string(v) != "2" || err != nil {
				t.Errorf("Get in a Range = %q, %v", v, err)
			}
			return tx.Range([]byte("b"), func(inner, _ []byte) error {
				seen += string(k) + string(inner) + " "
				return nil
			})
		})
		if err != nil || seen != "ab bb " {
			t.Errorf("nested Range = %v, saw %q", err, seen)
		}
		return tx.Put([]byte("a"), []byte("after"))
	})
	want(t, e, "a", "after", "b", "2")
}

func testBadRecords(t *testing.T, e store.Engine) {
	put(t, e, "a", "1")
	long := bytes.Repeat([]byte("k"), store.MaxKey+1)
	update(t, e, func(tx store.Tx) error {
		for name, err := range map[string]error{
			"Put without a key":      tx.Put(nil, []byte("v")),
			"Put with an empty key":  tx.Put([]byte{}, []byte("v")),
			"Put without a value":    tx.Put([]byte("a"), nil),
			"Put of an empty value":  tx.Put([]byte("a"), []byte{}),
			"Put with a long key":    tx.Put(long, []byte("v")),
			"Put of a long value":    tx.Put([]byte("a"), make([]byte, store.MaxValue+1)),
			"Delete without a key":   tx.Delete(nil),
			"Delete with a long key": tx.Delete(long),
		} {
			if err == nil {
				t.Errorf("%s succeeded", name)
			}
		}
		return putIn(tx, string(long[1:]), "longest key")
	})
	want(t, e, "a", "1", string(long[1:]), "longest key")
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

func testLargeValues(t *testing.T, e store.Engine) {
	// 1 MiB is a secret's longest value; padded and sealed it grows to 1.2.
	large := bytes.Repeat([]byte("0123456789abcdef"), 1200<<10/16)
	put(t, e, "a", string(large), "b", "small", "c", string(large[1:]))
	want(t, e, "a", string(large), "b", "small", "c", string(large[1:]))
	put(t, e, "a", string(large[2:]))
	update(t, e, func(tx store.Tx) error { return tx.Delete([]byte("c")) })
	want(t, e, "a", string(large[2:]), "b", "small")
}

func testManyRecords(t *testing.T, e store.Engine) {
	const n = 10_000
	key := func(i int) []byte { return binary.BigEndian.AppendUint64([]byte("r"), uint64(i)*2654435761) }
	update(t, e, func(tx store.Tx) error {
		for i := range n {
			if err := tx.Put(key(i), fmt.Appendf(nil, "value %d", i)); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, e, func(tx store.Tx) error {
		for i := range n {
			if v, err := tx.Get(key(i)); err != nil || string(v) != fmt.Sprintf("value %d", i) {
				t.Fatalf("Get of record %d = %q, %v", i, v, err)
			}
		}
		return nil
	})
	update(t, e, func(tx store.Tx) error {
		for i := 0; i < n; i += 3 {
			if err := tx.Delete(key(i)); err != nil {
				return err
			}
		}
		return nil
	})
	count := 0
	view(t, e, func(tx store.Tx) error {
		var last []byte
		return tx.Range([]byte("r"), func(k, _ []byte) error {
			if bytes.Compare(last, k) >= 0 {
				t.Fatalf("%x comes after %x", k, last)
			}
			last = bytes.Clone(k)
			count++
			return nil
		})
	})
	if count != n-(n+2)/3 {
		t.Errorf("%d records are left, want %d", count, n-(n+2)/3)
	}
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

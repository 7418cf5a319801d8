// Package storetest is the suite that every engine passes: what store.Engine
// promises, as tests. It keeps nothing and knows no engine.
package storetest

import (
	"errors"
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

package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tacenda/store"
)

// testModel compares the engine with a map under random operations, some of
// which fail and are undone.
func testModel(t *testing.T, e store.Engine) {
	rapid.Check(t, func(rt *rapid.T) {
		clearAll(rt, e)
		model := map[string]string{}
		for range rapid.IntRange(1, 12).Draw(rt, "transactions") {
			model = transaction(rt, e, model)
			compare(rt, e, model)
		}
	})
}

func clearAll(rt *rapid.T, e store.Engine) {
	err := e.Update(rt.Context(), func(tx store.Tx) error {
		var keys [][]byte
		err := tx.Range(nil, func(k, _ []byte) error {
			keys = append(keys, slices.Clone(k))
			return nil
		})
		for _, k := range keys {
			err = errors.Join(err, tx.Delete(k))
		}
		return err
	})
	if err != nil {
		rt.Fatalf("emptying the engine: %v", err)
	}
}

// transaction runs a random transaction on both and returns the model after it.
func transaction(rt *rapid.T, e store.Engine, before map[string]string) map[string]string {
	model := maps.Clone(before)
	// Few distinct keys meet each other often; long values fill pages quickly.
	key := rapid.Custom(func(rt *rapid.T) string {
		return fmt.Sprintf("%03d%s", rapid.IntRange(0, 199).Draw(rt, "n"), strings.Repeat("k", rapid.IntRange(0, 40).Draw(rt, "pad")/20*20))
	})
	fails := rapid.IntRange(0, 9).Draw(rt, "fails") == 0
	err := e.Update(rt.Context(), func(tx store.Tx) error {
		for range rapid.IntRange(0, 60).Draw(rt, "operations") {
			if err := operation(rt, tx, model, key.Draw(rt, "key")); err != nil {
				return err
			}
		}
		if fails {
			return errTest
		}
		return nil
	})
	switch {
	case fails && errors.Is(err, errTest):
		return before
	case err != nil || fails:
		rt.Fatalf("Update = %v, with fails = %v", err, fails)
	}
	return model
}

func operation(rt *rapid.T, tx store.Tx, model map[string]string, key string) error {
	switch rapid.IntRange(0, 9).Draw(rt, "operation") {
	case 0, 1, 2, 3:
		// Up to a few pages, so that records overflow them.
		value := strings.Repeat(rapid.StringN(1, 8, 8).Draw(rt, "value")+"v", []int{1, 10, 100, 1500}[rapid.IntRange(0, 3).Draw(rt, "size")])
		model[key] = value
		return tx.Put([]byte(key), []byte(value))
	case 4, 5, 6:
		delete(model, key)
		return tx.Delete([]byte(key))
	case 7:
		prefix := key[:rapid.IntRange(0, len(key)).Draw(rt, "prefix")]
		var got []string
		err := tx.Range([]byte(prefix), func(k, v []byte) error {
			got = append(got, string(k)+"="+string(v))
			return nil
		})
		if diff := cmp.Diff(listed(model, prefix), got); diff != "" {
			rt.Fatalf("Range(%q) in a transaction (-model +engine):\n%s", prefix, diff)
		}
		return err
	case 8:
		return tx.Scrub()
	}
	got, err := tx.Get([]byte(key))
	if want, ok := model[key]; string(got) != want || (got != nil) != ok {
		rt.Fatalf("Get(%q) = %q, want %q, %v", key, got, want, ok)
	}
	return err
}

func compare(rt *rapid.T, e store.Engine, model map[string]string) {
	var got []string
	err := e.View(rt.Context(), func(tx store.Tx) error {
		return tx.Range(nil, func(k, v []byte) error {
			got = append(got, string(k)+"="+string(v))
			return nil
		})
	})
	if err != nil {
		rt.Fatalf("View: %v", err)
	}
	if diff := cmp.Diff(listed(model, ""), got); diff != "" {
		rt.Fatalf("after a transaction (-model +engine):\n%s", diff)
	}
}

func listed(model map[string]string, prefix string) []string {
	var list []string
	for _, k := range slices.Sorted(maps.Keys(model)) {
		if strings.HasPrefix(k, prefix) {
			list = append(list, k+"="+model[k])
		}
	}
	return list
}

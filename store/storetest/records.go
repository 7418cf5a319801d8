package storetest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"tacenda/store"
)

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

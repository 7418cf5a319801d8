package faults_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tacenda/internal/prooftest"
	"tacenda/store"
)

// lengths are the lengths of all records of a vault, in order, and of its file.
func lengths(t *testing.T, path string) (all []int, file int) {
	t.Helper()
	data, err := os.ReadFile(path)
	do(t, err)
	mine := filepath.Join(t.TempDir(), "vault.db") // of which this process may look at the inside
	do(t, os.WriteFile(mine, data, 0o600))
	e, err := store.OpenBolt(mine, store.BoltOptions{})
	do(t, err)
	do(t, e.View(t.Context(), func(tx store.Tx) error {
		return tx.Range(nil, func(_, v []byte) error { all = append(all, len(v)); return nil })
	}))
	do(t, e.Close())
	slices.Sort(all) // where a record stands is random
	return all, len(data)
}

// TestLengthsTellLittle creates the same secret with values, names, hints and
// descriptions of many lengths, and looks at what the file shows to whoever has no
// key: within a class nothing differs, and there are few classes.
func TestLengthsTellLittle(t *testing.T) {
	u := newUser(t)
	fresh, err := os.ReadFile(filepath.Join(u.dir, "v", "vault.db"))
	do(t, err)
	path := filepath.Join(u.dir, "v", "vault.db")
	shape := func(name, value, description string) string {
		t.Helper()
		u.put(path, fresh)
		do(t, os.RemoveAll(filepath.Join(u.dir, ".local"))) // the memory of versions: this is another history
		u.must(value, "create", name, "--value-file", "-", "-d", description)
		all, file := lengths(t, path)
		data, err := os.ReadFile(path)
		do(t, err)
		for _, text := range []string{name, description} {
			if len(text) >= 6 && bytes.Contains(data, []byte(text)) {
				t.Errorf("%.20q stands in the file", text)
			}
		}
		return fmt.Sprint(all, file)
	}
	tried := 0
	// A frame is four bytes longer than its value; docs/format.md has the classes.
	for _, class := range [][]int{{1, 2, 16, 17, 31, 59, 60}, {61, 100, 124}, {125, 252}, {253, 508}, {509, 1020}, {60_000, 60_500}} {
		shapes := map[string][]int{}
		for _, n := range class {
			s := shape("A_SECRET", strings.Repeat("v", n), "what it is for")
			shapes[s] = append(shapes[s], n)
			tried++
		}
		if len(shapes) != 1 {
			t.Errorf("values of %d bytes can be told apart: %v", class, slices.Collect(maps.Values(shapes)))
		}
	}
	shapes := map[string]bool{}
	for _, c := range [][3]string{
		{"A", "short", ""}, {"A_LONGER_NAME_OF_SOMETHING", "short", ""}, {"A", "a-value-that-has-a-hint-0123456789", ""}, {"A", "short", "a description of some words"},
		{"A_LONGER_NAME", "a-value-that-has-a-hint-0123456789", "and a description"},
	} {
		shapes[shape(c[0], c[1], c[2])] = true
		tried++
	}
	if len(shapes) != 1 {
		t.Errorf("short names, hints and descriptions can be told apart: %v", slices.Collect(maps.Keys(shapes)))
	}
	// That the look sees what can be seen.
	if shape("A_SECRET", strings.Repeat("v", 60), "") == shape("A_SECRET", strings.Repeat("v", 61), "") {
		t.Error("two classes look the same: the test looks at nothing")
	}
	prooftest.Cases(t, tried, "secrets of other lengths")
}

// Package counts holds numbers that do not depend on how fast or how busy a machine
// is against the ones that were recorded: bytes written for a key press, files
// opened, system calls, allocations, bytes of a vault. A change that makes one of
// them grow is seen where it is made, and one that is meant is recorded beside it.
//
// It promises that a count is compared, in both directions, with a tolerance that is
// written down with its reason. It knows no clock: what takes long is the business
// of internal/bench.
package counts

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A recorded count is a line of testdata.
type recorded struct {
	Count int `json:"count"`
	// Percent is how far from Count, up or down, is no change; 0 for what never varies.
	Percent float64 `json:"percent"`
	// Why says where the tolerance comes from.
	Why string `json:"why,omitempty"`
}

// Hold compares counts with those recorded for a group, in testdata/<group>.json,
// and fails the test for each that differs. With the flag -update it records them
// instead, and keeps the tolerances. Whatever the tests of a package measure for one
// group goes into one call: a recorded count that is not measured is a failure too.
func Hold(t testing.TB, group string, got map[string]int) {
	t.Helper()
	path := filepath.Join(root(t), "internal", "counts", "testdata", group+".json")
	want, err := read(path)
	if err != nil && !updating() {
		t.Fatalf("reading the recorded counts: %v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		t.Logf("%s: %d", name, got[name])
	}
	if updating() {
		if err := write(path, renew(want, got)); err != nil {
			t.Fatalf("recording the counts: %v", err)
		}
		return
	}
	problems := compare(want, got)
	for _, p := range problems {
		t.Error(p)
	}
	if len(problems) > 0 {
		t.Errorf("if this is meant, record it and say in the change what it buys: go test ./internal/counts ./tui -run Counts -update")
	}
}

// updating: the flag belongs to whoever defines it first, in tui the library of its
// golden files.
func updating() bool {
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

// compare says what is different, a sentence for each.
func compare(want map[string]recorded, got map[string]int) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(got)) {
		r, known := want[name]
		switch off := 100 * float64(got[name]-r.Count) / float64(max(r.Count, 1)); {
		case !known:
			out = append(out, fmt.Sprintf("%s: %d, and nothing is recorded", name, got[name]))
		case off > r.Percent || -off > r.Percent:
			out = append(out, fmt.Sprintf("%s: %d, recorded are %d (%+.1f %%, allowed are %g %%)", name, got[name], r.Count, off, r.Percent))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if _, measured := got[name]; !measured {
			out = append(out, fmt.Sprintf("%s: recorded, but no longer measured", name))
		}
	}
	return out
}

// renew is what to record: new counts with old tolerances. A count that is still
// within its tolerance stays, so that recording one does not touch the others.
func renew(old map[string]recorded, got map[string]int) map[string]recorded {
	out := make(map[string]recorded, len(got))
	for name, n := range got {
		r := old[name]
		if len(compare(map[string]recorded{name: r}, map[string]int{name: n})) > 0 {
			r.Count = n
		}
		out[name] = r
	}
	return out
}

func read(path string) (map[string]recorded, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out map[string]recorded
	if err := json.Unmarshal(data, &out); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return out, nil
}

func write(path string, counts map[string]recorded) error {
	data, err := json.MarshalIndent(counts, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o600)
}

// root is the directory of go.mod, above the package that is tested.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("this test needs the repository around it")
		}
		dir = filepath.Dir(dir)
	}
}

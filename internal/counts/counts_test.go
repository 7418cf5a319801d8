package counts

import (
	"flag"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var _ = flag.Bool("update", false, "record what is counted")

// TestCompare proves that a count that moved is noticed, in both directions.
func TestCompare(t *testing.T) {
	want := map[string]recorded{"exact": {Count: 8}, "loose": {Count: 1000, Percent: 2}, "none": {}}
	good := map[string]int{"exact": 8, "loose": 1020, "none": 0}
	if p := compare(want, good); len(p) > 0 {
		t.Errorf("the recorded counts differ from themselves: %q", p)
	}
	for _, c := range []struct {
		name string
		n    int
		says string
	}{
		{"exact", 9, "exact: 9, recorded are 8 (+12.5 %, allowed are 0 %)"},
		{"exact", 7, "exact: 7, recorded are 8 (-12.5 %, allowed are 0 %)"},
		{"loose", 1021, "loose: 1021, recorded are 1000 (+2.1 %, allowed are 2 %)"},
		{"loose", 979, "loose: 979, recorded are 1000 (-2.1 %, allowed are 2 %)"},
		{"none", 1, "none: 1, recorded are 0 (+100.0 %, allowed are 0 %)"},
		{"new", 0, "new: 0, and nothing is recorded"},
	} {
		got := map[string]int{"exact": 8, "loose": 1000, "none": 0}
		got[c.name] = c.n
		if p := compare(want, got); !cmp.Equal(p, []string{c.says}) {
			t.Errorf("%s of %d: %q", c.name, c.n, p)
		}
	}
	delete(good, "loose")
	if p := compare(want, good); len(p) != 1 || !strings.Contains(p[0], "no longer measured") {
		t.Errorf("a count that nobody measures: %q", p)
	}
}

// Recording moves what changed, and nothing else.
func TestRenew(t *testing.T) {
	old := map[string]recorded{"same": {Count: 1000, Percent: 2, Why: "a pool"}, "grown": {Count: 10, Percent: 5, Why: "a map"}, "gone": {Count: 1}}
	got := renew(old, map[string]int{"same": 1001, "grown": 20, "new": 3, "zero": 0})
	want := map[string]recorded{"same": old["same"], "grown": {Count: 20, Percent: 5, Why: "a map"}, "new": {Count: 3}, "zero": {}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

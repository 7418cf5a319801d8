package resolver

import "math/bits"

// Suggest finds the name most like the given one, or "" when none is close.
func Suggest(name string, have []string) string { return newSuggester(have).to(name) }

// suggester compares names with a project's. The letters of each name are kept as a set, because comparing two sets
// rules nearly every name out long before the distance is worth computing: with 100,000 names that is the difference
// between an answer and a pause.
type suggester struct {
	have    []string
	letters []uint64
}

func newSuggester(have []string) *suggester { return &suggester{have: have} }

// to returns the closest name, the first in alphabetical order among equals.
func (s *suggester) to(name string) string {
	if s.letters == nil {
		s.letters = make([]uint64, len(s.have))
		for i, h := range s.have {
			s.letters[i] = letterSet(h)
		}
	}
	// A third of the letters may differ, at most three: more, and the suggestion is a guess.
	best, limit := "", min(3, max(1, len(name)/3))
	set := letterSet(name)
	for i, h := range s.have {
		// One edit adds, drops or swaps one letter, so it changes at most two members of the set.
		if h == name || abs(len(h)-len(name)) > limit || bits.OnesCount64(set^s.letters[i]) > 2*limit {
			continue
		}
		d := distance(name, h, limit)
		if d < limit || d == limit && (best == "" || h < best) {
			best, limit = h, d
		}
	}
	return best
}

func letterSet(name string) uint64 {
	var set uint64
	for i := range len(name) {
		set |= 1 << (name[i] & 63)
	}
	return set
}

func abs(n int) int { return max(n, -n) }

// distance counts the insertions, deletions, replacements and swaps of neighbours between two names (optimal string
// alignment). It gives up with limit+1 as soon as there must be more than limit.
func distance(a, b string, limit int) int {
	if len(a) > maxName || len(b) > maxName {
		return limit + 1
	}
	var rows [3][maxName + 1]int
	before, last, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, before
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			same := 1
			if a[i-1] == b[j-1] {
				same = 0
			}
			row[j] = min(last[j-1]+same, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least > limit {
			return limit + 1
		}
	}
	return row[len(b)]
}

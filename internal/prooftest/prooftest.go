// Package prooftest is how a test tells the command internal/proof what it did:
// one line in its log. It counts what ran, so that no number in the table of
// docs/reliability.md is one that somebody wrote down.
package prooftest

import (
	"fmt"
	"strings"
	"testing"
)

// Mark begins the line in a test's log.
const Mark = "PROOF "

// Cases reports that n cases of a kind ("crash images", "flipped bytes") ran and
// held. A test calls it at its end, once for each kind; one that failed before
// has not proved them, and says nothing.
func Cases(t testing.TB, n int, kind string) {
	t.Helper()
	if t.Failed() {
		return
	}
	if n <= 0 || kind == "" || strings.ContainsAny(kind, "\n|") {
		t.Errorf("%d cases of %q prove nothing", n, kind)
		return
	}
	t.Log(Mark + fmt.Sprint(n) + " " + kind)
}

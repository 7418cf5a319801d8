//go:build unix

package store_test

import (
	"context"
	"errors"
	"testing"
)

// TestCheck: nothing is found in a vault of every kind of page, and a check that
// was stopped does not say that all is well.
func TestCheck(t *testing.T) {
	t.Parallel()
	b := layered(t, inMemory(t))
	found, err := b.Check(t.Context())
	if err != nil || len(found) != 0 {
		t.Errorf("%q, %v", found, err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if found, err := b.Check(stopped); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %q, %v", found, err)
	}
}

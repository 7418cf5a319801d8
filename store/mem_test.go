package store_test

import (
	"strings"
	"testing"
	"time"

	"tacenda/store"
	"tacenda/store/storetest"
)

// patience is how long an engine waits: the test that makes it wait for itself
// need not take long.
func patience(t *testing.T) time.Duration {
	if strings.HasSuffix(t.Name(), "/Nesting") {
		return 50 * time.Millisecond
	}
	return time.Minute
}

func TestMem(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Engine {
		m := store.NewMem()
		m.SetTimeout(patience(t))
		return m
	})
}

package cli

import (
	"context"
	"runtime/debug"
	"time"
)

// overwriteFreed makes the runtime overwrite what it frees, see clobberFreed, for a
// program that goes on for long, whose libraries leave copies of values. Where that
// cannot be, the user is told: what is freed stays until it is used again.
func (a *app) overwriteFreed(copies string) {
	if err := a.clobberFreed(); err != nil {
		a.warn("what " + copies + " is not overwritten when it is freed: " + err.Error())
	}
}

// A sweeper frees what libraries left on the heap of what they copied of values.
type sweeper struct{ wakes chan struct{} }

func newSweeper() sweeper { return sweeper{make(chan struct{}, 1)} }

// wake asks for a sweep, unless one is due already.
func (s sweeper) wake() {
	select {
	case s.wakes <- struct{}{}:
	default:
	}
}

// sweepPauses are how long a sweep waits before each of its two collections. Some
// goroutines of a connection end later than it does, and a pool lets go of what it
// holds at the second collection only.
var sweepPauses = [...]time.Duration{50 * time.Millisecond, 400 * time.Millisecond}

// run sweeps when it is woken, until ctx ends.
func (s sweeper) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wakes:
		}
		for _, pause := range sweepPauses {
			time.Sleep(pause)
			debug.FreeOSMemory()
		}
	}
}

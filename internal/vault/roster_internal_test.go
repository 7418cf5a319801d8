package vault

import (
	"crypto/ed25519"
	"errors"
	"math"
	"testing"
)

// TestCountersOfARoster: what an owner's program signed at the end of a counter
// would begin anew with the next change, or the next restore.
func TestCountersOfARoster(t *testing.T) {
	good := func() *roster {
		return &roster{
			Slots: []slotRef{{}}, Counter: maxCounter, Events: maxCounter,
			Projects: []projectRef{{Epoch: maxCounter, Sign: make([]byte, ed25519.PublicKeySize)}},
		}
	}
	if err := good().check(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*roster, uint64){
		"counter": func(r *roster, n uint64) { r.Counter = n },
		"events":  func(r *roster, n uint64) { r.Events = n },
		"epoch":   func(r *roster, n uint64) { r.Projects[0].Epoch = n },
	} {
		for _, n := range []uint64{maxCounter + 1, math.MaxUint64} {
			r := good()
			change(r, n)
			if err := r.check(); !errors.Is(err, ErrDamaged) {
				t.Errorf("%s %d: %v", name, n, err)
			}
		}
	}
}

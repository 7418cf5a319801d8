package keyring

import (
	"errors"
	"testing"
	"time"

	"tacenda/keyring/secret"
)

func TestScaled(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		took, target time.Duration
		want         Cost
	}{
		{100 * ms, 50 * ms, floorCost},                             // a slow machine: never below the floor
		{100 * ms, 100 * ms, floorCost},                            //
		{100 * ms, 200 * ms, Cost{3, 128 << 10, 4}},                // memory first
		{100 * ms, 400 * ms, Cost{3, 256 << 10, 4}},                //
		{100 * ms, 800 * ms, Cost{6, 256 << 10, 4}},                // then passes
		{100 * ms, 250 * ms, Cost{3, 160 << 10, 4}},                //
		{99 * ms, 250 * ms, Cost{3, 161 << 10, 4}},                 // whole MiB
		{1 * ms, time.Hour, Cost{costlyTime, calibratedMemory, 4}}, // never costly
		{0, 500 * ms, Cost{costlyTime, calibratedMemory, 4}},       // a clock that stands still
		{time.Hour, 500 * ms, floorCost},                           //
	} {
		got := floorCost.scaled(c.took, c.target)
		if got != c.want {
			t.Errorf("%v to %v: %+v, want %+v", c.took, c.target, got, c.want)
		}
		if got.costly() || got.check() != nil {
			t.Errorf("%v to %v: %+v would not open by itself", c.took, c.target, got)
		}
	}
	if c := Calibrate(0); c != floorCost {
		t.Errorf("calibrating to nothing: %+v", c)
	}
}

// TestCostBounds holds the bounds without running a derivation: the KDF here
// fails the test.
func TestCostBounds(t *testing.T) {
	pass, err := secret.Move([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	defer pass.Destroy()
	root, err := secret.Random(KeySize)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Destroy()
	made, err := NewPassphraseSlot([16]byte{}, "", pass, MinimalCost, root)
	if err != nil {
		t.Fatal(err)
	}
	ran := errors.New("the derivation ran")
	open := func(c Cost, allow bool) error {
		s := *made
		s.cost = c
		u := &passphrase{pass: pass, allowCostly: allow, stretch: func(*secret.Bytes, []byte, Cost) (*secret.Bytes, error) { return nil, ran }}
		_, err := u.Unlock([16]byte{}, &s)
		return err
	}
	const mib = 1 << 10
	for _, c := range []struct {
		cost           Cost
		asked, unasked error
	}{
		{Cost{1, 19 * mib, 1}, ran, ran},
		{Cost{16, 1024 * mib, 16}, ran, ran},
		{Cost{17, 1024 * mib, 4}, ran, ErrCostly},
		{Cost{16, 1025 * mib, 4}, ran, ErrCostly},
		{Cost{64, 4096 * mib, 16}, ran, ErrCostly},
		{Cost{65, 64 * mib, 4}, ErrDamagedSlot, ErrDamagedSlot},
		{Cost{3, 4096*mib + 1, 4}, ErrDamagedSlot, ErrDamagedSlot},
		{Cost{3, 19*mib - 1, 4}, ErrDamagedSlot, ErrDamagedSlot},
		{Cost{0, 64 * mib, 4}, ErrDamagedSlot, ErrDamagedSlot},
		{Cost{3, 64 * mib, 0}, ErrDamagedSlot, ErrDamagedSlot},
		{Cost{3, 64 * mib, 17}, ErrDamagedSlot, ErrDamagedSlot},
		{Cost{3, 64 * mib, 257}, ErrDamagedSlot, ErrDamagedSlot}, // 1, once it is a byte
		{Cost{1<<32 - 1, 1<<32 - 1, 1<<32 - 1}, ErrDamagedSlot, ErrDamagedSlot},
	} {
		if err := open(c.cost, true); !errors.Is(err, c.asked) {
			t.Errorf("%+v, allowed: %v, want %v", c.cost, err, c.asked)
		}
		if err := open(c.cost, false); !errors.Is(err, c.unasked) {
			t.Errorf("%+v: %v, want %v", c.cost, err, c.unasked)
		}
	}
}

func TestNewPassphraseSlotRefuses(t *testing.T) {
	root, err := secret.Random(KeySize)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Destroy()
	pass, err := secret.Move([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	defer pass.Destroy()
	for _, c := range []Cost{
		{}, {Time: 1, Memory: 64 << 10, Threads: 4}, {Time: 3, Memory: 63 << 10, Threads: 4}, {Time: 2, Memory: 19 << 10, Threads: 1},
		{Time: 65, Memory: 64 << 10, Threads: 4}, {Time: 3, Memory: 5 << 20, Threads: 4}, {Time: 3, Memory: 64 << 10, Threads: 17},
	} {
		if _, err := NewPassphraseSlot([16]byte{}, "", pass, c, root); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
	empty, err := secret.New(0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewPassphraseSlot([16]byte{}, "", empty, MinimalCost, root); err == nil {
		t.Error("an empty passphrase was accepted")
	}
	gone, err := secret.Move([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	gone.Destroy()
	if _, err := NewPassphraseSlot([16]byte{}, "", gone, MinimalCost, root); err == nil {
		t.Error("a destroyed passphrase was accepted")
	}
}

package secret

import (
	"bytes"
	"errors"
	"runtime/debug"
	"slices"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

// TestBlocksNeverOverlap drives the allocator with whatever sizes come, and compares it with ordinary slices.
func TestBlocksNeverOverlap(t *testing.T) {
	sizes := rapid.OneOf(rapid.IntRange(0, 200), rapid.IntRange(0, smallMax), rapid.IntRange(smallMax+1, 3*slabSize))
	rapid.Check(t, func(t *rapid.T) {
		type pair struct {
			b    *Bytes
			want []byte
		}
		var held []pair
		next := byte(1)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if len(held) > 0 && rapid.IntRange(0, 2).Draw(t, "action") == 0 {
				i := rapid.IntRange(0, len(held)-1).Draw(t, "which")
				held[i].b.Destroy()
				held = slices.Delete(held, i, i+1)
				continue
			}
			n := sizes.Draw(t, "size")
			b, err := New(n)
			if err != nil {
				t.Fatal(err)
			}
			_ = b.Use(func(p []byte) error {
				if !bytes.Equal(p, make([]byte, n)) {
					t.Fatalf("%d new bytes are not zeroed", n)
				}
				copy(p, bytes.Repeat([]byte{next}, n))
				return nil
			})
			held = append(held, pair{b, bytes.Repeat([]byte{next}, n)})
			next++
		}
		for _, h := range held {
			_ = h.b.Use(func(p []byte) error {
				if !bytes.Equal(p, h.want) {
					t.Fatalf("%d bytes were overwritten", len(h.want))
				}
				return nil
			})
			h.b.Destroy()
		}
		if n := len(mem.living()); n != 0 {
			t.Fatalf("%d live", n)
		}
		if mem.regions > 1 || mem.locked > slabSize {
			t.Fatalf("%d regions and %d locked bytes are kept", mem.regions, mem.locked)
		}
	})
}

func TestBudget(t *testing.T) {
	var held []*Bytes
	for i := range 3 * maxLocked / (64 << 10) {
		b, err := New(64 << 10)
		if err != nil {
			t.Fatal(err)
		}
		_ = b.Use(func(p []byte) error { p[0], p[len(p)-1] = byte(i), byte(i); return nil })
		held = append(held, b)
		if mem.locked > maxLocked {
			t.Fatalf("%d bytes are locked", mem.locked)
		}
	}
	for i, b := range held {
		_ = b.Use(func(p []byte) error {
			if p[0] != byte(i) || p[len(p)-1] != byte(i) {
				t.Errorf("buffer %d was overwritten", i)
			}
			return nil
		})
		b.Destroy()
	}
	if mem.locked > slabSize {
		t.Errorf("%d bytes stay locked", mem.locked)
	}
}

func TestManySmall(t *testing.T) {
	held := make([]*Bytes, 100_000) // an import in one transaction
	for i := range held {
		b, err := New(100)
		if err != nil {
			t.Fatal(err)
		}
		held[i] = b
	}
	for _, b := range held {
		b.Destroy()
	}
	if mem.regions > 1 {
		t.Errorf("%d regions are kept", mem.regions)
	}
}

func TestTooManyRegionsIsAnError(t *testing.T) {
	b, err := New(1) // the slab that is kept
	if err != nil {
		t.Fatal(err)
	}
	b.Destroy()
	regions := mem.regions
	mem.regions = maxRegions
	defer func() { mem.regions = regions }()
	if b, err := New(smallMax + 1); err == nil {
		b.Destroy()
		t.Error("one region too many was handed out")
	}
	if b, err = New(32); err != nil {
		t.Errorf("a key no longer fits into the slab: %v", err)
	}
	b.Destroy()
}

// TestGuardPages touches the byte in front of and behind a region of each backend.
func TestGuardPages(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	plain, err := newPlainRegion(8 << 10)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.free()
	regions := map[string]region{"plain": plain}
	if mem.mayLock(8 << 10) {
		r, err := mem.newRegion(8<<10, 8<<10)
		if err != nil {
			t.Fatal(err)
		}
		defer mem.dropRegion(r)
		regions["locked"] = r
	}
	for name, r := range regions {
		p := r.bytes()
		for where, at := range map[string]int{"front": -1, "back": len(p)} {
			if !faults(unsafe.Add(unsafe.Pointer(&p[0]), at)) {
				t.Errorf("%s: the byte at the %s is not guarded", name, where)
			}
		}
		if faults(unsafe.Pointer(&p[0])) || faults(unsafe.Pointer(&p[len(p)-1])) {
			t.Errorf("%s: its own bytes cannot be read", name)
		}
	}
}

var sink byte

func faults(at unsafe.Pointer) (fault bool) {
	defer func() {
		if err, ok := recover().(error); ok {
			var withAddr interface{ Addr() uintptr }
			fault = errors.As(err, &withAddr)
		}
	}()
	sink = *(*byte)(at)
	return false
}

func BenchmarkNewDestroy(b *testing.B) {
	for name, n := range map[string]int{"key": 32, "page": smallMax, "64KiB": 64 << 10} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				s, err := New(n)
				if err != nil {
					b.Fatal(err)
				}
				s.Destroy()
			}
		})
	}
}

//go:build unix

package store_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"tacenda/store"
)

// A stand-in for what a vault stores: two sealed records for each secret, under
// keys that look random, in ascending order.
const (
	recordKey   = 40  // bytes: project, epoch, kind and HMAC
	recordValue = 300 // bytes: 256 padded, nonce and tag
)

func benchKey(i uint64) []byte {
	k := make([]byte, recordKey)
	binary.BigEndian.PutUint64(k, i<<32)
	return k
}

func benchFill(n int) func(store.Tx) error {
	value := make([]byte, recordValue)
	rand.NewChaCha8([32]byte{}).Read(value)
	return func(tx store.Tx) error {
		for i := range n {
			if err := tx.Put(benchKey(uint64(i)), value); err != nil {
				return err
			}
		}
		return nil
	}
}

var sizes = map[string]int{"1k": 1_000, "100k": 100_000}

func benchSizes(b *testing.B, run func(b *testing.B, e *store.Bolt, n int)) {
	for _, name := range []string{"1k", "100k"} {
		b.Run(name, func(b *testing.B) {
			e := create(b, place(b), store.BoltOptions{}, benchFill(sizes[name]))
			b.ResetTimer()
			run(b, e, sizes[name])
		})
	}
}

// A floor writes 4 KiB and makes them durable: the least that a change can cost.
type floor struct {
	f   *os.File
	buf []byte
	n   int64
}

func newFloor(b *testing.B) *floor {
	f, err := os.Create(place(b))
	do(b, err)
	b.Cleanup(func() { f.Close() })
	_, err = f.Write(make([]byte, 64*4096)) // allocated before, as bbolt's pages are
	do(b, err)
	do(b, f.Sync())
	return &floor{f: f, buf: make([]byte, 4096)}
}

func (f *floor) write(b *testing.B) {
	f.n++
	f.buf[0]++
	_, err := f.f.WriteAt(f.buf, f.n%64*4096)
	do(b, err)
	do(b, dataSync(f.f))
}

func BenchmarkFdatasync4K(b *testing.B) {
	f := newFloor(b)
	for b.Loop() {
		f.write(b)
	}
}

// BenchmarkUpdateRatio is BenchmarkUpdate and BenchmarkUpdateOne between
// writes of the floor, and reports the ratios of their medians: a busy machine
// slows all of them.
func BenchmarkUpdateRatio(b *testing.B) {
	benchSizes(b, func(b *testing.B, e *store.Bolt, n int) {
		f := newFloor(b)
		var floors, sixes, ones []time.Duration
		took := func(list *[]time.Duration, fn func()) {
			start := time.Now()
			fn()
			*list = append(*list, time.Since(start))
		}
		for i := uint64(0); b.Loop(); i++ {
			took(&floors, func() { f.write(b) })
			took(&sixes, func() {
				do(b, e.Update(b.Context(), func(tx store.Tx) error { return change(tx, i, uint64(n)) }))
			})
			took(&ones, func() {
				do(b, e.Update(b.Context(), func(tx store.Tx) error { return tx.Put(benchKey(i*7919%uint64(n)), f.buf[:recordValue]) }))
			})
		}
		median := func(list []time.Duration) float64 {
			slices.Sort(list)
			return float64(list[len(list)/2])
		}
		b.ReportMetric(median(floors)/1000, "µs-floor")
		b.ReportMetric(median(sixes)/median(floors), "x-six-records")
		b.ReportMetric(median(ones)/median(floors), "x-one-record")
	})
}

// change is an ordinary change: the two records of a secret and an index page,
// each somewhere else, and three neighbours: a manifest and two events.
func change(tx store.Tx, i, n uint64) error {
	value := make([]byte, recordValue)
	binary.BigEndian.PutUint64(value, i)
	for _, key := range []uint64{i * 7919 % n, i * 104729 % n, i * 1299709 % n, 0, 1, 2} {
		if err := tx.Put(benchKey(key), value); err != nil {
			return err
		}
	}
	return nil
}

func BenchmarkUpdate(b *testing.B) {
	benchSizes(b, func(b *testing.B, e *store.Bolt, n int) {
		for i := uint64(0); b.Loop(); i++ {
			if err := e.Update(b.Context(), func(tx store.Tx) error { return change(tx, i, uint64(n)) }); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkUpdateOne changes one record.
func BenchmarkUpdateOne(b *testing.B) {
	benchSizes(b, func(b *testing.B, e *store.Bolt, n int) {
		for i := uint64(0); b.Loop(); i++ {
			err := e.Update(b.Context(), func(tx store.Tx) error {
				return tx.Put(benchKey(i*7919%uint64(n)), binary.BigEndian.AppendUint64(nil, i))
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkUpdateScrub is the same with what it replaced removed from the file.
func BenchmarkUpdateScrub(b *testing.B) {
	benchSizes(b, func(b *testing.B, e *store.Bolt, n int) {
		for i := uint64(0); b.Loop(); i++ {
			err := e.Update(b.Context(), func(tx store.Tx) error {
				if err := tx.Scrub(); err != nil {
					return err
				}
				return change(tx, i, uint64(n))
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkView is a resolve's part: open the file, read three records, close it.
func BenchmarkView(b *testing.B) {
	benchSizes(b, func(b *testing.B, e *store.Bolt, n int) {
		for i := uint64(0); b.Loop(); i++ {
			err := e.View(b.Context(), func(tx store.Tx) error {
				for j := range uint64(3) {
					if v, err := tx.Get(benchKey((i*7919 + j*104729) % uint64(n))); err != nil || len(v) != recordValue {
						return fmt.Errorf("got %d bytes: %w", len(v), err)
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	e := create(b, place(b), store.BoltOptions{}, benchFill(1000))
	for b.Loop() {
		if _, err := store.OpenBolt(e.Path(), store.BoltOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRange100k reads everything, as a list does.
func BenchmarkRange100k(b *testing.B) {
	e := create(b, place(b), store.BoltOptions{}, benchFill(100_000))
	for b.Loop() {
		n := 0
		err := e.View(b.Context(), func(tx store.Tx) error {
			return tx.Range(nil, func(_, _ []byte) error {
				n++
				return nil
			})
		})
		if err != nil || n != 100_000 {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkFill100k(b *testing.B) {
	for b.Loop() {
		create(b, place(b), store.BoltOptions{}, benchFill(100_000))
	}
}

// BenchmarkImport100k puts as many into a vault that exists, in one transaction.
func BenchmarkImport100k(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		e := create(b, place(b), store.BoltOptions{}, benchFill(1000))
		b.StartTimer()
		if err := e.Update(b.Context(), benchFill(100_000)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRotate100k replaces every record by one under another key, in one
// transaction, and leaves nothing of the old ones.
func BenchmarkRotate100k(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		e := create(b, place(b), store.BoltOptions{}, benchFill(100_000))
		b.StartTimer()
		err := e.Update(b.Context(), func(tx store.Tx) error {
			value := make([]byte, recordValue)
			for i := range uint64(100_000) {
				if err := tx.Delete(benchKey(i)); err != nil {
					return err
				}
			}
			for i := range uint64(100_000) {
				if err := tx.Put(append([]byte("n"), benchKey(i)...), value); err != nil {
					return err
				}
			}
			return tx.Scrub()
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompact100k(b *testing.B) {
	e := create(b, place(b), store.BoltOptions{}, benchFill(100_000))
	for b.Loop() {
		if err := e.Compact(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCopyTo100k(b *testing.B) {
	e := create(b, place(b), store.BoltOptions{}, benchFill(100_000))
	for b.Loop() {
		if _, err := e.CopyTo(b.Context(), io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

// Package leak finds known values in streams: it masks what a command, an API
// or a person writes, and scans files.
//
// It keeps no value. What it keeps for a run are fingerprints, keyed with
// numbers drawn for that run, of prefixes that begin as short windows; where
// they agree with the stream, it opens that one value, compares, and forgets it
// again. It promises that the result does not depend on how the stream is cut,
// that work is linear in the stream whatever stands in it, and that buffers
// that held a value are wiped. It refuses to know where values come from.
//
// A value is found as it is, also where its line feeds got carriage returns, in
// base64 (both alphabets, all three alignments, padded or not), percent-encoded,
// JSON-escaped (each byte escaped or not) and in hex. The type form says exactly
// what that means.
package leak

import (
	"fmt"
	"slices"
	"sync"
)

// MinValue is the length in bytes from which a value is searched for. Shorter
// ones stand in every other text by chance.
const MinValue = 6

// A Source opens values, one at a time. The value is valid until fn returns.
type Source interface {
	Use(name string, fn func(value []byte) error) error
}

// A Finder finds the values of a source. Several goroutines may use one.
type Finder struct {
	names   []string // of the values that are searched for
	skipped []string

	keys  *keys
	grams *grams
	start *windows
	tree  *prefixes

	mu  sync.Mutex // serialises src: it has one buffer
	src Source
}

// A Match is one place where a value was found.
type Match struct {
	Offset   int64 // of its first byte in the stream
	Len      int   // bytes, as they stand in the stream
	Line     int   // of Offset, from 1
	Column   int   // of Offset, in bytes from 1
	Name     string
	Encoding string // "plain", "percent", "json", "hex", "base64" or "base64url"
}

// New reads each of the named values once. The source must stay open until the
// finder is closed; closing it is the caller's. Of names with the same value the
// first is the one that is reported. Errors are the source's.
func New(names []string, src Source) (*Finder, error) {
	f := &Finder{keys: newKeys(), src: src}
	f.grams = newGrams(len(names))
	f.start = newWindows(len(names))
	f.tree = newPrefixes(f.keys)
	for _, name := range names {
		err := src.Use(name, func(value []byte) error {
			if len(value) < MinValue {
				f.skipped = append(f.skipped, name)
				return nil
			}
			f.names = append(f.names, name)
			f.add(value)
			return nil
		})
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("making the fingerprints of %s: %w", name, err)
		}
	}
	f.tree.link()
	return f, nil
}

// add takes the fingerprints of the value that was named last.
func (f *Finder) add(value []byte) {
	firstWindows(value, func(window *[windowSize]byte, g group) {
		x := uint64(0)
		for i, c := range window {
			x |= uint64(c) << (8 * i)
		}
		f.grams.add(f.keys, x)
		f.grams.add(f.keys, x>>8)
		f.start.add(f.keys, x, g)
	})
	f.tree.add(value, int32(len(f.names)-1))
}

// Skipped are the names whose values are shorter than MinValue and are not
// searched for, in the order in which they were given.
func (f *Finder) Skipped() []string { return slices.Clone(f.skipped) }

// Close wipes the run's keys and fingerprints. Nothing that was made from the
// finder may be used afterwards.
func (f *Finder) Close() {
	f.grams.wipe()
	f.start.wipe()
	f.tree.wipe()
	*f.keys = keys{}
}

// open calls fn with a value. It answers false when the source fails: then
// nobody knows what fn would have said.
func (f *Finder) open(value int32, fn func(value []byte)) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.src.Use(f.names[value], func(p []byte) error { fn(p); return nil }) == nil
}

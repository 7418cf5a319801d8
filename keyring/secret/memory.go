package secret

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
	"unsafe"

	"github.com/awnumar/memcall"
	"github.com/awnumar/memguard"
)

const (
	// granule is what a slab is divided into: two AES-256 keys, a cache line.
	granule = 64
	// smallMax is the longest block cut from a slab. Nearly every value and every key is shorter than a page, and a block
	// from a slab costs a map entry instead of the nine system calls of a region.
	smallMax = 4 << 10
	// slabSize keeps one slab within the smallest memory-lock limit that is worth having (16 KiB).
	slabSize = 16 << 10
	// plainSlabSize is larger because nothing but address space limits it: an import may hold 100,000 values.
	plainSlabSize = 256 << 10
	// maxLocked bounds what is locked at once, whatever the machine would allow: a value of 1 MiB, the copy made while it
	// is read, and room for the keys; half of the 8 MiB that Linux has granted by default since 5.16.
	maxLocked = 4 << 20
	// maxRegions bounds the mappings: three for each region (guard, memory, guard) must stay below vm.max_map_count,
	// 65,530 by default, with room for the Go runtime. At that count memguard would panic.
	maxRegions = 16 << 10
	// purgeGrace is how long Purge waits for functions that are still inside Use.
	purgeGrace = 100 * time.Millisecond
)

// region is memory of its own from one of two backends, with inaccessible pages around it.
type region interface {
	bytes() []byte
	locked() int // bytes that count against the memory-lock limit
	free()       // wipes and unmaps
}

// lockedRegion is a memguard buffer: it cannot reach the swap and is left out of core dumps.
type lockedRegion struct{ *memguard.LockedBuffer }

func (l lockedRegion) bytes() []byte { return l.Bytes() }
func (l lockedRegion) locked() int   { return roundUp(l.Size(), os.Getpagesize()) }
func (l lockedRegion) free()         { l.Destroy() }

// plainRegion stands in where no more memory can be locked. It may reach the swap; else it is as good.
type plainRegion struct{ all, inner []byte }

func newPlainRegion(n int) (region, error) {
	page := os.Getpagesize()
	all, err := memcall.Alloc(roundUp(n, page) + 2*page)
	if err != nil {
		return nil, err
	}
	inner := all[page : len(all)-page : len(all)-page]
	noDump(inner)
	for _, guard := range [][]byte{all[:page:page], all[len(all)-page:]} {
		if err := memcall.Protect(guard, memcall.NoAccess()); err != nil {
			_ = memcall.Free(all) // the first error is the one to report
			return nil, err
		}
	}
	return &plainRegion{all: all, inner: inner[:n:n]}, nil
}

func (p *plainRegion) bytes() []byte { return p.inner }
func (p *plainRegion) locked() int   { return 0 }

func (p *plainRegion) free() {
	Wipe(p.inner)
	_ = memcall.Free(p.all) // wiped already: at worst the address space stays reserved
}

// slab is a region shared by small blocks.
type slab struct {
	region region
	used   []bool // one for each granule
	free   int    // granules not used
}

// take reserves n granules in a row.
func (s *slab) take(n int) (first int, ok bool) {
	if s.free < n {
		return 0, false
	}
	run := 0
	for i, used := range s.used {
		if run++; used {
			run = 0
		}
		if run == n {
			first = i + 1 - n
			s.mark(first, n, true)
			return first, true
		}
	}
	return 0, false
}

func (s *slab) mark(first, n int, used bool) {
	for i := range n {
		s.used[first+i] = used
	}
	if used {
		n = -n
	}
	s.free += n
}

func (s *slab) empty() bool { return s.free == len(s.used) }

// block is the memory of one Bytes. It holds a pointer and no slice because fmt, given a copy of a Bytes, which has no
// methods, follows one pointer and prints every slice that it finds there.
type block struct {
	start  *byte
	n      int
	slab   *slab  // where it was cut from
	first  int    // granule of slab
	region region // or what is all its own
}

func newBlock(p []byte) *block {
	return &block{start: unsafe.SliceData(p), n: len(p)} //nolint:gosec // see above; n stays with it
}

func (at *block) bytes() []byte {
	return unsafe.Slice(at.start, at.n) //nolint:gosec // what newBlock took apart
}

// memory hands out blocks and knows which live. Limits belong to the process, so there is one.
type memory struct {
	mu      sync.Mutex // held during every call of memguard, whose own locking deadlocks under load (its issue 132)
	slabs   []*slab    // locked ones first; the first is kept when empty
	live    map[*Bytes]*block
	locked  int // bytes, in whole pages
	regions int
	raised  bool // the soft limit was raised, or that was tried
}

var mem = memory{live: map[*Bytes]*block{}}

// reserve finds n zero bytes and registers them as b's.
func (m *memory) reserve(b *Bytes, n int) (*block, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var at *block
	var err error
	switch {
	case n == 0:
		at = &block{}
	case n <= smallMax:
		at, err = m.small(n)
	default:
		at, err = m.large(n)
	}
	if err != nil {
		return nil, fmt.Errorf("reserving %d bytes of guarded memory: %w", n, err)
	}
	m.live[b] = at
	return at, nil
}

func (m *memory) small(n int) (*block, error) {
	need := roundUp(n, granule) / granule
	for _, s := range m.slabs {
		if first, ok := s.take(need); ok {
			return s.block(first, n), nil
		}
	}
	s, err := m.newSlab()
	if err != nil {
		return nil, err
	}
	first, _ := s.take(need) // an empty slab has room for smallMax
	return s.block(first, n), nil
}

func (s *slab) block(first, n int) *block {
	at := newBlock(s.region.bytes()[first*granule:][:n])
	at.slab, at.first = s, first
	return at
}

func (m *memory) large(n int) (*block, error) {
	r, err := m.newRegion(n, n)
	if err != nil {
		return nil, err
	}
	at := newBlock(r.bytes())
	at.region = r
	return at, nil
}

func (m *memory) newSlab() (*slab, error) {
	r, err := m.newRegion(slabSize, plainSlabSize)
	if err != nil {
		return nil, err
	}
	granules := len(r.bytes()) / granule
	s := &slab{region: r, used: make([]bool, granules), free: granules}
	if r.locked() > 0 {
		m.slabs = slices.Insert(m.slabs, 0, s)
	} else {
		m.slabs = append(m.slabs, s)
	}
	return s, nil
}

// newRegion locks n bytes if the budget and the machine allow it, and makes do with orPlain bytes of plain memory if not.
func (m *memory) newRegion(n, orPlain int) (region, error) {
	if m.regions >= maxRegions {
		return nil, fmt.Errorf("more than %d pieces are in use", maxRegions)
	}
	var r region
	if m.mayLock(n) {
		r = lockedRegion{memguard.NewBuffer(n)}
	} else {
		var err error
		if r, err = newPlainRegion(orPlain); err != nil {
			return nil, err
		}
	}
	m.regions++
	m.locked += r.locked()
	return r, nil
}

// mayLock tells whether memguard can lock n bytes now. Asking first is what keeps the program alive: memguard answers a
// failure by wiping and unmapping every buffer and a panic, or by waiting for ever (its issue 173).
func (m *memory) mayLock(n int) bool {
	n = roundUp(n, os.Getpagesize())
	if m.locked+n > maxLocked {
		return false
	}
	if lockable(n) {
		return true
	}
	if m.raised {
		return false
	}
	m.raised = true
	return raiseLockLimit(maxLocked) && lockable(n)
}

// release wipes and returns b's block.
func (m *memory) release(b *Bytes, at *block) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.live, b)
	Wipe(at.bytes())
	switch s := at.slab; {
	case s != nil:
		s.mark(at.first, roundUp(at.n, granule)/granule, false)
		if s.empty() && s != m.slabs[0] {
			m.dropSlab(s)
		}
	case at.region != nil:
		m.dropRegion(at.region)
	}
}

func (m *memory) dropSlab(s *slab) {
	m.slabs = slices.DeleteFunc(m.slabs, func(t *slab) bool { return t == s })
	m.dropRegion(s.region)
}

func (m *memory) dropRegion(r region) {
	m.locked -= r.locked()
	m.regions--
	r.free()
}

// living lists what was not destroyed.
func (m *memory) living() []*Bytes {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]*Bytes, 0, len(m.live))
	for b := range m.live {
		all = append(all, b)
	}
	return all
}

// wipe overwrites what is still in use where it lies, unmapping nothing under the feet of its user, and gives back the
// slab that was kept.
func (m *memory) wipe() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, at := range m.live {
		Wipe(at.bytes())
	}
	for _, s := range slices.Clone(m.slabs) {
		if s.empty() {
			m.dropSlab(s)
		}
	}
}

func roundUp(n, unit int) int { return (n + unit - 1) / unit * unit }

package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"slices"
)

// bbolt checks almost nothing that it reads: a flipped bit makes it panic, read
// past its map, recurse without end or count to 2^32. So every page that it is
// going to use is read and checked here first, by ReadAt, which cannot fault.
//
// The layout, all in the machine's byte order (bbolt v1.5 internal/common):
//
//	page    id u64 ‖ flags u16 ‖ count u16 ‖ overflow u32 ‖ elements ‖ data
//	meta    magic u32 ‖ version u32 ‖ page size u32 ‖ flags u32 ‖ bucket ‖ freelist u64 ‖ high u64 ‖ txid u64 ‖ fnv64a u64
//	bucket  root u64 ‖ sequence u64 [‖ page, when root is 0]
//	leaf    flags u32 ‖ pos u32 ‖ key size u32 ‖ value size u32
//	branch  pos u32 ‖ key size u32 ‖ child u64
const (
	pageSize     = 4096 // fixed when a vault is created, so that it is the same on every machine
	minFileSize  = 4 * pageSize
	maxFileSize  = math.MaxInt32 // 2 GiB, what a 32-bit machine can still map; bbolt grows no file beyond it
	pageHeader   = 16
	elementSize  = 16
	bucketHeader = 16
	metaSize     = 64

	boltMagic   = 0xED0CDAED
	boltVersion = 2

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagFreelist = 0x10
	flagBucket   = 0x01 // of a leaf element

	// maxDepth stops a walk in a tree with a cycle. With two children a page,
	// which is bbolt's minimum, a vault of 2 GiB is 19 deep.
	maxDepth = 32
)

// damaged says what is wrong with a file, as an ErrDamaged.
func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// A meta is what one of a file's two meta pages says. Commits alternate between
// them, so that a torn one leaves the other.
type meta struct {
	root, freelist, high, txid uint64 // pages; high is the first that was never used
}

// A pages reads a bbolt file's pages.
type pages struct {
	file    io.ReaderAt
	now     meta
	before  *meta               // the other meta page, when it is valid
	free    []uint64            // ascending; only once readFree has read it
	scratch [pageSize]byte      // the leaf read last
	branch  map[uint64]*oneNode // branch pages read before: a transaction meets them often
}

// readPages reads and checks the meta pages of a file of that size.
func readPages(file io.ReaderAt, size int64) (*pages, error) {
	switch {
	case size == 0:
		return nil, damaged("it is empty")
	case size < minFileSize:
		return nil, damaged("%d bytes are fewer than any vault has", size)
	case size > maxFileSize: // a file of holes costs nobody anything, and would take hours and memory to go through
		return nil, damaged("%d bytes are more than any vault has", size)
	}
	first, err1 := readMeta(file, 0)
	second, err2 := readMeta(file, pageSize)
	for _, err := range []error{err1, err2} {
		if err != nil && !errors.Is(err, ErrDamaged) {
			return nil, err
		}
	}
	p := &pages{file: file, now: first, branch: map[uint64]*oneNode{}}
	switch { // the same choice as bbolt's: the later one that is whole
	case err1 != nil && err2 != nil:
		return nil, err1
	case err1 != nil:
		p.now = second
	case err2 != nil:
	case second.txid > first.txid:
		p.now, p.before = second, &first
	default:
		p.before = &second
	}
	if p.now.high > uint64(size)/pageSize {
		return nil, damaged("it was cut off: %d of %d pages are there", size/pageSize, p.now.high)
	}
	if p.now.root < 2 || p.now.root >= p.now.high {
		return nil, damaged("its root page %d does not exist", p.now.root)
	}
	return p, nil
}

func readMeta(file io.ReaderAt, at int64) (meta, error) {
	var buf [pageHeader + metaSize]byte
	if err := readAt(file, buf[:], at); err != nil {
		return meta{}, err
	}
	b, ne := buf[pageHeader:], binary.NativeEndian
	sum := fnv.New64a()
	sum.Write(b[:metaSize-8])
	switch {
	case ne.Uint32(b) != boltMagic:
		return meta{}, damaged("it is not a vault")
	case ne.Uint32(b[4:]) != boltVersion || ne.Uint32(b[8:]) != pageSize:
		return meta{}, damaged("it is not a vault, but another program's database")
	case ne.Uint64(b[56:]) != sum.Sum64():
		return meta{}, damaged("its first pages do not match their checksums")
	}
	return meta{root: ne.Uint64(b[16:]), freelist: ne.Uint64(b[32:]), high: ne.Uint64(b[40:]), txid: ne.Uint64(b[48:])}, nil
}

func readAt(file io.ReaderAt, buf []byte, at int64) error {
	_, err := file.ReadAt(buf, at)
	if errors.Is(err, io.EOF) {
		return damaged("it was cut off at byte %d", at)
	}
	return err
}

// A oneNode is one branch or leaf, checked. A leaf's slices are valid until the
// next one is read.
type oneNode struct {
	leaf        bool
	pages       uint64   // how many it is on
	first, last []byte   // keys; nil when it is empty
	keys        [][]byte // of a branch
	children    []uint64 // of a branch
}

// node reads and checks the tree page id.
func (p *pages) node(id uint64) (*oneNode, error) {
	if n := p.branch[id]; n != nil {
		return n, nil
	}
	r, flags, count, err := p.open(id)
	if err != nil {
		return nil, err
	}
	if flags != flagLeaf && flags != flagBranch {
		return nil, damaged("page %d is of kind %#x where a branch or leaf should be", id, flags)
	}
	n := &oneNode{leaf: flags == flagLeaf, pages: uint64(r.size / pageSize)}
	if n.leaf {
		err = r.leaf(count, func(e element) error {
			if !e.isRecord() {
				return damaged("page %d holds what is no record", id)
			}
			if n.first == nil {
				n.first = e.key
			}
			n.last = e.key
			return nil
		})
		return n, err
	}
	if count == 0 {
		return nil, damaged("branch page %d is empty", id)
	}
	r.head = slices.Clone(r.head)
	if err := p.readBranch(r, count, n); err != nil {
		return nil, err
	}
	p.branch[id] = n
	return n, nil
}

func (p *pages) readBranch(r region, count int, n *oneNode) error {
	n.keys, n.children = make([][]byte, count), make([]uint64, count)
	for i := range count {
		e, err := r.element(i)
		if err != nil {
			return err
		}
		n.children[i] = binary.NativeEndian.Uint64(e[8:])
		if c := n.children[i]; c < 2 || c >= p.now.high || c == r.id || p.isFree(c) {
			return damaged("page %d refers to page %d, which cannot be", r.id, c)
		}
		pos, size := binary.NativeEndian.Uint32(e), binary.NativeEndian.Uint32(e[4:])
		if n.keys[i], err = r.key(count, i, pos, size, 0); err != nil {
			return err
		}
		if i > 0 && bytes.Compare(n.keys[i-1], n.keys[i]) >= 0 {
			return damaged("page %d is out of order", r.id)
		}
	}
	n.first, n.last = n.keys[0], n.keys[count-1]
	return nil
}

// open reads the header of page id and its first 4096 bytes.
func (p *pages) open(id uint64) (r region, flags uint16, count int, err error) {
	if id < 2 || id >= p.now.high {
		return r, 0, 0, damaged("page %d does not exist", id)
	}
	if err := readAt(p.file, p.scratch[:], int64(id)*pageSize); err != nil {
		return r, 0, 0, err
	}
	self, flags, count, overflow := header(p.scratch[:])
	switch {
	case self != id:
		return r, 0, 0, damaged("page %d calls itself %d", id, self)
	case id+overflow >= p.now.high:
		return r, 0, 0, damaged("page %d claims to go on for %d pages", id, overflow)
	}
	for next := id; next <= id+overflow; next++ {
		if p.isFree(next) {
			return r, 0, 0, damaged("page %d is used and free at once", next)
		}
	}
	r = region{id: id, head: p.scratch[:], size: int64(overflow+1) * pageSize, file: p.file, at: int64(id) * pageSize}
	return r, flags, count, nil
}

func (p *pages) isFree(id uint64) bool {
	_, found := slices.BinarySearch(p.free, id)
	return found
}

func header(b []byte) (id uint64, flags uint16, count int, overflow uint64) {
	ne := binary.NativeEndian
	return ne.Uint64(b), ne.Uint16(b[8:]), int(ne.Uint16(b[10:])), uint64(ne.Uint32(b[12:]))
}

// A region is the bytes of one page and its overflow, or of an inline page,
// which lies within a leaf.
type region struct {
	id   uint64 // for messages
	head []byte // its first bytes
	size int64
	file io.ReaderAt // where the rest is; nil when head is all
	at   int64
}

// bytes returns n bytes at off.
func (r region) bytes(off, n int64) ([]byte, error) {
	if off < 0 || n < 0 || off+n > r.size {
		return nil, damaged("page %d refers to bytes outside of it", r.id)
	}
	if off+n <= int64(len(r.head)) {
		return r.head[off : off+n], nil
	}
	b := make([]byte, n)
	return b, readAt(r.file, b, r.at+off)
}

func (r region) element(i int) ([]byte, error) {
	return r.bytes(pageHeader+int64(i)*elementSize, elementSize)
}

// key returns the key of element i of count. pos counts from the element, the
// value's size bytes follow the key: both must be behind the elements.
func (r region) key(count, i int, pos, keySize uint32, valueSize int64) ([]byte, error) {
	off := pageHeader + int64(i)*elementSize + int64(pos)
	if keySize == 0 || keySize > MaxKey || off < pageHeader+int64(count)*elementSize || off+int64(keySize)+valueSize > r.size {
		return nil, damaged("page %d has a key of %d bytes, or refers to bytes outside of it", r.id, keySize)
	}
	return r.bytes(off, int64(keySize))
}

// An element is one of a leaf's.
type element struct {
	key   []byte
	flags uint32
	size  int64  // of the value
	value []byte // nil when it is beyond the region's head
}

func (e element) isRecord() bool { return e.flags == 0 && e.size > 0 && e.size <= MaxValue }

// leaf calls fn for each of count elements, in an order that it checks.
func (r region) leaf(count int, fn func(element) error) error {
	var last []byte
	for i := range count {
		b, err := r.element(i)
		if err != nil {
			return err
		}
		ne := binary.NativeEndian
		e := element{flags: ne.Uint32(b), size: int64(ne.Uint32(b[12:]))}
		pos, keySize := ne.Uint32(b[4:]), ne.Uint32(b[8:])
		if e.key, err = r.key(count, i, pos, keySize, e.size); err != nil {
			return err
		}
		if i > 0 && bytes.Compare(last, e.key) >= 0 {
			return damaged("page %d is out of order", r.id)
		}
		last = e.key
		if off := pageHeader + int64(i)*elementSize + int64(pos) + int64(keySize); off+e.size <= int64(len(r.head)) {
			e.value = r.head[off : off+e.size]
		}
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

// readFree reads and checks the list of free pages, of which bbolt takes the
// next pages that it writes to.
func (p *pages) readFree() error {
	ids, own, err := p.freelist(p.now)
	if err != nil {
		return err
	}
	for i, id := range ids {
		switch {
		case id < 2 || id >= p.now.high || i > 0 && id <= ids[i-1]:
			return damaged("the list of free pages is out of order")
		case id == p.now.root || id >= own[0] && id < own[1]:
			return damaged("page %d is used and free at once", id)
		}
	}
	p.free = ids
	return nil
}

// freelist returns the free pages that m lists, and the pages that the list
// itself is on: [own[0], own[1]).
func (p *pages) freelist(m meta) (ids []uint64, own [2]uint64, err error) {
	r, flags, count, err := p.open(m.freelist)
	if err != nil {
		return nil, own, err
	}
	if flags != flagFreelist {
		return nil, own, damaged("page %d should be the list of free pages", m.freelist)
	}
	n, at := uint64(count), int64(pageHeader)
	if count == 0xFFFF { // the count did not fit: it is the first entry
		n, at = binary.NativeEndian.Uint64(r.head[at:]), at+8
	}
	// Not all of its pages are read: how many they are may be a lie as well.
	if n > p.now.high || at+8*int64(n) > r.size {
		return nil, own, damaged("the list of free pages is longer than its pages")
	}
	b, err := r.bytes(at, 8*int64(n))
	if err != nil {
		return nil, own, err
	}
	ids = make([]uint64, n)
	for i := range ids {
		ids[i] = binary.NativeEndian.Uint64(b[8*i:])
	}
	return ids, [2]uint64{m.freelist, m.freelist + uint64(r.size/pageSize)}, nil
}

package trap

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
)

// A Disk is what a power failure leaves of a directory tree, in the least that
// POSIX promises: what a file was given before it was flushed may be there or not,
// in any order and torn; an entry of a directory is there for certain only once the
// directory was flushed; entries that were not come in their order.
type Disk struct {
	root    string
	names   map[string]*inode // as the process sees them
	flushed map[string]*inode
	pending []entry
	random  *rand.Rand
}

// An inode is a file, or with dir a directory: what is on the disk, and what was
// done to it since.
type inode struct {
	dir     bool
	flushed []byte
	pending []piece
	size    int64 // as the process sees it
}

// A piece writes data at a place; with no data it sets the length.
type piece struct {
	at   int64
	data []byte
}

func (c piece) apply(b []byte) []byte {
	if end := c.at + int64(len(c.data)); c.data == nil && int64(len(b)) > c.at {
		return b[:c.at]
	} else if int64(len(b)) < end {
		b = append(b, make([]byte, end-int64(len(b)))...)
	}
	copy(b[c.at:], c.data)
	return b
}

// An entry is a change of a directory.
type entry struct {
	dir string
	do  func(names map[string]*inode)
}

// NewDisk is a disk with one empty directory. Its failures are the same every time.
func NewDisk(root string) *Disk {
	d := &Disk{root: root, names: map[string]*inode{root: {dir: true}}, random: rand.New(rand.NewPCG(3, 4))}
	d.flushed = maps.Clone(d.names)
	return d
}

// Play does to the disk what the process did to its files.
func (d *Disk) Play(r Record) {
	switch r.Name {
	case "openat":
		if r.create {
			d.create(r.Path, false)
		} else {
			d.write(r.Path, 0, nil)
		}
	case "mkdirat":
		d.create(r.Path, true)
	case "write", "pwrite64":
		d.write(r.Path, r.Offset, r.data)
	case "ftruncate":
		d.write(r.Path, r.Offset, nil)
	case "fsync", "fdatasync":
		d.sync(r.Path)
	case "renameat", "renameat2":
		d.rename(r.Path, r.To)
	case "unlinkat":
		d.remove(r.Path)
	}
}

func (d *Disk) change(path string, fn func(names map[string]*inode)) {
	fn(d.names)
	d.pending = append(d.pending, entry{filepath.Dir(path), fn})
}

func (d *Disk) create(path string, dir bool) {
	f := &inode{dir: dir}
	d.change(path, func(names map[string]*inode) { names[path] = f })
}

func (d *Disk) remove(path string) {
	d.change(path, func(names map[string]*inode) { delete(names, path) })
}

func (d *Disk) rename(from, to string) {
	d.change(to, func(names map[string]*inode) {
		names[to] = names[from]
		delete(names, from)
	})
}

// write adds to a file, at the end when at is less than 0.
func (d *Disk) write(path string, at int64, data []byte) {
	f := d.names[path]
	if f == nil {
		return // it has no name any more
	}
	if at < 0 {
		at = f.size
	}
	f.pending = append(f.pending, piece{at, data})
	if data == nil {
		f.size = at
	}
	f.size = max(f.size, at+int64(len(data)))
}

func (d *Disk) sync(path string) {
	f := d.names[path]
	switch {
	case f == nil:
	case f.dir:
		d.pending = slices.DeleteFunc(d.pending, func(e entry) bool {
			if e.dir == path {
				e.do(d.flushed)
			}
			return e.dir == path
		})
	default:
		f.flushed = bytes.Clone(f.flushed) // images of before go on
		for _, c := range f.pending {
			f.flushed = c.apply(f.flushed)
		}
		f.pending = nil
	}
}

// Crash returns the files that are left when the power goes now, by their paths
// below the root. Each call is another way for it to go.
func (d *Disk) Crash() map[string][]byte {
	names := maps.Clone(d.flushed)
	for _, e := range d.pending[:d.random.IntN(len(d.pending)+1)] {
		e.do(names)
	}
	left := map[string][]byte{}
	for path, f := range names {
		if f == nil || f.dir || !reachable(names, d.root, path) {
			continue
		}
		name, err := filepath.Rel(d.root, path)
		if err != nil {
			continue
		}
		left[name] = d.torn(f)
	}
	return left
}

func reachable(names map[string]*inode, root, path string) bool {
	for path != root {
		path = filepath.Dir(path)
		if names[path] == nil {
			return false
		}
	}
	return true
}

// torn returns what is left of a file: some of what was not flushed in any order,
// or the beginning of it, or all of it torn into sectors.
func (d *Disk) torn(f *inode) []byte {
	b := bytes.Clone(f.flushed)
	pending := f.pending
	switch d.random.IntN(3) {
	case 0:
		for _, i := range d.random.Perm(len(pending)) {
			if d.random.IntN(2) == 0 {
				b = pending[i].apply(b)
			}
		}
	case 1:
		for _, c := range pending[:d.random.IntN(len(pending)+1)] {
			b = c.apply(b)
		}
	case 2:
		for _, c := range pending {
			for len(c.data) > 512 {
				if d.random.IntN(2) == 0 {
					b = piece{c.at, c.data[:512]}.apply(b)
				}
				c = piece{c.at + 512, c.data[512:]}
			}
			b = c.apply(b)
		}
	}
	return b
}

package memscan

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

const (
	// stride is how far apart the words are that are looked up. A pattern of at least stride+wordSize bytes has
	// exactly one such word among those that begin at its first stride bytes, wherever it lies.
	stride   = 8
	wordSize = 4
	// chunkSize is how much is read at once.
	chunkSize = 1 << 20
	// maxMapping skips reservations like the shadow memory of the race detector, which take hours to read.
	maxMapping = 1 << 30
)

// Hit is one place where something was found.
type Hit struct {
	Address  uint64
	Mapping  string // "[heap]", a file, "" for anonymous memory
	Encoding string
	Window   int // where in the needle the window begins, -1 for a full copy
}

// Report is what a scan found.
type Report struct {
	Copies  []Hit // the needle as a whole
	Windows []Hit // 12 bytes of it, those inside full copies included
	Scanned int64 // bytes
	Skipped []string
}

// Clean tells whether nothing of the needle was found.
func (r Report) Clean() bool { return len(r.Copies) == 0 && len(r.Windows) == 0 }

// Distinct is how many different windows of the needle were found.
func (r Report) Distinct() int {
	seen := map[int]bool{}
	for _, h := range r.Windows {
		seen[h.Window] = true
	}
	return len(seen)
}

// String lists the full copies, and the windows if there is no copy, without showing the needle.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d full copies, %d different windows (%d in all), %d MiB scanned", len(r.Copies), r.Distinct(), len(r.Windows), r.Scanned>>20)
	hits := r.Copies
	if len(hits) == 0 {
		hits = r.Windows
	}
	for i, h := range hits {
		if i == 20 {
			fmt.Fprintf(&b, "\n  and %d more", len(hits)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %s at %#x in %q", h.Encoding, h.Address, h.Mapping)
		if h.Window >= 0 {
			fmt.Fprintf(&b, ", from byte %d", h.Window)
		}
	}
	return b.String()
}

// Scan searches the memory of process pid, which must be another one than the caller's and should be idle. It takes root,
// or the same user and a process that is dumpable.
func Scan(pid int, needle []byte) (Report, error) {
	if pid == os.Getpid() {
		return Report{}, errors.New("scanning memory: a process that scans itself finds its own needle")
	}
	patterns, err := patternsOf(needle)
	if err != nil {
		return Report{}, fmt.Errorf("scanning memory: %w", err)
	}
	mappings, err := readMaps(pid)
	if err != nil {
		return Report{}, fmt.Errorf("scanning memory: %w", err)
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return Report{}, fmt.Errorf("scanning memory: %w", err)
	}
	defer mem.Close()
	s := newScanner(mem, patterns)
	for _, m := range mappings {
		s.mapping(m)
	}
	if s.report.Scanned == 0 {
		return Report{}, fmt.Errorf("scanning memory: nothing of process %d can be read", pid)
	}
	return s.report, nil
}

type mapping struct {
	start, end uint64
	name       string
}

// readMaps lists the readable mappings.
func readMaps(pid int) ([]mapping, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []mapping
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		// 7f5f1c000000-7f5f1c021000 rw-p 00000000 00:00 0    [heap]
		var m mapping
		var permissions, offset, device, inode string
		if n, err := fmt.Sscanf(lines.Text(), "%x-%x %s %s %s %s", &m.start, &m.end, &permissions, &offset, &device, &inode); n < 6 {
			return nil, fmt.Errorf("reading %s: %w", f.Name(), err)
		}
		if fields := strings.Fields(lines.Text()); len(fields) > 5 {
			m.name = strings.Join(fields[5:], " ")
		}
		switch {
		case permissions[0] != 'r':
		case strings.HasPrefix(m.name, "[vvar"), m.name == "[vsyscall]": // the kernel's own
		default:
			all = append(all, m)
		}
	}
	return all, lines.Err()
}

// scanner looks every pattern up in one pass.
type scanner struct {
	mem     io.ReaderAt
	words   map[uint32][]candidate
	coarse  [1 << 16 / 64]uint64 // a bit for the hash of each word, to skip the map nearly always
	longest int
	buf     []byte
	seen    map[Hit]bool // chunks overlap
	report  Report
}

// candidate is a pattern that has a word at an offset.
type candidate struct {
	pattern *pattern
	offset  int
}

func newScanner(mem io.ReaderAt, patterns []pattern) *scanner {
	s := &scanner{mem: mem, words: map[uint32][]candidate{}, seen: map[Hit]bool{}}
	for i := range patterns {
		p := &patterns[i]
		for offset := range stride {
			word := binary.LittleEndian.Uint32(p.bytes[offset:])
			s.words[word] = append(s.words[word], candidate{p, offset})
			h := hash(word)
			s.coarse[h/64] |= 1 << (h % 64)
		}
		s.longest = max(s.longest, len(p.bytes))
	}
	s.longest = (s.longest + stride - 1) / stride * stride
	s.buf = make([]byte, chunkSize+s.longest)
	return s
}

func hash(word uint32) uint32 { return word * 0x9e3779b1 >> 16 } // Fibonacci hashing

// mapping searches one mapping in chunks that overlap by the longest pattern.
func (s *scanner) mapping(m mapping) {
	if m.end-m.start > maxMapping {
		s.report.Skipped = append(s.report.Skipped, fmt.Sprintf("%d MiB at %#x in %q: too large", (m.end-m.start)>>20, m.start, m.name))
		return
	}
	page := uint64(os.Getpagesize())
	for at := m.start; at < m.end; {
		buf := s.buf[:min(uint64(len(s.buf)), m.end-at)]
		n, err := s.mem.ReadAt(buf, int64(at))
		s.search(buf[:n], at, m.name)
		if err != nil { // behind the end of a file, or gone meanwhile: go on behind the page that failed
			s.report.Scanned += int64(n)
			s.report.Skipped = append(s.report.Skipped, fmt.Sprintf("a page at %#x in %q: %v", at+uint64(n), m.name, err))
			at = (at+uint64(n))/page*page + page
			continue
		}
		if at+uint64(n) == m.end {
			s.report.Scanned += int64(n)
			return
		}
		s.report.Scanned += chunkSize
		at += chunkSize
	}
}

// search looks at buf, which lies at address at, a multiple of stride. The race detector would make it twenty times slower
// for memory that only this goroutine knows.
//
//go:norace
func (s *scanner) search(buf []byte, at uint64, name string) {
	for i := 0; i+wordSize <= len(buf); i += stride {
		word := binary.LittleEndian.Uint32(buf[i:])
		if h := hash(word); s.coarse[h/64]&(1<<(h%64)) == 0 {
			continue
		}
		for _, c := range s.words[word] {
			start := i - c.offset
			if start < 0 || start+len(c.pattern.bytes) > len(buf) || string(buf[start:start+len(c.pattern.bytes)]) != string(c.pattern.bytes) {
				continue
			}
			s.found(Hit{Address: at + uint64(start), Mapping: name, Encoding: c.pattern.encoding, Window: c.pattern.window})
		}
	}
}

func (s *scanner) found(h Hit) {
	if s.seen[h] {
		return
	}
	s.seen[h] = true
	if h.Window < 0 {
		s.report.Copies = append(s.report.Copies, h)
	} else {
		s.report.Windows = append(s.report.Windows, h)
	}
}

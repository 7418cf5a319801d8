package slottest

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"

	"tacenda/keyring/secret"
)

// testWiped looks for the root key in the memory of this process after it was
// wrapped, opened, rewrapped and destroyed. Nothing waits for a collection: the
// root key must be wiped, not left to it.
func testWiped(t *testing.T, h Holder) {
	root, err := secret.Random(32)
	if err != nil {
		t.Fatal(err)
	}
	// The needle is kept inverted, so that it does not find itself.
	var inverted [32]byte
	_ = root.Use(func(p []byte) error {
		for i := range p {
			inverted[i] = ^p[i]
		}
		return nil
	})
	if n := occurrences(t, &inverted); n != 1 {
		t.Fatalf("the search finds a living root key %d times, so it proves nothing", n)
	}
	s := h.New(t, vaultID, root)
	u := h.Mine(t)
	mustOpen(t, u, s, root)
	if err := s.Rewrap(vaultID, root); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, u, s, root)
	if n := occurrences(t, &inverted); n != 1 {
		t.Errorf("%d copies of the root key beside the guarded one", n-1)
	}
	root.Destroy()
	if n := occurrences(t, &inverted); n != 0 {
		t.Errorf("%d copies of the root key after it was destroyed", n)
	}
}

// occurrences counts a key, given inverted, in the writable memory of this
// process. It compares in place, because a plain copy of the needle, or of a
// piece of memory that holds it, would be counted as well.
func occurrences(t *testing.T, inverted *[32]byte) int {
	t.Helper()
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	buf := make([]byte, 1<<20)
	defer clear(buf)
	n := 0
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		var from, to uint64
		var mode string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &mode); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(mode, "rw") || strings.Contains(lines.Text(), "[v") {
			continue
		}
		n += occurrencesIn(mem, from, to, buf, inverted)
	}
	return n
}

// occurrencesIn searches [from, to), in pieces that overlap by a key less one.
func occurrencesIn(mem *os.File, from, to uint64, buf []byte, inverted *[32]byte) int {
	// The buffer must not be read into itself: what was just read would be found again.
	own := uint64(uintptr(unsafe.Pointer(unsafe.SliceData(buf))))
	if from < own && own < to {
		return occurrencesIn(mem, from, own, buf, inverted) + occurrencesIn(mem, own+uint64(len(buf)), to, buf, inverted)
	}
	n := 0
	for at := from; at < to && to-at >= uint64(len(inverted)); at += uint64(len(buf) - len(inverted) + 1) {
		m, err := mem.ReadAt(buf[:min(uint64(len(buf)), to-at)], int64(at))
		if err != nil && m == 0 {
			return n // unmapped meanwhile: it holds nothing
		}
		n += count(buf[:m], inverted)
		clear(buf[:m])
	}
	return n
}

func count(p []byte, inverted *[32]byte) int {
	n := 0
	for {
		i := bytes.IndexByte(p, ^inverted[0])
		if i < 0 || len(p)-i < len(inverted) {
			return n
		}
		p = p[i:]
		same := true
		for j, c := range inverted {
			same = same && p[j] == ^c
		}
		if same {
			n++
		}
		p = p[1:]
	}
}

//go:build unix

package store_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tacenda/internal/prooftest"
	"tacenda/store"
)

// longKey returns a key of which a branch page holds only four.
func longKey(i uint64) []byte { return append(benchKey(i), make([]byte, 800)...) }

// layered fills a vault so that its tree has three levels, long records that
// overflow their pages, and free pages.
func layered(t testing.TB, path string) *store.Bolt {
	b := create(t, path, brief, func(tx store.Tx) error {
		for i := range uint64(80) {
			if err := tx.Put(longKey(i), make([]byte, 30+i%7*40)); err != nil {
				return err
			}
		}
		return tx.Put([]byte("large"), make([]byte, 20_000))
	})
	for i := range uint64(8) {
		do(t, b.Update(t.Context(), func(tx store.Tx) error { return tx.Put(benchKey(i*10), ciphertext(i, 300)) }))
	}
	return b
}

// useAll does with a vault all that there is to do. What it returns, if not
// nil, must be an ErrDamaged: there is nothing else wrong with the file.
func useAll(path string) error {
	ctx := context.Background()
	b, err := store.OpenBolt(path, store.BoltOptions{})
	if err != nil {
		return err
	}
	var errs []error
	_, err = readAll(b)
	errs = append(errs, err)
	for i := range uint64(4) {
		errs = append(errs, b.View(ctx, func(tx store.Tx) error {
			_, err := tx.Get(longKey(i * 21))
			return err
		}))
	}
	errs = append(errs, store.CheckStructure(path), b.Update(ctx, func(tx store.Tx) error {
		if err := tx.Scrub(); err != nil {
			return err
		}
		for i := range uint64(3) {
			if err := tx.Put(benchKey(i*25+1), make([]byte, 200)); err != nil {
				return err
			}
		}
		return tx.Range(benchKey(30)[:3], func(_, _ []byte) error { return nil })
	}), b.Update(ctx, func(tx store.Tx) error {
		for i := range uint64(40) {
			if err := tx.Delete(longKey(i + 30)); err != nil {
				return err
			}
		}
		return tx.Delete([]byte("large"))
	}), b.Compact(ctx))
	_, err = readAll(b)
	errs = append(errs, err)
	for _, err := range errs {
		if err != nil && !errors.Is(err, store.ErrDamaged) && !errors.Is(err, store.ErrResidue) {
			return fmt.Errorf("neither good nor damaged: %w", err)
		}
	}
	return errors.Join(errs...)
}

// inMemory returns a path like place, where there are no disks to wait for, if
// the system has such a place. What is done there is about bytes, not durability.
func inMemory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "store-test-") //nolint:usetesting // t.TempDir is on a disk
	if err != nil {
		return place(t)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "vault.db")
}

// mutate changes one byte of a vault's image: mostly in the headers and tables of
// its pages, where it hurts.
func mutate(image []byte, seed uint64) (at int, bit byte) {
	r := rand.New(rand.NewPCG(seed, 17))
	at = r.IntN(len(image))
	switch r.IntN(4) {
	case 0:
		at = at/4096*4096 + r.IntN(16)
	case 1:
		at = at/4096*4096 + r.IntN(400)
	}
	bit = byte(1 << r.IntN(8))
	if r.IntN(3) == 0 {
		bit = byte(1 + r.IntN(255))
	}
	image[at] ^= bit
	return at, bit
}

// childMutations damages a copy of a vault in many ways, one after the other.
func childMutations(args []string) error {
	image, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	from, err1 := strconv.Atoi(args[2])
	to, err2 := strconv.Atoi(args[3])
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	unharmed := 0
	for seed := from; seed < to; seed++ {
		bad := append([]byte(nil), image...)
		at, bit := mutate(bad, uint64(seed))
		if err := os.WriteFile(args[1], bad, 0o600); err != nil {
			return err
		}
		fmt.Printf("%d: byte %d ^ %#x\n", seed, at, bit) // the last one tells which ended us
		switch err := useAll(args[1]); {
		case err == nil:
			unharmed++
		case !errors.Is(err, store.ErrDamaged):
			return err
		}
		if err := os.Remove(args[1]); err != nil {
			return err
		}
	}
	fmt.Println("unharmed", unharmed)
	return nil
}

// TestMutations: whatever happens to a byte of the file, nothing panics, faults
// or hangs, in bbolt or outside, and every error is an ErrDamaged. The changes are
// tried in other processes, because the failures would end this one.
// STORE_TEST_MUTATIONS sets how many there are.
func TestMutations(t *testing.T) {
	t.Parallel()
	total := 2000
	if s := os.Getenv("STORE_TEST_MUTATIONS"); s != "" {
		if _, err := fmt.Sscan(s, &total); err != nil {
			t.Fatal(err)
		}
	}
	path := inMemory(t)
	layered(t, path)
	const batches = 4
	var wg sync.WaitGroup
	unharmed := make([]int, batches)
	for i := range batches {
		wg.Go(func() {
			work := filepath.Join(filepath.Dir(path), fmt.Sprintf("%d.db", i))
			cmd := child(t, "mutations", path, work, fmt.Sprint(total*i/batches), fmt.Sprint(total*(i+1)/batches))
			limit := time.AfterFunc(time.Duration(total)*30*time.Millisecond, func() { _ = cmd.Process.Kill() })
			defer limit.Stop()
			out, err := cmd.Output()
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			if err != nil {
				t.Errorf("%v at %q", err, lines[max(0, len(lines)-2):])
				return
			}
			if _, err := fmt.Sscanf(lines[len(lines)-1], "unharmed %d", &unharmed[i]); err != nil {
				t.Errorf("the last line is %q", lines[len(lines)-1])
			}
		})
	}
	wg.Wait()
	sum := 0
	for _, n := range unharmed {
		sum += n
	}
	t.Logf("of %d changes, %d were not noticed here: in values, slack and free pages", total, sum)
	if sum == 0 || sum == total {
		t.Errorf("%d of %d changes went unnoticed: the test tests nothing", sum, total)
	}
	prooftest.Cases(t, total, "random changes")
}

// TestCycles: pages that refer to each other in a circle, or to one page twice,
// end a search, a range and a check. The pages are right in every other way.
func TestCycles(t *testing.T) {
	t.Parallel()
	path := inMemory(t)
	layered(t, path)
	image, err := os.ReadFile(path)
	do(t, err)
	cycles := 0
	for page := 2; page < len(image)/4096; page++ {
		p := image[page*4096:]
		if binary.NativeEndian.Uint16(p[8:]) != 1 || int(binary.NativeEndian.Uint64(p)) != page {
			continue // not a branch
		}
		for i := range int(binary.NativeEndian.Uint16(p[10:])) {
			for _, to := range []int{page - 1, page, page + 1, 2, 3} {
				bad := append([]byte(nil), image...)
				binary.NativeEndian.PutUint64(bad[page*4096+16+16*i+8:], uint64(to))
				do(t, os.WriteFile(path, bad, 0o600))
				if err := useAll(path); err != nil && !errors.Is(err, store.ErrDamaged) {
					t.Errorf("page %d, child %d is page %d: %v", page, i, to, err)
				}
				cycles++
			}
		}
	}
	if cycles < 50 {
		t.Errorf("only %d references were changed: the test tests little", cycles)
	}
	prooftest.Cases(t, cycles, "wrong references between pages")
}

// FuzzOpenBolt uses any bytes as a vault.
func FuzzOpenBolt(f *testing.F) {
	path := place(f)
	b := create(f, path, brief, func(tx store.Tx) error { return tx.Put([]byte("k"), []byte("v")) })
	seed := func() {
		image, err := os.ReadFile(path)
		do(f, err)
		f.Add(image[:min(len(image), 8*4096)])
	}
	seed()
	do(f, b.Update(f.Context(), benchFill(40)))
	seed()
	do(f, b.Update(f.Context(), func(tx store.Tx) error {
		do(f, tx.Scrub())
		return tx.Delete(benchKey(7))
	}))
	seed()
	f.Add([]byte{})
	f.Add(make([]byte, 16<<10))
	f.Fuzz(func(t *testing.T, image []byte) {
		path := inMemory(t)
		do(t, os.WriteFile(path, image, 0o600))
		if err := useAll(path); err != nil && !errors.Is(err, store.ErrDamaged) {
			t.Fatal(err)
		}
	})
}

// TestFilesOfHoles: a file may claim any size, and cost whoever made it nothing.
// To go through it, or to make room for what it claims, would cost us hours and
// all memory.
func TestFilesOfHoles(t *testing.T) {
	path := inMemory(t)
	layered(t, path)
	image, err := os.ReadFile(path)
	do(t, err)
	ne := binary.NativeEndian
	// claims makes a file of that size, whose list of free pages begins behind all
	// that is there, goes on to the end and has so many entries.
	claims := func(size int64, entries uint64) {
		bad := append([]byte(nil), image...)
		list, high := uint64(len(bad)/4096), uint64(size/4096)
		for _, meta := range [][]byte{bad[16:80], bad[4096+16 : 4096+80]} {
			ne.PutUint64(meta[32:], list)
			ne.PutUint64(meta[40:], high)
			sum := fnv.New64a()
			sum.Write(meta[:56])
			ne.PutUint64(meta[56:], sum.Sum64())
		}
		page := make([]byte, 4096)
		ne.PutUint64(page, list)
		ne.PutUint16(page[8:], 0x10)
		ne.PutUint16(page[10:], 0xFFFF)
		ne.PutUint32(page[12:], uint32(high-list-1))
		ne.PutUint64(page[16:], entries)
		do(t, os.WriteFile(path, append(bad, page...), 0o600))
		do(t, os.Truncate(path, size))
	}
	const most = math.MaxInt32 / 4096 * 4096
	for what, write := range map[string]func(){
		"a hole of 8 TiB":          func() { do(t, os.WriteFile(path, image, 0o600)); do(t, os.Truncate(path, 8<<40)) },
		"8 TiB of free pages":      func() { claims(8<<40, 1<<40) },
		"2 GiB of free pages":      func() { claims(most, uint64(most-len(image))/8-3) },
		"more entries than pages":  func() { claims(most, math.MaxUint64) },
		"more entries than a list": func() { claims(int64(len(image))+8192, 2000) },
	} {
		write()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := useAll(path)
		if !errors.Is(err, store.ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
		runtime.ReadMemStats(&after)
		if spent := (after.TotalAlloc - before.TotalAlloc) >> 20; spent > 256 {
			t.Errorf("%s: %d MiB were allocated", what, spent)
		}
	}
}

package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"tacenda/internal/prooftest"
	"tacenda/internal/trap"
	"tacenda/store"
)

// TestPowerLoss takes the power away at every moment: what a process does to its
// files is recorded, and images of the disk are made from what had been flushed and
// some of what had not. In each of them the vault must be whole, hold the last change
// that was acknowledged or the one after it, and get rid of what a scrub was to remove.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	images := 3 // at each moment
	if s := os.Getenv("STORE_TEST_IMAGES"); s != "" {
		var err error
		if images, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	path := place(t)
	log, err := trap.Watch(child(t, "steps", path), filepath.Dir(path))
	if errors.Is(err, trap.ErrUnavailable) {
		t.Skip(err)
	}
	do(t, err)
	d := trap.NewDisk(filepath.Dir(path))
	acked, moments, made := uint64(0), 0, 0
	for _, r := range log {
		if r.Said != "" {
			if _, err := fmt.Sscanf(r.Said, "step %d", &acked); err != nil {
				t.Fatalf("the writer said %q", r.Said)
			}
			continue
		}
		if r.Flushes() {
			moments++
			for range images {
				made++
				checkImage(t, d.Crash(), acked, moments)
			}
		}
		d.Play(r)
	}
	if acked != powerSteps || moments < 4*powerSteps {
		t.Errorf("%d steps and %d moments were recorded: the test tests nothing", acked, moments)
	}
	prooftest.Cases(t, made, "crash images")
	prooftest.Cases(t, moments, "moments")
}

// checkImage checks what a power failure left.
func checkImage(t *testing.T, image map[string][]byte, acked uint64, moment int) {
	t.Helper()
	path := inMemory(t)
	defer os.RemoveAll(filepath.Dir(path))
	for name, data := range image {
		do(t, os.WriteFile(filepath.Join(filepath.Dir(path), name), data, 0o600))
	}
	b, err := store.OpenBolt(path, store.BoltOptions{})
	if errors.Is(err, store.ErrNotFound) && acked == 0 {
		return
	}
	if err != nil {
		t.Fatalf("after step %d, moment %d: %v", acked, moment, err)
	}
	x, y := uint64(0), uint64(0)
	do(t, b.View(t.Context(), func(tx store.Tx) (err error) {
		if x, err = counter(tx, "x"); err != nil {
			return err
		}
		y, err = counter(tx, "y")
		return err
	}))
	if x != y || x != acked && x != acked+1 {
		t.Fatalf("after step %d, moment %d: x = %d, y = %d", acked, moment, x, y)
	}
	do(t, store.CheckStructure(path))
	do(t, b.Update(t.Context(), func(tx store.Tx) error { return tx.Put([]byte("another"), []byte("change")) }))
	do(t, store.CheckStructure(path))
	wantNames(t, filepath.Dir(path), "vault.db")
	for n := uint64(1); scrubs(x) && n+4 <= x; n++ { // replaced by the step four later
		wantTraces(t, path, stepValue(n), false)
	}
	if t.Failed() {
		t.Fatalf("after step %d, moment %d", acked, moment)
	}
}

package faults_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"

	"tacenda/internal/prooftest"
	"tacenda/internal/trap"
	"tacenda/internal/vault"
)

// recordSteps takes all steps in a child and returns what it did to its files.
func recordSteps(t *testing.T, w world) []trap.Record {
	t.Helper()
	cmd := child(t, "steps", append([]string{"1", fmt.Sprint(len(steps))}, w.args()...)...)
	var out bytes.Buffer
	cmd.Stdout = &out
	log, err := trap.Watch(cmd, w.dir)
	if errors.Is(err, trap.ErrUnavailable) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out.Bytes())
	}
	return log
}

// An image is a tree after a power failure.
type image struct {
	files
	acked, n int
}

// TestPowerLoss takes the power away at every moment of every kind of write. What a
// process does to its files is recorded, and images of the disk are made from what
// had been flushed and some of what had not: before each flush, and after each step.
// In each of them the vault must open, verify, and hold what was acknowledged or the
// step after it, whatever the power left of this machine's memory of it.
func TestPowerLoss(t *testing.T) {
	h := takeSteps(t)
	w := h.at(t.TempDir())
	log := recordSteps(t, w)
	moments := 0
	for _, r := range log {
		if r.Said != "" || r.Flushes() {
			moments++
		}
	}
	if moments < 4*len(steps) {
		t.Fatalf("%d moments in %d steps: the test tests nothing", moments, len(steps))
	}
	each := (*images + moments - 1) / moments
	made := make(chan image)
	var checks sync.WaitGroup
	for range runtime.NumCPU() {
		checks.Go(func() { h.checkImages(t, made) })
	}
	total, acked := 0, 0
	d := trap.NewDisk(w.dir)
	for _, r := range log {
		if r.Said == "" {
			if !r.Flushes() {
				d.Play(r)
				continue
			}
		} else if _, err := fmt.Sscanf(r.Said, "step %d", &acked); err != nil {
			t.Errorf("the writer said %q", r.Said)
		}
		for range each {
			total++
			made <- image{d.Crash(), acked, total}
		}
		if r.Said == "" {
			d.Play(r)
		}
	}
	close(made)
	checks.Wait()
	if acked != len(steps) {
		t.Errorf("only %d steps were acknowledged", acked)
	}
	prooftest.Cases(t, total, "crash images")
	prooftest.Cases(t, moments, "moments")
	prooftest.Cases(t, len(steps), "kinds of write")
}

// checkImages checks images until there are no more; after the first that is wrong
// it only takes them.
func (h history) checkImages(t *testing.T, made <-chan image) {
	dir, remove := inMemory(t)
	defer remove()
	for i := range made {
		if t.Failed() {
			continue
		}
		err := i.check(t.Context(), h, h.at(fmt.Sprintf("%s/%d", dir, i.n)))
		if err != nil {
			t.Errorf("image %d, after step %d (%s): %v", i.n, i.acked, h.name(i.acked), err)
		}
	}
}

func (i image) check(ctx context.Context, h history, w world) error {
	defer os.RemoveAll(w.dir)
	if err := i.write(w.dir); err != nil {
		return err
	}
	if err := h.wantStep(ctx, w, i.acked); err != nil {
		return err
	}
	if i.n%8 > 0 {
		return nil
	}
	if _, err := os.Stat(w.path()); err != nil {
		return nil // before the vault was there
	}
	err := w.with(ctx, func(v *vault.Vault) error { return create(ctx, v, "AFTER", "the failure") })
	if err != nil {
		return fmt.Errorf("a write after the failure: %w", err)
	}
	if _, err := w.contents(ctx); err != nil {
		return fmt.Errorf("after the next write: %w", err)
	}
	return nil
}

package faults_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"tacenda/internal/prooftest"
	"tacenda/internal/trap"
	"tacenda/internal/vault"
)

// fileCalls are the system calls by which files change.
var fileCalls = []string{
	"openat", "write", "pwrite64", "ftruncate", "fallocate", "fsync", "fdatasync",
	"renameat", "renameat2", "unlinkat", "linkat", "mkdirat",
}

// A record is the I/O of a process below a directory, in its order. Those with ack
// are what it said meanwhile.
type record struct {
	trap.Call
	data   []byte
	create bool
	ack    string
}

// recordSteps takes all steps in a child and returns what it did to its files.
func recordSteps(t *testing.T, w world) (log []record) {
	t.Helper()
	cmd := child(t, "steps", append([]string{"1", fmt.Sprint(len(steps))}, w.args()...)...)
	var out bytes.Buffer
	cmd.Stdout = &out
	err := trap.Run(cmd, fileCalls, func(c *trap.Call) syscall.Errno {
		r, ours, err := toRecord(c, w.dir)
		if err != nil {
			t.Error(err)
		}
		if ours {
			log = append(log, r)
		}
		return 0
	})
	if errors.Is(err, trap.ErrUnavailable) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out.Bytes())
	}
	return log
}

func toRecord(c *trap.Call, dir string) (r record, ours bool, err error) {
	r.Call = *c
	if c.Name == "write" && c.FD == 1 {
		data, err := c.Data()
		r.ack = string(data)
		return r, true, err
	}
	if !strings.HasPrefix(c.Path, dir+"/") && c.Path != dir && !strings.HasPrefix(c.To, dir+"/") {
		return r, false, nil
	}
	switch c.Name {
	case "openat":
		_, missing := os.Lstat(c.Path)
		r.create = missing != nil && c.Flags&syscall.O_CREAT != 0
		return r, r.create || c.Flags&syscall.O_TRUNC != 0, nil
	case "mkdirat":
		_, missing := os.Lstat(c.Path)
		return r, missing != nil, nil
	case "write", "pwrite64":
		r.data, err = c.Data()
		if err == nil && len(r.data) != c.Length {
			err = fmt.Errorf("%d of %d bytes of a write were read", len(r.data), c.Length)
		}
		return r, true, err
	case "fallocate", "linkat":
		return r, true, fmt.Errorf("a call that the model of a disk does not know: %s %s", c.Name, c.Path)
	}
	return r, true, nil
}

// play does to the disk what the process did to its files.
func (d *disk) play(r record) {
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
		if r.ack != "" || r.Name == "fsync" || r.Name == "fdatasync" {
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
	d := newDisk(w.dir)
	for _, r := range log {
		if r.ack == "" {
			if r.Name != "fsync" && r.Name != "fdatasync" {
				d.play(r)
				continue
			}
		} else if _, err := fmt.Sscanf(r.ack, "step %d", &acked); err != nil {
			t.Errorf("the writer said %q", r.ack)
		}
		for range each {
			total++
			made <- image{d.crash(w.dir), acked, total}
		}
		if r.ack == "" {
			d.play(r)
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

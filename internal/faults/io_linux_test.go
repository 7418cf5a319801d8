package faults_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"tacenda/internal/prooftest"
	"tacenda/internal/trap"
)

// A fault is what happens to a step at one of its system calls.
type fault struct {
	name  string
	errno syscall.Errno
	stays bool // for every call from there on
}

var ioFaults = []fault{
	{"an I/O error", syscall.EIO, false},
	{"no space left from there on", syscall.ENOSPC, true},
	{"I/O errors from there on", syscall.EIO, true},
}

// TestIOErrors lets each system call of each kind of write fail that would change
// a file or flush it, one in each run: the step says so, or happened all the same,
// and the vault is what it was before the step or after it.
func TestIOErrors(t *testing.T) {
	h := takeSteps(t)
	failed := h.faultSteps(t, ioFaults)
	prooftest.Cases(t, failed, "failed system calls")
}

// TestKilledAtEverySystemCall kills the process before each system call that would
// change a file or flush it.
func TestKilledAtEverySystemCall(t *testing.T) {
	h := takeSteps(t)
	prooftest.Cases(t, h.faultSteps(t, []fault{{"kill -9", trap.Kill, false}}), "kills before a system call")
}

// faultSteps does each of the faults to every system call of every step, or to
// each of some, and returns how many calls it hit.
func (h history) faultSteps(t *testing.T, faults []fault) int {
	t.Helper()
	type one struct {
		fault
		step, call int
	}
	todo := make(chan one)
	var hit atomic.Int64
	var workers sync.WaitGroup
	for range runtime.NumCPU() {
		workers.Go(func() {
			dir, remove := inMemory(t)
			defer remove()
			for x := range todo {
				if t.Failed() {
					continue
				}
				if err := h.faultStep(t, dir, x.step, x.call, x.fault); err != nil {
					t.Errorf("step %d (%s), %s at call %d: %v", x.step, h.name(x.step), x.name, x.call, err)
				}
				hit.Add(1)
			}
		})
	}
	at := 0
	for n := 1; n <= len(steps); n++ {
		calls := h.countCalls(t, n)
		for _, f := range faults {
			for k := range calls {
				if at++; at%*every == 0 {
					todo <- one{f, n, k}
				}
			}
		}
	}
	close(todo)
	workers.Wait()
	return int(hit.Load())
}

// countCalls takes a step without a fault and counts its calls.
func (h history) countCalls(t *testing.T, n int) (calls int) {
	t.Helper()
	dir, remove := inMemory(t)
	defer remove()
	out, err := h.run(t, dir, n, func(c *trap.Call) syscall.Errno {
		if c.Changes(dir) {
			calls++
		}
		return 0
	})
	if errors.Is(err, trap.ErrUnavailable) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatalf("%s: %v: %s", h.name(n), err, out)
	}
	return calls
}

// run takes step n in a child, in dir, which gets the files of before.
func (h history) run(t *testing.T, dir string, n int, handle func(*trap.Call) syscall.Errno) (string, error) {
	t.Helper()
	if err := h.files[n-1].write(dir); err != nil {
		return "", err
	}
	cmd := child(t, "steps", append([]string{fmt.Sprint(n), fmt.Sprint(n)}, h.at(dir).args()...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := trap.Run(cmd, trap.FileCalls(), handle)
	return out.String() + errs.String(), err
}

func (h history) faultStep(t *testing.T, dir string, n, at int, f fault) error {
	dir += fmt.Sprintf("/%d-%d-%d", n, at, f.errno)
	defer os.RemoveAll(dir)
	calls := 0
	out, err := h.run(t, dir, n, func(c *trap.Call) syscall.Errno {
		if !c.Changes(dir) {
			return 0
		}
		calls++
		if calls-1 == at || f.stays && calls-1 > at {
			return f.errno
		}
		return 0
	})
	acked := n - 1
	var exit *exec.ExitError
	switch {
	case err == nil && out == fmt.Sprintf("step %d\n", n):
		acked = n
	case f.errno == trap.Kill && errors.As(err, &exit) && exit.ExitCode() == -1 && out == "":
	case errors.As(err, &exit) && exit.ExitCode() == 1 && strings.HasPrefix(out, "error: ") && strings.Count(out, "\n") == 1:
	default:
		return fmt.Errorf("it ended with %v and %q", err, out)
	}
	return h.wantStep(t.Context(), h.at(dir), acked)
}

package faults_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"tacenda/internal/prooftest"
)

// TestKill kills processes with SIGKILL at random moments while they write to a
// vault in every way there is: it is what was acknowledged, or the step after it.
func TestKill(t *testing.T) {
	h := takeSteps(t)
	todo := make(chan int)
	var workers sync.WaitGroup
	reached := make([]bool, len(steps)+1)
	var lock sync.Mutex
	for range runtime.NumCPU() {
		workers.Go(func() {
			for i := range todo {
				if t.Failed() {
					continue
				}
				acked, err := h.kill(t, i)
				if err != nil {
					t.Errorf("kill %d, after step %d (%s): %v", i, acked, h.name(acked), err)
				}
				lock.Lock()
				reached[acked] = true
				lock.Unlock()
			}
		})
	}
	for i := range *kills {
		todo <- i
	}
	close(todo)
	workers.Wait()
	if *kills >= 1000 {
		for n, was := range reached[:len(steps)] {
			if !was {
				t.Errorf("nothing was killed after step %d (%s)", n, h.name(n))
			}
		}
	}
	prooftest.Cases(t, *kills, "kills")
}

// kill lets a child take the steps from some step on, and kills it within a few.
func (h history) kill(t *testing.T, i int) (acked int, err error) {
	random := rand.New(rand.NewPCG(7, uint64(i)))
	before := i % len(steps)
	dir := t.TempDir()
	if err := h.files[before].write(dir); err != nil {
		return 0, err
	}
	cmd := child(t, "steps", append([]string{fmt.Sprint(before + 1), fmt.Sprint(len(steps))}, h.at(dir).args()...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	timer := time.AfterFunc(time.Duration(random.IntN(60_000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
	err = cmd.Wait()
	timer.Stop()
	if err != nil && cmd.ProcessState.ExitCode() != -1 {
		return 0, fmt.Errorf("it ended by itself: %w: %s%s", err, out.Bytes(), errs.Bytes())
	}
	acked = before + strings.Count(out.String(), "\n")
	err = h.wantStep(t.Context(), h.at(dir), acked)
	return acked, errors.Join(err, os.RemoveAll(dir))
}

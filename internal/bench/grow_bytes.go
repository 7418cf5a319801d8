package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// measureBytes pipes templates of growing length through cat, resolve and
// redact. The input is made while it is read and the output thrown away:
// neither is a file.
func measureBytes(ctx context.Context, b *bench, g group) error {
	load := loadAverage()
	tacenda, err := b.withIdentity(ctx, "age.db", secrets)
	if err != nil {
		return err
	}
	const xs = "length of the stream"
	took := newCurve("stream", "A stream through a pipe", xs, "resolve -", "redact", "cat")
	memory := newCurve("stream-memory", "Memory of a stream", xs, "resolve -", "redact", "cat")
	memory.unit = memoryUnit()
	sizes := []int64{1 << 10, 32 << 10, 1 << 20, 32 << 20, 1 << 30}
	if b.options.long {
		sizes = append(sizes, 10<<30)
	}
	lines := [][]string{append(strings.Fields(tacenda), "resolve", "-"), append(strings.Fields(tacenda), "redact"), {"cat"}}
	block := templateBlock()
	for _, size := range sizes {
		rounds := g.rounds
		switch {
		case size >= 10<<30:
			rounds = 1
		case size >= 1<<30:
			rounds = min(rounds, 3)
		case size <= 1<<20:
			rounds *= 4
		}
		for range rounds {
			for i, argv := range lines {
				s, rss, err := b.pipeOnce(ctx, argv, block, size)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", took.lines[i], axisBytes(float64(size)), err)
				}
				took.add(i, float64(size), s.Seconds())
				memory.add(i, float64(size), rss)
			}
		}
	}
	return b.publishCurves(g, load, []*curve{took, memory}, axisBytes)
}

// templateBlock is a MiB of a template with a placeholder in each kilobyte.
func templateBlock() []byte {
	var block bytes.Buffer
	for i := range 1 << 10 {
		block.Write(kilobyte("{{%s}}", i))
	}
	return block.Bytes()
}

// pipeOnce runs one process with size bytes on its standard input, and returns
// how long it took and its peak memory in MiB.
func (b *bench) pipeOnce(ctx context.Context, argv []string, block []byte, size int64) (time.Duration, float64, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = b.env
	var errs strings.Builder
	cmd.Stderr = &errs
	in, err := cmd.StdinPipe()
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	most := watchPeak(cmd.Process.Pid)
	for left := size; left > 0 && err == nil; left -= int64(len(block)) {
		_, err = in.Write(block[:min(left, int64(len(block)))])
	}
	most.look()
	closed := in.Close()
	if waited := cmd.Wait(); waited != nil {
		most.end()
		return 0, 0, fmt.Errorf("%w: %s", waited, strings.TrimSpace(errs.String()))
	}
	took := time.Since(start)
	if err == nil {
		err = closed
	}
	return took, most.end(), err
}

// A peakWatch asks every few milliseconds for the peak memory of a process. What
// the system says of one that has ended counts the memory of whoever started it.
type peakWatch struct {
	pid        int
	most       int64
	stop, done chan struct{}
	mu         sync.Mutex
}

func watchPeak(pid int) *peakWatch {
	w := &peakWatch{pid: pid, stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for {
			select {
			case <-w.stop:
				return
			case <-time.After(5 * time.Millisecond):
				w.look()
			}
		}
	}()
	return w
}

// look asks now.
func (w *peakWatch) look() {
	n, err := peak(w.pid)
	if err != nil {
		return // it has ended, or the system does not say
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.most = max(w.most, n)
}

// end stops asking and returns the peak in MiB; zero where nobody said.
func (w *peakWatch) end() float64 {
	close(w.stop)
	<-w.done
	return float64(w.most) / (1 << 20)
}

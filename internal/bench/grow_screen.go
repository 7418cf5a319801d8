package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/creack/pty"
)

// measureScreen runs the interface on a pseudo-terminal: how long until there
// is a frame and until there are rows, what a key in the filter costs, and how
// much memory it took.
func measureScreen(ctx context.Context, b *bench, g group) error {
	load := loadAverage()
	frame := newCurve("first-frame", "From exec to the screen", perSecrets, "rows are there", "first frame")
	filter := newCurve("filter", "A key in the filter", perSecrets, "processor time", "until the frame")
	memory := newCurve("screen-memory", "Memory of the interface", perSecrets, "peak, after filtering")
	memory.unit = memoryUnit()
	for _, n := range secretSizes() {
		x25519, _, err := b.identities()
		if err != nil {
			return err
		}
		file := fmt.Sprintf("screen%d.db", n)
		if n == 100_000 {
			file = "large.db" // as in the group cold
		}
		vault, err := b.vault(ctx, file, x25519, n)
		if err != nil {
			return err
		}
		for range g.rounds {
			if err := b.screenOnce(ctx, vault, float64(n), frame, filter, memory); err != nil {
				return fmt.Errorf("%d secrets: %w", n, err)
			}
		}
	}
	return b.publishCurves(g, load, []*curve{frame, filter, memory}, axisCount)
}

// rowText is drawn with the rows and not before them; longer names are cut.
const rowText = "SERVICE_"

// filterKeys is how many keys are pressed in the filter, of which each second
// one takes the first back.
const filterKeys = 20

// screenOnce runs the interface once.
func (b *bench) screenOnce(ctx context.Context, vault string, size float64, frame, filter, memory *curve) (err error) {
	cmd := exec.CommandContext(ctx, b.tacenda, "--vault", vault, "--identity", b.path("identity"))
	cmd.Env = b.env
	start := time.Now()
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		return err
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // where it is gone already
		_ = cmd.Wait()                          // it says that it was ended
		_ = terminal.Close()
	}()
	shown := newScreen(terminal)
	if err := shown.until("\x1b[?1049h"); err != nil { // the alternate screen, with which a frame begins
		return err
	}
	frame.add(1, size, time.Since(start).Seconds())
	if err := shown.until(rowText); err != nil {
		return err
	}
	frame.add(0, size, time.Since(start).Seconds())
	pid := cmd.Process.Pid
	if _, err := shown.press("/"); err != nil {
		return err
	}
	if err := shown.quiet(); err != nil {
		return err
	}
	before, err := onCPU(pid)
	if err != nil {
		return err
	}
	begin := time.Now()
	for i := range filterKeys {
		key := "9"
		if i%2 == 1 {
			key = "\x7f"
		}
		took, err := shown.press(key)
		if err != nil {
			return fmt.Errorf("pressing %q in the filter: %w", key, err)
		}
		filter.add(1, size, took.Seconds())
	}
	busy, err := onCPU(pid)
	if err != nil {
		return err
	}
	idle, err := idleShare(pid)
	if err != nil {
		return err
	}
	used := busy - before - time.Duration(idle*float64(time.Since(begin)))
	filter.add(0, size, max(used.Seconds()/filterKeys, 1e-6))
	most, err := peak(pid)
	memory.add(0, size, float64(most)/(1<<20))
	return err
}

// idleShare is what the process uses of a processor when nobody presses a key.
func idleShare(pid int) (float64, error) {
	before, err := onCPU(pid)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	time.Sleep(time.Second)
	after, err := onCPU(pid)
	return float64(after-before) / float64(time.Since(start)), err
}

// onCPU is the processor time of all threads of a process, as Linux counts it.
func onCPU(pid int) (time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(files) == 0 {
		return 0, errors.Join(err, errors.New("the system does not count processor time by thread"))
	}
	var total time.Duration
	for _, file := range files {
		data, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		first, _, _ := strings.Cut(string(data), " ")
		ns, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, err
		}
		total += time.Duration(ns)
	}
	return total, nil
}

// A screen is what a program draws on a terminal.
type screen struct {
	f    *os.File
	came chan []byte // closed with the terminal
	left string      // drawn after what was waited for
}

// newScreen reads a terminal until it is gone.
func newScreen(f *os.File) *screen {
	s := &screen{f: f, came: make(chan []byte, 1024)}
	go func() {
		defer close(s.came)
		for {
			buf := make([]byte, 32<<10)
			n, err := f.Read(buf)
			if err != nil {
				return
			}
			s.came <- buf[:n]
		}
	}()
	return s
}

// patience is how long something may take to be drawn.
const patience = 60 * time.Second

// more waits for something to be drawn.
func (s *screen) more(wait time.Duration) ([]byte, error) {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case text, open := <-s.came:
		if !open {
			return nil, errors.New("the interface ended")
		}
		return text, nil
	case <-t.C:
		return nil, os.ErrDeadlineExceeded
	}
}

// until reads until text was drawn. One chunk may hold more than what is waited
// for: a first frame with its rows.
func (s *screen) until(text string) error {
	seen := s.left
	for {
		if _, after, found := strings.Cut(seen, text); found {
			s.left = after
			return nil
		}
		came, err := s.more(patience)
		if err != nil {
			return fmt.Errorf("waiting for %q on the screen: %w", text, err)
		}
		seen += string(came)
	}
}

// press sends a key when all is quiet and waits for what it draws.
func (s *screen) press(key string) (time.Duration, error) {
	if err := s.quiet(); err != nil {
		return 0, err
	}
	start := time.Now()
	if _, err := io.WriteString(s.f, key); err != nil {
		return 0, err
	}
	_, err := s.more(patience)
	return time.Since(start), err
}

// quiet reads until nothing has come for three ticks of the renderer.
func (s *screen) quiet() error {
	for {
		if _, err := s.more(50 * time.Millisecond); errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

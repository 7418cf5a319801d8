package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tacenda/internal/memscan"
	"tacenda/store"
)

// settle waits until a process sleeps in the kernel, as it does when it waits
// for a pipe or a lock.
func settle(t *testing.T, pid int) {
	t.Helper()
	time.Sleep(400 * time.Millisecond) // a pace, not a verdict: the scan that follows is of a sleeping process or of none
	if err := syscall.Kill(pid, 0); err != nil {
		t.Fatalf("the program is gone: %v", err)
	}
}

func scan(t *testing.T, pid int, value []byte) memscan.Report {
	t.Helper()
	r, err := memscan.Scan(pid, value)
	if err != nil {
		if errors.Is(err, os.ErrPermission) {
			t.Skip("searching another process's memory takes root")
		}
		t.Fatal(err)
	}
	if r.Scanned == 0 {
		t.Fatal("nothing was scanned")
	}
	return r
}

// fullPipe is a pipe whose writer will wait: what it says last, it says to nobody.
func fullPipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	raw, err := w.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 4096)
	err = raw.Write(func(fd uintptr) bool { // not blocking here
		for {
			if _, err := syscall.Write(int(fd), block); err != nil {
				return true
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return r, w
}

// unguarded are the copies outside of memory that is locked: the kernel flags
// such a mapping with lo.
func unguarded(t *testing.T, pid int, r memscan.Report) []memscan.Hit {
	t.Helper()
	smaps, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps", pid))
	if err != nil {
		t.Fatal(err)
	}
	locked := lockedIn(string(smaps))
	return slices.DeleteFunc(slices.Concat(r.Copies, r.Windows), func(h memscan.Hit) bool {
		return slices.ContainsFunc(locked, func(m mapping) bool { return m.from <= h.Address && h.Address < m.to })
	})
}

type mapping struct{ from, to uint64 }

// lockedIn lists the locked mappings of a process's smaps.
func lockedIn(smaps string) (locked []mapping) {
	var current mapping
	for line := range strings.Lines(smaps) {
		var next mapping // for "AnonHugePages:" begins with a number too
		if n, _ := fmt.Sscanf(line, "%x-%x ", &next.from, &next.to); n == 2 {
			current = next
			continue
		}
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && slices.Contains(strings.Fields(flags), "lo") {
			locked = append(locked, current)
		}
	}
	return locked
}

// TestLockedIn: what is taken for locked memory would hide every copy in it.
func TestLockedIn(t *testing.T) {
	const smaps = `1de467800000-1de469000000 rw-p 00000000 00:00 0
Size:              24576 kB
AnonHugePages:      2048 kB
VmFlags: rd wr mr mw me ac
7fd24c14b000-7fd24c14f000 rw-p 00000000 00:00 0
Size:                 16 kB
AnonHugePages:         0 kB
FilePmdMapped:         0 kB
VmFlags: rd wr mr mw me lo ac dd
`
	if got := lockedIn(smaps); !slices.Equal(got, []mapping{{0x7fd24c14b000, 0x7fd24c14f000}}) {
		t.Errorf("locked: %x", got)
	}
}

// TestMemoryAfterCreate stops the program when its work is done and it wants to
// say so: nothing of the value may be left.
func TestMemoryAfterCreate(t *testing.T) {
	cleanAfterCreate(t, newHome(t), needle(t))
}

// cleanAfterCreate stores a value by a create that cannot say so: it stops with
// its work done, and is searched then.
func cleanAfterCreate(t *testing.T, h *home, value []byte) {
	t.Helper()
	r, w := fullPipe(t)
	cmd := h.command("create", "API_KEY", "--value-file", "-")
	cmd.Stdin, cmd.Stderr, cmd.Stdout = bytes.NewReader(value), w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the secret to be stored", func() bool {
		out, err := h.try("", "list", "--names")
		return err == nil && strings.Contains(out, "API_KEY")
	})
	settle(t, cmd.Process.Pid)
	report := scan(t, cmd.Process.Pid, value)
	w.Close()
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if !report.Clean() {
		t.Errorf("after create: %v", report)
	}
}

// TestMemoryWhileCreateWaits finds the value where it must be, in guarded
// memory, and nowhere else.
func TestMemoryWhileCreateWaits(t *testing.T) {
	h, value := newHome(t), needle(t)
	e, err := store.OpenBolt(h.vault, store.BoltOptions{})
	if err != nil {
		t.Fatal(err)
	}
	cmd := h.command("create", "API_KEY", "--value-file", "-", "--lock-timeout", "60s")
	cmd.Stdin = bytes.NewReader(value)
	var report memscan.Report
	var outside []memscan.Hit
	err = e.Update(t.Context(), func(store.Tx) error {
		if err := cmd.Start(); err != nil {
			return err
		}
		settle(t, cmd.Process.Pid)
		report = scan(t, cmd.Process.Pid, value)
		outside = unguarded(t, cmd.Process.Pid, report)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if len(outside) > 0 {
		t.Errorf("while create waits, outside guarded memory: %v\n%v", outside, report)
	}
	if got := h.run("{{API_KEY}}", "resolve", "-"); got != string(value) {
		t.Error("the value did not survive the wait")
	}
}

// TestMemoryAfterResolve stops the program behind the value, in a long template.
func TestMemoryAfterResolve(t *testing.T) {
	h, value := newHome(t), needle(t)
	h.run(string(value), "create", "API_KEY", "--value-file", "-")
	template := h.file("long.tmpl", "key = {{API_KEY}}\n"+strings.Repeat("a line without a placeholder\n", 1<<16))
	cmd := h.command("resolve", template)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// Half a megabyte is more than the program and the pipe hold.
	head := make([]byte, 512<<10)
	if _, err := io.ReadFull(out, head); err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	if !bytes.Contains(head[:200], value) {
		t.Fatal("the value did not come out")
	}
	settle(t, cmd.Process.Pid)
	report := scan(t, cmd.Process.Pid, value)
	outside := unguarded(t, cmd.Process.Pid, report)
	if _, err := io.Copy(io.Discard, out); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	// A short value is kept at hand, guarded, for the next place that names it.
	if len(report.Copies) > 1 || len(outside) > 0 {
		t.Errorf("behind the value, %d outside guarded memory: %v", len(outside), report)
	}
}

// waitFor asks until it is so; the test's own deadline ends it otherwise.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 600 {
		if ok() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("waited in vain for %s", what)
}

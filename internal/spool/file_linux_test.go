package spool

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"testing/iotest"
)

// TestRemovedFile is the way taken on file systems that have no unnamed files.
func TestRemovedFile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	f, err := removedFile()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	empty(t, dir)
	if _, err := f.WriteString("text"); err != nil {
		t.Error(err)
	}
}

// TestNothingOpen counts files: an error must not leave the temporary one open.
func TestNothingOpen(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	open := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before := open()
	s, err := New(io.MultiReader(io.LimitReader(zeros{}, maxMemory+chunkSize), iotest.ErrReader(io.ErrClosedPipe)))
	if s != nil || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%v", err)
	}
	if n := open(); n != before {
		t.Errorf("%d files are open, before it were %d", n, before)
	}
}

// TestFull has a file system without room for the input, simulated by the limit on file sizes, in a child of its own.
func TestFull(t *testing.T) {
	if os.Getenv("SPOOL_CHILD") != "" {
		_, err := New(io.LimitReader(zeros{}, maxMemory+chunkSize))
		if !errors.Is(err, syscall.EFBIG) {
			t.Errorf("%v", err)
		}
		return
	}
	dir := t.TempDir()
	// ulimit -f counts units of 512 bytes: half of what the child spools.
	cmd := exec.Command("sh", "-c", `ulimit -f 8192 && exec "$0" -test.run='^TestFull$' -test.count=1`, os.Args[0])
	cmd.Env = append(os.Environ(), "SPOOL_CHILD=1", "TMPDIR="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("PASS")) {
		t.Errorf("%v: %s", err, out)
	}
	empty(t, dir)
}

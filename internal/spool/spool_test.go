package spool

import (
	"bytes"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// text is n bytes that differ from place to place.
func text(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i % 251)
	}
	return p
}

func spool(t testing.TB, r io.Reader) *Spool {
	t.Helper()
	s, err := New(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestSizes(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for _, c := range []struct {
		size   int
		inFile bool
	}{
		{0, false},
		{1, false},
		{chunkSize - 1, false},
		{chunkSize, false},
		{chunkSize + 1, false},
		{maxMemory - 1, false},
		{maxMemory, false},
		{maxMemory + 1, true},
		{maxMemory + 3*chunkSize + 5, true},
	} {
		want := text(c.size)
		for name, r := range map[string]io.Reader{
			"whole":  bytes.NewReader(want),
			"pieces": iotest.HalfReader(bytes.NewReader(want)),
			"end":    iotest.DataErrReader(bytes.NewReader(want)),
		} {
			s := spool(t, r)
			if (s.file != nil) != c.inFile || s.size != int64(c.size) {
				t.Errorf("%d bytes, %s: in a file: %v, size %d", c.size, name, s.file != nil, s.size)
			}
			if s.file != nil && s.chunks != nil {
				t.Errorf("%d bytes, %s: in memory as well", c.size, name)
			}
			for range 2 {
				got, err := io.ReadAll(s)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bytes, %s: %d bytes came back, %v", c.size, name, len(got), err)
				}
				if _, err := s.Seek(0, io.SeekStart); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestLikeReader compares a spool in memory with bytes.Reader under random reads and seeks.
func TestLikeReader(t *testing.T) {
	want := text(2*chunkSize + 100)
	s := spool(t, bytes.NewReader(want))
	rapid.Check(t, func(t *rapid.T) {
		model := bytes.NewReader(want)
		if _, err := s.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "seek") {
				offset := rapid.Int64Range(-50, 2*chunkSize+200).Draw(t, "offset")
				whence := rapid.SampledFrom([]int{io.SeekStart, io.SeekCurrent, io.SeekEnd}).Draw(t, "whence")
				at, err := s.Seek(offset, whence)
				mat, merr := model.Seek(offset, whence)
				if at != mat || (err != nil) != (merr != nil) {
					t.Fatalf("seek %d, %d: %d, %v; want %d, %v", offset, whence, at, err, mat, merr)
				}
				continue
			}
			p := make([]byte, rapid.IntRange(1, 2*chunkSize).Draw(t, "read"))
			m := make([]byte, len(p))
			n, err := s.Read(p)
			mn, merr := model.Read(m)
			if n != mn || err != merr || !bytes.Equal(p[:n], m[:mn]) {
				t.Fatalf("read %d, %v; want %d, %v", n, err, mn, merr)
			}
		}
	})
}

// TestNoName looks for the temporary file while it is in use. No file is left behind even by a crash.
func TestNoName(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	if runtime.GOOS == "windows" {
		t.Skip("an open file keeps its name there until it is closed")
	}
	s := spool(t, bytes.NewReader(text(maxMemory+1)))
	if s.file == nil {
		t.Fatal("not in a file")
	}
	empty(t, dir)
	if info, err := s.file.Stat(); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func empty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	for _, size := range []int{10, maxMemory, maxMemory + chunkSize} {
		r := io.MultiReader(bytes.NewReader(text(size)), iotest.ErrReader(io.ErrClosedPipe))
		if s, err := New(r); s != nil || !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%d bytes, then an error: %v", size, err)
		}
	}
	empty(t, dir)
	t.Setenv("TMPDIR", dir+"/missing")
	if s, err := New(bytes.NewReader(text(maxMemory + 1))); s != nil || !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), "spooling a long input: ") {
		t.Errorf("no directory for temporary files: %v", err)
	}
	if s, err := New(strings.NewReader("short")); err != nil {
		t.Errorf("a short input needs no directory: %v", err)
	} else if _, err := s.Seek(-1, io.SeekStart); err == nil {
		t.Error("sought before the start")
	}
}

// TestMemory holds a long input to fixed memory.
func TestMemory(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s := spool(t, io.LimitReader(zeros{}, 5*maxMemory))
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > maxMemory+2*chunkSize {
		t.Errorf("%d bytes were allocated for %d", used, s.size)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

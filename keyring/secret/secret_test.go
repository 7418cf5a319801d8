package secret

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"
)

// content copies b out, which only a test may do.
func content(t testing.TB, b *Bytes) string {
	t.Helper()
	var s string
	if err := b.Use(func(p []byte) error { s = string(p); return nil }); err != nil {
		t.Fatal(err)
	}
	return s
}

func fill(t testing.TB, s string) *Bytes {
	t.Helper()
	b, err := Move([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNewIsZeroed(t *testing.T) {
	for _, n := range []int{0, 1, 31, 32, 64, 65, smallMax - 1, smallMax, smallMax + 1, slabSize, 1 << 20} {
		// Twice: the second is likely to get the memory of the first.
		for range 2 {
			b, err := New(n)
			if err != nil {
				t.Fatalf("New(%d): %v", n, err)
			}
			if b.Len() != n {
				t.Errorf("New(%d).Len() = %d", n, b.Len())
			}
			err = b.Use(func(p []byte) error {
				if len(p) != n || cap(p) != n {
					t.Errorf("New(%d): length %d, capacity %d", n, len(p), cap(p))
				}
				if !bytes.Equal(p, make([]byte, n)) {
					t.Errorf("New(%d) is not zeroed", n)
				}
				for i := range p {
					p[i] = 0xff
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			b.Destroy()
		}
	}
	if b, err := New(-1); err == nil {
		b.Destroy()
		t.Error("New(-1) worked")
	}
}

func TestRandom(t *testing.T) {
	a, err := Random(32)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Destroy()
	b, err := Random(32)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Destroy()
	if a.Len() != 32 || b.Len() != 32 || a.Equal(b) {
		t.Error("two random keys are equal or too short")
	}
	if _, err := Random(-1); err == nil {
		t.Error("Random(-1) worked")
	}
}

func TestMoveWipesItsSource(t *testing.T) {
	src := []byte("correct horse battery staple")
	b, err := Move(src)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Destroy()
	if got := content(t, b); got != "correct horse battery staple" {
		t.Errorf("got %q", got)
	}
	if !bytes.Equal(src, make([]byte, len(src))) {
		t.Errorf("source still holds %q", src)
	}
}

func TestShrinkWipesTheTail(t *testing.T) {
	b := fill(t, "keepdrop")
	defer b.Destroy()
	var tail []byte
	_ = b.Use(func(p []byte) error { tail = p[4:]; return nil }) // outlives Use, to look behind the scenes
	b.Shrink(4)
	if got := content(t, b); got != "keep" || b.Len() != 4 {
		t.Errorf("got %q, length %d", got, b.Len())
	}
	if string(tail) != "\x00\x00\x00\x00" {
		t.Errorf("tail holds %q", tail)
	}
	defer func() {
		if recover() == nil {
			t.Error("growing by Shrink did not panic")
		}
	}()
	b.Shrink(5)
}

func TestEqual(t *testing.T) {
	a, b, c := fill(t, "same"), fill(t, "same"), fill(t, "other")
	d := fill(t, "same")
	d.Destroy()
	var none *Bytes
	for _, tt := range []struct {
		name string
		x, y *Bytes
		want bool
	}{
		{"itself", a, a, true},
		{"same", a, b, true},
		{"different", a, c, false},
		{"destroyed", a, d, false},
		{"both destroyed", d, d, false},
		{"nil", a, none, false},
		{"both nil", none, none, false},
	} {
		if got := tt.x.Equal(tt.y); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	for _, x := range []*Bytes{a, b, c} {
		x.Destroy()
	}
}

func TestDestroyed(t *testing.T) {
	gone := fill(t, "x")
	gone.Destroy()
	gone.Destroy()
	for name, b := range map[string]*Bytes{"destroyed": gone, "nil": nil, "zero": {}} {
		err := b.Use(func([]byte) error { t.Errorf("%s: function was called", name); return nil })
		if !errors.Is(err, ErrDestroyed) {
			t.Errorf("%s: Use: %v", name, err)
		}
		if b.Len() != 0 {
			t.Errorf("%s: length %d", name, b.Len())
		}
		b.Shrink(7)
		b.Destroy()
	}
}

func TestUsePassesErrorsAndPanicsOn(t *testing.T) {
	b := fill(t, "x")
	boom := errors.New("boom")
	if err := b.Use(func([]byte) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = b.Use(func([]byte) error { panic("boom") })
	}()
	b.Destroy() // would wait for ever if the panic had left a use behind
}

// What passes through is whole, and nothing of it stays in the buffer.
func TestRelay(t *testing.T) {
	b, err := New(8)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Destroy()
	var out strings.Builder
	if err := b.Relay(&out, iotest.OneByteReader(strings.NewReader("a value and more"))); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if err := b.Relay(&out, iotest.ErrReader(io.ErrUnexpectedEOF)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	if err := b.Relay(fullWriter{}, strings.NewReader("a value")); !errors.Is(err, io.ErrShortWrite) {
		t.Fatal(err)
	}
	if out.String() != "a value and more" {
		t.Errorf("%q", out.String())
	}
	_ = b.Use(func(p []byte) error {
		if !bytes.Equal(p, make([]byte, 8)) {
			t.Errorf("left behind: %q", p)
		}
		return nil
	})
}

type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestReadAll(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 1<<16) // 1 MiB
	broken := errors.New("broken pipe")
	for _, tt := range []struct {
		name  string
		r     io.Reader
		limit int
		want  string
		err   error
	}{
		{"empty", strings.NewReader(""), 10, "", nil},
		{"limit of nothing", strings.NewReader(""), 0, "", nil},
		{"over a limit of nothing", strings.NewReader("a"), 0, "", ErrTooLarge},
		{"short", strings.NewReader("hello"), 10, "hello", nil},
		{"exactly the limit", strings.NewReader("hello"), 5, "hello", nil},
		{"one over", strings.NewReader("hello"), 4, "", ErrTooLarge},
		{"a megabyte", strings.NewReader(long), 1 << 20, long, nil},
		{"one over a megabyte", strings.NewReader(long + "x"), 1 << 20, "", ErrTooLarge},
		{"no end", zeros{}, 1 << 16, "", ErrTooLarge},
		{"byte by byte", iotest.OneByteReader(strings.NewReader(long[:5000])), 5000, long[:5000], nil},
		{"data with the end", iotest.DataErrReader(strings.NewReader(long[:1024])), 1024, long[:1024], nil},
		{"failing at once", iotest.ErrReader(broken), 10, "", broken},
		{"failing later", io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken)), 10, "", broken},
		{"failing behind the limit", iotest.DataErrReader(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken))), 2, "", ErrTooLarge},
		{"stuck", stuck{}, 10, "", io.ErrNoProgress},
	} {
		before := len(mem.living())
		b, err := ReadAll(tt.r, tt.limit)
		if !errors.Is(err, tt.err) {
			t.Errorf("%s: error %v, want %v", tt.name, err, tt.err)
		}
		if err == nil {
			if got := content(t, b); got != tt.want {
				t.Errorf("%s: got %d bytes, want %d", tt.name, len(got), len(tt.want))
			}
			b.Destroy()
		}
		if after := len(mem.living()); after != before {
			t.Errorf("%s: %d left behind", tt.name, after-before)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

func TestReadAllFromDescriptors(t *testing.T) {
	const want = "-----BEGIN PRIVATE KEY-----\n"
	name := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(name, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() {
		defer w.Close()
		for i := range want {
			_, _ = w.WriteString(want[i : i+1]) // a failure shows as a short read
		}
	}()
	for name, f := range map[string]*os.File{"file": file, "pipe": r} {
		b, err := ReadAll(f, 100)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := content(t, b); got != want {
			t.Errorf("%s: %q", name, got)
		}
		b.Destroy()
	}
}

func TestReadAllSurvivesAPanickingReader(t *testing.T) {
	before := len(mem.living())
	func() {
		defer func() { _ = recover() }()
		_, _ = ReadAll(panicking{}, 10)
	}()
	if after := len(mem.living()); after != before {
		t.Errorf("%d left behind", after-before)
	}
}

type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("reader") }

func TestReadAllWhatever(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 0, 10_000).Draw(t, "data")
		limit := rapid.IntRange(0, 10_000).Draw(t, "limit")
		chunk := rapid.IntRange(1, 3000).Draw(t, "chunk")
		b, err := ReadAll(&chunked{bytes.NewReader(data), chunk}, limit)
		if len(data) > limit {
			if !errors.Is(err, ErrTooLarge) {
				t.Fatalf("%d bytes with limit %d: %v", len(data), limit, err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		defer b.Destroy()
		_ = b.Use(func(p []byte) error {
			if !bytes.Equal(p, data) {
				t.Fatalf("read %d bytes that differ from the %d written", len(p), len(data))
			}
			return nil
		})
	})
}

type chunked struct {
	r io.Reader
	n int
}

func (c *chunked) Read(p []byte) (int, error) { return c.r.Read(p[:min(c.n, len(p))]) }

func TestDestroyWaitsForUse(t *testing.T) {
	b := fill(t, "in use")
	inside, leave, destroyed := make(chan struct{}), make(chan struct{}), make(chan struct{})
	used := make(chan string)
	go func() {
		_ = b.Use(func(p []byte) error {
			close(inside)
			<-leave
			s := string(p)
			go func() { used <- s }()
			return nil
		})
	}()
	<-inside
	go func() { b.Destroy(); close(destroyed) }()
	// Destroy has begun as soon as nobody gets in any more.
	for b.Use(func([]byte) error { return nil }) == nil {
		time.Sleep(time.Millisecond)
	}
	select {
	case <-destroyed:
		t.Error("Destroy did not wait")
	default:
	}
	close(leave)
	if got := <-used; got != "in use" {
		t.Errorf("wiped during use: %q", got)
	}
	<-destroyed
}

func TestUseAndDestroyFromManyGoroutines(t *testing.T) {
	for range 200 {
		b := fill(t, "shared")
		done := make(chan struct{})
		for i := range 8 {
			go func() {
				defer func() { done <- struct{}{} }()
				if i == 5 {
					b.Destroy()
					return
				}
				err := b.Use(func(p []byte) error {
					// Inside a use a second one must not wait for Destroy, or both would for ever.
					_ = b.Use(func([]byte) error { return nil })
					if string(p) != "shared" {
						t.Errorf("read %q", p)
					}
					return nil
				})
				if err != nil && !errors.Is(err, ErrDestroyed) {
					t.Error(err)
				}
			}()
		}
		for range 8 {
			<-done
		}
	}
}

func TestPurge(t *testing.T) {
	t.Cleanup(forgetUsed)
	small, large, free := fill(t, "small"), fill(t, strings.Repeat("large", 5000)), fill(t, "free")
	free.Destroy()
	inside, leave, left := make(chan []byte), make(chan struct{}), make(chan struct{})
	stuck := fill(t, "stuck in a write to a pipe that nobody reads")
	go func() {
		_ = stuck.Use(func(p []byte) error { inside <- p; <-leave; return nil })
		close(left)
	}()
	p := <-inside
	for range 3 {
		Purge()
	}
	for _, b := range []*Bytes{small, large, free, stuck} {
		if err := b.Use(func([]byte) error { return nil }); !errors.Is(err, ErrDestroyed) {
			t.Errorf("after Purge: %v", err)
		}
		b.Destroy()
	}
	if !bytes.Equal(p, make([]byte, len(p))) {
		t.Errorf("what was in use holds %q", p)
	}
	close(leave)
	<-left
	// The library still works: a second run of the program's main in one process is what tests do.
	again := fill(t, "again")
	if got := content(t, again); got != "again" {
		t.Errorf("after Purge: %q", got)
	}
	again.Destroy()
}

// forgetUsed frees what Purge left mapped for its user, so that later tests can count.
func forgetUsed() {
	mem.mu.Lock()
	used := mem.live
	mem.live = map[*Bytes]*block{}
	mem.mu.Unlock()
	for b, at := range used {
		mem.release(b, at)
	}
}

func TestDoRuns(t *testing.T) {
	ran := 0
	Do(func() { ran++ })
	func() {
		defer func() {
			if recover() != "out" {
				t.Error("a panic did not come out of Do")
			}
		}()
		Do(func() { ran++; panic("out") })
	}()
	if ran != 2 {
		t.Errorf("ran %d times", ran)
	}
}

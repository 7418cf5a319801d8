package leak_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"tacenda/internal/leak"
)

func newFinder(t testing.TB, v *values) *leak.Finder {
	t.Helper()
	f, err := leak.New(v.names, v)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// TestHeld: what cannot be the beginning of a value is written at once, what can
// be is not.
func TestHeld(t *testing.T) {
	v := source("sk-live-0123456789abcdef", "https://user:password@db.example/app", "line one\nline two\n", "sk-live-other-value")
	for _, c := range []struct{ in, out string }{
		{"hello\n", "hello\n"},
		{"hello ", "hello "},
		{"the key is sk-li", "the key is "},
		{"sk-live-0123456789abcdef", "{{V0}}"},
		{"sk-live-0123456789abcdeX!", "sk-live-0123456789abcdeX!"},
		{"see https://example.com\n", "see https://example.com\n"}, // between two checkpoints
		{"see https://user:pass\n", "see https://user:pass\n"},
		{"see https://user:pass", "see "},
		{"line one\n", ""},
		{"line one\nline #", "line one\nline #"},
		{"line one\nline ~A", "line one\nline ~A"}, // the last bits of an A begin no value
		{"line one\r\n", ""},
		{"line one\r\nline #", "line one\r\nline #"},
		{"100 % done\r", "100 % done\r"},
		{"the end is s\r", "the end is s\r"},
		{"line one\nline ~2", "line one\nline ~"}, // those of a 2 may begin an h
		{"$ %7", "$ "},
		{`"\u00`, `"`},
		{"%73%6b%2Dlive\n", "%73%6b%2Dlive\n"},
		{"c2stbGl2ZS0wMTIzNDU2Nzg5YWJjZGVm", "{{V0}}"},
		{"736b2d6c6976652d", ""},
	} {
		// Fingerprints of bytes are short: under some keys one that begins no value
		// has that of one that does. More is held then, never less.
		const keys = 12
		var got string
		for range keys {
			if got = held(t, newFinder(t, v), c.in); got == c.out {
				break
			}
			if !strings.HasPrefix(c.out, got) {
				t.Errorf("%q: wrote %q, want %q or less", c.in, got, c.out)
			}
		}
		if got != c.out {
			t.Errorf("%q: wrote %q under the last of %d keys, want %q", c.in, got, keys, c.out)
		}
	}
}

// TestHeldBesideManyValues: where a project has thousands of values, the ends of
// most lines are written all the same.
func TestHeldBesideManyValues(t *testing.T) {
	var all []string
	for range 4000 {
		all = append(all, rand.Text())
	}
	m := newFinder(t, source(all...)).Masker(io.Discard)
	const lines = 200
	withheld := 0
	for range lines {
		if _, err := io.WriteString(m, "data: "+rand.Text()+"\n"); err != nil {
			t.Fatal(err)
		}
		if m.Held() > 0 {
			withheld++
		}
		if err := m.Release(); err != nil {
			t.Fatal(err)
		}
	}
	if withheld > lines/3 {
		t.Errorf("the ends of %d of %d lines were held back", withheld, lines)
	}
}

// held returns what is written of a text at once. Then it lets go of the rest,
// and holds that a value behind it is found.
func held(t *testing.T, f *leak.Finder, text string) string {
	t.Helper()
	var out bytes.Buffer
	m := f.Masker(&out)
	if _, err := io.WriteString(m, text); err != nil {
		t.Fatal(err)
	}
	written := out.String()
	if !strings.Contains(written, "{{") && m.Held() != len(text)-len(written) {
		t.Errorf("%q: %d bytes held", text, m.Held())
	}
	if err := m.Release(); err != nil {
		t.Fatal(err)
	}
	if m.Held() != 0 {
		t.Errorf("%q: %d bytes held after a release", text, m.Held())
	}
	out.Reset()
	if _, err := io.WriteString(m, "sk-live-0123456789abcdef"); err != nil || m.Close() != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != "{{V0}}" {
		t.Errorf("%q: after a release %q", text, got)
	}
	if _, err := m.Write([]byte("x")); err == nil {
		t.Error("a closed masker takes more")
	}
	if err := m.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
	return written
}

func TestOverlaps(t *testing.T) {
	for _, c := range []struct {
		values   []string
		in, want string
	}{
		{[]string{"abcdef", "abcdefgh"}, "abcdefgh abcdefg abcdef", "{{V1}} {{V0}}g {{V0}}"},
		{[]string{"abcdef", "defghi"}, "abcdefghi", "{{V0}}{{V1}}"}, // no byte of either is left
		{[]string{"abcdef", "bcdefg", "cdefgh"}, "abcdefgh", "{{V0}}{{V1}}{{V2}}"},
		{[]string{"abcdefghij", "cdefgh"}, "abcdefghij abcdefghi", "{{V0}} ab{{V1}}i"},
		{[]string{"aaaaaa"}, strings.Repeat("a", 100) + "b" + strings.Repeat("a", 6), "{{V0}}b{{V0}}"},
		{[]string{"abcdef", "abcdef"}, "abcdefabcdef", "{{V0}}{{V0}}"},
		{[]string{"short", "longer"}, "short longer", "short {{V1}}"},
		{nil, "nothing", "nothing"},
		{[]string{"{{V0}}"}, "{{V0}}", "{{V0}}"},
	} {
		if got := newFinder(t, source(c.values...)).MaskString(c.in); got != c.want {
			t.Errorf("%q in %q: %q, want %q", c.values, c.in, got, c.want)
		}
	}
}

func TestSkipped(t *testing.T) {
	f := newFinder(t, source("12345", "123456", "", "é漢"))
	if diff := cmp.Diff([]string{"V0", "V2", "V3"}, f.Skipped()); diff != "" {
		t.Error(diff)
	}
}

// TestWrapped: wherever in a line of a tool's a value begins, no line shows it.
func TestWrapped(t *testing.T) {
	const value = "newval-secret-123"
	v := source(value)
	f := newFinder(t, v)
	for _, columns := range []int{60, 64, 70, 72, 76} {
		for ahead := range 2 * columns {
			text := strings.Repeat("x", ahead) + value + "zzzz"
			for name, encoded := range map[string]string{
				"base64": base64.StdEncoding.EncodeToString([]byte(text)), "hex": hex.EncodeToString([]byte(text)),
			} {
				for _, end := range []string{"\n", "\r\n"} {
					var lines strings.Builder
					for line := range slices.Chunk([]byte(encoded), columns) {
						lines.Write(line)
						lines.WriteString(end)
					}
					var out bytes.Buffer
					m := f.Masker(&out)
					for b := range slices.Chunk([]byte(lines.String()), 1+ahead%50) {
						if _, err := m.Write(b); err != nil {
							t.Fatal(err)
						}
					}
					if err := m.Close(); err != nil {
						t.Fatal(err)
					}
					if strings.Count(out.String(), "{{V0}}") != 1 {
						t.Errorf("%s, %d columns, %d bytes ahead: %q", name, columns, ahead, out.String())
					}
				}
			}
		}
	}
}

// TestLineEnds: a value of several lines is hidden where a terminal or an editor
// gave its line feeds carriage returns, however it is cut, and is told as plain.
func TestLineEnds(t *testing.T) {
	v := source("-----BEGIN KEY-----\nMIIB\n-----END KEY-----\n", "{\n  \"key\": \"value\"\n}", "a\r\nb\r\nc", "\n\nabcdef", "ends with\r")
	f := newFinder(t, v)
	var text, want strings.Builder
	for i, name := range v.names {
		value := string(v.of[name])
		fmt.Fprintf(&text, "%d[%s][%s]", i, value, value[:1]+strings.ReplaceAll(value[1:], "\n", "\r\n"))
		fmt.Fprintf(&want, "%d[{{%s}}][{{%s}}]", i, name, name)
	}
	for size := 1; size < 40; size++ {
		var out bytes.Buffer
		m := f.Masker(&out)
		for b := range slices.Chunk([]byte(text.String()), size) {
			if _, err := m.Write(b); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.String(), out.String()); diff != "" {
			t.Fatalf("in pieces of %d: %s", size, diff)
		}
	}
	err := f.Scan(strings.NewReader(text.String()), func(m leak.Match) error {
		if m.Encoding != "plain" {
			t.Errorf("%+v", m)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestEndlessLines: who knows a value cannot have endless ends of lines held back.
func TestEndlessLines(t *testing.T) {
	const value = "sk-live-0123456789abcdef"
	f := newFinder(t, source(value))
	m := f.Masker(io.Discard)
	if _, err := io.WriteString(m, base64.StdEncoding.EncodeToString([]byte(value))[:24]); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Write(bytes.Repeat([]byte("\r\n"), 1<<10)); err != nil {
		t.Fatal(err)
	}
	if n := m.Held(); n > 40 {
		t.Errorf("%d bytes are held back", n)
	}
}

// TestBounded: streams that are made to look like values, over and over, open
// what their length has earned, and take time in proportion to their length: a quadratic
// search would not come to the end of them.
func TestBounded(t *testing.T) {
	const size = 1 << 15
	long := strings.Repeat("a", size)
	pair := strings.Repeat("ab", size/2)
	for _, c := range []struct {
		name   string
		values []string
		in     string
	}{
		{"beginnings of one value", []string{"sk-live-0123456789abcdef"}, strings.Repeat("sk-live-0123456789abcde", 20_000)},
		{"beginnings of a long one", []string{long}, strings.Repeat(long[1:]+"b", 2)},
		{"a long one that overlaps itself", []string{long}, strings.Repeat("a", 2*size)},
		{"two that overlap each other", []string{pair, pair[1:] + "a"}, strings.Repeat("ab", size)},
		{"in hex", []string{long}, strings.Repeat("61", 2*size-1)},
		{"in base64", []string{long}, base64.StdEncoding.EncodeToString([]byte(strings.Repeat("a", 2*size)))},
		{"percent signs", []string{strings.Repeat("%", size/4)}, strings.Repeat("%", size/4-1) + strings.Repeat("%25", size/4-1)},
		{"backslashes", []string{strings.Repeat(`\`, size/8)}, strings.Repeat(`\`, size/2-1)},
		{"escapes", []string{long}, strings.Repeat(`\u0061`, size-1) + "b"},
		{"line feeds", []string{strings.Repeat("\n", size)}, strings.Repeat("\r\n", size-1)},
		{"carriage returns", []string{"a" + strings.Repeat("\r\n", size/2)}, strings.Repeat("a\r\r\n", size)},
		{"ends of lines", []string{strings.Repeat("ab\n", size/3)}, strings.Repeat("ab\r\n", size/3-1) + strings.Repeat("ab\n", size/3-1)},
		{"many lengths", lengths(200), strings.Repeat(strings.Repeat("a", 199)+"b", 200)},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := source(c.values...)
			f := newFinder(t, v)
			before := v.opened.Load()
			m := f.Masker(io.Discard)
			// What opening may cost, in bytes, and a few that are there.
			limit := 64<<10 + 20*(len(c.values[0])+512)
			for in := []byte(c.in); len(in) > 0; {
				n := min(len(in), 1000)
				limit += 1024 + n
				if _, err := m.Write(in[:n]); err != nil {
					t.Fatal(err)
				}
				in = in[n:]
			}
			if err := m.Close(); err != nil {
				t.Fatal(err)
			}
			if n := int(v.opened.Load() - before); n > limit/(len(c.values[0])+512) {
				t.Errorf("%d values opened, at most %d wanted", n, limit/(len(c.values[0])+512))
			}
		})
	}
}

// lengths are n values that are beginnings of each other.
func lengths(n int) (all []string) {
	for i := range n {
		all = append(all, strings.Repeat("a", i+6))
	}
	return all
}

// TestOneByteWrites of a value as long as values may be.
func TestOneByteWrites(t *testing.T) {
	value := bytes.Repeat([]byte("0123456789 abcde"), 1<<16)
	for i := range 1 << 16 {
		copy(value[16*i:], fmt.Sprintf("%06x", i))
	}
	v := source(string(value))
	f := newFinder(t, v)
	before := v.opened.Load()
	var out bytes.Buffer
	m := f.Masker(&out)
	for _, part := range [][]byte{value[:len(value)-1], []byte("!"), value} {
		for i := range part {
			if _, err := m.Write(part[i : i+1]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if want := string(value[:len(value)-1]) + "!{{V0}}"; out.String() != want {
		t.Errorf("wrote %d bytes, want %d", out.Len(), len(want))
	}
	if n := v.opened.Load() - before; n > 3*1100 { // 1 MiB of credit for each
		t.Errorf("opened %d times", n)
	}
}

// TestConcurrent: a command's two outputs share a finder. Source.Use panics when
// two are inside.
func TestConcurrent(t *testing.T) {
	v := source("sk-live-0123456789abcdef", "another-value")
	f := newFinder(t, v)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 200 {
				if got := f.MaskString("x sk-live-0123456789abcdef another-value"); got != "x {{V0}} {{V1}}" {
					t.Error(got)
				}
			}
		})
	}
	wait.Wait()
}

// TestSourceFails: a value that cannot be opened is hidden all the same, by its
// fingerprint.
func TestSourceFails(t *testing.T) {
	v := source("sk-live-0123456789abcdef")
	f := newFinder(t, v)
	v.fail = true
	if got := f.MaskString("x sk-live-0123456789abcdef"); got != "x {{V0}}" {
		t.Error(got)
	}
	if _, err := leak.New(v.names, v); err == nil || !strings.Contains(err.Error(), "V0") {
		t.Errorf("a source that fails: %v", err)
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

func TestWriterFails(t *testing.T) {
	f := newFinder(t, source("sk-live-0123456789abcdef"))
	want := errors.New("no room")
	m := f.Masker(brokenWriter{want})
	if _, err := m.Write([]byte("something\n")); !errors.Is(err, want) {
		t.Errorf("writing: %v", err)
	}
	if _, err := m.Write([]byte("more")); !errors.Is(err, want) {
		t.Errorf("writing again: %v", err)
	}
	if err := m.Release(); !errors.Is(err, want) {
		t.Errorf("releasing: %v", err)
	}
	if err := m.Close(); !errors.Is(err, want) {
		t.Errorf("closing: %v", err)
	}
	m = f.Masker(brokenWriter{})
	if _, err := m.Write([]byte("something\n")); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a short write: %v", err)
	}
}

func TestReaderAndScanErrors(t *testing.T) {
	f := newFinder(t, source("sk-live-0123456789abcdef"))
	const text = "a sk-live-0123456789abcdef b sk-l"
	want := errors.New("lost")
	for _, kind := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader, func(r io.Reader) io.Reader { return r }} {
		got, err := io.ReadAll(f.Reader(kind(strings.NewReader(text))))
		if err != nil || string(got) != "a {{V0}} b sk-l" {
			t.Errorf("%q, %v", got, err)
		}
	}
	got, err := io.ReadAll(f.Reader(io.MultiReader(strings.NewReader(text), iotest.ErrReader(want))))
	if !errors.Is(err, want) || string(got) != "a {{V0}} b sk-l" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := io.ReadAll(f.Reader(idle{})); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a reader that says nothing: %v", err)
	}
	var found []leak.Match
	tell := func(m leak.Match) error { found = append(found, m); return nil }
	if err := f.Scan(io.MultiReader(strings.NewReader(text), iotest.ErrReader(want)), tell); !errors.Is(err, want) || len(found) != 1 {
		t.Errorf("%v, %v", found, err)
	}
	if err := f.Scan(strings.NewReader(text+text), func(leak.Match) error { return want }); !errors.Is(err, want) {
		t.Error(err)
	}
	if err := f.Scan(idle{}, tell); !errors.Is(err, io.ErrNoProgress) {
		t.Error(err)
	}
	m := f.Masker(io.Discard)
	if n, err := m.ReadFrom(io.MultiReader(strings.NewReader(text), iotest.ErrReader(want))); n != int64(len(text)) || !errors.Is(err, want) {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := m.ReadFrom(idle{}); !errors.Is(err, io.ErrNoProgress) {
		t.Error(err)
	}
}

// TestReaderStreams: what was said is there before more is.
func TestReaderStreams(t *testing.T) {
	f := newFinder(t, source("sk-live-0123456789abcdef"))
	from, to := io.Pipe()
	r := f.Reader(from)
	buf := make([]byte, 100)
	for _, step := range [][2]string{{"data: 1\n", "data: 1\n"}, {"key: sk-live", "key: "}, {"-0123456789abcdef\n", "{{V0}}\n"}} {
		go func() { _, _ = io.WriteString(to, step[0]) }()
		n, err := r.Read(buf)
		if err != nil || string(buf[:n]) != step[1] {
			t.Errorf("%q, %v, want %q", buf[:n], err, step[1])
		}
	}
	_ = to.Close()
	if _, err := r.Read(buf); err != io.EOF {
		t.Error(err)
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// FuzzMasker holds the masker against the reference on any stream, cut anywhere.
func FuzzMasker(f *testing.F) {
	seeds := []struct {
		a, b, c, text string
		chunk         int
	}{
		{"abcdef", "abcdefgh", "cdefgh", "abcdefghi%61bcdef", 3},
		{"a+b c d", "a b+c+d", "+++   ", "a%2Bb+c+da+b c d", 1},
		{"\\\\\\\\n\n", "é漢😀", "\"quoted\"/", `\u00e9\u6f22\ud83d\ude00\\\\\\\\\\n\n\"quoted\"\/`, 5},
		{strings.Repeat("ab", 50), strings.Repeat("ba", 50), strings.Repeat("a", 90), strings.Repeat("ab", 120), 7},
		{"0123456789abcdefghij", "", "", "MDEyMzQ1Njc4OWFi\nY2RlZmdoaWo=303132333435363738396162\r\n636465666768696a", 2},
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range seeds {
		f.Add([]byte(s.a), []byte(s.b), []byte(s.c), []byte(s.text), s.chunk)
	}
	f.Fuzz(func(t *testing.T, a, b, c, text []byte, chunk int) {
		if len(a)+len(b)+len(c) > 3000 || len(text) > 3000 {
			return
		}
		chunk = max(chunk, 1)
		check(t, source(string(a), string(b), string(c)), text, slices.Collect(slices.Chunk(text, chunk)))
	})
}

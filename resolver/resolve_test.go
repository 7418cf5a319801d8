package resolver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
)

func scan(t testing.TB, template string) *Template {
	t.Helper()
	tmpl, err := Scan(strings.NewReader(template), Options{File: "t"})
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

// recorder keeps what is written and how it came.
type recorder struct {
	bytes.Buffer
	writes int
}

func (r *recorder) Write(p []byte) (int, error) { r.writes++; return r.Buffer.Write(p) }

func TestNames(t *testing.T) {
	tmpl := scan(t, `{{B}}{{A|json}}{{\C}}{{B|url}}{{ D }}{{_}}`)
	same(t, "names", []string{"B", "A", "_"}, tmpl.Names())
}

// TestStart begins in the middle of a file, as a shell's "read" leaves standard input.
func TestStart(t *testing.T) {
	src := strings.NewReader("first {{NOPE}}\n{{A}}\n")
	if _, err := src.Seek(15, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	tmpl, err := Scan(src, Options{File: "t"})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a template can be resolved again
		var out bytes.Buffer
		if err := tmpl.Resolve(&out, tagged{}); err != nil {
			t.Fatal(err)
		}
		same(t, "output", "<A>\n", out.String())
	}
}

// counted counts how often each value is opened.
type counted struct {
	lookup
	opened map[string]int
}

func (c counted) Use(name string, fn func([]byte) error) error {
	c.opened[name]++
	return c.lookup.Use(name, fn)
}

// TestOpened holds how often a value is decrypted: a short one once, a long one at each use, and nothing else ever.
func TestOpened(t *testing.T) {
	long := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	values := counted{lookup{"SHORT": []byte("s"), "LONG": long, "OTHER": []byte("o")}, map[string]int{}}
	var out bytes.Buffer
	if err := scan(t, "{{SHORT}}{{LONG}}{{SHORT}}{{LONG}}{{SHORT|base64}}").Resolve(&out, values); err != nil {
		t.Fatal(err)
	}
	same(t, "output", "s"+string(long)+"s"+string(long)+"cw==", out.String())
	same(t, "opened", map[string]int{"SHORT": 1, "LONG": 3}, values.opened)
}

// TestManyValues names more values than can be kept at hand.
func TestManyValues(t *testing.T) {
	values := counted{lookup{}, map[string]int{}}
	var template, want strings.Builder
	for i := range 300 {
		name, value := fmt.Sprintf("N%d", i), strings.Repeat(string(rune('a'+i%26)), 200)
		values.lookup[name] = []byte(value)
		fmt.Fprintf(&template, "{{%s}}{{%s|url}} ", name, name)
		want.WriteString(value + value + " ")
	}
	var out bytes.Buffer
	if err := scan(t, template.String()).Resolve(&out, values); err != nil {
		t.Fatal(err)
	}
	same(t, "output", want.String(), out.String())
	if n := values.opened["N0"]; n != 1 {
		t.Errorf("the first value was opened %d times", n)
	}
	if n := values.opened["N299"]; n != 3 {
		t.Errorf("the last value was opened %d times", n)
	}
}

// TestSizes mixes texts and values around the sizes of the buffers.
func TestSizes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	sizes := []int{0, 1, 7, 8, 9, 100, maxValue, maxValue + 1, maxOutput/2 - 1, maxOutput / 2, maxOutput, blockSize, 300_000}
	for range 50 {
		values, replace := lookup{}, []string{}
		var template strings.Builder
		for i := range 6 {
			size := sizes[rnd.IntN(len(sizes))] + rnd.IntN(3)
			name := fmt.Sprintf("N%d", i)
			values[name] = bytes.Repeat([]byte{byte('a' + i)}, sizes[rnd.IntN(len(sizes))]+rnd.IntN(3))
			replace = append(replace, "{{"+name+"}}", string(values[name]))
			template.WriteString(strings.Repeat("-", size) + "{{" + name + "}}")
		}
		var out bytes.Buffer
		if err := scan(t, template.String()).Resolve(&out, values); err != nil {
			t.Fatal(err)
		}
		if want := strings.NewReplacer(replace...).Replace(template.String()); out.String() != want {
			t.Fatalf("%d bytes, want %d, or bytes in the wrong place", out.Len(), len(want))
		}
	}
}

// TestNothingWritten fails in every way that there is before output, with more output than fits into a buffer.
func TestNothingWritten(t *testing.T) {
	filler := strings.Repeat("text ", 100_000)
	errDamaged := errors.New("the record is damaged")
	for _, c := range []struct {
		name, template string
		values         Values
		want           error
	}{
		{"the last value does not open", "{{A}}" + filler + "{{B}}", failing{"B", errDamaged}, errDamaged},
		{"the last value does not fit", "{{A}}" + filler + "{{B|sh}}", lookup{"A": []byte("a"), "B": {0}}, &Error{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out recorder
			err := scan(t, c.template).Resolve(&out, c.values)
			var misfit *Error
			if !errors.Is(err, c.want) && !errors.As(err, &misfit) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if out.writes > 0 {
				t.Errorf("%d writes, %d bytes", out.writes, out.Len())
			}
		})
	}
}

// failing opens every value but one.
type failing struct {
	name string
	err  error
}

func (f failing) Use(name string, fn func([]byte) error) error {
	if name == f.name {
		return f.err
	}
	return tagged{}.Use(name, fn)
}

func TestErrorNamesNoValue(t *testing.T) {
	err := scan(t, "{{A|sh}}\n{{A|json|sh}}{{A|sh|xml}}").Resolve(io.Discard, lookup{"A": []byte("hunter2\x00")})
	want := "t:1:1: {{A|sh}}: the value holds a NUL byte, which a shell word cannot carry (and 1 more)"
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

// TestChanged changes a template between the passes. Nothing that the first did not see may be opened or sent through.
func TestChanged(t *testing.T) {
	text := strings.Repeat("x", blockSize)
	for _, c := range []struct{ name, first, second string }{
		{"another name", "{{A}}", "{{B}}"},
		{"another name, later", "{{A}}" + text + "{{A}}", "{{A}}" + text + "{{B}}"},
		{"longer", "{{A}}", "{{A}}!"},
		{"shorter", "{{A}} ", "{{A}}"},
		{"one more", "{{A}}{{A}}12345", "{{A}}{{A}}{{A}}"},
		{"one less", "{{A}}{{A}}", "{{A}}12345"},
		{"a filter that was not checked", "{{A|url}}", "{{A|xml}}"},
		{"more filters", "{{A|url}}|url", "{{A|url|url}}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			texts := []string{c.first, c.second}
			src := newRestart(func() io.Reader {
				r := strings.NewReader(texts[0])
				texts = texts[len(texts)-1:]
				return r
			})
			tmpl, err := Scan(src, Options{})
			if err != nil {
				t.Fatal(err)
			}
			values := counted{lookup{"A": []byte("a"), "B": []byte("b")}, map[string]int{}}
			if err := tmpl.Resolve(io.Discard, values); !errors.Is(err, ErrChanged) {
				t.Errorf("%v", err)
			}
			if values.opened["B"] > 0 {
				t.Error("a value was opened that the first pass did not name")
			}
		})
	}
	if err := changedPreview(); !errors.Is(err, ErrChanged) {
		t.Errorf("preview: %v", err)
	}
}

func changedPreview() error {
	text := "{{A}}"
	src := newRestart(func() io.Reader { r := strings.NewReader(text); text = "{{B}}"; return r })
	tmpl, err := Scan(src, Options{})
	if err != nil {
		return err
	}
	return tmpl.Preview(io.Discard, func(string) (string, bool) { return "", false }, false)
}

// TestWriteError has a real pipe whose reader is gone: the caller must be able to tell that from everything else.
func TestWriteError(t *testing.T) {
	for _, template := range []string{"{{A}}", strings.Repeat("{{A}} text ", 100_000), "{{A|json|sh}}", strings.Repeat("x", 10*blockSize) + "{{A}}"} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Close()
		_, want := w.Write([]byte("x"))
		err = scan(t, template).Resolve(w, tagged{})
		if err == nil || err.Error() != want.Error() {
			t.Errorf("%.20q: %v, want %v", template, err, want)
		}
		var path *os.PathError
		if !errors.As(err, &path) {
			t.Errorf("%.20q: %T hides what the system said", template, err)
		}
		_ = w.Close()
	}
	if err := scan(t, "{{A}}").Resolve(halfWriter{}, tagged{}); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a writer that takes half: %v", err)
	}
}

type halfWriter struct{}

func (halfWriter) Write(p []byte) (int, error) { return len(p) / 2, nil }

// TestAllocations holds the second pass to no allocation for a placeholder, so that a value has no place to be copied
// to but the guarded buffer.
func TestAllocations(t *testing.T) {
	values := fixed{bytes.Repeat([]byte("it's \"1\" <&> "), 200)}
	pass := func(n int) float64 {
		tmpl := scan(t, strings.Repeat("some text {{SHORT}} {{LONG}} {{SHORT|json|sh|base64}} {{LONG|xml}} {{\\A}}\n", n))
		return testing.AllocsPerRun(5, func() {
			if err := tmpl.Resolve(io.Discard, values); err != nil {
				t.Fatal(err)
			}
		})
	}
	few, many := pass(1000), pass(3000) // both with the largest buffer
	if few != many {
		t.Errorf("%v allocations for 4,000 placeholders, %v for 12,000", few, many)
	}
}

// fixed is a project of two values whose lookup allocates nothing.
type fixed struct{ long []byte }

func (f fixed) Use(name string, fn func([]byte) error) error {
	if name == "SHORT" {
		return fn(f.long[:20])
	}
	return fn(f.long)
}

// keeper keeps the slices that it is given, and all that lies behind them in the buffer, which a writer must not do.
type keeper struct{ kept [][]byte }

func (k *keeper) Write(p []byte) (int, error) {
	k.kept = append(k.kept, p[:cap(p)])
	return len(p), nil
}

// TestWiped looks at the output buffer after Resolve, when it ended well and when it did not.
func TestWiped(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	for _, size := range []int{10, 10_000, 1_000_000} {
		k := &keeper{}
		tmpl := scan(t, strings.Repeat("x", size)+"{{A}}"+strings.Repeat("{{B}}", size))
		_ = tmpl.Resolve(k, failingLater{map[string]int{}})
		if len(k.kept) == 0 {
			t.Fatal("nothing was written")
		}
		for _, p := range k.kept {
			if holds(p, []byte("<A>")) {
				t.Errorf("size %d: the value is still there", size)
			}
		}
	}
}

// TestWipedBehindText has a long text behind the last value: while it is written, the value is gone from the output.
func TestWipedBehindText(t *testing.T) {
	w := &lateReader{}
	value := bytes.Repeat([]byte("v"), 2*maxValue) // too long to be kept
	if err := scan(t, "{{A}}"+strings.Repeat("x", 2*maxOutput)).Resolve(w, lookup{"A": value}); err != nil {
		t.Fatal(err)
	}
	if w.writes < 2 || w.found {
		t.Errorf("%d writes; the value was there at the last: %v", w.writes, w.found)
	}
}

// lateReader looks at what it was given first when it is given more.
type lateReader struct {
	first  []byte
	writes int
	found  bool
}

func (l *lateReader) Write(p []byte) (int, error) {
	if l.writes++; l.writes == 1 {
		l.first = p
	} else {
		l.found = bytes.Contains(l.first, []byte("v"))
	}
	return len(p), nil
}

// failingLater opens the long value B twice and then no more.
type failingLater struct{ opened map[string]int }

func (f failingLater) Use(name string, fn func([]byte) error) error {
	if f.opened[name]++; f.opened[name] > 3 {
		return io.ErrUnexpectedEOF
	}
	if name == "B" {
		return fn(bytes.Repeat([]byte("b"), maxOutput)) // goes out from here, not from the buffer
	}
	return tagged{}.Use(name, fn)
}

// holds is false when p is no longer mapped.
func holds(p, value []byte) (found bool) {
	defer func() {
		if recover() != nil {
			found = false
		}
	}()
	return bytes.Contains(p, value)
}

func TestManyProblems(t *testing.T) {
	tmpl := scan(t, strings.Repeat("{{ A }}\n", 1500))
	near := tmpl.NearMisses()
	if near.Total != 1500 || len(near.First) != 1000 || near.First[999].Line != 1000 {
		t.Errorf("%d of %d", len(near.First), near.Total)
	}
}

func TestTooManyNames(t *testing.T) {
	var b strings.Builder
	for i := range maxNames + 1 {
		fmt.Fprintf(&b, "{{N%d}}", i)
	}
	_, err := Scan(strings.NewReader(b.String()), Options{File: "t"})
	var problem *Error
	if !errors.As(err, &problem) || err.Error() != "t: more than 100000 different names" {
		t.Errorf("%v", err)
	}
}

// TestFile resolves a file that stays open while its name is replaced, as an editor does.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t")
	if err := os.WriteFile(path, []byte("{{A}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tmpl, err := Scan(f, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+"2", []byte("{{EVIL}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+"2", path); err != nil {
		t.Skip("open files keep their names here")
	}
	var out bytes.Buffer
	if err := tmpl.Resolve(&out, tagged{}); err != nil {
		t.Fatal(err)
	}
	same(t, "output", "<A>\n", out.String())
	_ = f.Close()
	if err := tmpl.Resolve(&out, tagged{}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

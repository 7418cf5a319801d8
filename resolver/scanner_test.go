package resolver

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// tagged is a project that has every name. A value says whose it is.
type tagged struct{}

func (tagged) Use(name string, fn func([]byte) error) error { return fn([]byte("<" + name + ">")) }

// grammar is the contract's grammar once more, in a form too slow to use and too short to be wrong.
var grammar = regexp.MustCompile(`\{\{(\\*)([A-Z_][A-Z0-9_]{0,254})((?:\|(?:json|sh|url|xml|base64)){0,8})\}\}`)

// oracle resolves a text by the grammar. Filtered placeholders are replaced by their name and filters, so that it needs
// no filter of its own.
func oracle(template []byte) []byte {
	return grammar.ReplaceAllFunc(template, func(m []byte) []byte {
		parts := grammar.FindSubmatch(m)
		if len(parts[1]) > 0 {
			return append([]byte("{{"), m[3:]...)
		}
		return fmt.Appendf(nil, "<%s%s>", parts[2], parts[3])
	})
}

// testBlock is as small as a block can be with room to spare, so that fuzzing is quick.
const testBlock = 2 * maxPlaceholder

// resolveAs does the same with a scanner.
func resolveAs(t testing.TB, r io.Reader) []byte {
	t.Helper()
	var out []byte
	s := newScanner(r, make([]byte, testBlock))
	for s.next() {
		out = append(out, s.text...)
		switch s.kind {
		case hole:
			out = append(append(out, '<'), s.hole.name...)
			for _, f := range s.hole.filters[:s.hole.n] {
				out = fmt.Appendf(out, "|%s", f)
			}
			out = append(out, '>')
		case literal:
			out = append(append(out, "{{"...), s.raw[3:]...)
		case near, none:
			out = append(out, s.raw...)
		}
	}
	if s.err != nil {
		t.Fatal(s.err)
	}
	return out
}

// occurrences is all that walk has to say of a text, with lines counted from first.
func occurrences(t testing.TB, r io.Reader, first int) []string {
	t.Helper()
	all := []string{}
	o := Options{File: "t", Known: func(name string) bool { return len(name)%2 == 1 }}
	err := walk(newScanner(r, make([]byte, testBlock)), o, func(o Occurrence) error {
		o.Line += first - 1
		all = append(all, fmt.Sprintf("%+v", o))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// pieces reads a text in pieces of given sizes, over and over. A size of 0 is a read that delivers nothing.
type pieces struct {
	text  []byte
	sizes []byte
	i     int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.text) == 0 {
		return 0, io.EOF
	}
	n := 1
	if len(p.sizes) > 0 {
		n = int(p.sizes[p.i%len(p.sizes)])
		if p.i++; p.i%256 == 0 {
			n = 1 // sizes of nothing but 0 would never end
		}
	}
	n = copy(b[:min(n, len(b))], p.text)
	p.text = p.text[n:]
	return n, nil
}

// checkSplit holds every way of reading a text to one result: in one piece, in pieces, with the end of the first block
// anywhere within it, and by the grammar.
func checkSplit(t testing.TB, template, sizes []byte, at int) {
	t.Helper()
	want := resolveAs(t, bytes.NewReader(template))
	same(t, "by the grammar", string(oracle(template)), string(want))
	same(t, "in pieces", string(want), string(resolveAs(t, &pieces{text: template, sizes: sizes})))
	same(t, "end with the data", string(want), string(resolveAs(t, iotest.DataErrReader(bytes.NewReader(template)))))

	found := occurrences(t, bytes.NewReader(template), 1)
	same(t, "found in pieces", found, occurrences(t, &pieces{text: template, sizes: sizes}, 1))
	if looksUTF16(template) {
		return // which is seen only at the start
	}
	before := strings.Repeat("x", testBlock-1-at) + "\n"
	shifted := func() io.Reader { return io.MultiReader(strings.NewReader(before), bytes.NewReader(template)) }
	same(t, "across blocks", before+string(want), string(resolveAs(t, shifted())))
	same(t, "found across blocks", found, occurrences(t, shifted(), 0))
}

func FuzzScanSplit(f *testing.F) {
	vectors := loadVectors(f)
	for _, v := range vectors {
		f.Add(v.template(), []byte{1, 3, 0, 2}, uint16(5))
	}
	f.Add([]byte("{{"+strings.Repeat(`\`, 3000)+"A}}{{ A }}"), []byte{255}, uint16(2990))
	f.Add([]byte("{{"+strings.Repeat(" ", 5000)+"A}}"), []byte{255}, uint16(4095))
	f.Fuzz(func(t *testing.T, template, sizes []byte, at uint16) {
		if len(template) > maxPlaceholder {
			t.Skip("the grammar of the test knows no limit")
		}
		checkSplit(t, template, sizes, int(at)%(len(template)+1))
	})
}

// TestBlockEnd puts the end of a block at every byte of everything that a scanner recognises.
func TestBlockEnd(t *testing.T) {
	for _, template := range []string{
		`{{A}}`, `{{\A}}`, `{{\\A|json}}`, `{{A|sh|base64}}`, `{{{A}}}`, `{{{{A}}}}`, `{{A{{B}}`, `{{ A }}`, `{{A}`, `{{A} }`,
		`{{a}}`, `{{A|nope}}`, `{`, `{{`, "{{\n A}}\n", `}}{{A}}{{B}}{{{`,
	} {
		for at := range len(template) + 1 {
			checkSplit(t, []byte(template), []byte{1}, at)
		}
	}
}

func TestLimits(t *testing.T) {
	slashes := func(n int) string { return "{{" + strings.Repeat(`\`, n) + "A}}" }
	longest := maxPlaceholder - len("{{A}}")
	for _, c := range []struct{ name, template, want string }{
		{"longest literal", slashes(longest), slashes(longest - 1)},
		{"longer", slashes(longest + 1), slashes(longest + 1)},
		{"much longer, and on", slashes(2*blockSize) + "{{A}}", slashes(2*blockSize) + "<A>"},
		{"endless name", "{{" + strings.Repeat("A", 3*blockSize) + "{{A}}", "{{" + strings.Repeat("A", 3*blockSize) + "<A>"},
		{"endless space", "{{" + strings.Repeat(" ", 3*blockSize) + "A}}{{A}}", "{{" + strings.Repeat(" ", 3*blockSize) + "A}}<A>"},
		{"endless braces", strings.Repeat("{", 3*blockSize) + "A}}", strings.Repeat("{", 3*blockSize-2) + "<A>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := resolveAs(t, strings.NewReader(c.template)); string(got) != c.want {
				t.Errorf("%d bytes, want %d", len(got), len(c.want))
			}
			occurrences(t, strings.NewReader(c.template), 1)
		})
	}
}

func TestReadError(t *testing.T) {
	broken := func() io.Reader {
		return io.MultiReader(strings.NewReader(strings.Repeat("{{A}}\n", blockSize/3)), iotest.ErrReader(io.ErrNoProgress))
	}
	if _, err := Scan(newRestart(broken), Options{File: "t"}); !isReadError(err) {
		t.Errorf("scan: %v", err)
	}
	if err := Walk(broken(), Options{File: "t"}, func(Occurrence) error { return nil }); !isReadError(err) {
		t.Errorf("walk: %v", err)
	}
	if _, err := Scan(closedSource{}, Options{}); !isReadError(err) {
		t.Errorf("seek: %v", err)
	}
}

func isReadError(err error) bool {
	return err != nil && strings.HasPrefix(err.Error(), "reading t") && strings.HasSuffix(err.Error(), io.ErrNoProgress.Error())
}

type closedSource struct{ io.Reader }

func (closedSource) Seek(int64, int) (int64, error) { return 0, io.ErrNoProgress }

func TestWalkStops(t *testing.T) {
	calls := 0
	err := Walk(strings.NewReader("{{A}}{{B}}"), Options{}, func(Occurrence) error { calls++; return io.ErrClosedPipe })
	if err != io.ErrClosedPipe || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

// generated is a template of any length that takes no memory: a line of 1 KiB with one placeholder, repeated.
type generated struct {
	line []byte
	left int64
	at   int
}

func newGenerated(size int64) *generated {
	line := bytes.Repeat([]byte("some text, as templates have it; "), 32)[:1015]
	return &generated{line: append(line, "{{TOKEN}}"...), left: size}
}

func (g *generated) Read(p []byte) (int, error) {
	if g.left == 0 {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) && g.left > 0 {
		k := copy(p[n:], g.line[g.at:])
		k = int(min(int64(k), g.left))
		n += k
		g.left -= int64(k)
		g.at = (g.at + k) % len(g.line)
	}
	return n, nil
}

func generatedSource(size int64) *restart {
	return newRestart(func() io.Reader { return newGenerated(size) })
}

// TestMemory holds both passes over 64 MiB, and the lists of what is wrong with it, to fixed memory.
func TestMemory(t *testing.T) {
	const size = 64 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	tmpl, err := Scan(generatedSource(size), Options{File: "t"})
	if err != nil {
		t.Fatal(err)
	}
	if err := tmpl.Resolve(io.Discard, lookup{"TOKEN": []byte("tok")}); err != nil {
		t.Fatal(err)
	}
	missing, err := tmpl.Missing(nil)
	if err != nil {
		t.Fatal(err)
	}
	if missing.Total != size/1024 || len(missing.First) != maxListed {
		t.Errorf("%d missing, %d listed", missing.Total, len(missing.First))
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 2<<20 {
		t.Errorf("%d bytes were allocated for a template of %d", used, size)
	}
}

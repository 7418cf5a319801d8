package resolver

import (
	"io"
	"strings"
	"testing"
)

// BenchmarkStream is both passes over 1 GiB with a placeholder in each KiB, without what the system adds for reading and
// writing.
func BenchmarkStream(b *testing.B) {
	const size = 1 << 30
	values := lookup{"TOKEN": []byte("sk-proj-0123456789abcdef0123456789abcdef")}
	src := generatedSource(size)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		tmpl, err := Scan(src, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := tmpl.Resolve(io.Discard, values); err != nil {
			b.Fatal(err)
		}
		_, _ = src.Seek(0, io.SeekStart)
	}
}

// BenchmarkRead is what the reader of BenchmarkStream costs by itself, twice.
func BenchmarkRead(b *testing.B) {
	const size = 1 << 30
	buf := make([]byte, blockSize)
	b.SetBytes(size)
	for b.Loop() {
		for range 2 {
			for g := newGenerated(size); ; {
				if _, err := g.Read(buf); err == io.EOF {
					break
				}
			}
		}
	}
}

// BenchmarkDense is what a placeholder costs, in both passes: a million of them with hardly any text between.
func BenchmarkDense(b *testing.B) {
	template := strings.Repeat("text {{TOKEN}}\n", 1_000_000)
	values := lookup{"TOKEN": []byte("sk-proj-0123456789abcdef0123456789abcdef")}
	for b.Loop() {
		tmpl, err := Scan(strings.NewReader(template), Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := tmpl.Resolve(io.Discard, values); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSmall is a template as most are: three secrets in half a page.
func BenchmarkSmall(b *testing.B) {
	template := strings.Repeat("key: value # and a comment\n", 20) + "a: {{A}}\nb: \"{{B|json}}\"\nc: {{C}}\n"
	values := lookup{"A": []byte("sk-proj-0123456789abcdef"), "B": []byte("p\"w"), "C": []byte("postgres://u:p@h/d")}
	b.ReportAllocs()
	for b.Loop() {
		tmpl, err := Scan(strings.NewReader(template), Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := tmpl.Resolve(io.Discard, values); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSuggest(b *testing.B) {
	var have []string
	for i := range 100_000 {
		have = append(have, strings.ToUpper(strings.Repeat(string(rune('a'+i%26)), 1+i%7))+"_TOKEN_"+string(rune('A'+i%23)))
	}
	s := newSuggester(have)
	for b.Loop() {
		s.to("AAA_TOKNE_Q")
	}
}

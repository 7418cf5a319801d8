package leak_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"tacenda/internal/leak"
)

// tokens are n values as services make them.
func tokens(n int) *values {
	r := rand.New(rand.NewPCG(1, 2))
	texts := make([]string, n)
	for i := range texts {
		raw := make([]byte, 30)
		for j := range raw {
			raw[j] = byte(r.Uint32())
		}
		texts[i] = "sk-" + base64.StdEncoding.EncodeToString(raw)
	}
	return source(texts...)
}

// streams are 4 MiB of each kind.
func streams(v *values) map[string][]byte {
	const size = 4 << 20
	r := rand.New(rand.NewPCG(3, 4))
	random := make([]byte, size)
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	var text, prefixes, secrets, escaped strings.Builder
	words := strings.Fields("the quick brown fox jumps over a lazy dog while https://example.com/path?x=1&y=2 answers {\"status\": 200} to 127.0.0.1 [INFO] request id=42")
	for text.Len() < size {
		text.WriteString(words[r.IntN(len(words))])
		text.WriteByte(" \n    "[r.IntN(6)])
	}
	first := string(v.of[v.names[0]])
	for prefixes.Len() < size {
		prefixes.WriteString(first[:len(first)-1])
	}
	for secrets.Len() < size {
		secrets.WriteString(text.String()[:160])
		secrets.Write(v.of[v.names[r.IntN(len(v.names))]])
	}
	for escaped.Len() < size {
		fmt.Fprintf(&escaped, `{\"a%%20b\": \"%x\"}\n`, r.Uint32())
	}
	return map[string][]byte{
		"random":  random,
		"text":    []byte(text.String())[:size],
		"base64":  []byte(base64.StdEncoding.EncodeToString(random))[:size],
		"almost":  []byte(prefixes.String())[:size],
		"values":  []byte(secrets.String())[:size],
		"escaped": []byte(escaped.String())[:size],
	}
}

func BenchmarkMasker(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		v := tokens(n)
		f, err := leak.New(v.names, v)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		all := streams(v)
		for _, kind := range []string{"random", "text", "base64", "almost", "values", "escaped"} {
			b.Run(fmt.Sprintf("%s/%d", kind, n), func(b *testing.B) {
				b.SetBytes(int64(len(all[kind])))
				for b.Loop() {
					m := f.Masker(io.Discard)
					for p := all[kind]; len(p) > 0; {
						k := min(len(p), 128<<10)
						_, _ = m.Write(p[:k])
						p = p[k:]
					}
					if err := m.Close(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkByteWise(b *testing.B) {
	v := tokens(100)
	f, err := leak.New(v.names, v)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	text := streams(v)["text"][:1<<18]
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		m := f.Masker(io.Discard)
		for i := range text {
			_, _ = m.Write(text[i : i+1])
		}
		_ = m.Close()
	}
}

func BenchmarkNew(b *testing.B) {
	v := tokens(10_000)
	for b.Loop() {
		f, err := leak.New(v.names, v)
		if err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
}

package leak_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tacenda/internal/leak"
)

// drawValues makes values that are likely to overlap, to begin alike and to be
// beginnings of each other.
func drawValues(t *rapid.T) *values {
	alphabet := rapid.SampledFrom([]string{"ab", "abc", "a+ ", "a%4", `a\u0`, "é漢😀a\n", "\x00\xff\xfeab", "AaBb+/=-_", "a\r\nb", "\r\n", "ab\n", "0123456789abcdefABCDEF%\\\"+ \n"}).Draw(t, "alphabet")
	runes := []rune(alphabet)
	if strings.Contains(alphabet, "\xff") {
		runes = nil
	}
	piece := rapid.Custom(func(t *rapid.T) string {
		n := rapid.SampledFrom([]int{0, 1, 2, 5, 6, 7, 12, 13, 30, 64, 70, 150}).Draw(t, "n")
		n += rapid.IntRange(0, 8).Draw(t, "more")
		var b strings.Builder
		for range n {
			if runes == nil {
				b.WriteByte(alphabet[rapid.IntRange(0, len(alphabet)-1).Draw(t, "b")])
			} else {
				b.WriteRune(runes[rapid.IntRange(0, len(runes)-1).Draw(t, "r")])
			}
		}
		return b.String()
	})
	texts := []string{piece.Draw(t, "first")}
	for range rapid.IntRange(0, 5).Draw(t, "values") {
		old := texts[rapid.IntRange(0, len(texts)-1).Draw(t, "old")]
		cut := rapid.IntRange(0, len(old)).Draw(t, "cut")
		switch rapid.IntRange(0, 3).Draw(t, "how") {
		case 0:
			texts = append(texts, old[:cut])
		case 1:
			texts = append(texts, old[cut:]+piece.Draw(t, "tail"))
		case 2:
			texts = append(texts, old+piece.Draw(t, "tail"))
		default:
			texts = append(texts, piece.Draw(t, "new"))
		}
	}
	return source(texts...)
}

// write renders a value in some form.
func write(t *rapid.T, value []byte) []byte {
	var b bytes.Buffer
	switch rapid.IntRange(0, 7).Draw(t, "form") {
	case 0:
		b.Write(value)
	case 1:
		for _, c := range value {
			switch rapid.IntRange(0, 3).Draw(t, "percent") {
			case 0:
				fmt.Fprintf(&b, "%%%02x", c)
			case 1:
				fmt.Fprintf(&b, "%%%02X", c)
			default:
				if c == ' ' && rapid.Bool().Draw(t, "plus") {
					c = '+'
				}
				b.WriteByte(c)
			}
		}
	case 2:
		writeJSON(t, &b, value)
	case 3:
		b.WriteString(hex.EncodeToString(value))
	case 4:
		b.WriteString(strings.ToUpper(hex.EncodeToString(value)))
	case 5:
		all := rapid.Bool().Draw(t, "everywhere")
		for _, c := range value {
			if c == '\n' && (all || rapid.Bool().Draw(t, "return")) {
				b.WriteByte('\r')
			}
			b.WriteByte(c)
		}
	default:
		e := rapid.SampledFrom([]*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding}).Draw(t, "alphabet")
		before := rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "before")
		after := rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "after")
		b.WriteString(e.EncodeToString(append(append(before, value...), after...)))
	}
	out := b.Bytes()
	if rapid.IntRange(0, 5).Draw(t, "wrap") == 0 && len(out) > 20 {
		at := rapid.IntRange(0, len(out)).Draw(t, "wrapAt")
		out = append(append(append([]byte{}, out[:at]...), "\r\n"...), out[at:]...)
	}
	return out
}

func writeJSON(t *rapid.T, b *bytes.Buffer, value []byte) {
	short := map[rune]string{'"': `\"`, '\\': `\\`, '/': `\/`, '\n': `\n`, '\t': `\t`, '\r': `\r`}
	for _, r := range string(value) {
		how := rapid.IntRange(0, 3).Draw(t, "json")
		switch {
		case r == 0xfffd || how == 0:
			b.WriteRune(r)
		case short[r] != "" && how < 3:
			b.WriteString(short[r])
		case r > 0xffff:
			fmt.Fprintf(b, `\u%04x\u%04X`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		default:
			fmt.Fprintf(b, `\u%04x`, r)
		}
	}
}

// drawStream makes a stream of values in all forms, pieces of them, and noise.
func drawStream(t *rapid.T, v *values) []byte {
	var b []byte
	for range rapid.IntRange(0, 8).Draw(t, "parts") {
		value := v.of[v.names[rapid.IntRange(0, len(v.names)-1).Draw(t, "value")]]
		switch rapid.IntRange(0, 5).Draw(t, "part") {
		case 5:
			b = append(b, wrapped(t, value)...)
		case 0, 1:
			b = append(b, write(t, value)...)
		case 2:
			p := write(t, value)
			b = append(b, p[:rapid.IntRange(0, len(p)).Draw(t, "cut")]...)
		case 3:
			noise := rapid.SampledFrom([]string{"a", "b", "%", "%4", "%41", `\`, `\\`, `\u00`, `\ud83d`, "\n", "\r", "\r\n", "=", "+", " ", "-", "\xff", "ab"}).Draw(t, "noise")
			b = append(b, strings.Repeat(noise, rapid.IntRange(1, 20).Draw(t, "times"))...)
		default:
			b = append(b, value...)
		}
	}
	return b
}

// wrapped is a value among others in lines as tools make them, and as others might.
func wrapped(t *rapid.T, value []byte) []byte {
	text := bytes.Repeat([]byte("x"), rapid.IntRange(0, 120).Draw(t, "ahead"))
	text = append(append(text, value...), "behind"...)
	encode := rapid.SampledFrom([]func([]byte) string{
		hex.EncodeToString, base64.StdEncoding.EncodeToString, base64.RawURLEncoding.EncodeToString,
	}).Draw(t, "encoding")
	columns := rapid.SampledFrom([]int{59, 60, 64, 76, 7}).Draw(t, "columns")
	end := rapid.SampledFrom([]string{"\n", "\r\n", "\r", "\n\n\n\n\n"}).Draw(t, "end")
	var b []byte
	for line := range slices.Chunk([]byte(encode(text)), columns) {
		b = append(append(b, line...), end...)
	}
	return b
}

// split cuts text into pieces.
func split(t *rapid.T, text []byte) [][]byte {
	var pieces [][]byte
	large := rapid.SampledFrom([]int{1, 3, 20, 1000}).Draw(t, "chunk")
	for len(text) > 0 {
		n := min(rapid.IntRange(1, large).Draw(t, "size"), len(text))
		pieces = append(pieces, text[:n])
		text = text[n:]
	}
	return pieces
}

func TestAgainstReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawValues(t)
		text := drawStream(t, v)
		check(t, v, text, split(t, text))
	})
}

// check holds masker, scanner and reader against the reference.
func check(t interface {
	Helper()
	Fatalf(string, ...any)
}, v *values, text []byte, pieces [][]byte) {
	t.Helper()
	f, err := leak.New(v.names, v)
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer f.Close()
	spans := reference(text, v)
	want := mask(text, spans)
	var out bytes.Buffer
	m := f.Masker(&out)
	for _, p := range pieces {
		if n, err := m.Write(bytes.Clone(p)); n != len(p) || err != nil {
			t.Fatalf("writing: %d, %v", n, err)
		}
		if len(p) > 0 && m.Held() < 0 {
			t.Fatalf("held %d", m.Held())
		}
	}
	if err := m.Close(); err != nil {
		t.Fatalf("%v", err)
	}
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Fatalf("values %q\nstream %q\nwant %q\ngot  %q", v.of, text, want, out.String())
	}
	var found, expected []leak.Match
	for _, s := range spans {
		if s.name != "" {
			before := text[:s.from]
			expected = append(expected, leak.Match{
				Offset: int64(s.from), Len: s.to - s.from, Name: s.name, Encoding: s.encoding,
				Line: bytes.Count(before, []byte("\n")) + 1, Column: s.from - bytes.LastIndexByte(before, '\n'),
			})
		}
	}
	readers := make([]io.Reader, len(pieces))
	for i, p := range pieces {
		readers[i] = bytes.NewReader(p)
	}
	err = f.Scan(io.MultiReader(readers...), func(m leak.Match) error { found = append(found, m); return nil })
	if err != nil {
		t.Fatalf("%v", err)
	}
	if diff := cmp.Diff(expected, found); diff != "" {
		t.Fatalf("values %q\nstream %q\n%s", v.of, text, diff)
	}
}

package plain_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"tacenda/internal/plain"
)

func TestLines(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"one\ntwo\n", "one\ntwo\n"},
		{"one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"},
		{"one\n\u0301two", "one\ntwo"},
		{"é\r\n\r\n\x1b[31m", "é\n\n[31m"},
		{"a\tb\n", "a b\n"},
	} {
		if got := plain.Lines(c.in); got != c.want {
			t.Errorf("Lines(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestKeepsWithoutAllocating(t *testing.T) {
	for _, s := range []string{"", "STRIPE_API_KEY", "live key, billing team", "clé de l'équipe", "密钥", "Tie\u0302\u0301ng"} {
		if got := plain.String(s); got != s {
			t.Errorf("String(%q) = %q, want it unchanged", s, got)
		}
		if n := testing.AllocsPerRun(100, func() { plain.String(s) }); n != 0 {
			t.Errorf("String(%q) allocates %v times", s, n)
		}
	}
}

// check fails when out, made from in, could do more to a terminal than show
// characters.
func check(t interface {
	Helper()
	Fatalf(string, ...any)
}, in, out string, lines bool) {
	t.Helper()
	if !utf8.ValidString(out) {
		t.Fatalf("%q became %q, which is not UTF-8", in, out)
	}
	marks := 2
	for _, r := range out {
		if lines && r == '\n' {
			marks = 2
			continue
		}
		if !unicode.IsPrint(r) {
			t.Fatalf("%q became %q: %U is not for the screen", in, out, r)
		}
		if unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Me, unicode.Other_Default_Ignorable_Code_Point) {
			t.Fatalf("%q became %q: %U draws nothing", in, out, r)
		}
		switch {
		case unicode.Is(unicode.Mn, r):
			if marks++; marks > 2 {
				t.Fatalf("%q became %q: too many marks at %U", in, out, r)
			}
		case !unicode.Is(unicode.Mc, r):
			marks = 0
		}
	}
}

func TestProperties(t *testing.T) {
	text := rapid.OneOf(
		rapid.String(),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
		rapid.Map(rapid.SliceOf(rapid.SampledFrom([]rune("aé密\u0301\u0489\u093f\u200d\ufe0f\u0e33\U0001F1E9\u1112\x1b\r\n\t\u009b\u202e\U000E0041"))), func(r []rune) string { return string(r) }),
	)
	rapid.Check(t, func(t *rapid.T) {
		s := text.Draw(t, "text")
		one, many := plain.String(s), plain.Lines(s)
		check(t, s, one, false)
		check(t, s, many, true)
		if strings.Contains(one, "\n") {
			t.Fatalf("String(%q) has several lines", s)
		}
		if again := plain.String(one); again != one {
			t.Fatalf("String(%q) = %q, and again %q", s, one, again)
		}
		if again := plain.Lines(many); again != many {
			t.Fatalf("Lines(%q) = %q, and again %q", s, many, again)
		}
	})
}

func FuzzString(f *testing.F) {
	for _, s := range []string{"", "plain", "\x1b]52;c;aGk=\x07", "a\xffb", "e\u0301\u0301\u0301", "\U0001F469\u200d\U0001F467", "\u202e", "\u0e01\u0e33", "a\r\nb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		check(t, s, plain.String(s), false)
		check(t, s, plain.Lines(s), true)
	})
}

func BenchmarkString(b *testing.B) {
	for name, s := range map[string]string{"ascii": "live key, billing team", "accents": "clé de l'équipe", "hostile": "\x1b[31mred\u202e" + strings.Repeat("x", 100)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				plain.String(s)
			}
		})
	}
}

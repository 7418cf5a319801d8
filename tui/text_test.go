package tui

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"tacenda/internal/prooftest"
)

// A hostile text is one that must not reach the screen as it is.
type hostile struct {
	Name, Text, Hex, Want, Why string
}

// hostileTexts is the corpus that every place where text from outside is drawn
// is tested with.
func hostileTexts(t testing.TB) []hostile {
	t.Helper()
	data, err := os.ReadFile("testdata/hostile.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []hostile
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	for i, h := range all {
		if h.Why == "" || h.Text == "" == (h.Hex == "") {
			t.Fatalf("%q: wants a reason, and either text or hex", h.Name)
		}
		if h.Hex != "" {
			b, err := hex.DecodeString(h.Hex)
			if err != nil {
				t.Fatalf("%q: %v", h.Name, err)
			}
			all[i].Text = string(b)
		}
	}
	if len(all) < 60 {
		t.Fatalf("the corpus has %d texts: some were lost", len(all))
	}
	return append(all,
		hostile{Name: "10,000 characters", Text: strings.Repeat("x", 10_000), Want: strings.Repeat("x", 10_000), Why: "longer than any screen"},
		hostile{Name: "10,000 wide characters", Text: strings.Repeat("密", 10_000), Want: strings.Repeat("密", 10_000), Why: "the same, two cells each"},
		hostile{Name: "10,000 marks", Text: "e" + strings.Repeat("\u0301", 10_000), Want: "e\u0301\u0301", Why: "a column of marks"},
	)
}

var methods = map[string]ansi.Method{"code points": ansi.WcWidth, "clusters": ansi.GraphemeWidth}

func TestCleanHostile(t *testing.T) {
	for _, h := range hostileTexts(t) {
		if got := clean(h.Text); got != h.Want {
			t.Errorf("%s: clean(%.40q) = %.40q, want %.40q (%s)", h.Name, h.Text, got, h.Want, h.Why)
		}
	}
	prooftest.Cases(t, len(hostileTexts(t)), "texts")
}

// checkFit fails unless text takes exactly w cells, by itself and between the
// borders of a pane, and is made of visible characters only.
func checkFit(t testing.TB, m ansi.Method, from, text string, w int) {
	t.Helper()
	if got := m.StringWidth("│" + text + "│"); got != w+2 {
		t.Fatalf("%.60q fitted to %d cells takes %d: %q", from, w, got-2, text)
	}
	if !utf8.ValidString(text) {
		t.Fatalf("%.60q fitted to %d cells is not UTF-8: %q", from, w, text)
	}
	for _, r := range text {
		if !unicode.IsPrint(r) || unicode.Is(unicode.Cf, r) {
			t.Fatalf("%.60q fitted to %d cells has %U in it: %q", from, w, r, text)
		}
	}
}

// fit draws text from outside in exactly w cells, as every screen does.
func fit(m ansi.Method, s string, w int, g glyphs) string {
	r := newRow(&ui{cells: m, glyphs: g}, w)
	r.cell("", s, w)
	return r.end()
}

// fitName does the same for a name.
func fitName(m ansi.Method, s string, w int, g glyphs) string {
	r := newRow(&ui{cells: m, glyphs: g}, w)
	r.name("", s, w)
	return r.end()
}

func TestFitHostile(t *testing.T) {
	for _, h := range hostileTexts(t) {
		for name, m := range methods {
			for _, g := range []glyphs{unicodeGlyphs, asciiGlyphs} {
				for w := range 24 {
					checkFit(t, m, h.Name+" by "+name, fit(m, h.Text, w, g), w)
					checkFit(t, m, h.Name+" by "+name, fitName(m, h.Text, w, g), w)
				}
			}
		}
	}
}

func FuzzFit(f *testing.F) {
	for _, h := range hostileTexts(f) {
		if len(h.Text) < 200 {
			f.Add(h.Text, uint8(7))
		}
	}
	f.Add("STRIPE_WEBHOOK_SECRET", uint8(17))
	f.Fuzz(func(t *testing.T, s string, w uint8) {
		for _, m := range methods {
			checkFit(t, m, s, fit(m, s, int(w), unicodeGlyphs), int(w))
			checkFit(t, m, s, fitName(m, s, int(w), unicodeGlyphs), int(w))
			if n := width(m, cut(m, clean(s), int(w), "~")); n > int(w) {
				t.Fatalf("%q cut to %d cells takes %d", s, w, n)
			}
		}
	})
}

func TestCutAndMiddle(t *testing.T) {
	const m = ansi.WcWidth
	for _, c := range []struct {
		in          string
		w           int
		cut, middle string
	}{
		{"", 0, "", ""},
		{"", 3, "", ""},
		{"abc", 0, "", ""},
		{"abc", 1, "…", "…"},
		{"abc", 2, "a…", "a…"},
		{"abc", 3, "abc", "abc"},
		{"abcdef", 4, "abc…", "ab…f"},
		{"abcdef", -1, "", ""},
		{"STRIPE_WEBHOOK_SECRET", 17, "STRIPE_WEBHOOK_S…", "STRIPE_W…K_SECRET"},
		{"密钥名称", 8, "密钥名称", "密钥名称"},
		{"密钥名称", 7, "密钥名…", "密…称"},
		{"密钥名称", 6, "密钥…", "密…称"},
		{"密钥名称", 2, "…", "…"},
		{"e\u0301e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301…", "e\u0301…e\u0301"},
	} {
		if got := cut(m, c.in, c.w, "…"); got != c.cut {
			t.Errorf("cut(%q, %d) = %q, want %q", c.in, c.w, got, c.cut)
		}
		if got := middle(m, c.in, c.w, "…"); got != c.middle {
			t.Errorf("middle(%q, %d) = %q, want %q", c.in, c.w, got, c.middle)
		}
	}
	if got := fit(m, "密钥", 5, unicodeGlyphs); got != "密钥 " {
		t.Errorf("fit pads to %q", got)
	}
	if got := fit(m, "密钥名", 4, unicodeGlyphs); got != "密… " {
		t.Errorf("fit fills the half that a wide character leaves with %q", got)
	}
}

func TestFittingTextAllocatesNothing(t *testing.T) {
	const name = "STRIPE_API_KEY"
	if n := testing.AllocsPerRun(100, func() {
		cut(ansi.WcWidth, clean(name), len(name), "…")
		middle(ansi.WcWidth, clean(name), 40, "…")
		width(ansi.WcWidth, name)
	}); n != 0 {
		t.Errorf("a name that fits allocates %v times", n)
	}
}

func TestCount(t *testing.T) {
	for _, c := range []struct {
		n    int
		want string
	}{{0, "no secrets"}, {1, "1 secret"}, {2, "2 secrets"}, {999, "999 secrets"}, {1000, "1,000 secrets"}, {1234567, "1,234,567 secrets"}} {
		if got := count(c.n, "secret", "secrets"); got != c.want {
			t.Errorf("count(%d) = %q, want %q", c.n, got, c.want)
		}
	}
	if got := number(-1234); got != "-1,234" {
		t.Errorf("number(-1234) = %q", got)
	}
}

func BenchmarkFit(b *testing.B) {
	for name, s := range map[string]string{"fits": "STRIPE_API_KEY", "cut": strings.Repeat("live key ", 20), "wide": strings.Repeat("密钥", 10), "huge": strings.Repeat("密", 10_000)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				fit(ansi.WcWidth, s, 30, unicodeGlyphs)
			}
		})
	}
}

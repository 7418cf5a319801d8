package cli

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// TestJSONIsSafeToDraw: whatever a string holds, its JSON says the same, and
// holds nothing that a terminal would act upon.
func TestJSONIsSafeToDraw(t *testing.T) {
	check := func(t interface{ Fatalf(string, ...any) }, s string) {
		b, err := marshal(map[string]string{"x": s})
		if err != nil {
			t.Fatalf("%v", err)
		}
		for i := 0; i < len(b); {
			r, n := utf8.DecodeRune(b[i:])
			if r != ' ' && !unicode.IsPrint(r) {
				t.Fatalf("%q: JSON holds %U", s, r)
			}
			i += n
		}
		var got map[string]string
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if want := string(bytes.ToValidUTF8([]byte(s), []byte("\uFFFD"))); utf8.ValidString(s) && got["x"] != want {
			t.Fatalf("%q came back as %q", s, got["x"])
		}
	}
	for _, s := range []string{"", "plain", "\x1b]52;c;aGk=\a", "\u009b2J", "a\u202eb", "\U000e0041", "\xff\x9b", "<&>", "é😀", "\u2028"} {
		check(t, s)
	}
	rapid.Check(t, func(t *rapid.T) { check(t, rapid.String().Draw(t, "s")) })
}

func TestJSONList(t *testing.T) {
	for _, n := range []int{0, 1, 2, 5000} {
		var b bytes.Buffer
		items := make([]secretJSON, n)
		if err := writeJSONList(&b, items); err != nil {
			t.Fatal(err)
		}
		var got []secretJSON
		if err := json.Unmarshal(b.Bytes(), &got); err != nil {
			t.Fatalf("%d items: %v", n, err)
		}
		if len(got) != n || bytes.HasPrefix(b.Bytes(), []byte("null")) {
			t.Errorf("%d items became %d", n, len(got))
		}
	}
}

func TestJSONTime(t *testing.T) {
	if jsonTime(time.Time{}) != nil {
		t.Error("an unset time is not null")
	}
	zone := time.FixedZone("", 2*60*60)
	if got := *jsonTime(time.Date(2027, 1, 31, 1, 30, 0, 999, zone)); got != "2027-01-30T23:30:00Z" {
		t.Error(got)
	}
}

// TestWidths: a table is cut to a terminal's width in one column, and nowhere
// else.
func TestDrawRow(t *testing.T) {
	for _, tt := range []struct {
		row    []string
		widths []int
		want   string
	}{
		{[]string{"A", "b"}, []int{3, 1}, "A    b\n"},
		{[]string{"A", "", "c"}, []int{1, 4, 1}, "A        c\n"},
		{[]string{"A", ""}, []int{4, 4}, "A\n"},
		{[]string{"long text", "c"}, []int{5, 1}, "long…  c\n"},
		{[]string{"日本", "c"}, []int{4, 1}, "日本  c\n"},
		{[]string{"日本語", "c"}, []int{4, 1}, "日…   c\n"},
	} {
		var b bytes.Buffer
		drawRow(&b, tt.row, tt.widths, "…")
		if b.String() != tt.want {
			t.Errorf("%q in %v: %q, want %q", tt.row, tt.widths, b.String(), tt.want)
		}
	}
}

// TestPlainWriter: split anywhere, the same lines come out, without anything
// that steers a terminal.
func TestPlainWriter(t *testing.T) {
	const text = "one\n\x1b[2Jtwo é\u009b\nthree"
	for split := range len(text) {
		var b bytes.Buffer
		w := &plainWriter{to: &b}
		for _, part := range []string{text[:split], text[split:]} {
			if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
				t.Fatal(n, err)
			}
		}
		w.flush()
		if got := b.String(); got != "one\n[2Jtwo é\nthree\n" {
			t.Fatalf("split at %d: %q", split, got)
		}
	}
	// A line without end is written all the same, in bounded memory.
	var b bytes.Buffer
	w := &plainWriter{to: &b}
	for range 100 {
		_, _ = w.Write(bytes.Repeat([]byte("x"), 4096))
		if cap(w.line) > 4*maxLine {
			t.Fatalf("kept %d bytes", cap(w.line))
		}
	}
}

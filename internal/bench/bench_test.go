package main

import (
	"bytes"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestCompare: ratios are of the same round, so that a slow round slows both.
func TestCompare(t *testing.T) {
	ms := func(list ...int) sample {
		var s sample
		for _, n := range list {
			s.wall = append(s.wall, time.Duration(n)*time.Millisecond)
			s.cpu = append(s.cpu, time.Duration(n)*time.Millisecond/2)
		}
		return s
	}
	got := compare([]command{{name: "peer"}, {name: "ours", goal: "3"}}, []sample{ms(1, 10, 100), ms(2, 20, 200)}, "ours")
	want := [][]string{
		{"peer", "10.0 ms", "1.00 ms to 100 ms", "1.00 (1.00 to 1.00)", "1.00", "0.50 (0.50 to 0.50)", ""},
		{"ours", "20.0 ms", "2.00 ms to 200 ms", "2.00 (2.00 to 2.00)", "2.00", "1.00 (1.00 to 1.00)", "3"},
	}
	for i := range want {
		if strings.Join(got.rows[i], "|") != strings.Join(want[i], "|") {
			t.Errorf("row %d is %q, want %q", i, got.rows[i], want[i])
		}
		if len(got.rows[i]) != len(got.header) {
			t.Errorf("row %d has %d cells under %d headings", i, len(got.rows[i]), len(got.header))
		}
	}
}

// TestPublish: a group's table takes the place of its last one and of nothing else.
func TestPublish(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "performance.md")
	before := "head\n<!-- bench a -->\nold\n<!-- end -->\nbetween\n<!-- bench b -->\nkept\n<!-- end -->\nfoot\n"
	if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	b := &bench{out: io.Discard, options: options{write: dir}}
	x := table{about: "new", header: []string{"x"}, rows: [][]string{{"1"}}}
	for range 2 {
		if err := b.publish("a", x); err != nil {
			t.Fatal(err)
		}
	}
	after, err := os.ReadFile(path)
	want := strings.Replace(before, "old\n", x.markdown(), 1)
	if err != nil || string(after) != want {
		t.Errorf("%v: the document is now\n%s", err, after)
	}
	if err := b.publish("c", x); err == nil {
		t.Error("a group without a place was published")
	}
}

// TestDocument: every group has a place in the document, and every plot that
// lies beside it is shown.
func TestDocument(t *testing.T) {
	doc, err := os.ReadFile("../../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups() {
		if !bytes.Contains(doc, []byte("<!-- bench "+g.name+" -->\n")) {
			t.Errorf("the document has no place for the group %s", g.name)
		}
	}
	plots, err := filepath.Glob("../../docs/plots/*.svg")
	if err != nil || len(plots) == 0 {
		t.Fatal("there are no plots", err)
	}
	for _, path := range plots {
		if !bytes.Contains(doc, []byte("(plots/"+filepath.Base(path)+")")) {
			t.Errorf("%s is nowhere shown", path)
		}
	}
}

// TestPlot: the picture is well-formed and all that is drawn lies inside of it.
func TestPlot(t *testing.T) {
	c := newCurve("x", "Less < more & \"all\"", "things", "ours", "theirs")
	for _, size := range []float64{1, 1000, 1e6} {
		for _, jitter := range []float64{0.5, 1, 3} {
			c.add(0, size, size*1e-6*jitter)
			c.add(1, size, 1e-6*jitter)
			c.add(1, size, 0) // not told by the system
		}
	}
	if n := len(c.samples[1][1000]); n != 3 {
		t.Errorf("%d samples, want 3: zero is none", n)
	}
	dec := xml.NewDecoder(bytes.NewReader(c.plot(axisCount).svg()))
	circles := 0
	for {
		token, err := dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if e.Name.Local == "circle" {
			circles++
		}
		for _, a := range e.Attr {
			limit := map[string]float64{"cx": plotWidth, "x": plotWidth, "cy": plotHeight, "y": plotHeight}[a.Name.Local]
			if at, err := strconv.ParseFloat(a.Value, 64); limit > 0 && (err != nil || at < 0 || at > limit) {
				t.Errorf("%s: %s=%q lies outside", e.Name.Local, a.Name.Local, a.Value)
			}
		}
	}
	if circles != 4 { // three points and the legend
		t.Errorf("%d circles, want 4", circles)
	}
}

// TestUnits: sizes as people write them.
func TestUnits(t *testing.T) {
	for _, x := range []struct{ got, want string }{
		{duration(0.0123), "12.3 ms"},
		{duration(1.5), "1.50 s"},
		{duration(12e-6), "12.0 µs"},
		{axisDuration(1e-7), "100 ns"},
		{axisDuration(1e-6), "1 µs"},
		{axisDuration(0.1), "100 ms"},
		{axisDuration(10), "10 s"},
		{axisCount(1048576), "1,048,576"},
		{axisCount(100), "100"},
		{axisBytes(32 << 20), "32 MiB"},
		{axisBytes(10 << 30), "10 GiB"},
		{ratio(0.0123), "0.012"},
		{ratio(1.239), "1.24"},
		{ratio(123.4), "123"},
	} {
		if x.got != x.want {
			t.Errorf("%q, want %q", x.got, x.want)
		}
	}
}

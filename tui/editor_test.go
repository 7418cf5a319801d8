package tui

import (
	"strings"
	"testing"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"pgregory.net/rapid"

	"tacenda/internal/vault"
)

// typeInto does what keys parted by spaces do; what starts with = is text.
func typeInto(e *editor, steps ...string) {
	for _, s := range steps {
		if text, ok := strings.CutPrefix(s, "="); ok {
			for _, r := range text {
				e.key(string(r), string(r))
			}
			continue
		}
		for k := range strings.FieldsSeq(s) {
			e.key(k, "")
		}
	}
}

func TestEditor(t *testing.T) {
	for _, c := range []struct {
		name, text string
		steps      []string
		want       string
		row, col   int
	}{
		{"typing", "", []string{"=ab", "enter", "=c"}, "ab\nc", 1, 1},
		{"indent", "  - a", []string{"end enter", "=b"}, "  - a\n  b", 1, 3},
		{"join", "a\nb", []string{"down home backspace"}, "ab", 0, 1},
		{"join below", "a\nb", []string{"end delete"}, "ab", 0, 1},
		{"over line ends", "a\nb", []string{"end right", "=x", "left left", "=y"}, "ay\nxb", 0, 2},
		{"words", "one two_2, three", []string{"ctrl+right ctrl+right", "=|", "ctrl+left", "=|", "ctrl+left", "=|"}, "|one |two_2|, three", 0, 1},
		{"word before", "one two", []string{"end ctrl+w"}, "one ", 0, 4},
		{"line", "one two\nx", []string{"ctrl+right ctrl+k"}, "one\nx", 0, 3},
		{"line and its end", "one\nx", []string{"end ctrl+k"}, "onex", 0, 3},
		{"line before", "one two", []string{"ctrl+right ctrl+u"}, " two", 0, 0},
		{"wide", "密e\u0301👩‍👩‍👧x", []string{"end left left", "=|", "left left", "=|"}, "密|e\u0301|👩‍👩‍👧x", 0, 4},
		{"marks go with their letter", "ae\u0301", []string{"end backspace"}, "a", 0, 1},
		{"up keeps the column", "long line\nx\nlong line", []string{"ctrl+end up up", "=|"}, "long line|\nx\nlong line", 0, 10},
		{"ends", "a\nb", []string{"down down", "=|", "up up", "=|"}, "|a\nb|", 0, 1},
		{"CRLF stays", "a\r\nb\r\n", []string{"down", "=x"}, "a\r\nxb\r\n", 1, 1},
		{"control characters", "", []string{"=a\x1b\x00\x7f\u0085b\tc"}, "ab\tc", 0, 4},
	} {
		e := newEditor(c.text, 1000)
		typeInto(e, c.steps...)
		if e.string() != c.want || e.row != c.row || e.col != c.col {
			t.Errorf("%s: %q at %d:%d, want %q at %d:%d", c.name, e.string(), e.row, e.col, c.want, c.row, c.col)
		}
		for range 1000 {
			e.undo()
		}
		if e.string() != c.text {
			t.Errorf("%s: undone to %q", c.name, e.string())
		}
	}
}

// Undo takes a word's letters back together, and then what was before.
func TestEditorUndo(t *testing.T) {
	e := newEditor("a", 1000)
	typeInto(e, "end", "=bcd", "enter", "=e")
	for _, want := range []string{"abcd\n", "abcd", "a", "a"} {
		e.undo()
		if e.string() != want {
			t.Fatalf("undone to %q, not %q", e.string(), want)
		}
	}
	typeInto(e, "end", "=b", "left right", "=c")
	if e.undo(); e.string() != "ab" {
		t.Fatalf("a move does not part what is taken back: %q", e.string())
	}
}

// What undo keeps has a limit.
func TestEditorUndoBounded(t *testing.T) {
	e := newEditor(strings.Repeat("x", 1<<20), 2<<20)
	for range 50 {
		e.insert("y", false)
	}
	if len(e.changes) > 5 || e.kept > changesHeld {
		t.Fatalf("%d changes with %d bytes are kept", len(e.changes), e.kept)
	}
}

func TestEditorLimit(t *testing.T) {
	e := newEditor("abc", 5)
	e.insert("defg", false)
	if !e.full || e.string() != "abc" {
		t.Fatalf("%q with %d bytes at most 5", e.string(), e.size)
	}
	e.insert("\nd", false)
	if e.full || e.size != 5 || e.string() != "\ndabc" {
		t.Fatalf("%q of %d bytes", e.string(), e.size)
	}
}

var editorKeys = strings.Fields("left right up down home end pgup pgdown ctrl+left ctrl+right ctrl+home ctrl+end enter backspace backspace delete ctrl+w ctrl+u ctrl+k undo")

// Whatever is done, the cursor stands where a character begins, the size is
// right, the frame has its size, and undoing everything leads back.
func TestEditorProperties(t *testing.T) {
	s := newDrawn(t, 80, 24)
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", " ", "\n", "\t", "密", "e\u0301", "👩‍👩‍👧", "\u200b", "\r\n", "{{", "long words "}), 0, 60).Draw(t, "text"), "")
		e := newEditor(text, 300)
		steps := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(editorKeys), rapid.SampledFrom([]string{"=x", "=密", "=\u0301", "=a\nb", "={{"})), 0, 60).Draw(t, "steps")
		for _, step := range steps {
			if in, ok := strings.CutPrefix(step, "="); ok {
				e.insert(in, len(in) == 1)
			} else if step == "undo" {
				e.undo()
			} else {
				e.key(step, "")
			}
			w, h := rapid.IntRange(10, 60).Draw(t, "w"), rapid.IntRange(1, 8).Draw(t, "h")
			sw := newSheet(s.u, w, "")
			e.draw(sw, h, true, nil)
			for _, l := range sw.lines {
				if n := s.u.cells.StringWidth(l); n != w {
					t.Fatalf("a line of %d cells in %d: %q", n, w, l)
				}
			}
			switch c := sw.cursor; {
			case len(sw.lines) != h || c == nil || c.x >= w || c.y >= h:
				t.Fatalf("%d lines of %d, cursor %+v in %d", len(sw.lines), h, c, w)
			case e.size != len(e.string()) || e.size > max(300, len(text)):
				t.Fatalf("%d bytes, counted %d", len(e.string()), e.size)
			case e.col > len(e.lines[e.row]) || e.col < len(e.lines[e.row]) && !utf8.RuneStart(e.lines[e.row][e.col]):
				t.Fatalf("the cursor is at byte %d of %q", e.col, e.lines[e.row])
			}
		}
		for len(e.changes) > 0 {
			e.undo()
		}
		if e.string() != text {
			t.Fatalf("undone to %q", e.string())
		}
	})
}

func TestFold(t *testing.T) {
	u := newDrawn(t, 80, 24).u
	f := fold(u, []string{"", "one two three", strings.Repeat("x", 25), "a ⟦sk_l••••9xQ2⟧ b", "密密密密密密", "\x1b[2Jred"}, 10)
	var got []string
	for i := range f.parts {
		r := newRow(u, 10)
		f.draw(r, i, false)
		got = append(got, strings.TrimRight(r.end(), " "))
	}
	want := "|one two|three|xxxxxxxxxx|xxxxxxxxxx|xxxxx|a|⟦sk_l••••9|xQ2⟧ b|密密密密密|密|[2Jred"
	if strings.Join(got, "|") != want {
		t.Fatalf("folded to %q", strings.Join(got, "|"))
	}
	if f.first(2) != 3 || f.first(5) != len(f.parts)-1 || f.first(0) != 0 {
		t.Fatal("the first part of a line is not found")
	}
}

func TestBodyLines(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{"a":1}`, "{\n  \"a\": 1\n}"},
		{"not {json}", "not {json}"},
		{"[1", "[1"},
		{strings.Repeat("[", 40) + strings.Repeat("]", 40), strings.Repeat("[", 40) + strings.Repeat("]", 40)},
		{`["{{{{{{", "\"[[["]`, "[\n  \"{{{{{{\",\n  \"\\\"[[[\"\n]"},
		{"a\r\nb", "a\nb"},
	} {
		lines, _ := bodyLines(c.in)
		if got := strings.Join(lines, "\n"); got != c.want {
			t.Errorf("%q becomes %q", c.in, got)
		}
	}
	if lines, came := bodyLines("[" + strings.Repeat(" ", layMax) + "]"); len(lines) != 1 || came != nil {
		t.Error("a large answer is laid out")
	}
}

// A key in a text of a megabyte: of many lines, and of one.
func BenchmarkEditorKey(b *testing.B) {
	for name, text := range map[string]string{
		"lines": strings.Repeat("a line of a large text with {{DATABASE_URL}} in it\n", vault.MaxText/52),
		"line":  strings.Repeat("x", vault.MaxText-1000),
	} {
		b.Run(name, func(b *testing.B) {
			s := newDrawn(b, 80, 24)
			f := newTextForm(s.u, vault.Instruction, &vault.Text{Project: "api-gateway", Name: "large", Text: text})
			s.u.push(f)
			f.editor().key("end", "")
			b.ResetTimer()
			for i := range b.N {
				k := tea.KeyPressMsg{Code: 'a', Text: "a"}
				if i%2 == 1 {
					k = tea.KeyPressMsg{Code: tea.KeyBackspace}
				}
				press1(s, k)
			}
		})
	}
}

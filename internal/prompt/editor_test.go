package prompt

import (
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"tacenda/keyring/secret"
)

// edit types keys; "…" stands for a pause.
func edit(t testing.TB, limit int, keys string) (line string, done bool, err error) {
	t.Helper()
	e, err := newEditor(limit)
	if err != nil {
		t.Fatal(err)
	}
	defer e.destroy()
	for rest := keys; len(rest) > 0; {
		if after, ok := strings.CutPrefix(rest, "…"); ok {
			e.pause()
			rest = after
			continue
		}
		done, err = e.feed(rest[0])
		rest = rest[1:]
		if done || err != nil {
			if rest != "" {
				t.Errorf("%q: done before %q", keys, rest)
			}
			break
		}
	}
	answer := e.take()
	defer answer.Destroy()
	_ = answer.Use(func(p []byte) error { line = string(p); return nil })
	return line, done, err
}

func TestEditor(t *testing.T) {
	const on, off = "\x1b[200~", "\x1b[201~"
	for _, tt := range []struct {
		name, keys, want string
		err              error
	}{
		{"line feed", "abc\n", "abc", nil},
		{"carriage return", "abc\r", "abc", nil},
		{"empty", "\n", "", nil},
		{"spaces and tabs", " a\tb \n", " a\tb ", nil},
		{"UTF-8", "pässwörd\n", "pässwörd", nil},
		{"not UTF-8", "a\xff\xfeb\n", "a\xff\xfeb", nil},
		{"delete", "abd\x7fc\n", "abc", nil},
		{"backspace", "abd\x08c\n", "abc", nil},
		{"delete on empty", "\x7f\x7fa\n", "a", nil},
		{"delete a character of two bytes", "aö\x7fb\n", "ab", nil},
		{"delete a character of four bytes", "a🔑\x7fb\n", "ab", nil},
		{"delete half a character", "a\xe2\x82\x7fb\n", "a\xe2b", nil},
		{"kill", "abc\x15def\n", "def", nil},
		{"word", "one two  \x17three\n", "one three", nil},
		{"only word", "one\x17two\n", "two", nil},
		{"other controls", "a\x00\x01\x0c\x1ab\n", "ab", nil},
		{"arrows", "a\x1b[A\x1b[1;5C\x1bOPb\n", "ab", nil},
		{"alt", "a\x1bxb\n", "ab", nil},
		{"escape key", "a\x1b…bc\n", "abc", nil},
		{"escape twice", "a\x1b\x1b[Ab\n", "ab", nil},
		{"a pause inside a sequence", "a\x1b[…1~b\n", "ab", nil},
		{"ctrl+c", "abc\x03", "abc", ErrInterrupted},
		{"ctrl+d on empty", "\x04", "", io.EOF},
		{"ctrl+d on text", "ab\x04c\n", "abc", nil},
		{"paste", on + "hunter2" + off + "\n", "hunter2", nil},
		{"paste between", "a" + on + "b" + off + "c\n", "abc", nil},
		{"two pastes", on + "a\n" + off + on + "b\n" + off + "\n", "ab", nil},
		{"paste with its line end", on + "hunter2\r\n" + off + "\n", "hunter2", nil},
		{"paste with line ends in front", on + "\n\nhunter2" + off + "\n", "hunter2", nil},
		{"paste with controls", on + "a\x00\x7f\x04\tb" + off + "\n", "a\tb", nil},
		{"paste with a sequence", on + "a\x1b[31mb" + off + "\n", "ab", nil},
		{"paste of several lines", on + "a\rb\r" + off, "", ErrSeveralLines},
		{"paste of several lines behind text", "x" + on + "\na" + off, "", ErrSeveralLines},
		{"end without beginning", "a" + off + "b\n", "ab", nil},
		{"number too large", "a\x1b[99999999999999999999200~b\n", "ab", nil},
		{"second number", "a\x1b[1;200~b\n", "ab", nil},
		{"the limit", "0123456789\n", "0123456789", nil},
		{"over the limit", "0123456789a\n", "", secret.ErrTooLarge},
		{"far over the limit", strings.Repeat("x", 5000) + "\x7f\n", "", secret.ErrTooLarge},
		{"over the limit, killed", "0123456789abc\x15ok\n", "ok", nil},
		{"paste over the limit", on + "0123456789a" + off, "", secret.ErrTooLarge},
		{"no end", "abc", "abc", nil},
	} {
		line, done, err := edit(t, 10, tt.keys)
		if line != tt.want && tt.err == nil || !errors.Is(err, tt.err) {
			t.Errorf("%s: %q, %v, want %q, %v", tt.name, line, err, tt.want, tt.err)
		}
		if done == (tt.name == "no end") {
			t.Errorf("%s: done: %v", tt.name, done)
		}
	}
}

func TestEditorHoldsAMegabyte(t *testing.T) {
	const limit = 1 << 20
	whole := strings.Repeat("0123456789abcdef", limit/16)
	if line, _, err := edit(t, limit, whole+"\n"); err != nil || line != whole {
		t.Errorf("%d bytes: %d came back, %v", limit, len(line), err)
	}
	if _, _, err := edit(t, limit, whole+"x\n"); !errors.Is(err, secret.ErrTooLarge) {
		t.Errorf("%d bytes: %v", limit+1, err)
	}
}

// TestEditorLeavesNothing looks behind the line after every edit.
func TestEditorLeavesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, err := newEditor(300)
		if err != nil {
			t.Fatal(err)
		}
		defer e.destroy()
		var want []byte // what a plain slice makes of the same keys
		for range rapid.IntRange(0, 400).Draw(t, "keys") {
			key := rapid.OneOf(rapid.ByteRange(' ', '~'), rapid.ByteRange(0x80, 0xff),
				rapid.SampledFrom([]byte{del, backspace, ctrlU, ctrlW})).Draw(t, "key")
			switch key {
			case del, backspace:
				_, size := utf8.DecodeLastRune(want)
				want = want[:len(want)-size]
			case ctrlU:
				want = nil
			case ctrlW:
				trimmed := strings.TrimRight(string(want), " ")
				want = want[:strings.LastIndexByte(trimmed, ' ')+1]
			default:
				want = append(want, key)
			}
			if len(want) > 300 {
				return
			}
			if done, err := e.feed(key); done || err != nil {
				t.Fatalf("%q ended it: %v", key, err)
			}
		}
		_ = e.value.Use(func(p []byte) error {
			if string(p[:e.n]) != string(want) {
				t.Fatalf("got %q, want %q", p[:e.n], want)
			}
			if rest := strings.Trim(string(p[e.n:]), "\x00"); rest != "" {
				t.Fatalf("%q lies behind the line", rest)
			}
			return nil
		})
	})
}

func FuzzEditor(f *testing.F) {
	for _, seed := range []string{"abc\n", "\x1b[200~a\nb\x1b[201~", "ä\x7f\x7f\x15\x17\x1b[A\x1bOP\x03", "0123456789abcdef\r"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, keys []byte) {
		e, err := newEditor(8)
		if err != nil {
			t.Fatal(err)
		}
		defer e.destroy()
		for _, c := range keys {
			done, err := e.feed(c)
			if err != nil && !done {
				t.Fatalf("an error that does not end it: %v", err)
			}
			if e.n < 0 || e.n > 8 || e.n > e.value.Len() {
				t.Fatalf("length %d", e.n)
			}
			if done {
				line := e.take()
				if line.Len() > 8 {
					t.Fatalf("an answer of %d bytes", line.Len())
				}
				line.Destroy()
				return
			}
		}
	})
}

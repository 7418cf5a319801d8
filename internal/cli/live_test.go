package cli

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tacenda/internal/leak"
	"tacenda/internal/plain"
)

// TestLiveWriter: however a stream is cut, the screen shows what it would show of the whole.
func TestLiveWriter(t *testing.T) {
	pieces := rapid.SampledFrom([]string{
		"a", "word ", "é", "中", "🔑", "\n", "\r", "\r\n", "\t", "\x1b[31m", "\x1b]52;c;aGk=\x07", "\u009b2J", "\u202e", "\u200d", "e\u0301\u0301\u0301\u0301", "\u0301", "\u0903", "\u0e33",
		"\xff", "\xc3", "\x80", "\xf0\x9f", "\x00", "\u2028", "🇩🇪", "\ufeff", "\ufe0f", "👍🏽",
	})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(pieces).Draw(t, "text"), "")
		var shown bytes.Buffer
		w := &liveWriter{to: &shown}
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			if _, err := io.WriteString(w, rest[:n]); err != nil {
				t.Fatal(err)
			}
			if held := len(w.held); held > 3 {
				t.Fatalf("%d bytes are held back", held)
			}
			rest = rest[n:]
		}
		w.flush()
		want := plain.Lines(text)
		if want != "" && !strings.HasSuffix(want, "\n") {
			want += "\n"
		}
		if shown.String() != want {
			t.Fatalf("%q\n got %q\nwant %q", text, shown.String(), want)
		}
	})
}

// failing is a source whose values open once.
type failing struct{ calls int }

func (f *failing) Use(_ string, fn func([]byte) error) error {
	if f.calls++; f.calls > 1 {
		return errors.New("the record is damaged")
	}
	return fn([]byte("a value of some length"))
}

// TestUnmasked: an answer that could not be masked is not shown.
func TestUnmasked(t *testing.T) {
	all := &watched{source: &failing{}}
	finder, err := leak.New([]string{"A"}, all)
	if err != nil {
		t.Fatal(err)
	}
	defer finder.Close()
	body := &maskedBody{io.NopCloser(finder.Reader(strings.NewReader("here is a value of some length, and more"))), &callValues{all: all}}
	got, err := io.ReadAll(body)
	if err == nil || err.Error() != "masking the answer: the record is damaged" || strings.Contains(string(got), "value") {
		t.Errorf("%q, %v", got, err)
	}
}

package cli

import (
	"io"
	"strings"
	"unicode/utf8"

	"tacenda/internal/plain"
)

// A liveWriter makes text from outside safe to draw as it comes: an answer that
// streams is shown while it does, where a plainWriter waits for the end of each
// line. Nothing is held back but the beginning of a character, and a carriage
// return, which may be half of a line end.
type liveWriter struct {
	to   io.Writer
	held []byte
	// shown is the last character on the screen with the marks on it: marks that
	// come next count as if they had come in one piece, so that a stream cannot
	// pile up more of them than a text may.
	shown string
}

func (w *liveWriter) Write(p []byte) (int, error) {
	text := append(w.held, p...)
	end := len(text)
	if end > 0 && text[end-1] == '\r' {
		end--
	}
	for back := 1; back < utf8.UTFMax && back <= end; back++ {
		if c := text[end-back]; utf8.RuneStart(c) {
			if !utf8.FullRune(text[end-back : end]) {
				end -= back
			}
			break
		}
	}
	now := string(text[:end])
	w.held = append([]byte(nil), text[end:]...)
	return len(p), w.draw(now)
}

func (w *liveWriter) draw(text string) error {
	if text == "" {
		return nil
	}
	out, ok := strings.CutPrefix(plain.Lines(w.shown+text), w.shown)
	if !ok { // a character that changes the one before it: it stands alone then
		out = plain.Lines(text)
	}
	w.remember(out)
	_, err := io.WriteString(w.to, out)
	return err
}

// remember keeps the last character that is no mark and what follows it.
func (w *liveWriter) remember(out string) {
	const most = 32 // bytes: a character and as many marks as plain lets through
	all := w.shown + out
	for i := len(all); i > 0 && len(all)-i < most; {
		_, n := utf8.DecodeLastRuneInString(all[:i])
		i -= n
		if tail := all[i:]; plain.Lines(tail) == tail {
			w.shown = tail
			return
		}
	}
	w.shown = ""
}

// flush writes what is left, and ends its line: what follows on the screen is
// the prompt of a shell.
func (w *liveWriter) flush() {
	_ = w.draw(string(w.held))
	w.held = nil
	if w.shown != "" && !strings.HasSuffix(w.shown, "\n") {
		_, _ = io.WriteString(w.to, "\n")
	}
}

package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
	"golang.org/x/term"

	"tacenda/internal/plain"
)

// A stream is standard output or standard error. It remembers whether its
// reader went away, which ends the program as quietly as it ends cat, and what
// else went wrong: not everybody who writes can say so.
type stream struct {
	file    *os.File
	broken  bool
	failed  error
	away    bool // it is a pipe to a caller's terminal or program
	columns int  // of the caller's terminal, 0 without one
}

func newStream(f *os.File) *stream { return &stream{file: quietly(f)} }

func (s *stream) Write(p []byte) (int, error) {
	if len(p) == 0 { // a full device refuses even that, and nothing was lost
		return 0, nil
	}
	n, err := s.file.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		s.broken = true
		return n, err
	}
	var failed *fs.PathError
	if errors.As(err, &failed) { // "write" is a word of the system, not of the user
		err = fmt.Errorf("writing %s: %w", failed.Path, failed.Err)
	}
	if err != nil {
		s.failed = err
	}
	return n, err
}

// terminal tells whether the stream ends at a terminal.
func (s *stream) terminal() bool {
	if s.away {
		return s.columns > 0
	}
	return term.IsTerminal(int(s.file.Fd()))
}

// width is the terminal's number of columns, 0 when there is none.
func (s *stream) width() int {
	if s.away {
		return s.columns
	}
	w, _, err := term.GetSize(int(s.file.Fd()))
	if err != nil {
		return 0
	}
	return w
}

// styled tells whether bold may be used: on a terminal that knows how, unless
// NO_COLOR asks for none.
func (a *app) styled() bool {
	return a.sys.Getenv("NO_COLOR") == "" && a.sys.Getenv("TERM") != "dumb" && a.out.terminal()
}

// utf8Terminal tells whether the locale lets a terminal draw more than ASCII.
func (a *app) utf8Terminal() bool {
	if a.globals.ascii {
		return false
	}
	if runtime.GOOS == "windows" {
		return true
	}
	for _, variable := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(a.sys.Getenv(variable)); v != "" {
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return false
}

// glyphs is text as the terminal behind to can draw it: hints and previews have
// characters that a terminal without UTF-8 shows as rubbish. Whatever is no
// terminal gets the text as it is.
func (a *app) glyphs(to *stream, text string) string {
	if !a.wantsASCII(to) {
		return text
	}
	return asciiGlyphs(text)
}

func (a *app) wantsASCII(to *stream) bool { return to.terminal() && !a.utf8Terminal() }

func asciiGlyphs(text string) string {
	return strings.NewReplacer("⟦", "[", "⟧", "]", "•", "*", "…", "...", "→", "->").Replace(text)
}

// A plainWriter makes text of several lines safe to draw, line by line.
type plainWriter struct {
	to   io.Writer
	line []byte
}

// maxLine is where a line is cut that does not end: a template may be one line
// of any length.
const maxLine = 64 << 10

func (w *plainWriter) Write(p []byte) (int, error) {
	w.line = append(w.line, p...)
	end := bytes.LastIndexByte(w.line, '\n') + 1
	if end == 0 && len(w.line) > maxLine {
		end = len(w.line)
	}
	if end == 0 {
		return len(p), nil
	}
	_, err := io.WriteString(w.to, plain.Lines(string(w.line[:end])))
	w.line = append(w.line[:0], w.line[end:]...)
	return len(p), err
}

// flush writes what is left, and ends its line: what follows on the screen is
// the prompt of a shell.
func (w *plainWriter) flush() {
	if len(w.line) > 0 {
		_, _ = io.WriteString(w.to, plain.Lines(string(w.line))+"\n")
		w.line = nil
	}
}

// A table is rows below a header, in columns two blanks apart.
type table struct {
	header []string
	rows   [][]string
	// flex is the column that a narrow terminal cuts. Everywhere else nothing is cut.
	flex int
}

func (t *table) add(row ...string) { t.rows = append(t.rows, row) }

// draw writes the table to standard output. Names and descriptions may hold
// what others wrote, so every cell is made plain.
func (a *app) draw(t *table) error {
	widths := make([]int, len(t.header))
	for i, h := range t.header {
		widths[i] = len(h)
	}
	ascii := a.wantsASCII(a.out) // once, not for each cell: it asks the system
	for _, row := range t.rows {
		for i := range row {
			row[i] = plain.String(row[i])
			if ascii {
				row[i] = asciiGlyphs(row[i])
			}
			widths[i] = max(widths[i], displaywidth.String(row[i]))
		}
	}
	if limit := a.out.width(); limit > 0 {
		over := 2 * (len(widths) - 1)
		for _, w := range widths {
			over += w
		}
		const least = 8 // columns: less says nothing
		if over -= limit; over > 0 {
			widths[t.flex] = max(widths[t.flex]-over, least)
		}
	}
	b := &bytes.Buffer{}
	header, cut := t.header, "…"
	if ascii {
		cut = asciiGlyphs(cut)
	}
	if a.styled() {
		b.WriteString("\x1b[1m")
		drawRow(b, header, widths, cut)
		b.Truncate(b.Len() - 1)
		b.WriteString("\x1b[0m\n")
	} else {
		drawRow(b, header, widths, cut)
	}
	for _, row := range t.rows {
		if drawRow(b, row, widths, cut); b.Len() >= drawnAtOnce { // a list of very many need not be in memory twice
			if _, err := b.WriteTo(a.out); err != nil {
				return err
			}
		}
	}
	_, err := b.WriteTo(a.out)
	return err
}

const drawnAtOnce = 64 << 10

// drawRow writes a row; cut ends what is longer than its column.
func drawRow(b *bytes.Buffer, row []string, widths []int, cut string) {
	blanks := 0
	for i, cell := range row {
		if cell != "" {
			b.WriteString(strings.Repeat(" ", blanks))
			blanks = 0
		}
		w := displaywidth.String(cell)
		if w > widths[i] {
			cell = displaywidth.TruncateString(cell, widths[i], cut)
			w = displaywidth.String(cell)
		}
		b.WriteString(cell)
		blanks += widths[i] - w + 2
	}
	b.WriteByte('\n')
}

// jsonTime is a time as JSON carries it: RFC 3339 in UTC, null when unset.
func jsonTime(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format(time.RFC3339)
	return &s
}

// list makes an empty JSON array of nil.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// writeJSON writes one document on one line.
func writeJSON(w io.Writer, v any) error {
	b, err := marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// writeJSONList writes an array with each element on a line of its own: a
// document for parsers that stays readable, and is never wholly in memory.
func writeJSONList[T any](w io.Writer, items []T) error {
	if len(items) == 0 {
		_, err := io.WriteString(w, "[]\n")
		return err
	}
	const chunk = 64 << 10
	b := make([]byte, 0, chunk+4096)
	for i, item := range items {
		j, err := marshal(item)
		if err != nil {
			return err
		}
		b = append(b, ",\n"...)
		if i == 0 {
			b[len(b)-2] = '['
		}
		b = append(b, j...)
		if len(b) >= chunk {
			if _, err := w.Write(b); err != nil {
				return err
			}
			b = b[:0]
		}
	}
	_, err := w.Write(append(b, "\n]\n"...))
	return err
}

// marshal is encoding/json without HTML's escapes, and with one for every
// character that a terminal might act upon: the document says the same, and
// can be looked at.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	j := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	for _, c := range j {
		if c >= 0x7f {
			return escapeJSON(j), nil
		}
	}
	return j, nil
}

const digits = "0123456789abcdef"

// escapeJSON replaces what is not printable by \uXXXX; in a valid document such
// characters stand only inside strings.
func escapeJSON(j []byte) []byte {
	out := make([]byte, 0, len(j)+16)
	unit := func(u rune) {
		out = append(out, '\\', 'u', digits[u>>12&15], digits[u>>8&15], digits[u>>4&15], digits[u&15])
	}
	for i := 0; i < len(j); {
		r, n := utf8.DecodeRune(j[i:])
		switch {
		case unicode.IsPrint(r):
			out = append(out, j[i:i+n]...)
		case r > 0xffff:
			unit(0xd800 + (r-0x10000)>>10)
			unit(0xdc00 + (r-0x10000)&0x3ff)
		default:
			unit(r)
		}
		i += n
	}
	return out
}

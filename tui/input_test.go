package tui

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// piecesSource delivers bytes in pieces. What comes next is there in time for
// a key that has begun, as on a slow line, and not before it is asked for.
type piecesSource struct {
	pieces [][]byte
	blunt  bool // cannot tell whether more is there
}

func (s *piecesSource) exact() bool { return !s.blunt }

func (s *piecesSource) ready(d time.Duration) bool {
	if s.blunt || len(s.pieces) == 0 {
		return false
	}
	if len(s.pieces[0]) > 0 {
		return true
	}
	if d > 0 && len(s.pieces) > 1 {
		s.pieces = s.pieces[1:]
		return true
	}
	return false
}

func (s *piecesSource) read(p []byte) (int, error) {
	if len(s.pieces) == 0 {
		return 0, nil
	}
	n := copy(p, s.pieces[0])
	s.pieces[0] = s.pieces[0][n:]
	return n, nil
}

func (s *piecesSource) write(p []byte) (int, error) { return len(p), nil }
func (s *piecesSource) fd() uintptr                 { return ^uintptr(0) }
func (s *piecesSource) close(bool)                  {}

func newTestReader(t testing.TB) *secretReader {
	t.Helper()
	r, err := newSecretReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	return r
}

var markPattern = regexp.MustCompile(`\x1b\[57398;(49|50|51)u$`)

// readAll reads from the source to its end and gives each key to see, as
// Update would get it; the text of a paste that no entry took comes as
// "paste:" and the text. What has a mark is out by then.
func (r *secretReader) readAll(t testing.TB, src *piecesSource, see func(key string)) {
	t.Helper()
	r.src = src
	for {
		var p [4096]byte
		n, err := r.Read(p[:])
		if err != nil {
			t.Fatalf("reading: %v", err)
		}
		if len(src.pieces) > 0 && len(src.pieces[0]) == 0 {
			src.pieces = src.pieces[1:]
		}
		out := string(p[:n])
		if out == "" {
			if len(src.pieces) == 0 && r.pending == 0 {
				return
			}
			continue
		}
		m := markPattern.FindStringSubmatchIndex(out)
		if m == nil {
			t.Fatalf("%q has no mark behind it", out)
		}
		if key := out[:m[0]]; key != "" {
			see(key)
		}
		r.withdraw()
		kind, _ := strconv.Atoi(out[m[2]:m[3]])
		if msg, ok := r.cameOut(mark(kind - 1 - markMods)).(pastedMsg); ok {
			text, _ := r.pasteText(plainPasteMax)
			see("paste:" + text + msg.problem)
		}
	}
}

// feed types s and returns what the reader hands on. Tests of screens use it
// with an entry that has the focus.
func (r *secretReader) feed(t testing.TB, s string) string {
	t.Helper()
	var keys strings.Builder
	r.readAll(t, &piecesSource{pieces: [][]byte{[]byte(s)}}, func(key string) { keys.WriteString(key) })
	return keys.String()
}

func (e *entry) text() (s string) {
	e.use(func(p []byte) { s = string(p) })
	return s
}

// The model below has three fields; tab goes round: a plain one, a value, and
// a passphrase. It keeps what reaches each.
type fields struct {
	r      *secretReader
	at     int
	plain  strings.Builder
	value  *entry
	phrase *entry
}

func newFields(r *secretReader) *fields {
	return &fields{r: r, value: r.newEntry(1<<20, true), phrase: r.newEntry(1<<10, false)}
}

func (f *fields) see(key string) {
	if key == "\t" {
		f.at = (f.at + 1) % 3
		f.r.enter([]*entry{nil, f.value, f.phrase}[f.at])
		return
	}
	fmt.Fprintf(&f.plain, "%d:%q ", f.at, key)
}

// got is everything that went anywhere.
func (f *fields) got() []string {
	return []string{f.plain.String(), f.value.text(), f.phrase.text()}
}

// Bytes that are typed ahead of the model go where they belong.
func TestTypeAhead(t *testing.T) {
	r := newTestReader(t)
	f := newFields(r)
	in := "name\tva\x1b[200~lue\r2\x1b[201~x\tpass\tname\x1b[200~ pasted\x1b[201~\x1b"
	r.readAll(t, &piecesSource{pieces: [][]byte{[]byte(in)}}, f.see)
	want := []string{
		`0:"n" 0:"a" 0:"m" 0:"e" 0:"n" 0:"a" 0:"m" 0:"e" 0:"paste: pasted" 0:"\x1b[27u" `,
		"value\n2x", "pass",
	}
	if diff := cmp.Diff(want, f.got()); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

// tokens are what terminals send, whole and broken.
var tokens = []string{
	"a", "Z", "7", " ", "é", "密", "\U0001F511", "e\u0301", "\xff", "\x80", "\xc3", "\t", "\t", "\r", "\n", "\x00", "\x03", "\x7f", "\x15", "\x1b",
	"\x1b[A", "\x1bOP", "\x1b[1;5C", "\x1b[Z", "\x1b[3~", "\x1b[3$", "\x1b\x1b[B", "\x1bq", "\x1b\r", "\x1b[", "\x1b[1;", "\x1bO", "\x1b]", "\x1b]11;", "\x1bP",
	"\x1b[97u", "\x1b[97;5u", "\x1b[97;1:3u", "\x1b[13;3u", "\x1b[27;2;65~", "\x1b[27;5;117~", "\x1b[57400u", "\x1b[57398;49u",
	"\x1b[<0;1;1M", "\x1b[I", "\x1b[?2026;2$y", "\x1b[?1u", "\x1b[M !!", "\x1b[[A", "\x1b[65;30;97;1;0;1_",
	"\x1b]11;rgb:00/11/22\x07", "\x1b]11;rgb:00/11/22\x1b\\", "\x1b]52;c;aGk=\x07", "\x1bP1+r5463\x1b\\", "\x1b_G\x1b\\",
	"\x1b[200~", "\x1b[201~", "\x1b[200~pasted\rtext\x1b[201~", "\x1b[200~\x1b[20\x1b[201~", "\r\n", "\\",
}

func input(t *rapid.T) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(tokens), 0, 40).Draw(t, "tokens"), "")
}

// However the bytes arrive, the same goes to the same field.
func TestAnyChunking(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		in := input(rt)
		whole := newTestReader(t)
		want := newFields(whole)
		whole.readAll(t, &piecesSource{pieces: [][]byte{[]byte(in)}}, want.see)

		var pieces [][]byte
		for rest := []byte(in); len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(rt, "n")
			pieces, rest = append(pieces, bytes.Clone(rest[:n])), rest[n:]
		}
		parts := newTestReader(t)
		got := newFields(parts)
		parts.readAll(t, &piecesSource{pieces: pieces}, got.see)
		if diff := cmp.Diff(want.got(), got.got()); diff != "" {
			rt.Fatalf("%q in %q (-whole +pieces):\n%s", in, pieces, diff)
		}

		// A source that cannot say what is there keeps the rest for later.
		blunt := newTestReader(t)
		got = newFields(blunt)
		blunt.readAll(t, &piecesSource{pieces: [][]byte{[]byte(in)}, blunt: true}, got.see)
		if diff := cmp.Diff(want.got(), got.got()); diff != "" {
			rt.Fatalf("%q in one read (-exact +blunt):\n%s", in, diff)
		}
	})
}

// allowed is all that may pass while an entry has the focus.
var allowed = regexp.MustCompile(`^(?:[\x00-\x1a\x1c-\x1f]` + // control characters
	`|\x1b[\r\n]` +
	`|\x1b?\x1b\[[0-9:;<=>?]*[ -/]*[@-~]` + // keys, the mouse, replies
	`|\x1b?\x1bO[0-9]*[A-Sa-d]` +
	`|\x1b\]1[012];[0-9a-fA-Frg:/#]*(?:\x07|\x1b\\)` + // colours
	`)$`)

var byNumber = regexp.MustCompile(`^\x1b+\[(?:27;(\d*);(\d+)~|(\d+)(?::\d*)*(?:;(\d*).*)?u)$`)

// checkHandedOn fails if key, handed on while an entry had the focus, could be
// a character of the value.
func checkHandedOn(t testing.TB, key string) {
	t.Helper()
	if strings.HasPrefix(key, "paste:") {
		return // begun while no entry had the focus
	}
	if !allowed.MatchString(key) {
		t.Fatalf("%q was handed on from an entry", key)
	}
	var d uv.EventDecoder
	for rest := []byte(key); len(rest) > 0; {
		n, event := d.Decode(rest)
		switch e := event.(type) {
		case uv.KeyPressEvent:
			if e.Text != "" {
				t.Fatalf("%q was handed on from an entry: Bubble Tea reads %q", key, e.Text)
			}
		case uv.KeyReleaseEvent, uv.PasteEvent:
			t.Fatalf("%q was handed on from an entry: Bubble Tea reads %#v", key, e)
		}
		rest = rest[max(n, 1):]
	}
	if m := byNumber.FindStringSubmatch(key); m != nil {
		code, _ := strconv.Atoi(m[2] + m[3])
		mods, _ := strconv.Atoi(m[1] + m[4])
		if code >= ' ' && code != del && (code < 0xe000 || code > 0xf8ff) && code <= 0x10ffff && (mods-1)&modCtrl == 0 {
			t.Fatalf("%q was handed on from an entry: it is a character", key)
		}
	}
}

func FuzzReader(f *testing.F) {
	for i := range tokens {
		f.Add([]byte(tokens[i]+"secret"+tokens[(i*7)%len(tokens)]), uint8(i))
	}
	f.Fuzz(func(t *testing.T, in []byte, size uint8) {
		r := newTestReader(t)
		m := newFields(r)
		m.see("\t")
		var pieces [][]byte
		for rest := bytes.Clone(in); len(rest) > 0; {
			n := min(int(size)%7+1, len(rest))
			pieces, rest = append(pieces, rest[:n:n]), rest[n:]
		}
		if len(pieces) == 0 {
			return
		}
		r.readAll(t, &piecesSource{pieces: pieces}, func(key string) {
			if m.at > 0 {
				checkHandedOn(t, key)
			}
			m.see(key)
		})
		if n, _ := m.value.size(); n > len(in) {
			t.Fatalf("%d bytes became %d", len(in), n)
		}
	})
}

func TestFilter(t *testing.T) {
	r := newTestReader(t)
	over := func(tea.Model, tea.Msg) tea.Msg { return tea.ResumeMsg{} }
	if msg := r.filter(over)(nil, tea.FocusMsg{}); msg != (tea.ResumeMsg{}) {
		t.Errorf("the next filter is not asked: %#v", msg)
	}
	key := tea.KeyPressMsg{Code: tea.KeyF35, Mod: tea.ModShift}
	if msg := r.filter(nil)(nil, key); msg != key {
		t.Errorf("F35 from a keyboard became %#v", msg)
	}
	for m, want := range map[tea.KeyMod]tea.Msg{0: nil, tea.ModShift: changedMsg{}} {
		if msg := r.filter(nil)(nil, tea.KeyPressMsg{Code: tea.KeyF35, Mod: tea.ModHyper | tea.ModMeta | m}); msg != want {
			t.Errorf("mark %v became %#v, want %#v", m, msg, want)
		}
	}
}

func TestReaderWithoutSource(t *testing.T) {
	r := newTestReader(t)
	if _, err := r.Read(make([]byte, 4096)); err != io.EOF {
		t.Errorf("reading gives %v", err)
	}
	if _, err := r.Read(make([]byte, 10)); err != io.ErrShortBuffer {
		t.Errorf("reading into 10 bytes gives %v", err)
	}
	if _, err := r.Write([]byte("x")); err == nil {
		t.Error("writing to nothing works")
	}
	r.src = &piecesSource{pieces: [][]byte{[]byte("x")}}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	r.close() // again
	if _, err := r.Read(make([]byte, 4096)); err != errTerminalGone {
		t.Errorf("reading after close gives %v", err)
	}
}

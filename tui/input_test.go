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

	"tacenda/keyring/secret"
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

func TestPlainKeys(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"text", "aé密\U0001F511", "aé密\U0001F511"},
		{"controls", "\x00\x01\r\t\x7f\x08\x1a", "\x00\x01\r\t\x7f\x08\x1a"},
		{"no UTF-8", "a\xffb\x80c\xc3d\xed\xa0\x80e", "abcde"},
		{"arrows", "\x1b[A\x1bOB\x1b[1;5C\x1b\x1b[D", "\x1b[A\x1bOB\x1b[1;5C\x1b\x1b[D"},
		{"escape", "\x1b", escKey},
		{"escape twice at once", "\x1b\x1b", escKey},
		{"alt", "\x1bq\x1b\r\x1b\x7f\x1bé", "\x1bq\x1b\r\x1b\x7f\x1bé"},
		{"alt and a bracket", "\x1b[", ""},
		{"mouse", "\x1b[<0;12;7M\x1b[<0;12;7m\x1b[M !!", "\x1b[<0;12;7M\x1b[<0;12;7m\x1b[M !!"},
		{"console", "\x1b[[A", "\x1b[[A"},
		{"rxvt", "\x1b[3$x", "\x1b[3$x"},
		{"replies", "\x1b[?2026;2$y\x1b]11;rgb:0000/1111/ffff\x1b\\\x1b]11;#fff\x07\x1b[?1u\x1b[I", "\x1b[?2026;2$y\x1b]11;rgb:0000/1111/ffff\x1b\\\x1b]11;#fff\x07\x1b[?1u\x1b[I"},
		{"kitty", "\x1b[97;5u\x1b[27;5;117~", "\x1b[97;5u\x1b[27;5;117~"},
		{"a clipboard nobody asked for", "\x1b]52;c;aGk=\x07x", "x"},
		{"graphics", "\x1b_Gi=1;OK\x1b\\x\x1b^p\x1b\\\x1bXs\x1b\\", "x"},
		{"our own mark", "\x1b[57398;49ux\x1b[57398u", "x"},
		{"cut off", "\x1b[12\rx\x1b[1\x1b[A\x1bO\x03\x1b]11\x03", "\rx\x1b[A\x03\x03"},
		{"endless", "\x1b[" + strings.Repeat("1;", 600) + "Ax" + "\x1b]0;" + strings.Repeat("x", 600) + "\x07y", "xy"},
		{"string cut by a key", "\x1b]11;\x1b[Ax", "\x1b[Ax"},
		{"paste", "\x1b[200~q\x1b[201~x", "paste:qx"},
		{"empty paste", "\x1b[200~\x1b[201~x", "x"},
		{"paste of line ends", "\x1b[200~a\rb\r\nc\nd\r\re\r\x1b[201~", "paste:a\nb\nc\nd\n\ne\n"},
		{"paste of sequences", "\x1b[200~\x1b[A\x1b\x1b[20\x1b[201\x1b[201~", "paste:\x1b[A\x1b\x1b[20\x1b[201"},
		{"paste within a paste", "\x1b[200~a\x1b[200~b\x1b[201~c", "paste:a\x1b[200~bc"},
		{"end of no paste", "\x1b[201~x", "x"},
		{"paste too long", "\x1b[200~" + strings.Repeat("x", plainPasteMax+1) + "\x1b[201~y", "paste:the paste has 65,537 bytes: at most 65,536 fit herey"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, newTestReader(t).feed(t, c.in)); diff != "" {
				t.Errorf("handed on (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEntryKeys(t *testing.T) {
	for _, c := range []struct{ name, in, value, keys string }{
		{"text", "aé密\U0001F511 ", "aé密\U0001F511 ", ""},
		{"no UTF-8", "a\xffb\x80c\xc3d", "a\xffb\x80c\xc3d", ""},
		{"backspace", "aé密\U0001F511\x7f\x7f\x08", "a", ""},
		{"backspace on nothing", "\x7f\x7fa", "a", ""},
		{"backspace on bytes", "\xe5\xaf\x7f", "\xe5", ""},
		{"clear", "abc\x15d", "d", ""},
		{"newline", "a\nb\x1b\rc\x1b\nd", "a\nb\nc\nd", ""},
		{"commands", "a\x07b\x13\r\t\x1a\x03\x1b\x1a\x1b", "ab", "\x07\x13\r\t\x1a\x03" + escKey},
		{"arrows", "a\x1b[Ab\x1bOBc\x1b[Z\x1b[1;5C", "abc", "\x1b[A\x1bOB\x1b[Z\x1b[1;5C"},
		{"alt and letters", "a\x1bbc\x1bd\x1bée", "ace", ""},
		{"alt and backspace", "ab\x1b\x7f", "a", ""},
		{"mouse and focus", "a\x1b[<64;1;2M\x1b[I\x1b[O\x1b[M !!b", "ab", "\x1b[<64;1;2M\x1b[I\x1b[O"},
		{"replies", "a\x1b[?2026;2$y\x1b]11;rgb:0000/1111/ffff\x1b\\\x1b[?1u\x1b[?62;22cb", "ab", "\x1b[?2026;2$y\x1b]11;rgb:0000/1111/ffff\x1b\\\x1b[?1u\x1b[?62;22c"},
		{"strings", "\x1b]11;secret\x07\x1b]0;secret\x07\x1bPsecret\x1b\\\x1b_secret\x1b\\a", "a", ""},
		{"kitty letters", "\x1b[97u\x1b[97;2u\x1b[97:65;2u\x1b[50:34;2u\x1b[97;65u\x1b[97;129u\x1b[97;1:2u\x1b[233u\x1b[97;;228u", "aAA\"Aaaéä", ""},
		{"kitty releases", "\x1b[97;1:1u\x1b[97;1:3u\x1b[13;1:3u", "a", ""},
		{"kitty keypad", "\x1b[57399u\x1b[57408u\x1b[57409u\x1b[57415u\x1b[57416u\x1b[57414u", "09.=,", "\x1b[57414u"},
		{"kitty chords", "\x1b[115;5u\x1b[103;5u\x1b[97;3u\x1b[97;7u\x1b[97;9u\x1b[27u\x1b[9;2u", "", "\x1b[115;5u\x1b[103;5u\x1b[27u\x1b[9;2u"},
		{"kitty editing", "abc\x1b[127u\x1b[104;5u\x1b[106;5u\x1b[13;3ud\x1b[57347u", "a\n\n", ""},
		{"kitty clear", "abc\x1b[117;5ud", "d", ""},
		{"kitty functions", "\x1b[57344u\x1b[57441u\x1b[57364;2u", "", "\x1b[57344u\x1b[57441u\x1b[57364;2u"},
		{"xterm letters", "\x1b[27;2;65~\x1b[27;1;233~\x1b[27;2;32~", "Aé ", ""},
		{"xterm chords", "ab\x1b[27;5;117~c\x1b[27;5;106~\x1b[27;3;13~\x1b[27;5;115~\x1b[27;3;97~\x1b[27;2;9~\x1b[27;2;127~", "c\n", "\x1b[27;5;115~\x1b[27;2;9~"},
		{"alt and a kitty letter", "\x1b\x1b[97u", "", ""},
		{"Windows", "\x1b[65;30;97;1;0;1_b", "b", ""},
		{"keypad", "\x1bOp\x1bOy\x1bOn\x1bOX\x1bOM\x1bOi", "09.=", "\x1bOM"},
		{"our own mark", "\x1b[57398;50ua", "a", ""},
		{"paste", "x\x1b[200~a\x07\x00\x7fb\x1b[201~y", "xa\x07\x00\x7fby", ""},
		{"paste of line ends", "\x1b[200~a\rb\r\nc\nd\r\re\r\x1b[201~", "a\nb\nc\nd\n\ne\n", ""},
		{"paste of sequences", "\x1b[200~\x1b[A\x1b\x1b[20\x1b[201\x1b[201~", "\x1b[A\x1b\x1b[20\x1b[201", ""},
		{"pastes in a row", "\x1b[200~a\r\x1b[201~\x1b[200~\nb\x1b[201~", "a\n\nb", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newTestReader(t)
			e := r.newEntry(1<<20, true)
			r.enter(e)
			if diff := cmp.Diff(c.keys, r.feed(t, c.in)); diff != "" {
				t.Errorf("handed on (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.value, e.text()); diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEscapeReachesTheModel(t *testing.T) {
	r := newTestReader(t)
	r.enter(r.newEntry(10, true))
	if got := r.feed(t, "\x1b"); got != escKey {
		t.Errorf("a lone ESC is handed on as %q, want %q", got, escKey)
	}
}

func TestOneLineEntry(t *testing.T) {
	for _, c := range []struct{ name, in, value, keys, problem string }{
		{"enter and its kin are keys", "a\n\r\x1b\rb", "ab", "\n\r\x1b\r", ""},
		{"line end of a paste", "\x1b[200~pass word\r\n\r\n\x1b[201~", "pass word", "", ""},
		{"paste of lines", "a\x1b[200~b\rc\x1b[201~", "a", "", "the paste has several lines: only one fits here"},
		{"forgotten with the next key", "a\x1b[200~b\rc\x1b[201~d", "ad", "", ""},
		{"too long", "12345678x", "12345678", "", "at most 8 bytes fit here"},
		{"too long by a character", "1234567é", "1234567", "", "at most 8 bytes fit here"},
		{"paste too long", "12\x1b[200~345678901\x1b[201~", "12", "", "the paste has 9 bytes: at most 8 fit here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newTestReader(t)
			e := r.newEntry(8, false)
			if c.name == "line end of a paste" {
				e.max = 100
			}
			r.enter(e)
			keys := r.feed(t, c.in)
			got := []string{e.text(), keys, e.problem()}
			if diff := cmp.Diff([]string{c.value, c.keys, c.problem}, got); diff != "" {
				t.Errorf("value, keys, problem (-want +got):\n%s", diff)
			}
		})
	}
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

func TestSizes(t *testing.T) {
	r := newTestReader(t)
	e := r.newEntry(1<<20, true)
	r.enter(e)
	for _, c := range []struct {
		in       string
		n, lines int
	}{
		{"", 0, 0}, {"a", 1, 1}, {"\n", 2, 1}, {"b", 3, 2}, {"\x15", 0, 0}, {"\n", 1, 1}, {"\n", 2, 2},
	} {
		if c.in != "" {
			r.feed(t, c.in)
		}
		if n, lines := e.size(); n != c.n || lines != c.lines {
			t.Errorf("after %q: %d bytes, %d lines; want %d, %d", c.in, n, lines, c.n, c.lines)
		}
	}
}

func TestLongValues(t *testing.T) {
	const limit = 1 << 20
	r := newTestReader(t)
	e := r.newEntry(limit, true)
	r.enter(e)
	value := strings.Repeat("0123456789abcdef", limit/16)
	r.feed(t, "\x1b[200~"+value+"\x1b[201~")
	if e.text() != value || e.problem() != "" {
		n, _ := e.size()
		t.Fatalf("a value of %d bytes became one of %d (%q)", limit, n, e.problem())
	}
	r.feed(t, "x")
	if want := "at most 1,048,576 bytes fit here"; e.text() != value || e.problem() != want {
		t.Errorf("a byte more: %q, want %q", e.problem(), want)
	}
	e.wipe()
	r.feed(t, "ab\x1b[200~"+value+"\x1b[201~")
	if want := "the paste has 1,048,576 bytes: at most 1,048,576 fit here"; e.text() != "ab" || e.problem() != want {
		t.Errorf("a paste that is too long with what was there: %q, want %q", e.problem(), want)
	}
	r.feed(t, "\x7f")
	if e.text() != "a" || e.problem() != "" {
		t.Errorf("the next key does not end the complaint %q", e.problem())
	}
}

func TestTake(t *testing.T) {
	r := newTestReader(t)
	e := r.newEntry(100, true)
	r.enter(e)
	if b, err := e.take(); b != nil || err != nil {
		t.Fatalf("an empty entry gives %v, %v", b, err)
	}
	for range 2 { // it can be used again
		r.feed(t, "value\n")
		b, err := e.take()
		if err != nil {
			t.Fatal(err)
		}
		_ = b.Use(func(p []byte) error {
			if string(p) != "value\n" {
				t.Errorf("took %q", p)
			}
			return nil
		})
		b.Destroy()
		if !e.empty() {
			t.Error("taken, and still there")
		}
	}
}

func TestPutEqualUse(t *testing.T) {
	r := newTestReader(t)
	e, o := r.newEntry(5, false), r.newEntry(5, false)
	put := func(e *entry, s string) {
		b, err := secret.Move([]byte(s))
		if err != nil {
			t.Fatal(err)
		}
		e.put(b)
	}
	if !e.equal(o) {
		t.Error("nothing is not nothing")
	}
	put(e, "same")
	if e.equal(o) || o.equal(e) {
		t.Error("something is nothing")
	}
	put(o, "same")
	if !e.equal(o) {
		t.Error("the same is not the same")
	}
	put(o, "other")
	if e.equal(o) {
		t.Error("the other is the same")
	}
	put(o, "too long")
	if !o.empty() {
		t.Errorf("%q does not fit and is there", o.text())
	}
	e.drop()
	put(e, "late")
	if !e.empty() {
		t.Error("a dropped entry takes a value")
	}
}

func TestWipe(t *testing.T) {
	const value = "a value to be wiped"
	for name, wipe := range map[string]func(r *secretReader, e *entry){
		"entry":     func(_ *secretReader, e *entry) { e.wipe() },
		"drop":      func(_ *secretReader, e *entry) { e.drop() },
		"reader":    func(r *secretReader, _ *entry) { r.wipe() },
		"close":     func(r *secretReader, _ *entry) { r.close() },
		"suspend":   func(r *secretReader, _ *entry) { r.filter(nil)(nil, tea.SuspendMsg{}) },
		"quit":      func(r *secretReader, _ *entry) { r.filter(nil)(nil, tea.QuitMsg{}) },
		"interrupt": func(r *secretReader, _ *entry) { r.filter(nil)(nil, tea.InterruptMsg{}) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newTestReader(t)
			e := r.newEntry(100, true)
			r.enter(e)
			r.feed(t, value)
			var seen []byte
			e.use(func(p []byte) { seen = p[:cap(p)] })
			wipe(r, e)
			if !e.empty() {
				t.Error("the entry is not empty")
			}
			// The memory was cut from a slab that is still mapped, since mem and
			// this one share it.
			other := newTestReader(t)
			_ = other
			if name != "close" && bytes.Contains(seen, []byte(value[:8])) {
				t.Error("the value is still in memory")
			}
		})
	}
}

// What is pasted while the entry is wiped, or loses the focus, does not become
// a value later.
func TestWipeDuringPaste(t *testing.T) {
	r := newTestReader(t)
	e := r.newEntry(100, true)
	r.enter(e)
	r.feed(t, "\x1b[200~first half")
	r.wipe()
	if keys := r.feed(t, " second half\x1b[201~"); keys != "" || !e.empty() {
		t.Errorf("after a wipe: %q handed on, %q in the entry", keys, e.text())
	}
	r.feed(t, "\x1b[200~first half")
	r.leave()
	if keys := r.feed(t, " second half\x1b[201~x"); keys != "x" || e.text() != "first half second half" {
		t.Errorf("after leaving: %q handed on, %q in the entry", keys, e.text())
	}
	e.drop()
	if keys := r.feed(t, "y"); keys != "y" {
		t.Errorf("after dropping: %q handed on", keys)
	}
}

// A character that began while an entry had the focus is not handed on when
// the model leaves it before the last byte.
func TestLeaveWithinCharacter(t *testing.T) {
	r := newTestReader(t)
	e := r.newEntry(100, true)
	for _, c := range []string{"密", "\x1b[97u"} {
		r.enter(e)
		keys := ""
		see := func(key string) { keys += key }
		r.readAll(t, &piecesSource{pieces: [][]byte{[]byte(c[:2])}}, see)
		if c[0] == esc { // a sequence waits for its end within Read: hold it by hand
			r.keys.state, r.keys.held = inCSI, 2
			_ = r.mem.Use(func(p []byte) error { copy(p, c[:2]); return nil })
		}
		r.leave()
		r.readAll(t, &piecesSource{pieces: [][]byte{[]byte(c[2:])}}, see)
		if keys != "" {
			t.Errorf("%q was handed on", keys)
		}
	}
}

func TestPasteThatDoesNotEnd(t *testing.T) {
	r := newTestReader(t)
	e := r.newEntry(100, true)
	r.enter(e)
	if keys := r.feed(t, "a\x1b[200~lost\x03"); keys != "" {
		t.Fatalf("ctrl+c within a paste was handed on as %q", keys)
	}
	r.last = time.Now().Add(-pasteQuiet - time.Second)
	if keys := r.feed(t, "\x03"); keys != "\x03" || e.text() != "a" {
		t.Fatalf("ctrl+c after a silence: %q handed on, %q in the entry", keys, e.text())
	}
	if r.feed(t, "b"); e.text() != "ab" {
		t.Fatalf("typing afterwards gives %q", e.text())
	}
}

func TestPastedMessage(t *testing.T) {
	r := newTestReader(t)
	var p [4096]byte
	paste := func(s string) tea.Msg {
		r.src = &piecesSource{pieces: [][]byte{[]byte("\x1b[200~" + s + "\x1b[201~")}}
		n, err := r.Read(p[:])
		if err != nil || !markPattern.Match(p[:n]) {
			t.Fatalf("read %q, %v", p[:n], err)
		}
		return r.filter(nil)(nil, tea.KeyPressMsg{Code: tea.KeyF35, Mod: tea.ModHyper | tea.ModMeta | tea.ModAlt})
	}
	if diff := cmp.Diff(pastedMsg{bytes: 5, lines: 2}, paste("ab\rcd"), cmp.AllowUnexported(pastedMsg{})); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	if s, ok := r.pasteText(4); ok {
		t.Errorf("a paste of 5 bytes is given as %q where 4 fit", s)
	}
	paste("text")
	if s, ok := r.pasteText(4); !ok || s != "text" {
		t.Errorf("pasteText = %q, %v", s, ok)
	}
	if s, ok := r.pasteText(4); ok {
		t.Errorf("pasteText gives %q twice", s)
	}
	paste("text")
	r.filter(nil)(nil, tea.FocusMsg{})
	if s, ok := r.pasteText(4); ok {
		t.Errorf("the message after the paste still finds %q", s)
	}
	if msg := paste(""); msg != nil {
		t.Errorf("an empty paste is %#v", msg)
	}
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

func TestEntryPrintsNothing(t *testing.T) {
	r := newTestReader(t)
	e := r.newEntry(100, true)
	r.enter(e)
	r.feed(t, "visible?")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, x := range []any{e, struct{ E *entry }{e}, r} {
			if s := fmt.Sprintf(verb, x); strings.Contains(s, "visible") || strings.Contains(s, "76697369") || strings.Contains(s, "118 105 115") {
				t.Errorf("%s of %T prints it: %s", verb, x, s)
			}
		}
	}
}

// A byte at a time on the heap is a value on the heap: Go puts small
// allocations side by side. Nothing that handles the bytes may allocate.
func TestEnteringAllocatesNothing(t *testing.T) {
	r := newTestReader(t)
	e := r.newEntry(1<<20, true)
	r.enter(e)
	r.feed(t, pastedText(1000)) // memory for it is there
	e.backspace()
	var out []byte
	for name, in := range map[string]string{
		"typed": "aé密\x7f\x7f\x7f\n\x7f", "numbered": "\x1b[97;2u\x1b[27;2;65~\x7f\x7f", "pasted": pastedText(3) + "\x7f\x7f\x7f", "keypad": "\x1bOp\x7f",
	} {
		allocs := testing.AllocsPerRun(50, func() {
			_ = r.mem.Use(func(mem []byte) error {
				for i := range len(in) {
					out, _ = r.step(mem[:memHold], out[:0], in[i])
				}
				return nil
			})
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}

func pastedText(n int) string { return "\x1b[200~" + strings.Repeat("x", n) + "\x1b[201~" }

// An SSH session is a stream: what it says goes through a pipe.
func TestStreamSource(t *testing.T) {
	session, client := io.Pipe()
	r, err := newSecretReader(session)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	go func() { _, _ = client.Write([]byte("a\x1b[B")); _ = client.Close() }()
	var got []string
	for {
		var p [4096]byte
		if !r.src.ready(time.Second) {
			t.Fatal("nothing comes")
		}
		n, err := r.Read(p[:])
		if err == errTerminalGone {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			got = append(got, markPattern.ReplaceAllString(string(p[:n]), ""))
			r.cameOut(markSeen)
		}
	}
	if diff := cmp.Diff([]string{"a", "\x1b[B"}, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if _, err := r.Write([]byte("x")); err == nil {
		t.Error("a stream that can only be read is written to")
	}
}

// A reader that is closed lets go of its stream with the next byte of it.
func TestStreamSourceCloses(t *testing.T) {
	session, client := io.Pipe()
	r, err := newSecretReader(session)
	if err != nil {
		t.Fatal(err)
	}
	r.close()
	if _, err := client.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // the pump reads no more once it has ended
		defer close(done)
		_, _ = client.Write([]byte("y"))
	}()
	select {
	case <-done:
		t.Error("the stream is still read")
	case <-time.After(50 * time.Millisecond):
	}
	_ = session.Close()
	<-done
}

package tui

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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

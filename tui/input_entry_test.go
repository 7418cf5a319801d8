package tui

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"

	"tacenda/keyring/secret"
)

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

package tui

import (
	"bytes"
	"time"
	"unicode/utf8"
)

// A decoder knows where in the terminal's bytes the reader is. It tells keys
// apart no further than it takes to know which of them are text.
type decoder struct {
	state   state
	held    int    // bytes of the key under way, in guarded memory
	left    int    // bytes still to come where their number is known
	lost    bool   // the sequence is longer than fits: it is dropped at its end
	matched int    // bytes of pasteEnd seen
	cr      bool   // the last byte of the paste was CR
	stale   bool   // the next byte comes after a long silence
	began   *entry // who had the focus when the key began
	into    *entry // where the paste under way goes
	spare   *entry // the last paste that no entry took
	changed bool   // an entry changed since the last mark
	pasted  bool   // spare is new since then
}

type state int

const (
	inGround state = iota
	inChar         // a character of several bytes
	inEsc          // behind ESC, or ESC ESC
	inCSI
	inSS3
	inString   // OSC, DCS, APC, PM, SOS
	inMouse    // behind CSI M: three bytes
	inFunction // behind CSI [: the function keys of the Linux console
	inPaste
)

const (
	ctrlC     = 0x03
	bel       = 0x07
	backspace = 0x08
	ctrlU     = 0x15
	esc       = 0x1b
	del       = 0x7f
)

// need is how many bytes surely belong to the key under way. Typed text is
// taken byte by byte. A paste is taken in sixes: its end mark has six bytes, so
// that a read never reaches behind it.
func (k *decoder) need() int {
	if k.state == inPaste {
		return len(pasteEnd) - k.matched
	}
	return 1
}

// patience is how long the next byte of the key under way may take.
func (k *decoder) patience() time.Duration {
	switch k.state {
	case inGround, inChar, inPaste:
		return 0
	case inEsc:
		return escWait
	case inString:
		if k.held == 2 { // alt and a bracket, most likely
			return escWait
		}
		return seqWait
	default:
		return seqWait
	}
}

// keep adds b to the key under way.
func (k *decoder) keep(hold []byte, b byte) {
	if k.held == len(hold) {
		k.lost = true
		return
	}
	hold[k.held] = b
	k.held++
}

// key ends the key under way and returns it.
func (k *decoder) key(hold []byte) []byte {
	p := hold[:k.held]
	k.state, k.held, k.lost = inGround, 0, false
	return p
}

// target is who gets the text of the key under way: nobody, nil, only if no
// entry had the focus from its first byte to its last.
func (r *secretReader) target() *entry {
	if r.focus != nil {
		return r.focus
	}
	return r.keys.began
}

// step looks at a byte. What Bubble Tea may know is appended to out; whole
// means that a key ended which the model must see before the next one.
func (r *secretReader) step(hold, out []byte, b byte) (_ []byte, whole bool) {
	k := &r.keys
	stale := k.stale
	k.stale = false
	switch k.state {
	case inGround:
	case inChar:
		return r.character(hold, out, b)
	case inEsc:
		return r.escape(hold, out, b)
	case inCSI:
		return r.csi(hold, out, b)
	case inSS3:
		return r.ss3(hold, out, b)
	case inString:
		return r.str(hold, out, b)
	case inMouse, inFunction:
		k.keep(hold, b)
		if k.left--; k.left > 0 {
			return out, false
		}
		return r.plainOnly(out, k.key(hold))
	case inPaste:
		return r.paste(out, b, stale)
	}
	return r.ground(hold, out, b)
}

func (r *secretReader) ground(hold, out []byte, b byte) ([]byte, bool) {
	k := &r.keys
	k.state, k.held, k.lost = inGround, 0, false
	k.began = r.focus
	hold[0], k.held = b, 1
	switch {
	case b == esc:
		k.state = inEsc
		return out, false
	case b < ' ' || b == del:
		return r.control(out, k.key(hold))
	case b >= utf8.RuneSelf:
		if k.left = charLen(b) - 1; k.left > 0 {
			k.state = inChar
			return out, false
		}
	}
	return r.text(out, k.key(hold))
}

// charLen is how many bytes a character has that begins with b; 1 if none does.
func charLen(b byte) int {
	switch {
	case b >= 0xc2 && b <= 0xdf:
		return 2
	case b >= 0xe0 && b <= 0xef:
		return 3
	case b >= 0xf0 && b <= 0xf4:
		return 4
	}
	return 1
}

func (r *secretReader) character(hold, out []byte, b byte) ([]byte, bool) {
	k := &r.keys
	if b&0xc0 != 0x80 { // the one before lacks its end
		out, _ = r.text(out, k.key(hold))
		return r.ground(hold, out, b)
	}
	k.keep(hold, b)
	if k.left--; k.left > 0 {
		return out, false
	}
	return r.text(out, k.key(hold))
}

// text gives a character, behind ESC if alt was held, to whom it belongs. An
// entry takes every byte; alt and a letter is a command, and none of an entry.
func (r *secretReader) text(out, p []byte) ([]byte, bool) {
	e := r.target()
	switch {
	case e == nil && !utf8.Valid(p):
	case e == nil:
		return append(out, p...), true
	case p[0] != esc:
		e.add(p)
		r.keys.changed = true
	}
	return out, false
}

// control handles a control character, behind ESC if alt was held.
func (r *secretReader) control(out, p []byte) ([]byte, bool) {
	e := r.target()
	if e == nil {
		return append(out, p...), true
	}
	alt := p[0] == esc
	switch b := p[len(p)-1]; {
	case b == del || b == backspace:
		e.backspace()
	case b == ctrlU && !alt:
		e.wipe()
	case e.lines && (b == '\n' || b == '\r' && alt):
		e.add([]byte{'\n'})
	case alt && b != '\r' && b != '\n':
		return out, false
	default:
		return append(out, p...), true
	}
	r.keys.changed = true
	return out, false
}

// plainOnly hands on what is no key of an entry and might hold text.
func (r *secretReader) plainOnly(out, p []byte) ([]byte, bool) {
	if r.target() != nil {
		return out, false
	}
	return append(out, p...), true
}

func (r *secretReader) escape(hold, out []byte, b byte) ([]byte, bool) {
	k := &r.keys
	switch {
	case b == esc: // behind ESC ESC it is the key, held down
		if k.held == 1 {
			k.keep(hold, b)
		}
		return out, false
	case b == '[':
		k.keep(hold, b)
		k.state = inCSI
		return out, false
	case b == 'O':
		k.keep(hold, b)
		k.state = inSS3
		return out, false
	case k.held == 2: // two keys at once, the other one of which is no loss
		k.key(hold)
		return append(out, escKey...), true
	}
	k.keep(hold, b)
	switch {
	case bytes.IndexByte([]byte("]PX^_"), b) >= 0:
		k.state, k.left = inString, 0
		return out, false
	case b < ' ' || b == del:
		return r.control(out, k.key(hold))
	case b >= utf8.RuneSelf && charLen(b) > 1:
		k.state, k.left = inChar, charLen(b)-1
		return out, false
	}
	return r.text(out, k.key(hold))
}

func (r *secretReader) csi(hold, out []byte, b byte) ([]byte, bool) {
	k := &r.keys
	first := k.held == bytes.IndexByte(hold[:k.held], '[')+1
	switch {
	case b < ' ' || b >= del:
		return r.ground(hold, out, b) // cut off: a key of its own follows
	case b < '@' && (b != '$' || bytes.IndexByte(hold[:k.held], '?') >= 0):
		if last := hold[k.held-1]; b >= '<' && !first || b >= '0' && last >= ' ' && last < '0' {
			k.lost = true // the private mark comes first, then numbers: this is no sequence
		}
		k.keep(hold, b)
		return out, false // b == '$' ends the shifted keys of rxvt, and is part of replies
	}
	k.keep(hold, b)
	switch {
	case first && b == 'M':
		k.state, k.left = inMouse, 3
		return out, false
	case first && b == '[':
		k.state, k.left = inFunction, 1
		return out, false
	}
	lost := k.lost // key forgets it
	p := k.key(hold)
	if lost {
		return out, false
	}
	return r.sequence(out, p)
}

// keypad is what the keys j to y send behind SS3 in application mode.
const keypad = "*+,-./0123456789"

func (r *secretReader) ss3(hold, out []byte, b byte) ([]byte, bool) {
	k := &r.keys
	switch {
	case b < ' ' || b >= del:
		return r.ground(hold, out, b)
	case b >= '0' && b <= '9':
		k.keep(hold, b)
		return out, false
	}
	k.keep(hold, b)
	lost := k.lost // key forgets it
	p := k.key(hold)
	e := r.target()
	switch {
	case lost:
		return out, false
	case e == nil || b >= 'A' && b <= 'S' || b >= 'a' && b <= 'd':
		return append(out, p...), true
	case b >= 'j' && b <= 'y' && len(p) == 3:
		e.add([]byte{keypad[b-'j']})
	case b == 'X' && len(p) == 3:
		e.add([]byte{'='})
	default:
		return out, false
	}
	r.keys.changed = true
	return out, false
}

// str collects a control string. All that a terminal has to say in one are
// replies.
func (r *secretReader) str(hold, out []byte, b byte) ([]byte, bool) {
	k := &r.keys
	osc := hold[1] == ']'
	switch {
	case k.left == 1 && b != '\\': // ESC that ends nothing: a key of its own
		k.state, hold[0], k.held, k.lost = inEsc, esc, 1, false
		k.began = r.focus
		return r.escape(hold, out, b)
	case b == esc:
		k.keep(hold, b)
		k.left = 1
		return out, false
	case b < ' ' && (b != bel || !osc):
		return r.ground(hold, out, b)
	}
	k.keep(hold, b)
	if k.left == 0 && b != bel {
		return out, false
	}
	k.left = 0
	lost := k.lost // key forgets it
	p := k.key(hold)
	if lost || !r.replyWanted(p) {
		return out, false
	}
	return append(out, p...), true
}

// replyWanted tells whether a control string is handed on. The clipboard never
// is: nobody asks for it, and it may hold a value. While an entry has the focus
// only colours are, since they are asked for when the program starts.
func (r *secretReader) replyWanted(p []byte) bool {
	plain := r.target() == nil
	switch p[1] {
	case 'P':
		return plain
	case ']':
		body := bytes.TrimSuffix(bytes.TrimSuffix(p[2:], []byte{bel}), []byte("\x1b\\"))
		number, body, _ := bytes.Cut(body, []byte{';'})
		switch string(number) {
		case "10", "11", "12":
			return plain || len(body) > 0 && len(body) <= 32 && !bytes.ContainsFunc(body, notColour)
		case "52":
			return false
		}
		return plain
	}
	return false
}

// notColour reports what is in no colour that XParseColor reads.
func notColour(c rune) bool {
	switch {
	case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
		return false
	case c == '/', c == ':', c == '#', c == 'r', c == 'g':
		return false
	}
	return true
}

// timeout ends the key under way because nothing followed it in time. Only ESC
// is a key by itself.
func (r *secretReader) timeout(hold, out []byte) []byte {
	if r.keys.state == inEsc {
		out = append(out, escKey...)
	}
	r.keys.key(hold)
	return out
}

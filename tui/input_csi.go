package tui

import (
	"unicode"
	"unicode/utf8"
)

// A csiKey is a key that the terminal reports by number: CSI code ; mods u from
// the kitty keyboard protocol, CSI 27 ; mods ; code ~ from xterm's
// modifyOtherKeys. Bubble Tea asks for both, so that a letter may arrive so.
type csiKey struct {
	code    int
	shifted int // what shift makes of it, where the terminal says so
	mods    int // the bits of the protocols
	event   int // 1 press, 2 repeat, 3 release
	text    int // the character it stands for, where the terminal says so
	kitty   bool
}

const (
	modShift = 1 << iota
	modAlt
	modCtrl
	modSuper
	modHyper
	modMeta
	modCaps
	modNum
)

// modChord are the modifiers that make a command of a letter.
const modChord = modAlt | modCtrl | modSuper | modHyper | modMeta

// parseKey reads a complete sequence; ok is false when it is no key by number.
func parseKey(seq []byte) (key csiKey, ok bool) {
	final := seq[len(seq)-1]
	if final != 'u' && final != '~' {
		return csiKey{}, false
	}
	var par [3][2]int // three parameters, the first two parts of each
	i, j := 0, 0
	for _, b := range seq[2 : len(seq)-1] {
		switch {
		case b == ';':
			i, j = i+1, 0
		case b == ':':
			j++
		case b < '0' || b > '9':
			return csiKey{}, false // a reply
		case i > 2 || i == 2 && j > 0:
			return csiKey{code: par[0][0], mods: -1}, true // broken
		case j < 2 && par[i][j] <= unicode.MaxRune:
			par[i][j] = par[i][j]*10 + int(b-'0')
		}
	}
	mods := max(par[1][0]-1, 0)
	if final == '~' {
		if par[0][0] != 27 {
			return csiKey{}, false
		}
		return csiKey{code: par[2][0], mods: mods, event: 1}, true
	}
	return csiKey{code: par[0][0], shifted: par[0][1], mods: mods, event: max(par[1][1], 1), text: par[2][0], kitty: true}, true
}

// broken reports what no terminal sends, and what Bubble Tea would read as it
// likes.
func (k csiKey) broken() bool {
	return k.code == 0 || k.mods < 0 || k.mods > 0xff || k.event > 3 || k.text != 0 && k.char() == 0
}

// char is the character that the key types; 0 for none.
func (k csiKey) char() rune {
	if k.mods&modChord != 0 {
		return 0
	}
	if k.text != 0 {
		return printable(k.text)
	}
	if k.code >= keypadZero && k.code < keypadZero+len(keypadChars) {
		return rune(keypadChars[k.code-keypadZero])
	}
	switch {
	case k.mods&modShift != 0 && k.shifted != 0:
		return printable(k.shifted)
	case k.mods&(modShift|modCaps) != 0:
		return unicode.ToUpper(printable(k.code))
	}
	return printable(k.code)
}

// keypadZero is the keypad's 0 in the kitty keyboard protocol; the keys of
// keypadChars follow it.
const (
	keypadZero  = 57399
	keypadChars = "0123456789./*-+\r=,"
)

// printable is c as a character; 0 for control characters and for the private
// range in which the protocol numbers the keys that type nothing.
func printable(c int) rune {
	if c < ' ' || c == del || c >= 0xe000 && c <= 0xf8ff || c > unicode.MaxRune || !utf8.ValidRune(rune(c)) {
		return 0
	}
	return rune(c)
}

// sequence handles a complete CSI sequence, behind another ESC if alt was held.
func (r *secretReader) sequence(out, p []byte) ([]byte, bool) {
	seq := p
	if seq[1] == esc {
		seq = seq[1:]
	}
	key, ok := parseKey(seq)
	e := r.target()
	switch { // strings made for a comparison alone are not made
	case string(seq[2:]) == "200~":
		r.beginPaste()
		return out, false
	case string(seq[2:]) == "201~": // the end of a paste that did not begin
		return out, false
	case ok && key.code == markCode: // not from a keyboard
		return out, false
	case e == nil:
		return append(out, p...), true
	case seq[len(seq)-1] == '_', seq[len(seq)-1] == '$': // keys of Windows, text and all; shifted ones of rxvt
		return out, false
	case !ok && odd(seq), ok && key.broken():
		return out, false
	case !ok:
		return append(out, p...), true
	case len(p) > len(seq):
		return out, false
	}
	return r.keyForEntry(e, out, p, key)
}

// odd reports a sequence with an intermediate byte that no key and no reply
// that we ask for has.
func odd(seq []byte) bool {
	b := seq[len(seq)-2]
	return b >= ' ' && b < '0' && b != '$'
}

// keyForEntry is control and text for keys by number.
func (r *secretReader) keyForEntry(e *entry, out, p []byte, key csiKey) ([]byte, bool) {
	const kittyBackspace = 57347
	chord, c := key.mods&modChord, key.char()
	switch {
	case key.event == 3: // a release tells which key it was
		return out, false
	case key.code == del, key.code == backspace, key.code == kittyBackspace, key.code == 'h' && chord == modCtrl:
		e.backspace()
	case key.code == 'u' && chord == modCtrl:
		e.wipe()
	case e.lines && (key.code == '\r' && chord == modAlt || key.code == 'j' && chord == modCtrl):
		e.add([]byte{'\n'})
	case c == '\r': // the keypad's enter
		return append(out, p...), true
	case c != 0:
		var b [utf8.UTFMax]byte
		e.add(b[:utf8.EncodeRune(b[:], c)])
	case key.code == '\t', key.code == '\r', key.code == esc,
		key.kitty && key.code >= 0xe000 && key.code <= 0xf8ff, // keys that type nothing
		key.code >= ' ' && key.code < del && chord == modCtrl:
		return append(out, p...), true
	default:
		return out, false
	}
	r.keys.changed = true
	return out, false
}

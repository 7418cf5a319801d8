package tui

// pasteEnd ends a bracketed paste, which CSI 200 ~ begins.
const pasteEnd = "\x1b[201~"

// paste looks at a byte between the marks of a bracketed paste.
//
// Line ends become line feeds there, because no terminal says which it had:
// xterm, VTE, kitty and tmux send CR for a line feed, ghostty sends the line
// feed, and Windows' terminals CR LF for CR LF, of which tmux makes CR CR: two
// line ends. A value with carriage returns has to come from a file. A terminal without bracketed paste, like the Linux
// console, types what is pasted: its line ends are the enter key.
func (r *secretReader) paste(out []byte, b byte, stale bool) ([]byte, bool) {
	k := &r.keys
	switch {
	case b == ctrlC && stale:
		k.into.cancelPaste()
		k.state, k.into = inGround, nil
		return append(out, b), true
	case b == pasteEnd[k.matched]:
		if k.matched++; k.matched < len(pasteEnd) {
			return out, false
		}
		r.endPaste()
		return out, true
	}
	for i := range k.matched {
		k.pasteByte(pasteEnd[i])
	}
	k.matched = 0
	if b == esc {
		k.matched = 1
		return out, false
	}
	k.pasteByte(b)
	return out, false
}

func (k *decoder) pasteByte(b byte) {
	second := k.cr && b == '\n'
	if k.cr = b == '\r'; k.cr {
		b = '\n'
	}
	if !second {
		k.into.paste([]byte{b})
	}
}

func (r *secretReader) beginPaste() {
	k := &r.keys
	k.state, k.matched, k.cr = inPaste, 0, false
	if k.into = r.focus; k.into == nil {
		k.into = &entry{max: plainPasteMax, lines: true}
	}
	k.into.beginPaste()
}

func (r *secretReader) endPaste() {
	k := &r.keys
	e := k.into
	e.endPaste()
	k.state, k.into = inGround, nil
	if e.reader != nil {
		k.changed = true
		return
	}
	k.spare.wipe()
	k.spare, k.pasted = e, true
}

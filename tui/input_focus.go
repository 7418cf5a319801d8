package tui

import (
	"strconv"

	tea "charm.land/bubbletea/v2"
)

// This is the model's side of the reader: who has the focus, and the marks
// that come out behind the keys.

// A mark is what the reader puts behind a key.
type mark int

const (
	markSeen    mark = iota // the key before it has been through Update
	markChanged             // and the entry with the focus has changed
	markPasted              // and a paste that no entry took is there to be asked for
)

// changedMsg says that the entry with the focus has changed.
type changedMsg struct{}

// pastedMsg says that something was pasted while no entry had the focus. It is
// wiped with the next message; only the Update that gets this one can have it,
// by pasteText. A problem says in words why nobody can.
type pastedMsg struct {
	bytes, lines int
	problem      string
}

// A mark is written as F35 with hyper and meta, which no keyboard sends. Shift
// and alt tell the three apart. Unlike a character it cannot join what stands
// before it, and it needs no time to be told from the beginning of a sequence.
const (
	markCode = 57398      // F35 in the kitty keyboard protocol
	markMods = 16 + 32    // hyper and meta there
	markMax  = 16         // bytes
	markHead = "\x1b["    // CSI 57398 ; mods u
	escKey   = "\x1b[27u" // the escape key, which needs no time either
)

func appendMark(out []byte, m mark) []byte {
	out = strconv.AppendInt(append(out, markHead...), markCode, 10)
	out = strconv.AppendInt(append(out, ';'), int64(1+markMods+int(m)), 10)
	return append(out, 'u')
}

func markOf(msg tea.KeyPressMsg) (mark, bool) {
	const told = tea.ModShift | tea.ModAlt
	if msg.Code != tea.KeyF35 || msg.Mod&^told != tea.ModHyper|tea.ModMeta {
		return 0, false
	}
	switch msg.Mod & told {
	case tea.ModShift:
		return markChanged, true
	case tea.ModAlt:
		return markPasted, true
	}
	return markSeen, true
}

// mark ends what Read returns.
func (r *secretReader) mark(out []byte) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := markSeen
	switch {
	case r.keys.pasted:
		m = markPasted
	case r.keys.changed:
		m = markChanged
	case len(out) == 0:
		return out
	}
	r.keys.pasted, r.keys.changed = false, false
	select { // a mark that came out too late for its Read
	case <-r.seen:
	default:
	}
	r.unseen = true
	return appendMark(out, m)
}

// filter must be the program's filter: it makes messages of marks, and wipes
// what was entered when the program is suspended or ends. next may be nil; it
// sees what filter lets through.
func (r *secretReader) filter(next func(tea.Model, tea.Msg) tea.Msg) func(tea.Model, tea.Msg) tea.Msg {
	return func(model tea.Model, msg tea.Msg) tea.Msg {
		r.withdraw()
		if key, ok := msg.(tea.KeyPressMsg); ok {
			if m, ok := markOf(key); ok {
				msg = r.cameOut(m)
			}
		}
		if next != nil && msg != nil {
			msg = next(model, msg)
		}
		switch msg.(type) {
		case tea.SuspendMsg, tea.QuitMsg, tea.InterruptMsg:
			r.wipe()
		}
		return msg
	}
}

// cameOut lets the reader go on and returns what the mark means.
func (r *secretReader) cameOut(m mark) tea.Msg {
	var msg tea.Msg
	switch m {
	case markSeen:
	case markChanged:
		msg = changedMsg{}
	case markPasted:
		if p, ok := r.offer(); ok {
			msg = p
		}
	}
	select {
	case r.seen <- struct{}{}:
	default:
	}
	return msg
}

// offer makes the paste that ended last available to pasteText.
func (r *secretReader) offer() (pastedMsg, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.keys.spare
	if e == nil {
		return pastedMsg{}, false
	}
	r.keys.spare, r.offered = nil, e
	msg := pastedMsg{problem: e.problem()}
	msg.bytes, msg.lines = e.size()
	return msg, msg.bytes > 0 || msg.problem != "" // an empty paste is none
}

// withdraw wipes the paste that nobody asked for.
func (r *secretReader) withdraw() {
	r.mu.Lock()
	e := r.offered
	r.offered = nil
	r.mu.Unlock()
	e.wipe()
}

// pasteText returns the paste that pastedMsg told of, for a field that is no
// secret, if it has at most limit bytes. Line ends in it are line feeds. It is
// not cleaned.
func (r *secretReader) pasteText(limit int) (string, bool) {
	r.mu.Lock()
	e := r.offered
	r.offered = nil
	r.mu.Unlock()
	if e == nil {
		return "", false
	}
	defer e.wipe()
	text := ""
	if n, _ := e.size(); n == 0 || n > limit {
		return "", false
	}
	e.use(func(p []byte) { text = string(p) })
	return text, true
}

// newEntry makes an entry of at most limit bytes. Without lines it is one line,
// as a passphrase is.
func (r *secretReader) newEntry(limit int, lines bool) *entry {
	e := &entry{reader: r, max: limit, lines: lines}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries[e] = true
	return e
}

// enter gives e the focus: text goes there from the next key on. nil is leave.
func (r *secretReader) enter(e *entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.focus = e
	}
}

// leave takes the focus from whichever entry has it, which keeps its bytes.
func (r *secretReader) leave() { r.enter(nil) }

// wipe empties every entry and forgets a paste under way. They can be used
// again.
func (r *secretReader) wipe() {
	r.mu.Lock()
	all := make([]*entry, 0, len(r.entries)+3)
	for e := range r.entries {
		all = append(all, e)
	}
	all = append(all, r.offered, r.keys.spare, r.keys.into)
	r.offered, r.keys.spare = nil, nil
	r.mu.Unlock()
	for _, e := range all {
		e.wipe()
	}
}

// forget is entry.drop's part here.
func (r *secretReader) forget(e *entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.entries, e)
	if r.focus == e {
		r.focus = nil
	}
}

package tui

import tea "charm.land/bubbletea/v2"

// What is typed while the vault is being opened was typed at the box, and by
// somebody who could not see which row of the workspace it would meet: "dy" would
// delete one. So a run of keys that began before the workspace was on the screen
// is dropped to its end, which is a pause of deafTime. Its first keys alone would
// be worse than all of it: without its slash, a filter is a word of commands.
// Whoever waits for the workspace is never made to wait longer.

// opener is a box that opens the vault, and tells whether it is about to.
type opener interface{ opening() bool }

func (d *unlock) opening() bool { return d.trying }
func (d *setup) opening() bool  { return d.making }

// noteAhead remembers that something was typed, if it was ahead of the workspace,
// and tells whether it is to be dropped. What the box gets, the box drops.
func (m *root) noteAhead() (dropped bool) {
	now := m.u.cfg.Now()
	if m.gate != nil {
		if o, ok := m.gate.(opener); ok && o.opening() {
			m.ahead = now
		}
		return false
	}
	if m.seen && !m.isAhead() {
		return false
	}
	m.ahead = now
	m.sayAhead()
	return true
}

// isAhead tells whether a run of keys that began too early may still go on.
func (m *root) isAhead() bool {
	return !m.ahead.IsZero() && m.u.cfg.Now().Sub(m.ahead) < deafTime
}

func (m *root) sayAhead() {
	m.u.say(toastInfo, "what was typed before this was shown is ignored")
}

// changedAhead empties a value field that got the rest of such a run: half of what
// was meant for it, or nothing that was.
func (m *root) changedAhead() tea.Cmd {
	if d := m.top(); d != nil {
		wipe(d)
		return d.update(m.u, changedMsg{})
	}
	return nil
}

// nowSeen marks the workspace as seen once it was drawn with its rows, or with why
// there are none, or with the sign that they take long.
func (m *root) nowSeen() {
	u := m.u
	if m.gate == nil && !m.tooSmall() && (u.data.loaded || u.data.err != nil || u.slow() != "") {
		m.seen = true
	}
}

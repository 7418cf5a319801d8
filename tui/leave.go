package tui

import (
	"io"

	tea "charm.land/bubbletea/v2"
)

// quit leaves, after asking when a form would lose what was typed. A second
// ctrl+c means it.
func (m *root) quit() tea.Cmd {
	u := m.u
	if why := m.keeps(); why != "" && !m.again {
		m.warned = true
		u.say(toastWarn, why+": once more to leave all the same")
		return nil
	}
	if _, asked := m.top().(*discard); !asked && m.gate == nil && !m.again && m.unsaved() {
		return u.push(&discard{leave: m.leave})
	}
	return m.leave()
}

// unsaved tells whether there is a form that leaving would lose something of.
func (m *root) unsaved() bool {
	for _, d := range m.u.stack {
		if f, ok := d.(interface{ changed() bool }); ok && f.changed() {
			return true
		}
	}
	return false
}

// keeps says what speaks against leaving where no question can be asked: over a
// form nobody sees, and over work that is undone.
func (m *root) keeps() string {
	if m.gate != nil {
		if m.unsaved() {
			return "a form with changes is open behind this"
		}
		return ""
	}
	if w, ok := m.top().(interface{ underWay() bool }); ok && w.underWay() {
		return "it is not done yet, and leaving undoes it"
	}
	return ""
}

func (m *root) leave() tea.Cmd {
	m.quitting = true
	return tea.Quit
}

// farewell writes, when the screen is an ordinary one again, what somebody was to
// read and has not closed: the secrets to change after a revoke. While the vault
// is locked it names none, for whoever sits there may be anybody.
func (m *root) farewell(to io.Writer, end string) {
	u := m.u
	for _, d := range u.stack {
		r, ok := d.(*rotation)
		if !ok {
			continue
		}
		if m.gate != nil {
			_, _ = io.WriteString(to, count(r.names, "secret is", "secrets are")+" to be changed after a revoke: they were listed here, and the vault is locked"+end)
			continue
		}
		text, project := u.plain(r.member)+" could have read these. Change each where it comes from, then here:"+end, ""
		for _, x := range r.rows {
			if x.project {
				project = u.plain(x.name)
				continue
			}
			text += "  " + project + "  " + u.plain(x.name) + end
		}
		_, _ = io.WriteString(to, text) // a terminal that is gone reads nothing
	}
}

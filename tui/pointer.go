package tui

import tea "charm.land/bubbletea/v2"

func (m *root) click(x, y int) tea.Cmd {
	u := m.u
	if m.tooSmall() || u.cfg.Now().Before(u.deafUntil) {
		return nil
	}
	if d := m.top(); d != nil {
		if len(m.dialogs) == 0 {
			return nil
		}
		run, inside := m.dialogs[len(m.dialogs)-1].press(x, y)
		if run != nil {
			return run()
		}
		if c, ok := d.(interface{ clickedOutside(u *ui) }); ok && !inside {
			c.clickedOutside(u)
		}
		return nil
	}
	if m.side.inside(x, y) {
		return m.side.click(m, x, y)
	}
	return m.sections[m.open].click(u, x, y)
}

func (m *root) wheel(msg tea.MouseWheelMsg) {
	d := 0
	switch msg.Button {
	case tea.MouseWheelUp:
		d = -3
	case tea.MouseWheelDown:
		d = 3
	}
	if d == 0 || m.tooSmall() {
		return
	}
	if t := m.top(); t != nil {
		if w, ok := t.(interface{ wheel(d int) }); ok {
			w.wheel(d)
		} else if n := len(m.dialogs); n > 0 {
			m.dialogs[n-1].scroll(d)
		}
		return
	}
	if m.side.inside(msg.X, msg.Y) {
		m.side.wheel(d)
		return
	}
	m.sections[m.open].wheel(m.u, msg.X, msg.Y, d)
}

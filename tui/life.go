package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"
)

// entered begins a session with an opened vault.
func (m *root) entered(v Vault) tea.Cmd {
	drop(m.gate)
	m.gate = nil
	m.u.session = newSession(m.u.ctx, v)
	m.u.last = m.u.session
	m.u.say(toastNone, "")
	m.seen = false
	if !m.ahead.IsZero() {
		m.sayAhead()
	}
	return tea.Batch(m.u.load(), m.u.pollLater())
}

// lock ends the session: keys are wiped, the screen goes blank, and nothing is
// tried again until somebody presses enter. Dialogs stay, without their values.
func (m *root) lock(why string) tea.Cmd {
	u := m.u
	s := u.session
	if s == nil {
		return nil
	}
	u.session = nil
	m.ahead = time.Time{}
	u.era++
	u.jobs = nil
	u.say(toastNone, "")
	u.data = data{project: u.data.project, rows: noRows, load: u.loads}
	for _, d := range u.stack {
		wipe(d)
		if i, ok := d.(interface{ interrupted() }); ok {
			i.interrupted() // what it waits for will not come
		}
	}
	u.input.wipe()
	g := newUnlock(u)
	g.why = why
	m.gate = g
	u.deafen()
	return tea.Batch(m.told(), func() tea.Msg { s.close(); return nil })
}

// end closes what is open when the program leaves, and waits for a lock that
// is under way.
func (u *ui) end() {
	if u.last != nil {
		u.last.close()
	}
	for _, late := range u.owed { // nobody will hear of what was under way
		late()
	}
	u.owed = nil
}

// poll asks whether anything changed; the next look is arranged when the answer
// is here, so that a slow store is not asked again and again.
func (m *root) poll() tea.Cmd {
	u := m.u
	s, msg := u.session, stampMsg{era: u.era, project: u.data.project}
	return func() tea.Msg {
		msg.err = s.use(func(ctx context.Context, v Vault) (err error) {
			msg.stamps, err = readStamps(ctx, v, msg.project)
			return err
		})
		return msg
	}
}

type stampMsg struct {
	era     int
	project string
	stamps  stamps
	err     error
}

// looked loads again when the stamp differs, or when the project is gone.
func (m *root) looked(msg stampMsg) tea.Cmd {
	u := m.u
	if msg.era != u.era || u.session == nil {
		return nil
	}
	later := u.pollLater()
	if msg.project != u.data.project || u.loading() {
		return later // the next look tells what this one cannot
	}
	changed := msg.err == nil && u.data.loaded && msg.stamps != u.data.stamps
	broke := msg.err != nil && u.data.err == nil
	mended := msg.err == nil && u.unread
	u.unread = msg.err != nil
	if changed || broke || mended {
		return tea.Batch(u.load(), later)
	}
	return later
}

func (m *root) idleLater() tea.Cmd {
	if m.u.cfg.IdleLock <= 0 {
		return nil
	}
	left := m.u.cfg.IdleLock - m.still.look(m.u.cfg.Now())
	return m.u.after(max(min(idleEvery, left), time.Millisecond), idleMsg{})
}

func (m *root) idle() tea.Cmd {
	if m.u.session == nil {
		m.still.begin(m.u.cfg.Now()) // nothing is open that could be locked
	}
	if m.u.session != nil && m.still.look(m.u.cfg.Now()) >= m.u.cfg.IdleLock {
		why := "locked after " + idleWords(m.u.cfg.IdleLock) + " without a key"
		return tea.Batch(m.lock(why), m.idleLater())
	}
	return m.idleLater()
}

func idleWords(d time.Duration) string {
	if d >= time.Minute {
		return count(int(d/time.Minute), "minute", "minutes")
	}
	return count(int(d/time.Second), "second", "seconds")
}

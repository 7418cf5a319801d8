package tui

import (
	"context"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// The least the workspace can be drawn in.
const (
	minWidth  = 40
	minHeight = 10
)

// A section is an entry of the sidebar with a screen of its own.
type section interface {
	title() string
	count(u *ui) string // beside the title in the sidebar; may be empty
	groups(u *ui) []group
	// refresh follows new data; cmd may read more.
	refresh(u *ui) tea.Cmd
	// update takes a key that no binding wanted.
	update(u *ui, msg tea.Msg) tea.Cmd
	// draw returns area.h lines of area.w cells; where is its place on the
	// screen, for the mouse. The cursor is for a field it shows; may be nil.
	draw(u *ui, where rect) ([]string, *tea.Cursor)
	// click and wheel are given places in screen coordinates.
	click(u *ui, x, y int) tea.Cmd
	wheel(u *ui, x, y, d int)
}

// sections are the sidebar's, in order; their keys are 1, 2, 3, …
func sections() []section {
	return []section{newSecretsScreen(), newToolsScreen(), newInstructionsScreen(), newMembersScreen(), newActivityScreen()}
}

// root is the only tea.Model. It routes messages and composes the frame.
type root struct {
	u        *ui
	gate     dialog // the unlock or create box while there is no session
	sections []section
	open     int // the section that is shown
	side     sidebar

	still    stillness // since the last time somebody did something
	frame    string
	cursor   *tea.Cursor
	fresh    bool    // frame shows the state
	entry    *entry  // the value field that has the terminal's bytes
	dialogs  []shown // where the dialogs are drawn
	before   []shown // where they were drawn the last time
	quitting bool

	warned bool // the last key was told what speaks against leaving
	again  bool // the one before was

	seen  bool      // the workspace was drawn since the vault was opened
	ahead time.Time // the last key typed before that; see ahead.go
}

func newRoot(ctx context.Context, cfg Config, input *secretReader) *root {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	u := &ui{ctx: ctx, cfg: cfg, input: input, theme: newTheme(true), glyphs: newGlyphs(cfg.ASCII, cfg.Environ)}
	u.after = u.later
	u.data = data{project: cfg.Project, rows: noRows}
	m := &root{u: u, sections: sections()}
	m.still.begin(cfg.Now())
	u.told, u.entered, u.leave = m.told, m.entered, m.quit
	if cfg.Missing {
		m.gate = newSetup(u)
	} else {
		m.gate = newUnlock(u)
	}
	return m
}

// Init tries to open the vault without asking anybody.
func (m *root) Init() tea.Cmd {
	cmds := []tea.Cmd{tea.RequestBackgroundColor, m.idleLater()}
	if g, ok := m.gate.(*unlock); ok {
		g.quiet = true
		cmds = append(cmds, g.tryOpen(m.u))
	}
	return tea.Batch(cmds...)
}

// told lets the open section follow new data; the others do when they are
// opened. Data that is gone is gone from all of them.
func (m *root) told() tea.Cmd {
	var cmds []tea.Cmd
	for i, s := range m.sections {
		if i == m.open || !m.u.data.loaded {
			cmds = append(cmds, s.refresh(m.u))
		}
	}
	return tea.Batch(cmds...)
}

// Update routes a message to who owns it.
func (m *root) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	m.fresh = false
	u := m.u
	toast, deaf := u.toast.id, u.deafUntil
	cmd := tea.Batch(m.update(msg), m.follow())
	if u.toast.id != toast && u.toast.kind != toastError {
		cmd = tea.Batch(cmd, u.after(toastTime, toastOverMsg{u.toast.id}))
	}
	if u.deafUntil != deaf {
		cmd = tea.Batch(cmd, u.after(deafTime, hearMsg{}))
	}
	m.focusEntry()
	return m, cmd
}

// hearMsg ends a time in which keys were ignored.
type hearMsg struct{}

// An enterer is a dialog with a value in it; entry is the one that the keys
// belong to now, or nil.
type enterer interface{ entry() *entry }

// focusEntry gives the terminal's bytes to the value field that has the focus,
// and to Bubble Tea when none has. Neither a screen that is too small nor a
// moment in which keys are ignored changes that: what is typed then may be the
// rest of a value, and must not become a key.
func (m *root) focusEntry() {
	var e *entry
	if d, ok := m.top().(enterer); ok {
		e = d.entry()
	}
	if e == m.entry {
		return
	}
	m.entry = e
	if e == nil {
		m.u.input.leave()
	} else {
		m.u.input.enter(e)
	}
}

func (m *root) update(msg tea.Msg) tea.Cmd {
	if cmd, ok := m.somebody(msg); ok {
		return cmd
	}
	u := m.u
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		return m.resize(msg)
	case tea.BackgroundColorMsg:
		u.theme = newTheme(msg.IsDark())
	case tea.ModeReportMsg:
		// The same rule as in Bubble Tea's renderer, which counts so from now on.
		if msg.Mode == ansi.ModeUnicodeCore && (msg.Value == ansi.ModeReset || msg.Value == ansi.ModeSet || msg.Value == ansi.ModePermanentlySet) {
			u.cells = ansi.GraphemeWidth
		}
	case tea.ResumeMsg:
		for _, d := range u.stack {
			if r, ok := d.(interface{ resumed() }); ok {
				r.resumed()
			}
		}
	case replyMsg:
		u.finish(msg.job)
		if msg.era == u.era {
			return msg.apply()
		}
		if msg.late != nil {
			msg.late()
		}
	case signMsg:
		return u.sign()
	case pollMsg:
		if msg.era == u.era && u.session != nil {
			return m.poll()
		}
	case stampMsg:
		return m.looked(msg)
	case hearMsg:
		if g, ok := m.gate.(*unlock); ok && !u.cfg.Now().Before(u.deafUntil) {
			g.wipe() // typed at what was there before
		}
	case idleMsg:
		return m.idle()
	case toastOverMsg:
		if u.toast.id == msg.id && u.toast.kind != toastError {
			u.toast.kind = toastNone
		}
	}
	return nil
}

// somebody takes what a person did, and false is anything else.
func (m *root) somebody(msg tea.Msg) (tea.Cmd, bool) {
	switch msg.(type) {
	case tea.KeyPressMsg, pastedMsg, changedMsg, tea.MouseClickMsg, tea.MouseWheelMsg:
		m.still.begin(m.u.cfg.Now())
	default:
		return nil, false
	}
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		m.again, m.warned = m.warned, false
		return m.key(msg), true
	case pastedMsg:
		return m.paste(msg), true
	case changedMsg:
		return m.changed(), true
	case tea.MouseClickMsg:
		m.again, m.warned = m.warned, false
		if msg.Button == tea.MouseLeft {
			return m.click(msg.X, msg.Y), true
		}
	case tea.MouseWheelMsg:
		m.wheel(msg)
	}
	return nil, true
}

// typing tells whether letters are text now.
func (m *root) typing() bool {
	if d := m.top(); d != nil {
		t, ok := d.(typist)
		return ok && t.typing()
	}
	t, ok := m.sections[m.open].(typist)
	return ok && t.typing()
}

// top is the dialog that owns the input, if any.
func (m *root) top() dialog {
	if m.gate != nil {
		return m.gate
	}
	if n := len(m.u.stack); n > 0 {
		return m.u.stack[n-1]
	}
	return nil
}

func (m *root) tooSmall() bool { return m.u.w < minWidth || m.u.h < minHeight }

// key gives a key to whoever owns it: what always works, the top dialog, or
// the section, the list of projects and what works everywhere.
func (m *root) key(msg tea.KeyPressMsg) tea.Cmd {
	u := m.u
	key := msg.String()
	deaf := u.cfg.Now().Before(u.deafUntil)
	if u.toast.kind != toastInfo && !deaf {
		u.toast.kind = toastNone
	}
	if cmd, ok := press(u, key, m.always()); ok {
		return cmd
	}
	if m.noteAhead() || m.tooSmall() || deaf {
		return nil
	}
	if d := m.top(); d != nil {
		if len(msg.Text) == 0 || !m.typing() {
			if cmd, ok := press(u, key, d.groups(u)...); ok {
				return cmd
			}
		}
		if !m.typing() && m.scrollTop(key) {
			return nil
		}
		return d.update(u, msg)
	}
	s := m.sections[m.open]
	if len(msg.Text) == 0 || !m.typing() {
		if cmd, ok := press(u, key, m.workspace()...); ok {
			return cmd
		}
	}
	return s.update(u, msg)
}

// scrollTop scrolls a dialog that has no use for the key and more lines than fit.
func (m *root) scrollTop(key string) bool {
	n := len(m.dialogs)
	if n == 0 {
		return false
	}
	d := &m.dialogs[n-1]
	w := window{n: len(d.sheet.lines), h: len(d.rows), top: d.off}
	return w.scrollKey(key) && d.scroll(w.top-d.off)
}

// paste gives pasted text to the field that owns the input, or refuses it.
func (m *root) paste(msg pastedMsg) tea.Cmd {
	u := m.u
	if m.noteAhead() {
		return nil
	}
	if !m.typing() || m.tooSmall() {
		u.say(toastWarn, "pasted text ignored: no field is open for it")
		return nil
	}
	if msg.problem != "" {
		u.say(toastWarn, msg.problem)
		return nil
	}
	if d := m.top(); d != nil {
		return d.update(u, msg)
	}
	return m.sections[m.open].update(u, msg)
}

// changed follows a change of the value being typed.
func (m *root) changed() tea.Cmd {
	if m.noteAhead() {
		return m.changedAhead()
	}
	if d := m.top(); d != nil {
		return d.update(m.u, changedMsg{})
	}
	return nil
}

// wholeScreen lets the whole screen scroll. A frame that was under way when the
// window grew has left the terminal scrolling as much of it as there was before,
// and the renderer does not know: so the screen is drawn again after it.
const wholeScreen = "\x1b7\x1b[r\x1b8"

func (m *root) resize(msg tea.WindowSizeMsg) tea.Cmd {
	first := m.u.w == 0
	m.u.w, m.u.h = msg.Width, msg.Height
	if first {
		return nil
	}
	return tea.Sequence(tea.Raw(wholeScreen), tea.ClearScreen)
}

type toastOverMsg struct{ id int }

// idleEvery is how often the clock is looked at, at least. It is the wall
// clock: a laptop that slept for an hour was idle for an hour.
const idleEvery = 5 * time.Second

type idleMsg struct{}

// switchTo shows a section.
func (m *root) switchTo(i int) tea.Cmd {
	if h, ok := m.sections[m.open].(interface{ hide() }); ok && i != m.open {
		h.hide()
	}
	m.open = i
	m.u.onSide = false
	return m.sections[i].refresh(m.u)
}

// View draws the frame that belongs to the state. It is called after every
// message, most of which change nothing that is drawn.
func (m *root) View() tea.View {
	if !m.fresh {
		m.frame = m.draw()
		m.fresh = true
		m.nowSeen()
	}
	v := tea.NewView(m.frame)
	v.Cursor = m.cursor
	v.AltScreen = true
	v.WindowTitle = "tacenda"
	if m.u.cfg.Mouse {
		v.MouseMode = tea.MouseModeCellMotion
	}
	return v
}

func (m *root) draw() string {
	u := m.u
	m.cursor = nil
	m.before, m.dialogs = m.dialogs, m.before[:0]
	switch {
	case m.quitting || u.w <= 0 || u.h <= 0:
		return ""
	case m.tooSmall():
		lines := words(u, "too small: "+strconv.Itoa(u.w)+"x"+strconv.Itoa(u.h)+", need 40x10", u.w)
		return strings.Join(lines[:min(len(lines), u.h)], "\n")
	}
	lines := m.compose()
	return strings.Join(lines, "\n")
}

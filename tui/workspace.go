package tui

import (
	"strconv"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// always is what works everywhere, in text fields and dialogs too.
func (m *root) always() group {
	noStop := ""
	if m.u.noStop {
		noStop = "ctrl+z does nothing here: no shell could bring this back"
	}
	return group{"Always", []binding{
		{keys: "ctrl+c", help: "quit", run: m.quit},
		{keys: "ctrl+z", help: "suspend", off: noStop, run: func() tea.Cmd { return tea.Suspend }},
		{keys: "ctrl+l", help: "redraw", run: func() tea.Cmd { return tea.ClearScreen }},
	}}
}

// workspace is what works in the workspace: the section's own, then the
// sidebar's when that has the focus, then everywhere's.
func (m *root) workspace() []group {
	u := m.u
	s := m.sections[m.open]
	if m.typing() {
		return s.groups(u)
	}
	everywhere := group{"Everywhere", []binding{
		{keys: "p", help: "projects", name: "switch, create or change projects", run: func() tea.Cmd { return openProjects(u) }},
		{keys: ":", help: "commands", hint: hintAlways, run: func() tea.Cmd { return u.push(newPalette(m)) }},
		{keys: "?", help: "help", name: "show the keys", hint: hintAlways, run: func() tea.Cmd { return u.push(newHelp(m.workspace(), m.always())) }},
		{keys: "r", help: "reload", name: "reload", run: u.load},
		{keys: "tab", show: "tab S-tab", help: "pane", run: func() tea.Cmd { m.nextPane(1); return nil }},
		{keys: "shift+tab", run: func() tea.Cmd { m.nextPane(-1); return nil }},
		{keys: "esc", help: "back", run: func() tea.Cmd { m.back(); return nil }},
		{keys: "L", help: "lock", name: "lock the vault", run: func() tea.Cmd { return m.lock("") }},
		{keys: "q", help: "quit", name: "quit", hint: hintAlways, run: m.quit},
	}}
	for i, o := range m.sections {
		b := binding{keys: strconv.Itoa(i + 1), name: "go to " + o.title(), run: func() tea.Cmd { return m.switchTo(i) }}
		if i == 0 {
			b.show, b.help = "1 … "+strconv.Itoa(len(m.sections)), "section"
		}
		everywhere.bindings = append(everywhere.bindings, b)
	}
	everywhere.bindings = append(everywhere.bindings, m.commands()...)
	groups := s.groups(u)
	if m.u.onSide {
		groups = []group{{"Sidebar", append([]binding{
			{keys: "enter", help: "open", hint: hintAlways, run: func() tea.Cmd { return m.side.choose(m) }},
		}, listMoves(func(key string) tea.Cmd { m.side.key(m, key); return nil })...)}}
	}
	return append(groups, everywhere)
}

// commands have no key of their own and are found in the palette.
func (m *root) commands() []binding {
	u := m.u
	out := []binding{
		{name: "create a tool", off: mayTexts(u), run: func() tea.Cmd { return u.push(newTextForm(u, vault.Tool, nil)) }},
		{name: "create an instruction", off: mayTexts(u), run: func() tea.Cmd { return u.push(newTextForm(u, vault.Instruction, nil)) }},
		addMember(u).inPalette(),
		{name: "create a project", off: u.owns(), run: func() tea.Cmd { return u.push(newProjectName(u, projectCreate, "")) }},
		{name: "show the keys that open this vault", off: u.owns(), run: func() tea.Cmd { return openSlots(u) }},
	}
	if u.rotated != nil {
		out = append(out, u.rotated.again(u))
	}
	if u.cfg.ReadFile != nil {
		out = append(out, binding{name: "preview a template file", run: func() tea.Cmd { return u.push(newTemplatePath()) }})
	}
	return out
}

// A cycler is a section with several panes that tab walks through.
type cycler interface {
	next(u *ui, d int) bool // moves the focus; false when it leaves the section
	first(d int)            // takes the focus coming from the sidebar
}

// nextPane moves the focus along the ring of sidebar and panes.
func (m *root) nextPane(d int) {
	c, ok := m.sections[m.open].(cycler)
	if !m.u.onSide {
		if ok && c.next(m.u, d) {
			return
		}
		if m.sideWidth() > 0 {
			m.u.onSide = true
			m.side.at = len(m.u.data.projects) + m.open
			return
		}
	}
	m.u.onSide = false
	if ok {
		c.first(d)
	}
}

// back undoes one thing; it never quits.
func (m *root) back() {
	if m.u.onSide {
		m.u.onSide = false
		return
	}
	if b, ok := m.sections[m.open].(interface{ back() bool }); ok {
		b.back()
	}
}

// A follower is a section or a dialog that reads more of what is selected or
// typed, whatever it was that did it.
type follower interface {
	follow(u *ui) tea.Cmd
}

// follow asks the open section and the dialog over it.
func (m *root) follow() tea.Cmd {
	if m.u.session == nil {
		return nil
	}
	var cmds []tea.Cmd
	if f, ok := m.sections[m.open].(follower); ok {
		cmds = append(cmds, f.follow(m.u))
	}
	if f, ok := m.top().(follower); ok {
		cmds = append(cmds, f.follow(m.u))
	}
	return tea.Batch(cmds...)
}

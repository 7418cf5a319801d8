package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// membersScreen lists who opens the vault, and what they may do in the open
// project. A member sees themselves. How it looks is in screen_members_view.go.
type membersScreen struct {
	browser
	people  *people
	view    []int // the rows shown, as indexes
	longest int   // cells of the longest name
	at      string
}

func newMembersScreen() *membersScreen {
	s := &membersScreen{}
	s.browser = browser{filter: field{max: 128}, filtered: s.refilter, picked: s.remember}
	return s
}

func (s *membersScreen) title() string { return "Members" }

func (s *membersScreen) count(u *ui) string {
	if u.data.people == nil || u.data.people.err != nil {
		return ""
	}
	return number(len(u.data.people.rows))
}

// selected is whom actions are about, or nil.
func (s *membersScreen) selected() *person {
	if s.win.at >= len(s.view) {
		return nil
	}
	return &s.people.rows[s.view[s.win.at]]
}

// remember notes the selection by name, also while the list is empty.
func (s *membersScreen) remember() {
	if sel := s.selected(); sel != nil && sel.name != s.at {
		s.at, s.detail = sel.name, window{}
	}
}

// refresh takes new rows over and stays at the same member.
func (s *membersScreen) refresh(u *ui) tea.Cmd {
	if u.data.people == s.people {
		return nil
	}
	s.people = u.data.people
	if u.someone != "" && s.people.find(u.someone) != nil {
		s.at, u.someone = u.someone, ""
	}
	s.refilter()
	return nil
}

// refilter makes the view again and stays at the same member, or where it was.
func (s *membersScreen) refilter() {
	terms := strings.Fields(strings.ToLower(s.filter.string()))
	s.view, s.longest = s.view[:0], 0
	if s.people != nil {
		for i := range s.people.rows {
			if matches(s.people.rows[i].lower, terms) {
				s.view = append(s.view, i)
			}
			s.longest = max(s.longest, len(s.people.rows[i].name))
		}
	}
	s.win.fit(len(s.view), s.win.h)
	for at, i := range s.view {
		if s.people.rows[i].name == s.at {
			s.win.to(at)
		}
	}
	s.picked()
}

func (s *membersScreen) groups(u *ui) []group {
	if s.asking {
		return s.asks()
	}
	return []group{{"Members", s.actions(u)}, {"List", s.moves(u)}}
}

// addMember is what adds one, here and in the palette.
func addMember(u *ui) binding {
	off := u.owns()
	if off == "" && u.cfg.CheckRecipient == nil {
		off = "no key can be read here"
	}
	return binding{keys: "n", help: "add", name: "add a member", off: off, hint: hintAlways,
		run: func() tea.Cmd { return u.push(newMemberForm(u)) }}
}

// actions are what can be done with members.
func (s *membersScreen) actions(u *ui) []binding {
	sel := s.selected()
	none, name := "", ""
	if sel == nil {
		none = "nobody is selected"
	} else {
		name = sel.name
	}
	change := or(none, u.owns())
	if change == "" && sel.owner {
		change = "an owner has all" // and key remove ends it, with what that takes
	}
	project := ""
	if u.data.current() == nil {
		project = "there is no project yet"
	}
	on := func(fn func(*person) tea.Cmd) func() tea.Cmd {
		return func() tea.Cmd {
			if u.awaits(u.someone, sel.name) {
				return nil
			}
			return fn(sel)
		}
	}
	return []binding{
		addMember(u),
		{keys: "enter m", help: "menu", off: none, hint: hintAlways,
			run: on(func(sel *person) tea.Cmd { return u.push(s.menu(u, sel)) })},
		{keys: "e", help: "permission", name: "change what " + name + " may do", off: or(change, project), hint: hintAlways,
			run: on(func(sel *person) tea.Cmd { return u.push(newGrantForm(u, sel)) })},
		{keys: "d", help: "revoke…", name: "revoke from " + name + ", or remove them", off: change, hint: hintRoom,
			run: on(func(sel *person) tea.Cmd { return u.push(newRevocation(u, sel)) })},
	}
}

func (s *membersScreen) menu(u *ui, sel *person) *menu {
	by := byKeys(s.actions(u))
	dots := u.glyphs.ellipsis
	return newMenu(sel.name, func() *point { return s.menuPlace(s.headRows()) },
		menuItem{"Details", binding{keys: "v", run: func() tea.Cmd { s.mode = previewFull; return nil }}, false},
		menuItem{"Permission in this project" + dots, by["e"], false},
		menuItem{"Revoke or remove" + dots, by["d"], true},
	)
}

// moves are the keys of the list and its looks.
func (s *membersScreen) moves(u *ui) []binding {
	empty := ""
	if s.people == nil || len(s.people.rows) == 0 {
		empty = "nobody is listed"
	}
	return append(listMoves(func(key string) tea.Cmd { s.move(key); return nil }),
		s.filterBinding("members", empty),
		s.previewBinding(u, empty),
	)
}

func (s *membersScreen) click(u *ui, x, y int) tea.Cmd {
	if !s.press(x, y) || !s.pressRow(x, y, s.headRows()) {
		return nil
	}
	if sel := s.selected(); sel != nil {
		return u.push(s.menu(u, sel))
	}
	return nil
}

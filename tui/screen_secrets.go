package tui

import (
	"context"
	"slices"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// secretsScreen is the list of a project's secrets with a preview of one. How
// it looks is in screen_secrets_view.go.
type secretsScreen struct {
	browser
	project string  // what rows belong to
	rows    *rows   // what view was made of
	view    []int32 // the rows shown, as indexes; nil when all is true
	all     bool    // every row, by name
	by      sorting
	order   []int32 // rows sorted by something else than the name
	at      string  // the selected secret, by name: it survives reloads
}

func newSecretsScreen() *secretsScreen {
	s := &secretsScreen{rows: noRows, all: true}
	s.browser = browser{filter: field{max: 128}, filtered: s.refilter, picked: s.remember}
	return s
}

func (s *secretsScreen) title() string { return "Secrets" }

func (s *secretsScreen) count(u *ui) string {
	if !u.data.loaded {
		return ""
	}
	return number(len(u.data.rows.secrets))
}

func (s *secretsScreen) len() int {
	if s.all {
		return len(s.rows.secrets)
	}
	return len(s.view)
}

func (s *secretsScreen) row(i int) *vault.Secret {
	if !s.all {
		i = int(s.view[i])
	}
	return &s.rows.secrets[i]
}

// selected is the secret that actions are about, or nil.
func (s *secretsScreen) selected() *vault.Secret {
	if s.win.at >= s.len() {
		return nil
	}
	return s.row(s.win.at)
}

// remember notes the selection by name. It is remembered while the list is
// empty: because of a filter, or because the vault is locked.
func (s *secretsScreen) remember() {
	if sel := s.selected(); sel != nil && sel.Name != s.at {
		s.at, s.detail = sel.Name, window{}
	}
}

// refresh takes new rows over and stays at the same secret.
func (s *secretsScreen) refresh(u *ui) tea.Cmd {
	if u.data.rows == s.rows {
		return nil
	}
	s.rows = u.data.rows
	s.order = nil
	if s.project != u.data.project {
		s.project, s.at, s.win = u.data.project, "", window{h: s.win.h}
		s.filter.set("")
	}
	if u.wanted != "" && u.data.loaded {
		s.at, u.wanted = u.wanted, ""
	}
	s.filtered()
	return s.sorted(u)
}

// sorted puts the rows in order, in a command: it takes a while for many.
func (s *secretsScreen) sorted(u *ui) tea.Cmd {
	if s.by == byName {
		s.order = nil
		s.filtered()
		return nil
	}
	rows, by := s.rows, s.by
	return task(u, "sorting", func(context.Context) ([]int32, error) {
		return rows.order(by), nil
	}, func(order []int32, _ error) tea.Cmd {
		if rows == s.rows && by == s.by {
			s.order = order
			s.filtered()
		}
		return nil
	})
}

// refilter makes the view again and stays at the same secret, or where it was.
func (s *secretsScreen) refilter() {
	s.view, s.all = s.rows.filter(s.filter.string(), s.order)
	s.win.fit(s.len(), s.win.h)
	if i, ok := s.find(s.at); ok {
		s.win.to(i)
	}
	s.picked()
}

// find returns the place of a secret in the view.
func (s *secretsScreen) find(name string) (int, bool) {
	i, ok := s.rows.find(name)
	switch {
	case !ok || s.all:
		return i, ok
	case s.order == nil:
		return slices.BinarySearch(s.view, int32(i))
	}
	at := slices.Index(s.view, int32(i))
	return at, at >= 0
}

func (s *secretsScreen) groups(u *ui) []group {
	if s.asking {
		return s.asks()
	}
	return []group{{"Secrets", s.actions(u)}, {"List", s.moves(u)}}
}

// actions are what can be done with secrets.
func (s *secretsScreen) actions(u *ui) []binding {
	sel := s.selected()
	manage := u.may("secrets:manage")
	none, name := "", ""
	if sel == nil {
		none = "no secret is selected"
	} else {
		name = " " + sel.Name
	}
	on := func(fn func(*vault.Secret) tea.Cmd) func() tea.Cmd {
		return func() tea.Cmd {
			if u.awaits(u.wanted, sel.Name) {
				return nil
			}
			return fn(sel)
		}
	}
	return []binding{
		{keys: "n", help: "new", name: "create a secret", off: manage, hint: hintAlways,
			run: func() tea.Cmd { return u.push(newSecretForm(u, nil)) }},
		{keys: "enter m", help: "menu", off: none, hint: hintAlways,
			run: on(func(sel *vault.Secret) tea.Cmd { return u.push(s.menu(u, sel)) })},
		{keys: "y", help: "copy", name: "copy {{NAME}} of" + name, off: none, hint: hintAlways,
			run: on(func(sel *vault.Secret) tea.Cmd { return copyPlaceholder(u, sel.Name) })},
		{keys: "e", help: "edit", name: "edit" + name, off: or(none, manage), hint: hintRoom,
			run: on(func(sel *vault.Secret) tea.Cmd { return u.push(newSecretForm(u, sel)) })},
		{keys: "c", help: "clone", name: "clone" + name + " to another project", off: or(none, manage), hint: hintRoom,
			run: on(func(sel *vault.Secret) tea.Cmd { return openClone(u, sel) })},
		{keys: "d", help: "delete…", name: "delete" + name, off: or(none, manage), hint: hintRoom,
			run: on(func(sel *vault.Secret) tea.Cmd { return openDelete(u, sel) })},
		{keys: "u", help: "used by", name: "show what uses" + name, off: none, hint: hintRoom,
			run: on(func(sel *vault.Secret) tea.Cmd { return u.push(newUsedBy(u, sel)) })},
	}
}

// moves are the keys of the list and its looks.
func (s *secretsScreen) moves(u *ui) []binding {
	empty := ""
	if len(s.rows.secrets) == 0 {
		empty = "there are no secrets yet"
	}
	return append(listMoves(func(key string) tea.Cmd { s.move(key); return nil }),
		s.filterBinding("secrets", empty),
		binding{keys: "s", help: "sort", name: "sort by " + s.nextSort(u).String(), off: empty, hint: hintRoom, run: func() tea.Cmd {
			s.by = s.nextSort(u)
			return s.sorted(u)
		}},
		s.previewBinding(u, empty),
	)
}

// or returns the first reason there is.
func or(reasons ...string) string {
	for _, r := range reasons {
		if r != "" {
			return r
		}
	}
	return ""
}

func (s *secretsScreen) nextSort(u *ui) sorting {
	next := (s.by + 1) % 3
	if next == byUsed && len(u.data.rows.refs) == 0 {
		next = byName // nothing refers to anything: that order says nothing
	}
	return next
}

func (s *secretsScreen) click(u *ui, x, y int) tea.Cmd {
	if !s.press(x, y) || !s.pressRow(x, y, s.headRows(u)) {
		return nil
	}
	if sel := s.selected(); sel != nil {
		return u.push(s.menu(u, sel))
	}
	return nil
}

// copyPlaceholder sends {{NAME}} to the terminal's clipboard. The terminal may
// ignore it without a word, so the toast shows the text as well.
func copyPlaceholder(u *ui, name string) tea.Cmd {
	u.say(toastInfo, "copied "+placeholder(name)+" (if your terminal allows it)")
	return tea.SetClipboard(placeholder(name))
}

package tui

import (
	"context"
	"slices"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// previewMode is where the details of the selected secret are.
type previewMode int

const (
	previewSide previewMode = iota // beside the list, where there is room
	previewOff
	previewFull // instead of the list
)

// secretsScreen is the list of a project's secrets with a preview of one. How
// it looks is in screen_secrets_view.go.
type secretsScreen struct {
	project string  // what rows belong to
	rows    *rows   // what view was made of
	view    []int32 // the rows shown, as indexes; nil when all is true
	all     bool    // every row, by name
	by      sorting
	order   []int32 // rows sorted by something else than the name
	filter  field
	asking  bool // the filter is being typed
	win     window
	at      string // the selected secret, by name: it survives reloads
	mode    previewMode

	list, side rect // where they were drawn
	detail     window
	onPreview  bool
}

func newSecretsScreen() *secretsScreen {
	return &secretsScreen{rows: noRows, all: true, filter: field{max: 128}}
}

func (s *secretsScreen) title() string { return "Secrets" }
func (s *secretsScreen) typing() bool  { return s.asking }

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

// picked remembers the selection by name. It is remembered while the list is
// empty: because of a filter, or because the vault is locked.
func (s *secretsScreen) picked() {
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

// filtered makes the view again and stays at the same secret, or where it was.
func (s *secretsScreen) filtered() {
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

func (s *secretsScreen) update(u *ui, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case pastedMsg:
		if text, ok := u.input.pasteText(s.filter.max); ok && s.asking {
			s.filter.insert(text)
			s.filtered()
		}
	case tea.KeyPressMsg:
		key := msg.String()
		if s.asking {
			s.ask(key, msg.Text)
			return nil
		}
		s.move(key)
	}
	return nil
}

// ask handles a key while the filter is being typed.
func (s *secretsScreen) ask(key, text string) {
	switch key {
	case "enter":
		s.asking = false
	case "esc":
		s.asking = false
		s.filter.set("")
		s.filtered()
	case "up", "down", "pgup", "pgdown":
		s.move(key)
	default:
		before := s.filter.string()
		if s.filter.key(key, text) && s.filter.string() != before {
			s.filtered()
		}
	}
}

// move walks the list, or scrolls the preview when that has the focus.
func (s *secretsScreen) move(key string) {
	if s.onPreview || s.mode == previewFull {
		s.detail.scrollKey(key)
		return
	}
	s.win.key(key)
	s.picked()
}

func (s *secretsScreen) groups(u *ui) []group {
	if s.asking {
		return []group{{"Filter", []binding{
			{keys: "enter", help: "keep", hint: hintAlways, run: func() tea.Cmd { s.ask("enter", ""); return nil }},
			{keys: "esc", help: "clear", hint: hintAlways, run: func() tea.Cmd { s.ask("esc", ""); return nil }},
		}}}
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
		return func() tea.Cmd { return fn(sel) }
	}
	return []binding{
		{keys: "n", help: "new", name: "create a secret", off: manage, hint: hintAlways,
			run: func() tea.Cmd { return u.push(newSecretForm(u, nil)) }},
		{keys: "enter m", help: "menu", off: none, hint: hintAlways,
			run: on(func(sel *vault.Secret) tea.Cmd { return u.push(newMenu(u, s, sel)) })},
		{keys: "y", help: "copy", name: "copy {{NAME}} of" + name, off: none, hint: hintAlways,
			run: on(func(sel *vault.Secret) tea.Cmd { return copyPlaceholder(u, sel.Name) })},
		{keys: "e", help: "edit", name: "edit" + name, off: or(none, manage), hint: hintRoom,
			run: on(func(sel *vault.Secret) tea.Cmd { return u.push(newSecretForm(u, sel)) })},
		{keys: "c", help: "clone", name: "clone" + name + " to another project", off: or(none, manage), hint: hintRoom,
			run: on(func(sel *vault.Secret) tea.Cmd { return openClone(u, sel) })},
		{keys: "d", help: "delete…", name: "delete" + name, off: or(none, manage), hint: hintRoom,
			run: on(func(sel *vault.Secret) tea.Cmd { return openDelete(u, sel) })},
		{keys: "u", help: "used by", name: "show what uses" + name, off: none, hint: hintRoom,
			run: on(func(sel *vault.Secret) tea.Cmd { return u.push(newUsedBy(sel)) })},
	}
}

// moves are the keys of the list and its looks.
func (s *secretsScreen) moves(u *ui) []binding {
	empty := ""
	if len(s.rows.secrets) == 0 {
		empty = "there are no secrets yet"
	}
	return append(listMoves(func(key string) tea.Cmd { s.move(key); return nil }),
		binding{keys: "/", help: "filter", name: "filter the secrets", off: empty, hint: hintAlways, run: func() tea.Cmd {
			s.asking, s.mode = true, s.listMode()
			return nil
		}},
		binding{keys: "s", help: "sort", name: "sort by " + s.nextSort(u).String(), off: empty, hint: hintRoom, run: func() tea.Cmd {
			s.by = s.nextSort(u)
			return s.sorted(u)
		}},
		binding{keys: "v", help: "preview", name: s.nextModeName(u), off: empty, hint: hintRoom, run: func() tea.Cmd {
			s.mode = s.nextMode(u)
			s.onPreview = false
			return nil
		}},
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

// listMode is the mode that shows the list.
func (s *secretsScreen) listMode() previewMode {
	if s.mode == previewFull {
		return previewSide
	}
	return s.mode
}

// nextMode goes from side to off to full; without room for a side, from the
// list to full and back.
func (s *secretsScreen) nextMode(u *ui) previewMode {
	if u.w < 80 {
		if s.mode == previewFull {
			return previewSide
		}
		return previewFull
	}
	return (s.mode + 1) % 3
}

func (s *secretsScreen) nextModeName(u *ui) string {
	switch s.nextMode(u) {
	case previewSide:
		return "show the list"
	case previewOff:
		return "close the preview"
	case previewFull:
	}
	return "show the preview over the full width"
}

// back undoes one thing at a time: full preview, focus, filter. It tells
// whether there was one.
func (s *secretsScreen) back() bool {
	switch {
	case s.mode == previewFull:
		s.mode = previewSide
	case s.onPreview:
		s.onPreview = false
	case s.filter.string() != "":
		s.filter.set("")
		s.filtered()
	default:
		return false
	}
	return true
}

// next moves the focus within the section; false when it leaves it.
func (s *secretsScreen) next(u *ui, d int) bool {
	if s.side.w == 0 || s.list.w == 0 {
		return false
	}
	to := d > 0
	if s.onPreview == to {
		return false
	}
	s.onPreview = to
	return true
}

// first puts the focus where it enters the section from.
func (s *secretsScreen) first(d int) { s.onPreview = d < 0 && s.side.w > 0 && s.list.w > 0 }

func (s *secretsScreen) click(u *ui, x, y int) tea.Cmd {
	switch {
	case s.list.holds(x, y):
		s.onPreview = false
		return s.clickRow(u, x, y)
	case s.side.holds(x, y):
		s.onPreview = s.list.w > 0
	}
	return nil
}

// clickRow selects a row; a click on the selected one, or on the dots at its
// end, opens the menu.
func (s *secretsScreen) clickRow(u *ui, x, y int) tea.Cmd {
	i := s.win.top + y - s.list.y - 1 - s.headRows(u)
	if i < s.win.top || i >= s.win.end() {
		return nil
	}
	again := i == s.win.at || x >= s.list.x+s.list.w-3
	s.win.to(i)
	s.picked()
	if sel := s.selected(); again && sel != nil {
		return u.push(newMenu(u, s, sel))
	}
	return nil
}

func (s *secretsScreen) wheel(_ *ui, x, y, d int) {
	if s.side.holds(x, y) {
		s.detail.scroll(d)
		return
	}
	s.win.scroll(d)
	s.picked()
}

// copyPlaceholder sends {{NAME}} to the terminal's clipboard. The terminal may
// ignore it without a word, so the toast shows the text as well.
func copyPlaceholder(u *ui, name string) tea.Cmd {
	u.say(toastInfo, "copied "+placeholder(name)+" (if your terminal allows it)")
	return tea.SetClipboard(placeholder(name))
}

package tui

import (
	"cmp"
	"context"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// textsScreen is the list of a project's tools or instructions, with a preview
// of one. What differs between the two is in screen_tools.go and
// screen_instructions.go, how it looks in screen_texts_view.go.
type textsScreen struct {
	browser
	kind    vault.TextKind
	words   textWords
	project string
	stamps  stamps // of the data that rows belong to
	rows    []textRow
	view    []int // the rows shown, as indexes
	longest int   // cells of the longest name
	loaded  bool
	err     error
	by      sorting
	at      string // the selected text, by name: it survives reloads

	doc  *textDoc // of the selected text; nil while it is being read
	of   docKey
	laid layout
	raw  bool // the preview shows the text as it is written
	line int  // of the problem that w stepped to; 0 for none
}

// textWords are how a kind of text is called.
type textWords struct {
	title, short string // of the section
	one, many    string
	empty        string // what one is for
}

// docKey says what a document was read from.
type docKey struct {
	project, name string
	version       uint64
	rows          *rows
}

func newTextsScreen(k vault.TextKind, w textWords) *textsScreen {
	s := &textsScreen{kind: k, words: w}
	s.browser = browser{filter: field{max: 128}, filtered: s.refilter, picked: s.remember}
	return s
}

func (s *textsScreen) title() string { return s.words.title }
func (s *textsScreen) short() string { return s.words.short }

func (s *textsScreen) count(u *ui) string {
	p := u.data.current()
	switch {
	case p == nil || !u.data.loaded:
		return ""
	case s.kind == vault.Tool:
		return number(p.Tools)
	}
	return number(p.Instructions)
}

// selected is the text that actions are about, or nil.
func (s *textsScreen) selected() *textRow {
	if s.win.at >= len(s.view) {
		return nil
	}
	return &s.rows[s.view[s.win.at]]
}

// remember notes the selection by name, also while the list is empty.
func (s *textsScreen) remember() {
	if sel := s.selected(); sel != nil && sel.Name != s.at {
		s.at, s.detail, s.line = sel.Name, window{}, 0
	}
}

// refresh reads the texts again when the project changed.
func (s *textsScreen) refresh(u *ui) tea.Cmd {
	if u.data.project != s.project || !u.data.loaded {
		if u.data.project != s.project {
			s.project, s.at, s.win, s.line = u.data.project, "", window{h: s.win.h}, 0
			s.filter.set("")
		}
		s.rows, s.view, s.loaded, s.err, s.doc, s.of = nil, nil, false, nil, nil, docKey{}
		s.laid = layout{}
	}
	if !u.data.loaded || s.project == "" || s.loaded && s.stamps == u.data.stamps {
		return nil
	}
	project, at, kind, rows, ascii, check := s.project, u.data.stamps, s.kind, u.data.rows, u.glyphs.ascii, u.cfg.CheckTool
	return ask(u, "loading "+s.words.many, func(ctx context.Context, v Vault) ([]textRow, error) {
		texts, err := v.Texts(ctx, project, kind)
		out := make([]textRow, 0, len(texts))
		for i := range texts {
			d, err := readText(kind, texts[i].Name, texts[i].Text, rows, ascii, check)
			if err != nil {
				return nil, err
			}
			out = append(out, newTextRow(&texts[i], d))
		}
		return out, err
	}, func(rows []textRow, err error) tea.Cmd {
		if project != s.project {
			return nil
		}
		if s.err = err; err != nil {
			return nil
		}
		s.rows, s.stamps, s.loaded = rows, at, true
		if u.sought.kind == s.kind {
			s.at, u.sought = u.sought.name, textName{}
		}
		s.refilter()
		return nil
	})
}

// refilter makes the view again and stays at the same text, or where it was.
func (s *textsScreen) refilter() {
	terms := strings.Fields(strings.ToLower(s.filter.string()))
	s.view, s.longest = s.view[:0], 0
	for i := range s.rows {
		if matches(s.rows[i].lower, terms) {
			s.view = append(s.view, i)
		}
		s.longest = max(s.longest, len(s.rows[i].Name))
	}
	if s.by == byUpdated {
		slices.SortStableFunc(s.view, func(a, b int) int { return cmp.Compare(s.rows[b].Updated.Unix(), s.rows[a].Updated.Unix()) })
	}
	s.win.fit(len(s.view), s.win.h)
	for n, i := range s.view {
		if s.rows[i].Name == s.at {
			s.win.to(n)
		}
	}
	s.remember()
}

// readAtOnce is how long a text is read without a command: a frame of its own
// costs more.
const readAtOnce = 16 << 10

// follow makes the preview's document of what is selected now.
func (s *textsScreen) follow(u *ui) tea.Cmd {
	sel := s.selected()
	if sel == nil {
		s.doc, s.of = nil, docKey{}
		return nil
	}
	key := docKey{s.project, sel.Name, sel.Version, u.data.rows}
	if key == s.of {
		return nil
	}
	kind, text, rows, ascii, check := s.kind, sel.Text.Text, u.data.rows, u.glyphs.ascii, u.cfg.CheckTool
	s.of = key
	if len(text) <= readAtOnce {
		s.doc, s.err = readText(kind, key.name, text, rows, ascii, check)
		return nil
	}
	s.doc = nil
	return task(u, "reading "+key.name, func(context.Context) (*textDoc, error) {
		return readText(kind, key.name, text, rows, ascii, check)
	}, func(d *textDoc, err error) tea.Cmd {
		if s.of == key {
			s.doc, s.err = d, err
		}
		return nil
	})
}

// hide gives the document up: it is read again when it is looked at.
func (s *textsScreen) hide() { s.doc, s.of, s.laid = nil, docKey{}, layout{} }

func (s *textsScreen) groups(u *ui) []group {
	if s.asking {
		return s.asks()
	}
	return []group{{s.words.title, s.actions(u)}, {"List", s.moves(u)}}
}

// mayTexts tells whether texts may be changed, and if not, why: they decide where
// values go, so that managing them needs the right to use.
func mayTexts(u *ui) string { return or(u.may("secrets:manage"), u.may("secrets:use")) }

// actions are what can be done with texts.
func (s *textsScreen) actions(u *ui) []binding {
	sel := s.selected()
	manage, none, name := mayTexts(u), "", ""
	onList := hintAlways // beside a preview that fills the screen they come second
	if s.mode == previewFull {
		onList = hintRoom
	}
	if sel == nil {
		none = "no " + s.words.one + " is selected"
	} else {
		name = " " + sel.Name
	}
	on := func(fn func(*textRow) tea.Cmd) func() tea.Cmd {
		return func() tea.Cmd {
			if s.kind == u.sought.kind && u.awaits(u.sought.name, sel.Name) {
				return nil
			}
			return fn(sel)
		}
	}
	out := []binding{
		{keys: "n", help: "new", name: "create " + s.words.one, off: manage, hint: onList,
			run: func() tea.Cmd { return u.push(newTextForm(u, s.kind, nil)) }},
		{keys: "enter m", help: "menu", off: none, hint: hintAlways,
			run: on(func(sel *textRow) tea.Cmd { return u.push(s.menu(u, sel)) })},
		{keys: "e", help: "edit", name: "edit" + name, off: or(none, manage), hint: onList,
			run: on(func(sel *textRow) tea.Cmd { return u.push(newTextForm(u, s.kind, &sel.Text)) })},
	}
	if s.kind == vault.Tool && u.cfg.CallTool != nil {
		out = append(out, binding{keys: "x", help: "try", name: "try" + name, off: or(none, u.may("secrets:use")), hint: hintRoom,
			run: on(func(sel *textRow) tea.Cmd { return openTry(u, &sel.Text) })})
	}
	return append(out, binding{keys: "d", help: "delete…", name: "delete" + name, off: or(none, manage), hint: hintRoom,
		run: on(func(sel *textRow) tea.Cmd { return u.push(newTextDeletion(&sel.Text)) })})
}

func (s *textsScreen) menu(u *ui, sel *textRow) *menu {
	by := byKeys(append(s.actions(u), s.moves(u)...))
	dots := u.glyphs.ellipsis
	items := []menuItem{
		{"Open", binding{keys: "o", run: func() tea.Cmd { return openText(u, s.kind, s.project, sel.Name, 0) }}, false},
		{"Edit" + dots, by["e"], false},
	}
	if try, ok := by["x"]; ok {
		items = append(items, menuItem{"Try" + dots, try, false})
	}
	items = append(items, menuItem{"Delete" + dots, by["d"], true})
	return newMenu(sel.Name, func() *point { return s.menuPlace(s.headRows()) }, items...)
}

// moves are the keys of the list, its looks and its preview.
func (s *textsScreen) moves(u *ui) []binding {
	empty, warn, mode := "", "", "as it is written"
	if len(s.rows) == 0 {
		empty = "there is no " + s.words.one + " yet"
	}
	if s.doc == nil || len(s.doc.problems) == 0 {
		warn = "nothing is wrong in it"
	}
	if s.raw {
		mode = "with hints"
	}
	onText := hintRoom
	if s.mode == previewFull {
		onText = hintAlways
	}
	next := byUpdated
	if s.by == byUpdated {
		next = byName
	}
	return append(listMoves(func(key string) tea.Cmd { s.move(key); return nil }),
		s.filterBinding(s.words.many, empty),
		binding{keys: "o", help: "open", off: empty, run: func() tea.Cmd { return s.openSelected(u) }},
		binding{keys: "s", help: "sort", name: "sort by " + next.String(), off: empty, run: func() tea.Cmd {
			s.by = next
			s.refilter()
			return nil
		}},
		s.previewBinding(u, empty),
		binding{keys: "t", help: "raw/hints", name: "show the text " + mode, off: empty, hint: onText, run: func() tea.Cmd {
			s.raw = !s.raw
			return nil
		}},
		binding{keys: "w", help: "next warning", name: "go to the next warning", off: or(empty, warn), hint: onText, run: func() tea.Cmd {
			s.warning(u)
			return nil
		}},
	)
}

func (s *textsScreen) openSelected(u *ui) tea.Cmd {
	if sel := s.selected(); sel != nil {
		return openText(u, s.kind, s.project, sel.Name, 0)
	}
	return nil
}

// warning shows the next problem in the preview.
func (s *textsScreen) warning(u *ui) {
	p, ok := s.doc.nextProblem(s.line)
	if !ok {
		return
	}
	s.line = p.Line
	if s.side.w == 0 {
		s.mode = previewFull
	}
	u.say(toastWarn, p.String())
	s.laid.show = p.Line
}

func (s *textsScreen) click(u *ui, x, y int) tea.Cmd {
	if !s.press(x, y) {
		return nil
	}
	again := s.pressRow(x, y, s.headRows())
	if sel := s.selected(); again && sel != nil {
		return u.push(s.menu(u, sel))
	}
	return nil
}

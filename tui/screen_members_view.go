package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// memberColumns are the widths of a row's cells; 0 leaves a column out. Columns
// go whole, the key first.
type memberColumns struct{ name, may, kind, key int }

const (
	mayWidth  = 14 // "manage, server"
	kindWidth = 11 // "ssh-ed25519"
	keyWidth  = 17 // of a fingerprint: enough to tell two apart, not to compare one
)

func (s *membersScreen) columns() memberColumns {
	const (
		fixed   = 3 + 2 // "> " before, the menu's dots behind
		minName = 10
	)
	w := s.list.w - 2 - fixed
	c := memberColumns{name: w}
	if w < minName+2+mayWidth {
		return c
	}
	c.may = mayWidth
	c.name -= 2 + mayWidth
	wide := min(max(s.longest+len(youWord), minName), 32)
	for _, x := range []struct {
		w    int
		cell *int
	}{{kindWidth, &c.kind}, {keyWidth, &c.key}} {
		if c.name-2-x.w >= wide {
			*x.cell = x.w
			c.name -= 2 + x.w
		}
	}
	return c
}

// youWord marks the row of whoever looks at it.
const youWord = " (you)"

func (s *membersScreen) headRows() int {
	if s.columns().may > 0 {
		return 1
	}
	return 0
}

func (s *membersScreen) draw(u *ui, where rect) ([]string, *tea.Cursor) {
	return s.browser.draw(u, where, len(s.view), func() []string { return s.drawList(u) },
		func(where rect, focused bool) []string { return s.drawPreview(u, where, focused) }), nil
}

func (s *membersScreen) drawList(u *ui) []string {
	w, h := s.list.w-2, s.list.h-2
	c := s.columns()
	lines := make([]string, 0, h)
	s.win.fit(len(s.view), h-s.headRows())
	if len(s.view) == 0 {
		lines = s.drawNothing(u, w)
	} else if c.may > 0 {
		lines = append(lines, drawMemberHead(u, c, w))
	}
	for i := s.win.top; i < s.win.end(); i++ {
		lines = append(lines, drawMember(u, c, w, &s.people.rows[s.view[i]], i == s.win.at))
	}
	note := ""
	if n := len(s.view); n > 0 {
		note = number(s.win.at+1) + "/" + number(n)
	}
	return s.pane(u, "Members", note, lines)
}

func drawMemberHead(u *ui, c memberColumns, w int) string {
	return u.listHead(w, []heading{{"NAME", c.name}, {"PERMISSION", c.may}, {"KEY", c.kind}, {"FINGERPRINT", c.key}})
}

// mayWord is what somebody may do in the open project.
func mayWord(u *ui, p *person) string {
	if p.owner {
		return "owner"
	}
	return grantWord(p.grant(u.data.project))
}

func drawMember(u *ui, c memberColumns, w int, p *person, selected bool) string {
	r, st := u.listRow(w, selected)
	name := u.middle(p.name, c.name)
	if p.you && u.width(name)+len(youWord) <= c.name {
		name += youWord
	}
	r.cell(st, name, c.name)
	if c.may > 0 {
		r.gap(2)
		word := mayWord(u, p)
		r.cell(u.theme.dim.unless(word != "nothing"), word, c.may)
	}
	if c.kind > 0 {
		r.gap(2)
		r.cell(u.theme.dim, p.kind, c.kind)
	}
	if c.key > 0 {
		r.gap(2)
		r.name(u.theme.dim, p.fingerprint, c.key)
	}
	return r.endWithMenu()
}

// drawPreview shows a member's key, and what they were granted in each project.
func (s *membersScreen) drawPreview(u *ui, where rect, focused bool) []string {
	p := pane{title: "Preview", focused: focused && u.listFocused(), w: where.w, h: where.h}
	sel := s.selected()
	if sel == nil {
		return p.draw(u)
	}
	lines := memberLines(u, sel, where.w-4)
	return s.scrolled(u, p, lines)
}

func memberLines(u *ui, p *person, w int) []string {
	t := u.theme
	sw := newSheet(u, w, "")
	name := p.name
	if p.you {
		name += youWord
	}
	sw.line(t.strong, u.middle(name, w))
	sw.space()
	if p.owner {
		sw.para("", "An owner: opens the whole vault, and may do all.")
	} else {
		memberGrants(sw, p)
	}
	sw.space()
	sw.line(t.dim, "KEY")
	sw.line("", p.kind)
	sw.para("", p.fingerprint)
	if p.owner {
		sw.space()
		sw.para(t.dim, "tacenda key add and tacenda key remove change the owners' keys.")
		return sw.lines
	}
	sw.space()
	sw.line(t.dim, "PERMISSIONS")
	for _, x := range permissionFacts {
		for i, l := range words(u, x.about, w-8) {
			r := sw.row()
			label := ""
			if i == 0 {
				label = x.word
			}
			r.cell("", label, 8)
			r.text(t.dim, l)
			sw.add(r.end())
		}
	}
	return sw.lines
}

// memberGrants lists what a member was granted: the open project first.
func memberGrants(sw *sheetWriter, p *person) {
	u, t := sw.u, sw.u.theme
	if project := u.data.project; project != "" {
		sw.line(t.dim, "IN "+strings.ToUpper(project))
		sw.para("", grantWords(p.grant(project)))
		sw.space()
	}
	var others []*vault.Grant
	for i := range p.grants {
		if p.grants[i].Project != u.data.project {
			others = append(others, &p.grants[i])
		}
	}
	sw.line(t.dim, "IN OTHER PROJECTS")
	if len(others) == 0 {
		sw.line("", "nothing")
	}
	for _, g := range others {
		r := sw.row()
		r.name("", g.Project, max(sw.w-2-mayWidth, 8))
		r.gap(2)
		r.text(t.dim, grantWord(g))
		sw.add(r.end())
	}
}

// permissionFacts say what each permission is for, see vault.Permission.
var permissionFacts = []struct{ word, about string }{
	{"read", "names, hints, descriptions, tools, instructions"},
	{"use", "resolve, run, call, redact, scan; includes read"},
	{"manage", "create, edit, delete, clone; read, but not use"},
	{"full", "use and manage"},
	{"server", "no key in the file: only a server acts on it"},
}

// drawNothing says why there is nobody to list.
func (s *membersScreen) drawNothing(u *ui, w int) []string {
	sw := newSheet(u, w-4, "")
	key := func(key, text string) {
		r := sw.row()
		r.gap(2)
		r.cell(u.theme.accent, key, 10)
		r.text("", text)
		sw.add(r.end())
	}
	sw.space()
	switch p := s.people; {
	case p == nil: // a quick load must not flash words
	case p.err != nil:
		sw.notice(u.theme.danger, "x", "The members could not be read: "+reason(p.err))
		sw.space()
		key("r", "try again")
	case s.filter.string() != "":
		sw.para("", "Nobody matches “"+s.filter.string()+"”.")
		sw.space()
		key("esc", "clear the filter")
	}
	for i, l := range sw.lines {
		sw.lines[i] = "  " + l + "  "
	}
	return sw.lines
}

// status says how many there are, and how they are filtered.
func (s *membersScreen) status(u *ui, w int) (string, *point) {
	if s.asking {
		return s.statusField(u, w, number(len(s.view))+" found")
	}
	r := newRow(u, w)
	if s.people == nil || s.people.err != nil {
		return r.end(), nil
	}
	if !s.people.owner {
		r.text(u.theme.dim, "an owner of the vault changes what you may do")
		return r.end(), nil
	}
	owners := 0
	for i := range s.people.rows {
		if s.people.rows[i].owner {
			owners++
		}
	}
	parts := []string{count(len(s.people.rows)-owners, "member", "members"), count(owners, "owner's key", "owners' keys")}
	if f := s.filter.string(); f != "" {
		parts = append(parts, number(len(s.view))+" shown", "filter: "+f)
	}
	r.text(u.theme.dim, strings.Join(parts, " "+u.glyphs.dot+" "))
	return r.end(), nil
}

package tui

import (
	"strconv"

	"tacenda/internal/vault"
)

// A layout is a document laid out for the preview: what comes before the text,
// the text, and what comes after it. It is made again when its key changes.
type layout struct {
	key        layoutKey
	head, foot []string
	text       *folded
	show       int // a line of the text that must come in sight; 0 for none
}

type layoutKey struct {
	doc   *textDoc
	w     int
	raw   bool
	theme theme
	wide  bool // how the terminal counts cells
}

// lay lays the selected text out in w cells.
func (s *textsScreen) lay(u *ui, sel *textRow, w int) {
	key := layoutKey{s.doc, w, s.raw, u.theme, u.cells != 0}
	if s.laid.text != nil && s.laid.key == key {
		return
	}
	show := s.laid.show
	d := s.doc
	head := newSheet(u, w, "")
	r := head.row()
	version := "v" + strconv.FormatUint(sel.Version, 10)
	r.name(u.theme.strong, sel.Name, w-u.width(version)-2)
	r.right(u.theme.dim, version, r.left)
	head.add(r.end())
	lines, label := d.hinted, "WITH HINTS"
	if s.raw {
		lines, label = d.raw, "AS IT IS WRITTEN"
	}
	if s.kind == vault.Tool {
		toolFacts(head, d)
	} else {
		instructionFacts(head, d)
	}
	foot := newSheet(u, w, "")
	if w < wideUses {
		s.drawUses(head, 8)
	} else {
		s.drawUses(foot, 100)
	}
	head.space()
	head.line(u.theme.dim, label)
	s.drawFoot(foot, sel)
	s.laid = layout{key: key, head: head.lines, text: fold(u, lines, w-s.numbers(w, len(lines))), foot: foot.lines, show: show}
}

// wideUses is from which width on a text comes before what it uses: a narrow
// pane is for a look at what matters.
const wideUses = 60

// numbers is the width of the line numbers, where there is room for them.
func (s *textsScreen) numbers(w, lines int) int {
	if w < 40 {
		return 2
	}
	return len(strconv.Itoa(lines)) + 4
}

// drawUses writes what the text refers to, at most most of it.
func (s *textsScreen) drawUses(sw *sheetWriter, most int) {
	t, d := sw.u.theme, s.doc
	sw.space()
	sw.line(t.dim, "USES")
	if len(d.uses) == 0 {
		sw.line("", "no secrets")
	}
	longest := 8
	for _, use := range d.uses[:min(len(d.uses), most)] {
		longest = max(longest, sw.u.width(sw.u.plain(use.text)))
	}
	for i, use := range d.uses {
		if i == most {
			sw.line(t.dim, "and "+number(len(d.uses)-most)+" more")
			break
		}
		drawUse(sw, use, longest)
	}
	for _, p := range d.problems {
		if !p.Warning {
			sw.notice(t.danger, "x", p.String())
		}
	}
}

// drawFoot writes a tool's arguments and who wrote the text.
func (s *textsScreen) drawFoot(sw *sheetWriter, sel *textRow) {
	if s.kind == vault.Tool {
		toolBody(sw, s.doc)
	}
	sw.space()
	sw.line(sw.u.theme.dim, "updated "+sw.u.day(sel.Updated)+" by "+sel.Author)
}

// drawUse draws a placeholder with its hint, or what is wrong with it. longest
// is how wide the widest of them is.
func drawUse(sw *sheetWriter, use templateUse, longest int) {
	u, t, w := sw.u, sw.u.theme, sw.w
	r := sw.row()
	if use.wrong != "" {
		r.cell(t.warn, "!", 3)
	} else {
		r.cell(t.good, "ok", 3)
	}
	right := use.wrong
	if right == "" {
		right = u.hintCell(use.hint, hintWidth)
	}
	if w < 3+8+2+hintWidth { // no room for two columns
		r.name("", use.text, r.left)
		sw.add(r.end())
		if use.wrong != "" {
			for _, l := range words(u, use.wrong, w-3) {
				sw.line(t.dim, "   "+l)
			}
		}
		return
	}
	r.name("", use.text, min(longest, r.left-2-hintWidth))
	r.gap(2)
	r.text(t.dim, right)
	sw.add(r.end())
}

// drawPreview shows the selected text with hints in place of values.
func (s *textsScreen) drawPreview(u *ui, where rect, focused bool) []string {
	p := pane{title: "Preview", focused: focused && u.listFocused(), w: where.w, h: where.h}
	sel := s.selected()
	if sel == nil || s.doc == nil {
		return p.draw(u)
	}
	w, h := where.w-4, where.h-2
	s.lay(u, sel, w)
	l := &s.laid
	n := len(l.head) + len(l.text.parts) + len(l.foot)
	s.detail.fit(n, h)
	if l.show > 0 {
		s.detail.scroll(-n)
		s.detail.scroll(len(l.head) + l.text.first(l.show-1) - h/2)
		l.show = 0
	}
	for i := s.detail.top; i < s.detail.end(); i++ {
		p.lines = append(p.lines, " "+s.previewLine(u, i, w)+" ")
	}
	if wrong := len(s.doc.problems) + len(s.doc.unsafe); wrong > 0 {
		p.note = count(wrong, "warning", "warnings")
	}
	return p.draw(u)
}

// previewLine draws a line of the layout.
func (s *textsScreen) previewLine(u *ui, i, w int) string {
	l := &s.laid
	if i < len(l.head) {
		return l.head[i]
	}
	i -= len(l.head)
	if i >= len(l.text.parts) {
		return l.foot[i-len(l.text.parts)]
	}
	part := l.text.parts[i]
	r := newRow(u, w)
	mark := ""
	if part.line+1 == s.line && part.from == 0 {
		mark = ">"
	}
	r.cell(u.theme.accent.unless(mark == ""), mark, 2)
	if num := s.numbers(w, len(l.text.lines)); num > 2 {
		text := ""
		if part.from == 0 {
			text = strconv.Itoa(part.line + 1)
		}
		r.right(u.theme.dim, text, num-4)
		r.gap(2)
	}
	l.text.draw(r, i, !s.raw)
	return r.end()
}

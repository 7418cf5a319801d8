package tui

import (
	"context"
	"path/filepath"
	"strconv"

	tea "charm.land/bubbletea/v2"
)

// templatePath asks which file to preview.
type templatePath struct {
	form
	path    field
	busy    bool
	trouble string
}

func newTemplatePath() *templatePath {
	d := &templatePath{path: field{max: fieldMax}}
	d.items = []*item{{label: "File", about: "with {{NAME}} where values belong", field: &d.path}}
	return d
}

func (d *templatePath) interrupted() { d.busy = false }

func (d *templatePath) groups(u *ui) []group {
	off := ""
	if d.path.string() == "" {
		off = "type a path first"
	}
	if d.busy {
		off = "it is being read"
	}
	return []group{{"Preview", []binding{
		{keys: "enter", help: "preview", hint: hintAlways, off: off, run: func() tea.Cmd { return d.read(u) }},
		{keys: "esc", help: "cancel", hint: hintAlways, run: func() tea.Cmd { u.close(d); return nil }},
	}}}
}

func (d *templatePath) update(u *ui, msg tea.Msg) tea.Cmd {
	if !d.busy {
		d.trouble = ""
		d.form.update(u, msg)
	}
	return nil
}

func (d *templatePath) read(u *ui) tea.Cmd {
	d.busy, d.trouble = true, ""
	path := d.path.string()
	return readTemplate(u, path, func(t *template, err error) tea.Cmd {
		d.busy = false
		if err != nil {
			d.trouble = reason(err)
			return nil
		}
		u.close(d)
		v := &templateView{template: t, title: filepath.Base(path), project: u.data.project}
		v.reread = func(then func(*template, error) tea.Cmd) tea.Cmd { return readTemplate(u, path, then) }
		return u.push(v)
	})
}

// readTemplate reads and scans a file in a command.
func readTemplate(u *ui, path string, then func(*template, error) tea.Cmd) tea.Cmd {
	rows, ascii, read := u.data.rows, u.glyphs.ascii, u.cfg.ReadFile
	return task(u, "reading the file", func(ctx context.Context) (*template, error) {
		text, err := read(ctx, path)
		if err != nil {
			return nil, err
		}
		return newTemplate(path, text, rows, ascii)
	}, then)
}

func (d *templatePath) sheet(u *ui, w, _ int) sheet {
	sw := newSheet(u, w, "Preview a template")
	d.draw(sw, 0)
	if d.trouble != "" {
		sw.wrong(d.trouble)
	} else {
		sw.line(u.theme.dim, "Values stay where they are: hints are shown.")
	}
	sw.space()
	sw.buttons(d.groups(u)[0].bindings...)
	return sw.sheet
}

// templateView shows a template with hints in place of values, and lists every
// placeholder and every problem.
type templateView struct {
	template *template
	title    string
	project  string
	raw      bool
	win      window
	left     int // cells scrolled sideways
	line     int // of the problem that w stepped to, or of a reference; 0 for none
	show     int // a line that must come in sight; 0 for none

	reread func(then func(*template, error) tea.Cmd) tea.Cmd
	edit   func() tea.Cmd // nil for what is not edited here
	off    string         // why it cannot be edited
}

func (d *templateView) groups(u *ui) []group {
	warn := ""
	if d.template.problems == 0 {
		warn = "nothing is wrong in it"
	}
	mode := "as it is written"
	if d.raw {
		mode = "with hints"
	}
	g := group{"Template", []binding{
		{keys: "w", help: "next warning", hint: hintAlways, off: warn, run: func() tea.Cmd { d.warning(); return nil }},
		{keys: "t", help: mode, hint: hintAlways, run: func() tea.Cmd { d.raw = !d.raw; return nil }},
		{keys: "r", help: "read again", hint: hintAlways, run: func() tea.Cmd { return d.again(u) }},
		{keys: "l right", show: "h l", help: "sideways", run: func() tea.Cmd { d.sideways(u); return nil }},
		{keys: "h left", run: func() tea.Cmd { d.left = max(d.left-8, 0); return nil }},
		{keys: "esc q", help: "close", hint: hintAlways, run: func() tea.Cmd { u.close(d); return nil }},
	}}
	if d.edit != nil {
		g.bindings = append(g.bindings, binding{keys: "e", help: "edit", hint: hintAlways, off: d.off, run: d.edit})
	}
	return []group{g, {"Text", listMoves(func(key string) tea.Cmd { d.win.scrollKey(key); return nil })}}
}

func (d *templateView) update(*ui, tea.Msg) tea.Cmd { return nil }
func (d *templateView) width(u *ui) int             { return u.w - 8 }
func (d *templateView) alone() bool                 { return true }
func (d *templateView) wheel(n int)                 { d.win.scroll(n) }

// sideways scrolls to the right as long as a line in sight goes on there.
func (d *templateView) sideways(u *ui) {
	for _, l := range d.lines()[d.win.top:d.win.end()] {
		if u.width(u.plain(l)) > d.left+8 {
			d.left += 8
			return
		}
	}
	u.say(toastInfo, "the lines end here")
}

func (d *templateView) lines() []string {
	if d.raw {
		return d.template.raw
	}
	return d.template.hinted
}

// warning goes to the next problem.
func (d *templateView) warning() {
	use, ok := d.template.next(d.line)
	if !ok {
		return
	}
	d.line, d.show = use.line, use.line
}

// again reads it anew, against the secrets there are now.
func (d *templateView) again(u *ui) tea.Cmd {
	return d.reread(func(t *template, err error) tea.Cmd {
		if err != nil {
			u.fail("reading "+d.title, err)
			return nil
		}
		d.template = t
		return nil
	})
}

func (d *templateView) sheet(u *ui, w, h int) sheet {
	t := d.template
	sw := newSheet(u, w, d.title)
	lines := d.lines()
	list := min(len(t.uses), max(h/3, 3))
	rows := h - list - 3
	if len(t.uses) == 0 {
		rows = h - 2
	}
	d.win.fit(len(lines), rows)
	if d.show > 0 {
		d.win.scroll(-d.win.n)
		d.win.scroll(d.show - 1 - d.win.h/2)
		d.show = 0
	}
	for i := d.win.top; i < d.win.top+rows; i++ {
		if i < len(lines) {
			d.drawLine(sw, lines[i], i+1)
		} else {
			sw.space()
		}
	}
	d.drawUses(sw, list)
	return sw.sheet
}

func (d *templateView) drawLine(sw *sheetWriter, text string, n int) {
	u := sw.u
	num := len(strconv.Itoa(d.win.n))
	r := sw.row()
	mark := "  "
	if n == d.line {
		mark = "> "
	}
	r.text(u.theme.accent, mark)
	r.right(u.theme.dim, strconv.Itoa(n), num)
	r.gap(2)
	text = u.plain(text)
	if d.left > 0 && text != "" {
		text = u.from(text, d.left)
		r.text(u.theme.dim, u.glyphs.ellipsis)
	}
	if d.raw {
		r.text("", text)
	} else {
		drawHints(r, text)
	}
	sw.add(r.end())
}

// drawUses lists what the template refers to, problems first.
func (d *templateView) drawUses(sw *sheetWriter, n int) {
	u, t := sw.u, d.template
	th := u.theme
	sw.line(th.dim, rule(u, sw.w))
	if len(t.uses) == 0 {
		sw.line("", "No placeholders: it resolves to itself.")
		return
	}
	head := sw.row()
	head.text(th.strong, count(len(t.uses), "placeholder", "placeholders"))
	head.gap(2)
	if t.problems > 0 {
		head.text(th.warn, "! "+count(t.problems, "problem", "problems"))
	} else {
		head.text(th.good, "ok")
		head.text("", " all of them resolve in "+d.project)
	}
	sw.add(head.end())
	uses := make([]templateUse, 0, len(t.uses))
	for _, wrong := range []bool{true, false} {
		for _, use := range t.uses {
			if (use.wrong != "") == wrong {
				uses = append(uses, use)
			}
		}
	}
	longest := 8
	for _, use := range uses {
		longest = max(longest, u.width(u.plain(use.text)))
	}
	longest = min(longest, 32, sw.w/3)
	for i, use := range uses {
		if i == n-1 && len(uses) > n {
			sw.line(th.dim, "   and "+number(len(uses)-i)+" more")
			break
		}
		r := sw.row()
		if use.wrong != "" {
			r.cell(th.warn, "!", 3)
		} else {
			r.cell(th.good, "ok", 3)
		}
		r.name("", use.text, longest)
		r.gap(2)
		where := "line " + number(use.line)
		if use.times > 1 {
			where += " +" + number(use.times-1)
		}
		r.cell(th.dim, where, 10)
		r.gap(2)
		if use.wrong != "" {
			r.text("", use.wrong)
		} else if r.left >= hintWidth {
			r.text("", u.hintCell(use.hint, r.left))
		}
		sw.add(r.end())
	}
}

package tui

import (
	"context"
	"errors"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// try asks for a tool's arguments and calls it. What is typed here is data, and
// no value: those are put in on the way, and taken out of the answer.
type try struct {
	form
	project, name string
	tool          Tool
	calling       bool
	stop          context.CancelFunc // of the call under way
	trouble       string
}

// openTry reads the tool as it is stored: that is what is called.
func openTry(u *ui, t *vault.Text) tea.Cmd {
	project, name := t.Project, t.Name
	check := u.cfg.CheckTool
	type got struct {
		tool     Tool
		problems []Problem
	}
	return ask(u, "reading "+name, func(ctx context.Context, v Vault) (g got, err error) {
		x, err := v.Text(ctx, project, vault.Tool, name)
		if err == nil && check != nil {
			g.tool, g.problems = check(x.Text)
		}
		return g, err
	}, func(g got, err error) tea.Cmd {
		if err != nil {
			u.fail("reading "+name, err)
			return nil
		}
		for _, p := range g.problems {
			if !p.Warning {
				u.say(toastWarn, name+" cannot be called: "+p.String())
				return nil
			}
		}
		return u.push(newTry(project, name, g.tool))
	})
}

func newTry(project, name string, tool Tool) *try {
	d := &try{project: project, name: name, tool: tool}
	for _, p := range tool.Params {
		d.items = append(d.items, &item{label: p.Name, about: paramWords(p), field: &field{}})
	}
	return d
}

func (d *try) typing() bool  { return len(d.items) > 0 && !d.calling }
func (d *try) entry() *entry { return nil }

func (d *try) interrupted() {
	if d.calling {
		d.calling, d.trouble = false, "locked while it was called: it may have arrived all the same"
	}
}

func (d *try) drop() {
	if d.stop != nil {
		d.stop()
	}
}

// args are the arguments that were given, as NAME=VALUE. One that is left empty
// is not given, and a required one keeps the tool from being called.
func (d *try) args() (args []string, missing *item) {
	for i, p := range d.tool.Params {
		switch text := d.items[i].field.string(); {
		case text != "":
			args = append(args, p.Name+"="+text)
		case p.Required:
			return nil, d.items[i]
		}
	}
	return args, nil
}

// tried is an answer, laid out where nobody waits for it.
type tried struct {
	answer      Answer
	lines, came []string
}

func (d *try) call(u *ui) tea.Cmd {
	args, missing := d.args()
	if missing != nil {
		d.to(missing)
		d.trouble = missing.label + " is required"
		return nil
	}
	own, stop := context.WithCancel(u.ctx)
	d.stop, d.calling, d.trouble = stop, true, ""
	project, name, call := d.project, d.name, u.cfg.CallTool
	return askWith(u, "calling "+name, stop, func(ctx context.Context, v Vault) (t tried, err error) {
		ctx, end := context.WithCancel(ctx)
		defer end()
		defer context.AfterFunc(own, end)()
		if t.answer, err = call(ctx, v, project, name, args); err != nil {
			return t, err
		}
		t.lines, t.came = bodyLines(t.answer.Body)
		collect()
		return t, nil
	}, func(t tried, err error) tea.Cmd {
		stop()
		d.calling = false
		switch {
		case errors.Is(err, context.Canceled):
			d.trouble = "stopped: it may have arrived all the same"
		case err != nil:
			d.trouble = reason(err)
		case u.isOpen(d):
			return u.push(newAnswerView(name, t))
		}
		return nil
	})
}

func (d *try) groups(u *ui) []group {
	if d.calling {
		return []group{{"Try", []binding{{keys: "esc", help: "stop", hint: hintAlways, run: func() tea.Cmd { d.stop(); return nil }}}}}
	}
	call := binding{keys: "ctrl+s", help: "call", hint: hintAlways, run: func() tea.Cmd { return d.call(u) }}
	shut := binding{keys: "esc", help: "close", hint: hintAlways, run: func() tea.Cmd { u.close(d); return nil }}
	if len(d.items) == 0 {
		call.keys, call.show = "enter ctrl+s", "enter"
		return []group{{"Try", []binding{call, shut}}}
	}
	g := d.moves()
	g.bindings = append(g.bindings, call, shut)
	return []group{g}
}

func (d *try) update(u *ui, msg tea.Msg) tea.Cmd {
	if len(d.items) > 0 && !d.calling {
		d.trouble = ""
		d.form.update(u, msg)
	}
	return nil
}

func (d *try) sheet(u *ui, w, h int) sheet {
	t := u.theme
	sw := newSheet(u, w, "Try "+d.name)
	f := fold(u, []string{d.tool.Method + " " + d.tool.URL}, w)
	for i := range f.parts {
		r := sw.row()
		f.draw(r, i, false)
		sw.add(r.end())
	}
	sw.space()
	if len(d.items) == 0 {
		sw.line("", "It takes no arguments.")
		sw.space()
	} else {
		d.draw(sw, h-len(sw.lines)-3)
	}
	switch {
	case d.calling:
		mark := "calling"
		if u.slow() != "" {
			mark = u.spinner() + " calling"
		}
		sw.line("", mark+u.glyphs.ellipsis+" esc stops it")
	case d.trouble != "":
		sw.wrong(d.trouble)
	default:
		sw.para(t.dim, "It is really called. Values are taken out of the answer before it is shown.")
	}
	g := d.groups(u)[0].bindings
	sw.buttons(g[max(len(g)-2, 0):]...)
	return sw.sheet
}

package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// openText shows a tool or an instruction, at one of its lines if that is
// above 0.
func openText(u *ui, k vault.TextKind, project, name string, line int) tea.Cmd {
	v := &templateView{title: k.String() + " " + name, project: project, line: line, show: line}
	var text vault.Text
	v.reread = func(then func(*template, error) tea.Cmd) tea.Cmd {
		rows, ascii := u.data.rows, u.glyphs.ascii
		type got struct {
			text vault.Text
			t    *template
		}
		return ask(u, "reading "+name, func(ctx context.Context, v Vault) (got, error) {
			x, err := v.Text(ctx, project, k, name)
			if err != nil {
				return got{}, err
			}
			t, err := newTemplate(name, []byte(x.Text), rows, ascii)
			return got{x, t}, err
		}, func(g got, err error) tea.Cmd {
			text = g.text
			return then(g.t, err)
		})
	}
	v.off = mayTexts(u)
	v.edit = func() tea.Cmd {
		u.close(v)
		f := newTextForm(u, k, &text)
		f.editor().to(v.line-1, 0)
		return u.push(f)
	}
	return v.reread(func(t *template, err error) tea.Cmd {
		if err != nil {
			u.fail("opening "+name, err)
			return nil
		}
		v.template = t
		return u.push(v)
	})
}

// openReference shows the place that refers to a secret.
func openReference(u *ui, project string, ref vault.Reference) tea.Cmd {
	for _, k := range []vault.TextKind{vault.Tool, vault.Instruction} {
		if ref.Kind == k.String() {
			return openText(u, k, project, ref.Name, ref.Line)
		}
	}
	return nil
}

// A referenceList is references of which one is selected.
type referenceList struct{ win window }

// draw writes at most h of them; the selected one is marked while it has the
// focus.
func (l *referenceList) draw(sw *sheetWriter, refs []vault.Reference, h int, focused bool, open func(vault.Reference) tea.Cmd) {
	t := sw.u.theme
	h = max(min(h, len(refs)), 1)
	l.win.fit(len(refs), h)
	for i := l.win.top; i < l.win.end(); i++ {
		ref := refs[i]
		r, st, mark := sw.row(), style(""), "  "
		if focused && i == l.win.at {
			st, mark = t.strong, "> "
		}
		r.text(t.accent, mark)
		r.cell(t.dim, ref.Kind, 13)
		r.name(st, ref.Name, min(20, r.left))
		r.gap(1)
		r.text(t.dim, ref.Where)
		sw.add(r.end())
		if focused && i == l.win.at {
			sw.inSight(len(sw.lines) - 1)
		}
		sw.clickable(func() tea.Cmd { l.win.to(i); return open(ref) })
	}
	if n := len(refs) - h; n > 0 {
		sw.line(t.dim, "  "+number(l.win.end())+" of "+number(len(refs))+" references")
	}
}

// selected is the reference that enter opens.
func (l *referenceList) selected(refs []vault.Reference) (vault.Reference, bool) {
	if l.win.at >= len(refs) {
		return vault.Reference{}, false
	}
	return refs[l.win.at], true
}

package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"tacenda/internal/vault"
)

// texts are the choices for tools or instructions.
func (l *lines) texts(k vault.TextKind) func(context.Context) error {
	w := wordsOf(k)
	return func(ctx context.Context) error {
		may, err := l.rights(ctx)
		if err != nil {
			return err
		}
		change := may.off("secrets:manage", "secrets:use") // as mayTexts
		choices := []choice{
			{"list the " + w.many, func(ctx context.Context) error { return l.listTexts(ctx, k) }},
			{"show " + w.one, func(ctx context.Context) error { return l.showText(ctx, k) }},
			choice{"create " + w.one, func(ctx context.Context) error { return l.createText(ctx, k) }}.unless(change),
			choice{"edit " + w.one, func(ctx context.Context) error { return l.editText(ctx, k) }}.unless(change),
			choice{"delete " + w.one, func(ctx context.Context) error { return l.deleteText(ctx, k) }}.unless(change),
		}
		if k == vault.Tool && l.cfg.CallTool != nil {
			choices = append(choices, choice{"try " + w.one, l.tryTool}.unless(may.off("secrets:use")))
		}
		n, err := l.choose(ctx, "Choose", len(choices), func(i int) string { return choices[i].words })
		if err != nil || n < 0 {
			return err
		}
		return choices[n].run(ctx)
	}
}

// readText reads a text against the project's secrets as they are now.
func (l *lines) readText(ctx context.Context, k vault.TextKind, name, text string) (*textDoc, error) {
	secrets, err := l.v.Secrets(ctx, l.project)
	if err != nil {
		return nil, err
	}
	return readText(k, name, text, newRows(secrets, nil), true, l.cfg.CheckTool)
}

func (l *lines) listTexts(ctx context.Context, k vault.TextKind) error {
	all, err := l.v.Texts(ctx, l.project, k)
	if err != nil {
		return err
	}
	for i := range all {
		d, err := l.readText(ctx, k, all[i].Name, all[i].Text)
		if err != nil {
			return err
		}
		row := newTextRow(&all[i], d)
		words := row.Name + ", " + row.head
		if row.about != "" {
			words += ", " + row.about
		}
		l.say("%s, %s", words, count(row.names, "secret", "secrets"))
	}
	l.say("%s.", textCount(k, len(all)))
	return nil
}

// textCount says how many tools or instructions there are.
func textCount(k vault.TextKind, n int) string { return count(n, k.String(), wordsOf(k).many) }

// text asks for the name of a text that exists.
func (l *lines) text(ctx context.Context, k vault.TextKind, what string) (vault.Text, error) {
	name, err := l.ask.Line(ctx, "Name of the "+k.String()+" to "+what)
	if err != nil {
		return vault.Text{}, err
	}
	return l.v.Text(ctx, l.project, k, strings.ToLower(strings.TrimSpace(name)))
}

func (l *lines) showText(ctx context.Context, k vault.TextKind) error {
	t, err := l.text(ctx, k, "show")
	if err != nil {
		return err
	}
	d, err := l.readText(ctx, k, t.Name, t.Text)
	if err != nil {
		return err
	}
	l.say("%s, version %d, updated %s by %s, with hints in place of values:", t.Name, t.Version,
		t.Updated.In(l.cfg.Now().Location()).Format("2006-01-02 15:04"), t.Author)
	for i, line := range d.hinted {
		l.say("%d: %s", i+1, line)
	}
	l.warn(d)
	return nil
}

// warn reads out what is wrong in a text.
func (l *lines) warn(d *textDoc) {
	for _, p := range d.problems {
		l.say("Warning: %s", p.String())
	}
	if w := modelWarning(d.unsafe, len(d.unsafe)); w != "" {
		l.say("%s", w)
	}
}

// askText asks for a text: a file's, or line by line.
func (l *lines) askText(ctx context.Context) (string, error) {
	if l.cfg.ReadFile != nil {
		path, err := l.ask.Line(ctx, "File with the text, or nothing to type it")
		if err != nil {
			return "", err
		}
		if path = strings.TrimSpace(path); path != "" {
			b, err := l.cfg.ReadFile(ctx, path)
			if err == nil && !utf8.Valid(b) {
				err = errors.New("the file is not UTF-8")
			}
			return string(b), err
		}
	}
	var b strings.Builder
	for {
		line, err := l.ask.Line(ctx, "Next line, or a single dot to end")
		switch {
		case err != nil:
			return "", err
		case line == ".":
			return b.String(), nil
		}
		b.WriteString(line + "\n")
	}
}

func (l *lines) createText(ctx context.Context, k vault.TextKind) error {
	name, err := l.ask.Line(ctx, "Name, of a to z, digits, dots and dashes")
	if err != nil {
		return err
	}
	name = strings.ToLower(strings.TrimSpace(name))
	if err := vault.CheckName(k.String(), name); err != nil {
		return err
	}
	if _, err := l.v.Text(ctx, l.project, k, name); !errors.Is(err, vault.ErrNotFound) {
		if err == nil {
			err = fmt.Errorf("%s %s: %w", k, name, vault.ErrExists)
		}
		return err
	}
	return l.setText(ctx, k, name, vault.NewText)
}

func (l *lines) editText(ctx context.Context, k vault.TextKind) error {
	old, err := l.text(ctx, k, "edit")
	if err != nil {
		return err
	}
	l.say("The new text takes the place of the old one.")
	return l.setText(ctx, k, old.Name, old.Version)
}

// setText asks for a text and stores it, with its warnings read out.
func (l *lines) setText(ctx context.Context, k vault.TextKind, name string, version uint64) error {
	text, err := l.askText(ctx)
	if err != nil {
		return err
	}
	if strings.TrimSpace(text) == "" {
		l.say("Nothing changed.")
		return nil
	}
	d, err := l.readText(ctx, k, name, text)
	if err != nil {
		return err
	}
	if p := d.broken(); p != nil {
		return errors.New("not saved: " + p.String())
	}
	l.warn(d)
	mark := false
	if len(d.unsafe) > 0 {
		if mark, err = l.ask.Confirm(ctx, "Mark them as safe for the model?"); err != nil {
			return err
		}
	}
	t, err := l.v.SetText(ctx, l.project, k, name, text, version)
	if err != nil {
		return err
	}
	l.say("Saved %s, version %d.", t.Name, t.Version)
	for _, secret := range d.unsafe {
		if mark {
			if _, err := l.v.EditSecret(ctx, l.project, secret, vault.Edit{LLMSafe: &mark}); err != nil {
				return err
			}
			l.say("%s is marked as safe for the model.", secret)
		}
	}
	return nil
}

func (l *lines) deleteText(ctx context.Context, k vault.TextKind) error {
	t, err := l.text(ctx, k, "delete")
	if err != nil {
		return err
	}
	sure, err := l.ask.Confirm(ctx, "Delete "+t.Name+"? This cannot be undone.")
	switch {
	case err != nil:
		return err
	case !sure:
		l.say("Nothing was deleted.")
		return nil
	}
	if err := l.v.DeleteText(ctx, l.project, k, t.Name); err != nil {
		return err
	}
	l.say("Deleted %s.", t.Name)
	return nil
}

// tryTool asks for a tool's arguments, calls it and reads the answer out.
func (l *lines) tryTool(ctx context.Context) error {
	t, err := l.text(ctx, vault.Tool, "try")
	if err != nil {
		return err
	}
	d, err := l.readText(ctx, vault.Tool, t.Name, t.Text)
	if err != nil {
		return err
	}
	if p := d.broken(); p != nil {
		return errors.New(t.Name + " cannot be called: " + p.String())
	}
	var args []string
	for _, p := range d.tool.Params {
		text, err := l.ask.Line(ctx, clean(p.Name+", "+paramWords(p)))
		if err != nil {
			return err
		}
		if text != "" {
			args = append(args, p.Name+"="+text)
		}
	}
	if sure, err := l.ask.Confirm(ctx, "Call "+clean(d.tool.Method+" "+d.tool.URL)+"?"); err != nil || !sure {
		return err
	}
	answer, err := l.cfg.CallTool(ctx, l.v, l.project, t.Name, args)
	if err != nil {
		return err
	}
	l.say("%s", answer.Status)
	lines, _ := bodyLines(answer.Body)
	for _, line := range lines {
		l.say("%s", line)
	}
	if answer.Cut {
		l.say("There was more, which is not shown.")
	}
	return nil
}

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"tacenda/internal/vault"
	"tacenda/resolver"
)

// What the commands for tools and for instructions share: both are texts with
// placeholders that a project keeps.

// placeholders are the names in a text, each once, sorted.
func placeholders(t vault.Text) ([]string, error) {
	names := []string{}
	o := resolver.Options{File: t.Kind.String() + " " + t.Name}
	err := resolver.Walk(strings.NewReader(t.Text), o, func(o resolver.Occurrence) error {
		if o.Name != "" {
			names = append(names, o.Name)
		}
		return nil
	})
	slices.Sort(names)
	return slices.Compact(names), err
}

// readText reads a tool's definition or an instruction. What is longer than the
// vault keeps is refused before it fills the memory.
func (a *app) readText(ctx context.Context, file string) (string, error) {
	in, err := a.openInput(ctx, file)
	if err != nil {
		return "", err
	}
	defer in.Close()
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(in, vault.MaxText+1))
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", file, err)
	}
	if n > vault.MaxText {
		return "", usagef("reading %s: more than %d bytes", file, vault.MaxText)
	}
	return b.String(), nil
}

// printText prints a text byte for byte, but for a terminal: there a text from
// elsewhere must not be more than text.
func (a *app) printText(text string) error {
	if !a.out.terminal() {
		_, err := io.WriteString(a.out, text)
		return err
	}
	screen := &plainWriter{to: a.out}
	defer screen.flush()
	_, err := io.WriteString(screen, text)
	return err
}

// warnText warns of placeholders in a text that name none of the project's
// secrets, whose names are sorted, and of what looks like one. Places are those of the file that it came
// from.
func (a *app) warnText(t vault.Text, file string, names []string) error {
	known := func(name string) bool { _, ok := slices.BinarySearch(names, name); return ok }
	return resolver.Walk(strings.NewReader(t.Text), resolver.Options{File: file, Known: known}, func(o resolver.Occurrence) error {
		why := o.Why
		if o.Name != "" && !known(o.Name) {
			why = missingWhy(t.Project, o.Name, names)
		}
		if why != "" {
			a.warn(resolver.Problem{File: file, Line: o.Line, Column: o.Column, Text: o.Text, Why: why}.String())
		}
		return nil
	})
}

// A textFile is where a tool or an instruction is read from, and who looks at it.
type textFile struct {
	path, what string
	refuse     func(text string) error                  // before a passphrase is asked for; nil takes every text
	warn       func(t vault.Text, names []string) error // of what was stored, with the names that the project has
}

// setText creates a tool or an instruction, or replaces its text.
func (a *app) setText(ctx context.Context, k vault.TextKind, name string, from textFile) error {
	if err := vault.CheckName(k.String(), name); err != nil {
		return err
	}
	if from.path == "" {
		return hinted(usagef("%s set %s: no %s was given", k, name, from.what), "use -f FILE, or -f - for standard input")
	}
	if err := a.claimStdin("-f", from.path); err != nil {
		return err
	}
	text, err := a.readText(ctx, from.path)
	if err != nil {
		return err
	}
	if from.refuse != nil {
		if err := from.refuse(text); err != nil {
			return err
		}
	}
	project, v, err := a.openProject(ctx, forChange)
	if err != nil {
		return err
	}
	defer v.Close()
	secrets, err := v.Secrets(ctx, project)
	if err != nil {
		return err
	}
	t, err := v.SetText(ctx, project, k, name, text, 0)
	if err != nil {
		return err
	}
	if err := from.warn(t, namesOf(secrets)); err != nil {
		return err
	}
	if t.Version > 1 {
		a.note(fmt.Sprintf("changed %s %s in project %s, version %d", k, name, project, t.Version))
		return nil
	}
	a.note(fmt.Sprintf("created %s %s in project %s", k, name, project))
	return nil
}

// showText prints a tool or an instruction as it was set, or as asJSON has it.
func (a *app) showText(ctx context.Context, k vault.TextKind, name string, asJSON func(vault.Text) (any, error)) error {
	if err := vault.CheckName(k.String(), name); err != nil {
		return err
	}
	project, v, err := a.openProject(ctx, forReading)
	if err != nil {
		return err
	}
	defer v.Close()
	t, err := v.Text(ctx, project, k, name)
	if err != nil {
		return err
	}
	if !a.json {
		return a.printText(t.Text)
	}
	item, err := asJSON(t)
	if err != nil {
		return err
	}
	return writeJSON(a.out, item)
}

// deleteText deletes a tool or an instruction.
func (a *app) deleteText(ctx context.Context, k vault.TextKind, name string, yes bool) error {
	if err := vault.CheckName(k.String(), name); err != nil {
		return err
	}
	if !yes && !a.hasTerminal() {
		return hinted(usagef("%s delete: there is no terminal to ask", k), "add --yes")
	}
	project, v, err := a.openProject(ctx, forChange)
	if err != nil {
		return err
	}
	defer v.Close()
	if !yes {
		if _, err := v.Text(ctx, project, k, name); err != nil {
			return err
		}
		ok, err := a.confirm(ctx, fmt.Sprintf("Delete %s %s from project %s? This cannot be undone.", k, name, project))
		if err != nil {
			return err
		}
		if !ok {
			return errors.New("nothing was deleted")
		}
	}
	if err := v.DeleteText(ctx, project, k, name); err != nil {
		return err
	}
	a.note(fmt.Sprintf("deleted %s %s from project %s", k, name, project))
	return nil
}

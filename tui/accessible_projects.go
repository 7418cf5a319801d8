package tui

import (
	"context"
	"errors"
	"strings"

	"tacenda/internal/vault"
)

// pickProject asks for a project; "" for none.
func (l *lines) pickProject(ctx context.Context, label string) (string, error) {
	ps, err := l.v.Projects(ctx)
	if err != nil {
		return "", err
	}
	if len(ps) == 0 {
		return "", errors.New("there is no project yet")
	}
	i, err := l.choose(ctx, label, len(ps), func(i int) string {
		return ps[i].Name + ", " + count(ps[i].Secrets, "secret", "secrets")
	})
	if err != nil || i < 0 {
		return "", err
	}
	return ps[i].Name, nil
}

func (l *lines) openProject(ctx context.Context) error {
	name, err := l.pickProject(ctx, "Open")
	if err == nil && name != "" {
		l.project = name
	}
	return err
}

func (l *lines) createProject(ctx context.Context) error {
	name, err := l.ask.Line(ctx, "Name, of a to z, digits, dots and dashes")
	if err != nil {
		return err
	}
	name = strings.ToLower(strings.TrimSpace(name))
	if err := vault.CheckName("project", name); err != nil {
		return err
	}
	if err := l.v.CreateProject(ctx, name); err != nil {
		return err
	}
	l.project = name
	l.say("Created project %s.", name)
	return nil
}

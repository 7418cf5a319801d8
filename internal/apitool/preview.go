package apitool

import (
	"net/http"
	"strings"
)

// Preview is the request that a call would make, with ⟦hint⟧ in place of each value. It opens none.
func (t *Tool) Preview(args map[string]any, hint func(name string) string) (string, error) {
	checked, err := t.arguments(args)
	if err != nil {
		return "", err
	}
	r := &renderer{args: checked, hole: func(s *sink, p *piece) error {
		return s.WriteString("⟦" + hint(p.name) + "⟧")
	}}
	var b strings.Builder
	var target, content sink
	defer target.wipe()
	defer content.wipe()
	if _, err := r.target(&target, t); err != nil {
		return "", err
	}
	text, err := target.take()
	if err != nil {
		return "", err
	}
	b.WriteString(t.Method + " " + t.dest.origin() + text + "\n")
	err = r.header(t, func(name string, s *sink) error {
		value, err := s.take()
		b.WriteString(http.CanonicalHeaderKey(name) + ": " + value + "\n")
		return err
	})
	if err != nil {
		return "", err
	}
	if err := r.content(&content, t); err != nil {
		return "", err
	}
	if text, err = content.take(); err != nil {
		return "", err
	}
	if text != "" {
		b.WriteString("\n" + strings.TrimSuffix(text, "\n") + "\n")
	}
	return b.String(), nil
}

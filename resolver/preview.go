package resolver

import (
	"io"
	"strings"
)

// Preview writes the text to w with every placeholder replaced by its hint in brackets, or by "NAME missing" when hint
// knows none. It never sees a value. The brackets and dots are ASCII on request.
//
// Everything else passes through byte for byte: whoever shows a preview on a terminal takes control characters out.
func (t *Template) Preview(w io.Writer, hint func(name string) (string, bool), ascii bool) error {
	s, err := t.again()
	if err != nil {
		return err
	}
	out := output{w: w, buf: make([]byte, maxOutput)}
	for s.next() {
		if err := out.write(s.text); err != nil {
			return err
		}
		if s.kind == hole {
			i, ok := t.find(s.hole.name)
			if !ok {
				return ErrChanged
			}
			err = out.write([]byte(shown(t.names[i], hint, ascii)))
		} else {
			err = out.passOn(s)
		}
		if err != nil {
			return err
		}
	}
	if err := s.readAgain(); err != nil {
		return err
	}
	return out.flush()
}

// shown is what stands for a secret in a preview.
func shown(name string, hint func(name string) (string, bool), ascii bool) string {
	text, ok := hint(name)
	if !ok {
		text = name + " missing"
	}
	if ascii {
		return "[" + strings.ReplaceAll(text, "•", "*") + "]"
	}
	return "⟦" + text + "⟧"
}

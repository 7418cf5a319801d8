package tui

import (
	"strings"
	"testing"
)

// A paste that does not fit a field is not dropped without a word.
func TestPasteTooLong(t *testing.T) {
	for _, keys := range []string{":", "/", "c", "n", "n tab tab", "p /", "2 /"} {
		s := newDrawn(t, 80, 24)
		s.keys(keys)
		s.paste(strings.Repeat("ab", 150))
		s.sees("ab")
		if keys != "n tab tab" { // a description holds it
			s.sees("not all of it fits: at most")
		}
		s.paste(strings.Repeat("x", fieldMax+1))
		s.sees("the paste is too long for this field")
		s.checkFrame()
	}
}

// More text than fits before the cursor is marked, in a field as in everything
// else that is cut.
func TestFieldIsMarkedWhereItIsCut(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("n tab tab")
	s.text(strings.Repeat("0123456789", 9))
	s.sees("│…3456789", "0123456789  ")
	s.keys("home")
	s.sees("│0123456789")
	s.checkFrame()
}

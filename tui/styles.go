package tui

import "strings"

// A style is the SGR sequence that turns it on. The zero style draws in the
// terminal's own colour.
type style string

// of returns text in the style, and the terminal's own colour after it.
func (s style) of(text string) string {
	if s == "" || text == "" {
		return text
	}
	return string(s) + text + "\x1b[m"
}

// unless is no style when off is true: a coloured space costs bytes for nothing.
func (s style) unless(off bool) style {
	if off {
		return ""
	}
	return s
}

// A theme gives each role its style. Only the 16 ANSI colours appear, so that
// the user's palette decides how they look, and never colour 8, which is the
// background in some palettes. Meaning never hangs on a style alone.
type theme struct {
	strong style // the selected row, titles
	dim    style // what matters less: labels, keys that do nothing now
	accent style // where the focus is, keys in the hint line
	good   style
	warn   style
	danger style
}

// newTheme takes the dark half of the palette on a light background and the
// bright half on a dark one.
func newTheme(dark bool) theme {
	t := theme{strong: "\x1b[1m", dim: "\x1b[2m"}
	if dark {
		t.accent, t.good, t.warn, t.danger = "\x1b[96m", "\x1b[92m", "\x1b[93m", "\x1b[91m"
	} else {
		t.accent, t.good, t.warn, t.danger = "\x1b[34m", "\x1b[32m", "\x1b[33m", "\x1b[31m"
	}
	return t
}

// border is the six pieces of a box.
type border struct{ topLeft, topRight, bottomLeft, bottomRight, across, down string }

// glyphs are the drawn characters that have a plain form.
type glyphs struct {
	ascii    bool
	pane     border
	box      border
	dot      string // parts the pieces of a line
	ellipsis string
	mark     string // the focused pane
	menu     string // opens the actions menu
	arrow    string
	upDown   string
	rule     string
	more     [2]string // there is more above, below
	fold     [2]string // folded, unfolded
	hidden   string    // a hint that shows nothing
}

var unicodeGlyphs = glyphs{
	pane:     border{"╭", "╮", "╰", "╯", "─", "│"},
	box:      border{"╔", "╗", "╚", "╝", "═", "║"},
	dot:      "·",
	ellipsis: "…",
	mark:     "▸",
	menu:     "⋮",
	arrow:    "→",
	upDown:   "↑↓",
	rule:     "─",
	more:     [2]string{"↑", "↓"},
	fold:     [2]string{"▸", "▾"},
	hidden:   "••••••••••••",
}

var asciiGlyphs = glyphs{
	ascii:    true,
	pane:     border{"+", "+", "+", "+", "-", "|"},
	box:      border{"+", "+", "+", "+", "=", "|"},
	dot:      "-",
	ellipsis: "~",
	mark:     ">",
	menu:     ":",
	arrow:    "->",
	upDown:   "up/dn",
	rule:     "-",
	more:     [2]string{"^", "v"},
	fold:     [2]string{"+", "-"},
	hidden:   "************",
}

// newGlyphs picks the plain ones when asked to, when the terminal is one that
// has no others, and when the locale says that it does not speak UTF-8. A
// locale that is not set says nothing: most containers and SSH servers leave
// it so under terminals that do speak it.
func newGlyphs(ascii bool, environ []string) glyphs {
	term := lookup(environ, "TERM")
	if ascii || term == "linux" || strings.HasPrefix(term, "vt") {
		return asciiGlyphs
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(lookup(environ, name)); v != "" {
			if strings.Contains(v, "utf-8") || strings.Contains(v, "utf8") {
				return unicodeGlyphs
			}
			return asciiGlyphs
		}
	}
	return unicodeGlyphs
}

// lookup returns a variable of environ; the last one counts, as in os/exec.
func lookup(environ []string, name string) string {
	for i := len(environ) - 1; i >= 0; i-- {
		if k, v, ok := strings.Cut(environ[i], "="); ok && k == name {
			return v
		}
	}
	return ""
}

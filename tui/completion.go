package tui

import (
	"strings"
)

// A completion offers the project's names while a placeholder is being typed:
// two braces open it, and what follows them narrows it.
type completion struct {
	row, from int      // where the name begins, behind the braces
	prefix    string   // what there is of it, in capitals
	names     []string // what it could become; none: nothing is offered
	shut      bool     // esc closed it here
	win       window
}

// completionMax is how many names are offered: whoever wants another one types
// on.
const completionMax = 100

func (c *completion) open() bool { return len(c.names) > 0 }

func (c *completion) close() { c.names = nil }

// follow looks at what was typed before the cursor.
func (c *completion) follow(e *editor, rows *rows) {
	from, prefix, ok := openName(e.lines[e.row][:e.col])
	if !ok {
		*c = completion{}
		return
	}
	if c.row != e.row || c.from != from {
		*c = completion{row: e.row, from: from}
	}
	if c.shut {
		return
	}
	if c.names == nil || c.prefix != prefix {
		c.prefix, c.names = prefix, suggestions(rows, prefix)
		c.win.to(0)
	}
	if len(c.names) == 1 && c.names[0] == prefix && strings.HasPrefix(e.lines[e.row][e.col:], "}}") {
		c.names = nil // it is all there
	}
}

// openName finds a placeholder that is begun at the end of s and not closed.
func openName(s string) (from int, prefix string, ok bool) {
	i := strings.LastIndex(s, "{{")
	if i < 0 {
		return 0, "", false
	}
	from = i + len("{{")
	prefix = strings.ToUpper(s[from:])
	return from, prefix, nameLength(prefix) == len(prefix)
}

// nameLength is how many bytes of s could be of a name.
func nameLength(s string) int {
	for i := range len(s) {
		if c := s[i]; c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return i
		}
	}
	return len(s)
}

// suggestions are the names that begin with a prefix, and then those that hold
// it.
func suggestions(rows *rows, prefix string) []string {
	var out []string
	i, _ := rows.find(prefix)
	for ; i < len(rows.secrets) && len(out) < completionMax && strings.HasPrefix(rows.secrets[i].Name, prefix); i++ {
		out = append(out, rows.secrets[i].Name)
	}
	if prefix == "" {
		return out
	}
	for i := range rows.secrets {
		if len(out) == completionMax {
			break
		}
		if at := strings.Index(rows.secrets[i].Name, prefix); at > 0 {
			out = append(out, rows.secrets[i].Name)
		}
	}
	return out
}

// take puts the chosen name into the text, and the braces behind it unless they
// stand there, or a filter.
func (c *completion) take(e *editor) {
	line, name := e.lines[e.row], c.names[c.win.at]
	to := e.col + nameLength(line[e.col:])
	col := c.from + len(name)
	rest := line[to:]
	switch {
	case strings.HasPrefix(rest, "}}"):
		col += len("}}")
	case !strings.HasPrefix(rest, "|"):
		name += "}}"
		col = c.from + len(name)
	}
	if e.full = e.size+len(name) > e.max; !e.full {
		e.replace(e.row, 1, []string{line[:c.from] + name + rest}, e.row, col, false)
	}
	c.close()
}

// draw writes what is offered in h lines, with hints as wide as fits.
func (c *completion) draw(sw *sheetWriter, h int, rows *rows) {
	u, t := sw.u, sw.u.theme
	c.win.fit(len(c.names), h)
	longest := 8
	for _, n := range c.names[c.win.top:c.win.end()] {
		longest = max(longest, len(n))
	}
	longest = min(longest, max(sw.w-3-hintWidth-2, 8))
	for n := range h {
		i := c.win.top + n
		if i >= c.win.end() {
			sw.space()
			continue
		}
		r, st, mark := sw.row(), style(""), "  "
		if i == c.win.at {
			st, mark = t.strong, "> "
		}
		r.text(t.accent, mark)
		r.name(st, c.names[i], longest)
		if at, ok := rows.find(c.names[i]); ok && r.left >= 2+hintWidth {
			r.gap(2)
			r.cell("", u.hintCell(rows.secrets[at].Hint, hintWidth), hintWidth)
			r.gap(2)
			r.text(t.dim, rows.secrets[at].Description)
		}
		sw.add(r.end())
	}
}

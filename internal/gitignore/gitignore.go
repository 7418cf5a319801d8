// Package gitignore tells which files git ignores, from the text of .gitignore
// files alone. It promises git's own answer (gitignore(5)), and that no pattern
// takes more than the product of its length and the path's. It reads no file,
// and refuses to know of git's index, of info/exclude and of the user's excludes.
package gitignore

import (
	"bytes"
	"strings"
)

// Rules are the patterns of one .gitignore file on top of those of the
// directories above. Nil ignores nothing.
type Rules struct {
	above    *Rules
	dir      string // of the file, "" for the top
	patterns []pattern
}

// A pattern is one line.
type pattern struct {
	segments []string // between slashes
	anchored bool     // to dir; else any name below may match
	negated  bool
	dirOnly  bool
}

// Below adds the text of the file in dir, a path with slashes from the top, ""
// for the top itself. Directories further down come later.
func (r *Rules) Below(dir string, text []byte) *Rules {
	rules := &Rules{above: r, dir: dir}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	for line := range bytes.Lines(text) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		if p, ok := parse(string(line)); ok {
			rules.patterns = append(rules.patterns, p)
		}
	}
	if len(rules.patterns) == 0 {
		return r
	}
	return rules
}

// parse reads one line; false for one that can match nothing.
func parse(line string) (pattern, bool) {
	var p pattern
	if strings.HasPrefix(line, "#") {
		return p, false
	}
	line = trimBlanks(line)
	if rest, ok := strings.CutPrefix(line, "!"); ok {
		p.negated, line = true, rest
	}
	if rest, ok := strings.CutSuffix(line, "/"); ok {
		p.dirOnly, line = true, rest
	}
	p.anchored = strings.Contains(line, "/")
	line = strings.TrimPrefix(line, "/")
	p.segments = strings.Split(line, "/")
	return p, line != ""
}

// trimBlanks cuts blanks at the end, unless a backslash keeps one.
func trimBlanks(line string) string {
	end := 0
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '\\' && i+1 < len(line):
			i++
			end = i + 1
		case line[i] != ' ':
			end = i + 1
		}
	}
	return line[:end]
}

// Ignored tells whether a file or directory is ignored, when no directory above
// it is: git never looks into one that is, so neither may the caller. The path
// has slashes and counts from the top.
func (r *Rules) Ignored(path string, dir bool) bool {
	for ; r != nil; r = r.above {
		rest := path
		if r.dir != "" {
			var below bool
			if rest, below = strings.CutPrefix(path, r.dir+"/"); !below {
				continue
			}
		}
		names := strings.Split(rest, "/")
		for i := len(r.patterns) - 1; i >= 0; i-- {
			if p := &r.patterns[i]; (dir || !p.dirOnly) && p.matches(names) {
				return !p.negated
			}
		}
	}
	return false
}

func (p *pattern) matches(names []string) bool {
	if !p.anchored {
		return segment(p.segments[0], names[len(names)-1])
	}
	// fits[j]: the segments so far match the first j names.
	fits := make([]bool, len(names)+1)
	fits[0] = true
	for i, s := range p.segments {
		next := make([]bool, len(names)+1)
		if s == "**" {
			last := i == len(p.segments)-1
			seen := false
			for j := range next {
				if last { // at least one name must follow
					next[j] = seen
				}
				seen = seen || fits[j]
				if !last {
					next[j] = seen
				}
			}
		} else {
			for j, name := range names {
				next[j+1] = fits[j] && segment(s, name)
			}
		}
		fits = next
	}
	return fits[len(names)]
}

// segment matches one name. After a star it is enough to try the last one again:
// what an earlier star took cannot help a later one.
func segment(pattern, name string) bool {
	star, mark := -1, 0
	p, n := 0, 0
	for n < len(name) {
		if p < len(pattern) && pattern[p] == '*' {
			star, mark = p, n
			p++
			continue
		}
		if width, ok := one(pattern[p:], name[n]); ok {
			p += width
			n++
			continue
		}
		if star < 0 {
			return false
		}
		mark++
		p, n = star+1, mark
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// one matches one byte, as git does, and returns how much of the pattern that took.
func one(pattern string, c byte) (width int, ok bool) {
	if pattern == "" {
		return 0, false
	}
	switch pattern[0] {
	case '?':
		return 1, true
	case '\\':
		if len(pattern) < 2 {
			return 0, false
		}
		return 2, pattern[1] == c
	case '[':
		return class(pattern, c)
	}
	return 1, pattern[0] == c
}

// class matches [abc], [a-c], [!a], [^a] and [[:alpha:]].
func class(pattern string, c byte) (width int, ok bool) {
	i := 1
	negated := i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^')
	if negated {
		i++
	}
	in := false
	for first := true; ; first = false {
		if i >= len(pattern) {
			return 0, false // never closed
		}
		if pattern[i] == ']' && !first {
			return i + 1, in != negated
		}
		if name, found := posix(pattern[i:]); found {
			if name == "" {
				return 0, false
			}
			in = in || kinds[name](c)
			i += len(name) + 4
			continue
		}
		low, width := literal(pattern[i:])
		i += width
		high := low
		if i+1 < len(pattern) && pattern[i] == '-' && pattern[i+1] != ']' {
			i++
			high, width = literal(pattern[i:])
			i += width
		}
		in = in || c == low || low <= c && c <= high // git looks at the first by itself: [b-a] is [b]
	}
}

// literal is a byte inside of brackets.
func literal(pattern string) (c byte, width int) {
	if pattern[0] == '\\' && len(pattern) > 1 {
		return pattern[1], 2
	}
	return pattern[0], 1
}

// posix returns the name in [:name:], "" for one that does not exist.
func posix(pattern string) (name string, found bool) {
	if !strings.HasPrefix(pattern, "[:") {
		return "", false
	}
	end := strings.IndexByte(pattern[2:], ']')
	if end < 1 || pattern[2+end-1] != ':' {
		return "", false
	}
	name = pattern[2 : 2+end-1]
	if kinds[name] == nil {
		return "", true
	}
	return name, true
}

func lower(c byte) bool { return 'a' <= c && c <= 'z' }
func upper(c byte) bool { return 'A' <= c && c <= 'Z' }
func digit(c byte) bool { return '0' <= c && c <= '9' }
func graph(c byte) bool { return ' ' < c && c < 0x7f }
func space(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }
func alnum(c byte) bool { return lower(c) || upper(c) || digit(c) }

var kinds = map[string]func(byte) bool{
	"alnum":  alnum,
	"alpha":  func(c byte) bool { return lower(c) || upper(c) },
	"blank":  func(c byte) bool { return c == ' ' || c == '\t' },
	"cntrl":  func(c byte) bool { return c < ' ' || c == 0x7f },
	"digit":  digit,
	"graph":  graph,
	"lower":  lower,
	"print":  func(c byte) bool { return graph(c) || c == ' ' },
	"punct":  func(c byte) bool { return graph(c) && !alnum(c) },
	"space":  space,
	"upper":  upper,
	"xdigit": func(c byte) bool { return digit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' },
}

package apitool

import (
	"fmt"
	"strconv"
	"strings"

	"tacenda/resolver"
)

// A style is how arguments and values are written where they land.
type style uint8

const (
	inRaw       style = iota // as they are; arguments are numbers, booleans or of an enum
	inPath                   // percent-encoded, within one segment
	inQuery                  // percent-encoded, within one value of a query or a form
	inHeader                 // as they are, without control characters
	inJSON                   // inside a JSON string
	inJSONValue              // where a JSON value stands
)

// escape is the filter of a placeholder that names none.
func (s style) escape() resolver.Filter {
	switch s {
	case inPath, inQuery:
		return resolver.URL
	case inJSON:
		return resolver.JSON
	default:
		return resolver.None
	}
}

// A text is a piece of a request: what is written as it is, and what is filled in.
type text []piece

// A piece is a literal, a placeholder, or an argument.
type piece struct {
	literal string
	hole    string // the placeholder as written, with its braces
	name    string // of the placeholder
	param   *Param
	style   style
}

type namedText struct {
	name string
	text text
}

type segment = text

// constant tells whether a text has nothing to fill in.
func (t text) constant() bool {
	for _, p := range t {
		if p.hole != "" || p.param != nil {
			return false
		}
	}
	return true
}

// whole is the argument that a text consists of, if it does.
func (t text) whole() *Param {
	if len(t) == 1 {
		return t[0].param
	}
	return nil
}

// quote is what messages repeat of a definition: a little of it, without control characters.
func quote(s string) string {
	const most = 60 // bytes
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strconv.QuoteToGraphic(s)
}

// compile cuts s, which stands at a node, into pieces. where is its place in a message.
func (p *parser) compile(n *node, s string, st style, where string) text {
	var t text
	from := 0
	for _, h := range p.holes(n, s) {
		t = p.arguments(t, n, s[from:h.start], st, where)
		t = append(t, piece{hole: s[h.start:h.end], name: h.name, style: st})
		p.names[h.name] = true
		from = h.end
	}
	t = p.arguments(t, n, s[from:], st, where)
	if p.pieces += len(t); p.pieces > maxPieces && !p.tooMany {
		p.tooMany = true
		p.problem(n.at, fmt.Sprintf("more than %d placeholders, arguments and texts", maxPieces))
	}
	return t
}

type span struct {
	start, end int
	name       string
}

// holes finds the placeholders in s.
func (p *parser) holes(n *node, s string) []span {
	if p.tooMany || !strings.Contains(s, "{{") {
		return nil
	}
	if p.walks++; p.walks > maxPieces {
		p.tooMany = true
		p.problem(n.at, fmt.Sprintf("more than %d texts with braces", maxPieces))
		return nil
	}
	var found []span
	line, start := 1, 0
	err := resolver.Walk(strings.NewReader(s), resolver.Options{}, func(o resolver.Occurrence) error {
		for ; line < o.Line; line++ {
			start += strings.IndexByte(s[start:], '\n') + 1
		}
		at := start + o.Column - 1
		if o.Name == "" {
			return nil
		}
		end := strings.Index(s[at:], "}}")
		if !strings.HasPrefix(s[at:], "{{"+o.Name) || end < 0 {
			return fmt.Errorf("internal error: %s is not where it was found", o.Text)
		}
		found = append(found, span{at, at + end + 2, o.Name})
		return nil
	})
	if err != nil {
		p.problem(n.at, err.Error())
	}
	return found
}

// arguments cuts a text without placeholders at its ${param}s, and appends the pieces to t.
func (p *parser) arguments(t text, n *node, s string, st style, where string) text {
	literal := ""
	for {
		before, after, found := strings.Cut(s, "${")
		if !found {
			literal += s
			break
		}
		if escaped, ok := strings.CutSuffix(before, "$"); ok {
			literal, s = literal+escaped+"${", after
			continue
		}
		literal += before
		name, rest, closed := strings.Cut(after, "}")
		param := p.tool.param(name)
		if !closed || param == nil {
			p.problem(n.at, p.unknownArgument(name, closed, where))
			return t
		}
		p.used[name] = true
		t = p.literal(t, n, literal, st)
		t = append(t, piece{param: param, style: st})
		literal, s = "", rest
	}
	return p.literal(t, n, literal, st)
}

func (p *parser) unknownArgument(name string, closed bool, where string) string {
	const literally = "; write $${ for the characters ${ themselves"
	switch {
	case !closed:
		return where + ": ${ without its closing brace" + literally
	case !paramName(name):
		return fmt.Sprintf("%s: ${%s} is no argument%s", where, quote(name), literally)
	default:
		return fmt.Sprintf("%s: ${%s} is not among params%s", where, name, literally)
	}
}

// literal appends what stands between placeholders and arguments. {{\NAME}} becomes {{NAME}} here.
func (p *parser) literal(t text, n *node, s string, st style) text {
	if s == "" {
		return t
	}
	if strings.Contains(s, `{{\`) && !p.tooMany {
		var b strings.Builder
		tmpl, err := resolver.Scan(strings.NewReader(s), resolver.Options{})
		if err == nil {
			err = tmpl.Resolve(&b, nil)
		}
		if err != nil {
			p.problem(n.at, err.Error())
			return t
		}
		s = b.String()
	}
	return append(t, piece{literal: s, style: st})
}

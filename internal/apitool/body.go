package apitool

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// A body is compiled: a tree of JSON, or a text.
type body struct {
	kind        bodyKind
	tree        jsonNode
	text        text
	contentType string // to be sent when the definition has no such header
}

// jsonNode is a part of a mapping body. Its text is a scalar's: a literal one is JSON already, in a piece of its own.
type jsonNode struct {
	kind   nodeKind
	keys   []string // JSON strings, with their quotes
	values []jsonNode
	scalar string // of a number, a boolean or null, in JSON
	text   text   // of a string, without its quotes
}

func (p *parser) body(n *node) {
	declared := p.contentType(n)
	if p.tool.ReadOnly() {
		p.warn(n.at, "a "+p.tool.Method+" has a body here: many servers ignore it or refuse it")
	}
	switch n.kind {
	case isMapping:
		if declared != typeNone && declared != typeJSON {
			p.problem(n.at, "a mapping is sent as JSON: the header Content-Type says something else")
			return
		}
		p.tool.body = body{kind: MappingBody, tree: p.jsonNode(n), contentType: "application/json"}
		p.tool.Body = Body{Kind: MappingBody, Text: p.tool.body.tree.source(n)}
	case isString:
		b := body{kind: StringBody, contentType: "text/plain; charset=utf-8"}
		p.tool.Body = Body{Kind: StringBody, Text: n.value}
		switch declared {
		case typeJSON:
			b.text = p.jsonText(n)
		case typeForm:
			b.text = p.pairs(n, strings.TrimSuffix(n.value, "\n"), "body") // a block of YAML ends with a line feed
		default:
			b.text = p.rawText(n)
		}
		p.tool.body = b
	default:
		p.problem(n.at, "body is a mapping, which is sent as JSON, or a text, not "+n.kind.String())
	}
}

// rawText compiles a body of a type that nobody here knows how to write: only arguments that are harmless in every
// language may go into it.
func (p *parser) rawText(n *node) text {
	t := p.compile(n, n.value, inRaw, "body")
	for _, piece := range t {
		if piece.param != nil && piece.param.kind() == "string" {
			p.problem(n.at, fmt.Sprintf("body: ${%s} is a string, which only JSON and forms can carry safely: give the header Content-Type, or make it an enum", piece.param.Name))
			return nil
		}
	}
	p.always(n, t, "body")
	return t
}

// jsonNode compiles a mapping. Keys are literal.
func (p *parser) jsonNode(n *node) jsonNode {
	j := jsonNode{kind: n.kind}
	switch n.kind {
	case isMapping:
		for i := range n.keys {
			if key := &n.keys[i]; len(p.holes(key, key.raw)) > 0 || strings.Contains(key.raw, "${") {
				p.problem(key.at, "body: keys are literal")
			}
			j.keys = append(j.keys, jsonString(n.keys[i].raw))
			j.values = append(j.values, p.jsonNode(&n.values[i]))
		}
	case isList:
		for i := range n.values {
			j.values = append(j.values, p.jsonNode(&n.values[i]))
		}
	case isString:
		j.text = p.compile(n, n.value, inJSON, "body")
		for i := range j.text {
			quoted := jsonString(j.text[i].literal)
			j.text[i].literal = quoted[1 : len(quoted)-1]
		}
		if j.text.whole() != nil {
			j.text[0].style = inJSONValue
		}
	case isNull:
		j.scalar = "null"
	default:
		j.scalar = n.value
	}
	return j
}

// source is the node as the definition has it, in JSON.
func (j *jsonNode) source(n *node) string {
	switch j.kind {
	case isMapping:
		members := make([]string, len(j.values))
		for i := range j.values {
			members[i] = j.keys[i] + ":" + j.values[i].source(&n.values[i])
		}
		return "{" + strings.Join(members, ",") + "}"
	case isList:
		items := make([]string, len(j.values))
		for i := range j.values {
			items[i] = j.values[i].source(&n.values[i])
		}
		return "[" + strings.Join(items, ",") + "]"
	case isString:
		return jsonString(n.value)
	default:
		return j.scalar
	}
}

// jsonString is s as JSON, without the escapes that only HTML wants.
func jsonString(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(s) != nil { // a string is always JSON
		return `""`
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// jsonText compiles a text that is JSON once it is filled in. Every argument and placeholder either stands inside a
// string, where it becomes a part of that string, or alone where a value stands. To know which, the text is read as
// JSON with an x in the place of the first kind and null in that of the second: both are wrong wherever they do not
// belong.
func (p *parser) jsonText(n *node) text {
	t := p.compile(n, n.value, inJSON, "body")
	if !p.always(n, t, "body") {
		return nil
	}
	var probe strings.Builder
	var s jsonState
	for i := range t {
		switch {
		case t[i].literal != "":
			probe.WriteString(t[i].literal)
			s.read(t[i].literal)
		case s.inString:
			probe.WriteByte('x')
			s.filled = true
		default:
			probe.WriteString("null")
			t[i].style = inJSONValue
		}
	}
	switch {
	case s.filledKey:
		p.problem(n.at, "body: keys are literal")
	case !json.Valid([]byte(probe.String())):
		p.problem(n.at, "body: this is no JSON; write placeholders and arguments inside of strings, or alone where a value stands")
	}
	return t
}

// jsonState knows where in a JSON text one is.
type jsonState struct {
	inString  bool
	escaped   bool // behind a backslash
	filled    bool // the string that is read, or was read last, has something to fill in
	filledKey bool // such a string was a key
}

func (s *jsonState) read(literal string) {
	for _, c := range []byte(literal) {
		switch {
		case s.escaped:
			s.escaped = false
		case s.inString && c == '\\':
			s.escaped = true
		case c == '"':
			s.inString = !s.inString
			if s.inString {
				s.filled = false
			}
		case c == ':' && !s.inString && s.filled:
			s.filledKey = true
		case c == ',' && !s.inString:
			s.filled = false
		}
	}
}

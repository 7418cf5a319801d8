package apitool

import (
	"encoding/json"
	"errors"
	"strings"
)

// isJSON tells JSON from YAML. JSON is not quite a part of YAML: tabs, and escapes such as \ud83d\ude00, are not. A YAML
// mapping in braces is no valid JSON, and is read as what it is, whatever the file is called: the text alone decides,
// because the vault keeps no more of it.
func (s *source) isJSON() bool {
	return strings.HasPrefix(strings.TrimLeft(s.text, " \t\r\n"), "{") && json.Valid([]byte(s.text))
}

func (s *source) readJSON() *node {
	var raw json.RawMessage
	if err := json.Unmarshal([]byte(s.text), &raw); err != nil {
		at := len(s.text)
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			at = int(syntax.Offset) - 1
		}
		s.problem(at, "not JSON: "+err.Error())
		return nil
	}
	r := &jsonReader{source: s, tokens: json.NewDecoder(strings.NewReader(s.text))}
	r.tokens.UseNumber()
	n, ok := r.value(0)
	if !ok {
		return nil
	}
	return &n
}

// jsonReader reads a text that is known to be valid.
type jsonReader struct {
	*source
	tokens *json.Decoder
}

// next is the next token and where it begins.
func (r *jsonReader) next() (token json.Token, at int) {
	at = int(r.tokens.InputOffset())
	for at < len(r.text) && strings.IndexByte(" \t\r\n,:", r.text[at]) >= 0 {
		at++
	}
	token, _ = r.tokens.Token() // of a valid text there is one
	return token, at
}

func (r *jsonReader) value(depth int) (n node, ok bool) {
	token, at := r.next()
	n.at = at
	switch v := token.(type) {
	case json.Delim:
		if depth == maxDepth {
			r.problem(at, "nested too deeply")
			return n, false
		}
		if v == '{' {
			return n, r.mapping(&n, depth)
		}
		n.kind = isList
		for r.tokens.More() {
			item, ok := r.value(depth + 1)
			if !ok {
				return n, false
			}
			n.values = append(n.values, item)
		}
		r.next()
	case string:
		n.kind, n.value, n.raw = isString, v, v
	case json.Number:
		n.kind, n.value, n.raw = isNumber, v.String(), v.String()
	case bool:
		n.kind, n.value = isBool, "false"
		if v {
			n.value = "true"
		}
		n.raw = n.value
	}
	return n, true
}

func (r *jsonReader) mapping(n *node, depth int) bool {
	n.kind = isMapping
	seen := map[string]bool{}
	for r.tokens.More() {
		token, at := r.next()
		key, _ := token.(string) // a member has no other name
		if seen[key] {
			r.problem(at, twice(key))
		}
		seen[key] = true
		value, ok := r.value(depth + 1)
		if !ok {
			return false
		}
		n.keys = append(n.keys, node{kind: isString, at: at, value: key, raw: key})
		n.values = append(n.values, value)
	}
	r.next()
	return true
}

func twice(key string) string { return quote(key) + " stands twice in one mapping" }

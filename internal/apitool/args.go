package apitool

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxArgument bounds one argument, in bytes.
const maxArgument = 1 << 20

// argument is one that was found to be of its parameter's type.
type argument struct {
	text  string
	plain bool // a number or a boolean: JSON writes it without quotes
}

// ParseArgs reads k=v pairs, each typed by the tool's parameters. Errors are ErrArgument.
func ParseArgs(t *Tool, pairs []string) (map[string]any, error) {
	args := make(map[string]any, len(pairs))
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, fmt.Errorf("%w: an argument is written name=value", ErrArgument)
		}
		p := t.param(name)
		if p == nil {
			return nil, t.unknown(name)
		}
		if _, given := args[name]; given {
			return nil, fmt.Errorf("%w: %s is given twice", ErrArgument, name)
		}
		v, err := p.parse(value)
		if err != nil {
			return nil, fmt.Errorf("%w %s: %s", ErrArgument, name, err.Error())
		}
		args[name] = v
	}
	return args, nil
}

func (t *Tool) unknown(name string) error {
	if len(t.Params) == 0 {
		return fmt.Errorf("%w: %s is not known, the tool has none", ErrArgument, quote(name))
	}
	names := make([]string, len(t.Params))
	for i, p := range t.Params {
		names[i] = p.Name
	}
	return fmt.Errorf("%w: %s is not known, there are %s", ErrArgument, quote(name), strings.Join(names, ", "))
}

// parse reads an argument from text.
func (p *Param) parse(s string) (any, error) {
	var v any = s
	switch p.kind() {
	case "boolean":
		switch s {
		case "true":
			v = true
		case "false":
			v = false
		}
	case "integer", "number":
		v = json.Number(s)
	}
	_, err := p.check(v)
	return v, err
}

// check holds a value against the parameter's type. Errors do not repeat it: it may have been meant as a secret.
func (p *Param) check(v any) (argument, error) {
	switch p.kind() {
	case "boolean":
		if b, ok := v.(bool); ok {
			return argument{strconv.FormatBool(b), true}, nil
		}
		return argument{}, errors.New("it must be true or false")
	case "integer":
		if s, ok := number(v); ok && wholeNumber(s) {
			return argument{s, true}, nil
		}
		return argument{}, errors.New("it must be a whole number")
	case "number":
		if s, ok := number(v); ok {
			return argument{s, true}, nil
		}
		return argument{}, errors.New("it must be a number")
	}
	s, ok := v.(string)
	switch {
	case !ok:
		return argument{}, errors.New("it must be a text")
	case p.Enum != nil:
		if slices.Contains(p.Enum, any(s)) {
			return argument{s, false}, nil
		}
		return argument{}, errors.New("it must be one of " + strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(p.Type, "enum("), ")"), "|", ", "))
	case len(s) > maxArgument:
		return argument{}, fmt.Errorf("it has %d bytes, at most %d", len(s), maxArgument)
	case !utf8.ValidString(s):
		return argument{}, errors.New("it is not UTF-8")
	}
	return argument{s, false}, nil
}

// number is a number as JSON writes it, from any form in which a decoder or a program may have it.
func number(v any) (string, bool) {
	switch n := v.(type) {
	case json.Number:
		return n.String(), len(n) <= maxNumber && validNumber(n.String())
	case int:
		return strconv.Itoa(n), true
	case int64:
		return strconv.FormatInt(n, 10), true
	case float64:
		if math.IsNaN(n) || math.IsInf(n, 0) {
			return "", false
		}
		if n == math.Trunc(n) && math.Abs(n) < 1<<53 { // exact, and what an identifier was before a decoder made it a float
			return strconv.FormatFloat(n, 'f', -1, 64), true
		}
		return strconv.FormatFloat(n, 'g', -1, 64), true
	}
	return "", false
}

// validNumber tells whether s is a number of JSON and nothing else.
func validNumber(s string) bool {
	return s != "" && (s[0] == '-' || onlyDigits(s[:1])) && onlyDigits(s[len(s)-1:]) && json.Valid([]byte(s))
}

// wholeNumber tells whether a number has neither a part behind the point nor an exponent.
func wholeNumber(s string) bool { return onlyDigits(strings.TrimPrefix(s, "-")) }

// arguments checks what a call was given and adds the defaults.
func (t *Tool) arguments(args map[string]any) (map[string]argument, error) {
	for name := range args {
		if t.param(name) == nil {
			return nil, t.unknown(name)
		}
	}
	checked := make(map[string]argument, len(t.Params))
	for i := range t.Params {
		p := &t.Params[i]
		v, given := args[p.Name]
		if !given || v == nil { // models write null for what they leave out
			v = p.Default
		}
		if v == nil {
			if p.Required {
				return nil, fmt.Errorf("%w: %s is missing", ErrArgument, p.Name)
			}
			continue
		}
		a, err := p.check(v)
		if err != nil {
			return nil, fmt.Errorf("%w %s: %s", ErrArgument, p.Name, err.Error())
		}
		checked[p.Name] = a
	}
	return checked, nil
}

// Schema is the JSON Schema (2020-12) of the tool's arguments.
func (t *Tool) Schema() json.RawMessage {
	type property struct {
		Type        string `json:"type"`
		Description string `json:"description,omitempty"`
		Enum        []any  `json:"enum,omitempty"`
		Default     any    `json:"default,omitempty"`
	}
	schema := struct {
		Schema     string              `json:"$schema"`
		Type       string              `json:"type"`
		Properties map[string]property `json:"properties"`
		Required   []string            `json:"required,omitempty"`
		Additional bool                `json:"additionalProperties"`
	}{Schema: "https://json-schema.org/draft/2020-12/schema", Type: "object", Properties: map[string]property{}}
	for _, p := range t.Params {
		kind := p.Type
		if p.Enum != nil {
			kind = "string"
		}
		schema.Properties[p.Name] = property{kind, p.Description, p.Enum, p.Default}
		if p.Required {
			schema.Required = append(schema.Required, p.Name)
		}
	}
	b, err := json.Marshal(schema)
	if err != nil { // strings, numbers and booleans that were checked
		return json.RawMessage(`{"type":"object"}`)
	}
	return b
}

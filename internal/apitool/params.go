package apitool

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Limits of parameters.
const (
	maxParamName = 64
	maxEnum      = 100 // values
	maxEnumValue = 64  // bytes of one
)

// paramName tells whether a name is one that an argument can have: models and shells write it.
func paramName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_'
		if !letter && (i == 0 || !(c >= '0' && c <= '9' || c == '-' || c == '.')) {
			return false
		}
	}
	return s != "" && len(s) <= maxParamName
}

func (p *parser) params(n *node) {
	if n.kind != isList {
		p.problem(n.at, "params is a list of parameters, each with a name")
		return
	}
	if len(n.values) > maxFields {
		p.problem(n.at, fmt.Sprintf("params: %d of them, at most %d", len(n.values), maxFields))
		return
	}
	for i := range n.values {
		p.oneParam(&n.values[i])
	}
}

func (p *parser) oneParam(n *node) {
	param := Param{Type: "string"}
	var preset *node
	p.members(n, "a parameter", map[string]func(*node){
		"name": func(v *node) {
			param.Name, _ = p.plainText(v, "name")
			switch {
			case !paramName(param.Name):
				p.problem(v.at, fmt.Sprintf("%s is no name: letters, digits, _, - and ., not a digit first, at most %d", quote(param.Name), maxParamName))
			case p.tool.param(param.Name) != nil:
				p.problem(v.at, "there is a parameter "+param.Name+" already")
			}
		},
		"description": func(v *node) { param.Description = p.oneLine(v, "description") },
		"type":        func(v *node) { p.paramType(v, &param) },
		"required":    func(v *node) { param.Required = p.boolean(v, "required") },
		"default":     func(v *node) { preset = v },
	})
	if n.kind != isMapping {
		return
	}
	if param.Name == "" {
		p.problem(n.at, "a parameter needs a name")
		return
	}
	if preset != nil {
		p.preset(preset, &param)
	}
	p.tool.Params = append(p.tool.Params, param)
}

// paramType reads string, integer, number, boolean, or an enum: enum(a|b). Commas do as well, in quotes where YAML
// would take them for its own.
func (p *parser) paramType(n *node, param *Param) {
	s, ok := p.plainText(n, "type")
	if !ok {
		return
	}
	param.Type = s
	if slices.Contains([]string{"string", "integer", "number", "boolean"}, s) {
		return
	}
	list, isEnum := strings.CutPrefix(s, "enum(")
	list, closed := strings.CutSuffix(list, ")")
	if !isEnum || !closed {
		p.problem(n.at, quote(s)+" is no type: string, integer, number, boolean or enum(a|b)")
		return
	}
	values := strings.FieldsFunc(list, func(c rune) bool { return c == '|' || c == ',' })
	if len(values) == 0 || len(values) > maxEnum || len(values) != strings.Count(list, "|")+strings.Count(list, ",")+1 {
		p.problem(n.at, fmt.Sprintf("%s: an enum has 1 to %d values, with | between them", quote(s), maxEnum))
		return
	}
	for i, v := range values {
		v = strings.Trim(v, " ")
		values[i] = v
		switch {
		case !enumValue(v):
			p.problem(n.at, fmt.Sprintf("enum value %s: letters, digits and . _ - + : / @ =, at most %d", quote(v), maxEnumValue))
			return
		case slices.Contains(values[:i], v):
			p.problem(n.at, "enum value "+v+" stands twice")
			return
		}
		param.Enum = append(param.Enum, v)
	}
	param.Type = "enum(" + strings.Join(values, "|") + ")"
}

// enumValue tells whether a value of an enum is plain enough to be put anywhere: it means nothing to JSON, forms,
// headers, shells or XML.
func enumValue(s string) bool {
	for _, c := range []byte(s) {
		if !unreserved(c) && strings.IndexByte("+:/@=", c) < 0 {
			return false
		}
	}
	return s != "" && len(s) <= maxEnumValue
}

// preset reads the default of a parameter.
func (p *parser) preset(n *node, param *Param) {
	if param.Required {
		p.problem(n.at, "a parameter that is required has no default")
		return
	}
	var v any
	switch n.kind {
	case isString:
		v = n.value
	case isNumber:
		v = json.Number(n.value)
		if param.Enum != nil { // enum(1|2), default: 1
			v = n.raw
		}
	case isBool:
		v = n.value == "true"
		if param.Enum != nil {
			v = n.raw
		}
	default:
		p.problem(n.at, "default is a text, a number, true or false, not "+n.kind.String())
		return
	}
	if _, err := param.check(v); err != nil {
		p.problem(n.at, "default: "+err.Error())
	}
	param.Default = v
}

// unusedParams warns of arguments that go nowhere.
func (p *parser) unusedParams(n *node) {
	for _, param := range p.tool.Params {
		if !p.used[param.Name] && n != nil {
			p.warn(n.at, "parameter "+param.Name+" is not used: write ${"+param.Name+"} where it goes")
		}
	}
}

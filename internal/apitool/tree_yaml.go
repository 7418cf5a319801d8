package apitool

import (
	"errors"
	"io"
	"math/big"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

func (s *source) readYAML() *node {
	doc, err := s.document()
	if err != nil {
		line, why := yamlError(err)
		s.problem(s.offset(line, 1), why)
		return nil
	}
	if doc == nil {
		s.problem(0, "the definition is empty")
		return nil
	}
	n, ok := s.yamlNode(doc, 0)
	if !ok {
		return nil
	}
	return &n
}

// document is the one document of the text, nil for none.
func (s *source) document() (root *yaml.Node, err error) {
	defer func() {
		if recover() != nil { // the library panics on its own mistakes
			root, err = nil, errors.New("the YAML library failed on this text")
		}
	}()
	var doc, second yaml.Node
	d := yaml.NewDecoder(strings.NewReader(s.text))
	if err := d.Decode(&doc); errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0 {
		return nil, nil //nolint:nilnil // there is no document
	} else if err != nil {
		return nil, err
	}
	if err := d.Decode(&second); err == nil {
		return nil, errors.New("line " + strconv.Itoa(second.Line) + ": a second document; a definition is one")
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	return doc.Content[0], nil
}

// yamlError takes the line out of the library's "yaml: line 3: why".
func yamlError(err error) (line int, why string) {
	why = strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(why, "line "); ok {
		number, text, ok := strings.Cut(rest, ": ")
		if n, err := strconv.Atoi(number); ok && err == nil {
			return n, "not YAML: " + text
		}
	}
	return 1, "not YAML: " + why
}

// yamlNode takes a part of the library's tree over. Anchors, aliases, merge keys and tags are refused rather than
// bounded: no definition needs them, and they are how a text says something else than what it shows.
func (s *source) yamlNode(y *yaml.Node, depth int) (n node, ok bool) {
	n.at = s.offset(y.Line, y.Column)
	why := ""
	switch {
	case depth > maxDepth:
		why = "nested too deeply"
	case y.Kind == yaml.AliasNode:
		why = "aliases (*) are not read; write the text out, or put it in quotes"
	case y.Anchor != "":
		why = "anchors (&) are not read; put a text that begins with & in quotes"
	case y.Style&yaml.TaggedStyle != 0:
		why = "tags (!) are not read; put a text that begins with ! in quotes"
	}
	if why != "" {
		s.problem(n.at, why)
		return n, false
	}
	switch y.Kind {
	case yaml.MappingNode:
		return n, s.yamlMapping(&n, y, depth)
	case yaml.SequenceNode:
		n.kind = isList
		for _, c := range y.Content {
			item, ok := s.yamlNode(c, depth+1)
			if !ok {
				return n, false
			}
			n.values = append(n.values, item)
		}
	default:
		n.raw = y.Value
		n.kind, n.value = isString, y.Value
		if y.Style == 0 {
			n.kind, n.value = plainScalar(y.Value)
		}
	}
	return n, true
}

func (s *source) yamlMapping(n *node, y *yaml.Node, depth int) bool {
	n.kind = isMapping
	seen := map[string]bool{}
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, ok := s.yamlNode(y.Content[i], depth+1)
		if !ok {
			return false
		}
		switch {
		case key.kind == isMapping && strings.HasPrefix(s.text[n.at:], "{{"):
			s.problem(n.at, "put a text that begins with {{ in quotes: YAML takes braces for a mapping")
			return false
		case key.kind == isList || key.kind == isMapping:
			s.problem(key.at, "a key is a text")
			return false
		case y.Content[i].Style == 0 && key.raw == "<<":
			s.problem(key.at, "merge keys (<<) are not read; write the members out")
			return false
		case seen[key.raw]:
			s.problem(key.at, twice(key.raw))
		}
		seen[key.raw] = true
		value, ok := s.yamlNode(y.Content[i+1], depth+1)
		if !ok {
			return false
		}
		n.keys, n.values = append(n.keys, key), append(n.values, value)
	}
	return true
}

// plainScalar is what a scalar without quotes means in the core schema of YAML 1.2 (section 10.3.2), where the library
// follows YAML 1.1 in part: no is a text here, 010 is ten, and a date is a text.
func plainScalar(s string) (nodeKind, string) {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return isNull, ""
	case "true", "True", "TRUE":
		return isBool, "true"
	case "false", "False", "FALSE":
		return isBool, "false"
	}
	if n, ok := plainInteger(s); ok {
		return isNumber, n
	}
	if n, ok := plainFloat(s); ok {
		return isNumber, n
	}
	return isString, s
}

func onlyDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// maxNumber bounds the digits of a number that is not decimal: turning it into one takes time that grows with their
// square.
const maxNumber = 100

func plainInteger(s string) (string, bool) {
	for prefix, set := range map[string]string{"0o": "01234567", "0x": "0123456789abcdefABCDEF"} {
		digits, ok := strings.CutPrefix(s, prefix)
		if !ok || digits == "" || len(digits) > maxNumber || strings.Trim(digits, set) != "" {
			continue
		}
		n, ok := new(big.Int).SetString(s, 0)
		if ok {
			return n.String(), true
		}
	}
	sign, digits := signed(s)
	if !onlyDigits(digits) {
		return "", false
	}
	return sign + trimZeros(digits), true
}

func plainFloat(s string) (string, bool) {
	sign, rest := signed(s)
	mantissa, exponent := rest, ""
	if i := strings.IndexAny(rest, "eE"); i >= 0 {
		mantissa, exponent = rest[:i], rest[i+1:]
		if _, digits := signed(exponent); !onlyDigits(digits) {
			return "", false
		}
		exponent = "e" + exponent
	}
	whole, part, _ := strings.Cut(mantissa, ".")
	if whole == "" && part == "" || whole != "" && !onlyDigits(whole) || part != "" && !onlyDigits(part) {
		return "", false
	}
	n := sign + trimZeros(whole)
	if part != "" {
		n += "." + part
	}
	return n + exponent, true
}

// signed takes the sign off; JSON knows no plus.
func signed(s string) (sign, rest string) {
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		return "-", rest
	}
	return "", strings.TrimPrefix(s, "+")
}

// trimZeros is digits as JSON writes them: none in front, one at least.
func trimZeros(digits string) string {
	if digits = strings.TrimLeft(digits, "0"); digits == "" {
		return "0"
	}
	return digits
}

package apitool

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"tacenda/resolver"
)

// parser turns a tree into a tool.
type parser struct {
	*source
	tool    *Tool
	names   map[string]bool // of placeholders
	used    map[string]bool // parameters
	pieces  int             // in all texts
	walks   int             // texts that were searched for placeholders
	tooMany bool
}

// keys are what a definition may say, in the order in which it is read: arguments are known before they are used, and
// the headers before the body, because they tell how it is written.
var keys = [...]struct {
	name string
	read func(*parser, *node)
}{
	{"description", (*parser).description},
	{"params", (*parser).params},
	{"method", (*parser).method},
	{"allow_plain", (*parser).allowPlain},
	{"tls", (*parser).tls},
	{"url", (*parser).url},
	{"query", (*parser).query},
	{"headers", (*parser).headers},
	{"body", (*parser).body},
	{"timeout", (*parser).timeout},
}

// Parse reads a definition. Without a problem that is more than a warning there is a tool. file is how the problems
// call it. A text that is valid JSON is read as JSON, any other as YAML.
func Parse(file string, definition []byte) (*Tool, []Problem) {
	s := &source{file: file, text: strings.TrimPrefix(string(definition), "\ufeff")}
	p := &parser{
		source: s, names: map[string]bool{}, used: map[string]bool{},
		tool: &Tool{Method: "GET", Timeout: defaultTimeout},
	}
	if root := s.read(); root != nil {
		p.definition(root)
	}
	slices.SortStableFunc(s.problems, func(a, b Problem) int {
		return cmp.Or(a.Line-b.Line, a.Column-b.Column)
	})
	if s.failed() {
		return nil, s.problems
	}
	p.tool.names = slices.Sorted(maps.Keys(p.names))
	return p.tool, s.problems
}

// Check is Parse for a project that has these secrets: a placeholder that it lacks, and what was surely meant as a
// placeholder, are warnings.
func Check(file string, definition []byte, have []string) (*Tool, []Problem) {
	t, problems := Parse(file, definition)
	known := make(map[string]bool, len(have))
	for _, name := range have {
		known[name] = true
	}
	o := resolver.Options{File: file, Known: func(name string) bool { return known[name] }}
	err := resolver.Walk(strings.NewReader(string(definition)), o, func(o resolver.Occurrence) error {
		why := o.Why
		if o.Name != "" {
			if known[o.Name] || t != nil && !slices.Contains(t.names, o.Name) {
				return nil // what a comment says is not sent
			}
			why = "no such secret"
			if other := resolver.Suggest(o.Name, have); other != "" {
				why += "; did you mean {{" + other + "}}?"
			}
		}
		if why != "" && len(problems) < 2*maxProblems {
			problems = append(problems, Problem{File: file, Line: o.Line, Column: o.Column, Text: o.Text + ": " + why, Warning: true})
		}
		return nil
	})
	if err != nil { // a string does not fail to be read
		problems = append(problems, Problem{File: file, Line: 1, Column: 1, Text: err.Error(), Warning: true})
	}
	return t, problems
}

func (p *parser) definition(root *node) {
	if root.kind != isMapping {
		p.problem(root.at, "a definition is a mapping with url, and what else docs/tools.md lists; this is "+root.kind.String())
		return
	}
	found := map[string]*node{}
	for i := range root.keys {
		if key := &root.keys[i]; knownKey(key.value) {
			found[key.value] = &root.values[i]
		} else {
			p.problem(key.at, fmt.Sprintf("%s is no key of a definition: there are %s", quote(key.value), keyNames()))
		}
	}
	for _, k := range keys {
		if n := found[k.name]; n != nil {
			k.read(p, n)
		}
	}
	if found["url"] == nil {
		p.problem(root.at, "url is missing")
	}
	p.unusedParams(found["params"])
	p.visible(root)
}

func knownKey(name string) bool {
	for _, k := range keys {
		if k.name == name {
			return true
		}
	}
	return false
}

func keyNames() string {
	return "description, method, url, headers, query, body, params, timeout, tls and allow_plain"
}

// visible refuses placeholders that the text does not show, such as "\x7b{NAME}}": whoever looks for uses of a secret
// reads the text.
func (p *parser) visible(root *node) {
	if len(p.names) == 0 {
		return
	}
	shown := map[string]bool{}
	err := resolver.Walk(strings.NewReader(p.text), resolver.Options{}, func(o resolver.Occurrence) error {
		shown[o.Name] = true
		return nil
	})
	if err != nil {
		p.problem(root.at, err.Error())
	}
	for _, name := range slices.Sorted(maps.Keys(p.names)) {
		if !shown[name] {
			p.problem(root.at, "{{"+name+"}} is written with escapes or over lines; write it as it is")
		}
	}
}

// text is a node that must be text, which has no placeholder and no argument.
func (p *parser) plainText(n *node, key string) (string, bool) {
	if n.kind != isString {
		why := fmt.Sprintf("%s is a text, not %s", key, n.kind)
		if n.scalar() {
			why += "; put it in quotes"
		}
		p.problem(n.at, why)
		return "", false
	}
	return n.value, true
}

// oneLine is a description: one line, without control characters.
func (p *parser) oneLine(n *node, key string) string {
	s, ok := p.plainText(n, key)
	s = strings.TrimSuffix(s, "\n") // a block of YAML ends with one
	switch {
	case !ok:
	case len(s) > maxDescription:
		p.problem(n.at, fmt.Sprintf("%s has %d bytes, at most %d", key, len(s), maxDescription))
	case strings.ContainsFunc(s, unicode.IsControl):
		p.problem(n.at, key+" is one line without control characters")
	case len(p.holes(n, s)) > 0:
		p.warn(n.at, key+" is not sent: a placeholder in it stays as it is")
	}
	return s
}

func (p *parser) description(n *node) { p.tool.Description = p.oneLine(n, "description") }

func (p *parser) method(n *node) {
	s, ok := p.plainText(n, "method")
	if !ok {
		return
	}
	s = strings.ToUpper(s)
	const longest = 20 // UPDATEREDIRECTREF, of WebDAV, has 17
	switch {
	case s == "" || len(s) > longest || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "":
		p.problem(n.at, quote(s)+" is no method: GET, POST, PUT, PATCH, DELETE, …")
	case s == "CONNECT" || s == "TRACE":
		p.problem(n.at, "method "+s+" is not for tools: it asks a proxy for a tunnel, or for its own headers")
	}
	p.tool.Method = s
}

func (p *parser) boolean(n *node, key string) bool {
	if n.kind != isBool {
		p.problem(n.at, key+" is true or false")
	}
	return n.value == "true"
}

func (p *parser) allowPlain(n *node) { p.tool.AllowPlain = p.boolean(n, "allow_plain") }

func (p *parser) timeout(n *node) {
	d, err := time.ParseDuration(n.value)
	switch {
	case n.kind != isString || err != nil:
		p.problem(n.at, "timeout is a length of time such as 30s or 2m")
	case d <= 0 || d > maxTimeout:
		p.problem(n.at, fmt.Sprintf("timeout is more than nothing and at most %s", "24h"))
	}
	p.tool.Timeout = d
}

// members hands out the members of a mapping, and refuses keys that are not among the allowed ones.
func (p *parser) members(n *node, key string, allowed map[string]func(*node)) {
	if n.kind != isMapping {
		p.problem(n.at, fmt.Sprintf("%s is a mapping, not %s", key, n.kind))
		return
	}
	for i := range n.keys {
		read := allowed[n.keys[i].value]
		if read == nil {
			names := strings.Join(slices.Sorted(maps.Keys(allowed)), ", ")
			p.problem(n.keys[i].at, fmt.Sprintf("%s is no key of %s: there are %s", quote(n.keys[i].value), key, names))
			continue
		}
		read(&n.values[i])
	}
}

func (p *parser) tls(n *node) {
	p.members(n, "tls", map[string]func(*node){
		"ca_file": func(v *node) {
			s, ok := p.plainText(v, "tls.ca_file")
			if ok && (!filepath.IsAbs(s) || strings.ContainsFunc(s, unicode.IsControl)) {
				p.problem(v.at, "tls.ca_file is the whole path of a file, from the root on: a tool is called from anywhere")
			}
			p.tool.TLS.CAFile = s
		},
		"server_name": func(v *node) {
			s, ok := p.plainText(v, "tls.server_name")
			if ok && whyNoHost(s) != "" {
				p.problem(v.at, "tls.server_name: "+whyNoHost(s))
			}
			p.tool.TLS.ServerName = strings.ToLower(s)
		},
		"min_version": func(v *node) {
			if v.raw != "1.2" && v.raw != "1.3" {
				p.problem(v.at, "tls.min_version is 1.2 or 1.3")
			}
			p.tool.TLS.MinVersion = v.raw
		},
	})
}

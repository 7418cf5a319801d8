// Package apitool keeps what an API tool is: a definition in YAML or JSON that says which HTTP request to make, with
// {{NAME}} where a secret goes and ${param} where an argument goes. It reads definitions, types arguments, makes the
// request and hands back the answer. docs/tools.md is its contract.
//
// It promises that a secret goes only where the definition's own text says: scheme, host, port and the names of headers
// are literal, redirects stay within them, certificates are verified and no proxy is asked. Arguments are data: encoded
// for where they land, never read as placeholders, never able to add a path segment, a parameter, a header or a member.
// Of the answer and of every error nothing leaves before it was masked.
//
// It knows nothing of vaults, projects or permissions. It is given a text, a source of values, and what masks.
//
// net/http takes headers and addresses as strings: this is the one place where a value becomes one, while a request
// runs. docs/tools.md says how many copies that leaves and for how long.
package apitool

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Limits of a definition. They are far above what an API needs, and keep one that was written to hurt from doing so.
const (
	MaxText        = 1 << 20 // bytes; the vault keeps no more
	maxFields      = 100     // headers, and as many of query and of params
	maxPieces      = 1000    // placeholders and arguments in all
	maxDepth       = 64      // of a body
	maxDescription = 1024    // bytes, as every description of a project
	maxTimeout     = 24 * time.Hour
	defaultTimeout = 30 * time.Second
)

// Tool is a definition that was found to be in order. Its name is the caller's. Its fields are for showing: what a call
// sends was compiled from the same text by Parse, and changing a field changes nothing of it.
type Tool struct {
	Description string
	Method      string // GET unless given
	URL         string // as written
	Headers     []Field
	Query       []Field
	Body        Body
	Params      []Param
	Timeout     time.Duration
	TLS         TLS
	AllowPlain  bool

	dest    destination
	path    []segment // what stands between the slashes
	rawq    text      // the query that url has
	query   []namedText
	headers []namedText
	body    body
	names   []string // of the placeholders, sorted
}

// Field is a header or a parameter of the query, in the order of the text.
type Field struct{ Name, Value string }

// Body is what a request carries, as the definition has it.
type Body struct {
	Kind bodyKind
	Text string // of a string; of a mapping, its JSON with placeholders and arguments in it
}

// bodyKind tells how a body is written in the definition.
type bodyKind uint8

// The kinds of body.
const (
	NoBody bodyKind = iota
	MappingBody
	StringBody
)

// MarshalJSON is the body as the definition's JSON has it: null, an object, or a string.
func (b Body) MarshalJSON() ([]byte, error) {
	switch b.Kind {
	case MappingBody:
		return []byte(b.Text), nil
	case StringBody:
		return json.Marshal(b.Text)
	default:
		return []byte("null"), nil
	}
}

// Param is an argument that a call takes.
type Param struct {
	Name        string
	Description string
	Type        string // string, integer, number, boolean, or enum(a|b)
	Required    bool
	Default     any   // nil for none; else a string, json.Number or bool
	Enum        []any // the values of an enum, each a string
}

// kind is Type without an enum's values.
func (p *Param) kind() string {
	if p.Enum != nil {
		return "enum"
	}
	return p.Type
}

// always tells whether a call cannot be without a value for it.
func (p *Param) always() bool { return p.Required || p.Default != nil }

// TLS is how a tool's server is verified. That it is verified cannot be turned off.
type TLS struct {
	CAFile     string // PEM; only these roots are trusted then
	ServerName string // the name to verify, and to ask for, instead of the address's host
	MinVersion string // "1.2", which is also meant by "", or "1.3"
}

// Problem is what is wrong with a definition, and where. Line and Column count from 1, the column in bytes.
type Problem struct {
	File    string
	Line    int
	Column  int
	Text    string
	Warning bool // the definition can be kept all the same
}

// String is file:line:column: text.
func (p Problem) String() string {
	s := fmt.Sprintf("%s:%d:%d: ", p.File, p.Line, p.Column)
	if p.Warning {
		s += "warning: "
	}
	return s + p.Text
}

// Placeholders lists the names of the secrets that a call sends, sorted, each once.
func (t *Tool) Placeholders() []string { return slices.Clone(t.names) }

// ReadOnly tells whether a call asks for something and changes nothing, as far as HTTP goes.
func (t *Tool) ReadOnly() bool { return t.Method == "GET" || t.Method == "HEAD" }

// Host is where the tool sends its requests: a host in lower case and a port.
func (t *Tool) Host() (host, port string) { return t.dest.host, t.dest.port }

func (t *Tool) param(name string) *Param {
	for i := range t.Params {
		if t.Params[i].Name == name {
			return &t.Params[i]
		}
	}
	return nil
}

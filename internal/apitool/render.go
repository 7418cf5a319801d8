package apitool

import (
	"errors"
	"fmt"
	"strings"

	"tacenda/keyring/secret"
	"tacenda/resolver"
)

// A sink collects what a request is made of in guarded memory.
type sink struct {
	mem *secret.Bytes
	n   int
}

const (
	firstRoom  = 4 << 10  // one page, which is what guarded memory takes at least
	maxRequest = 32 << 20 // bytes: a definition may repeat a long argument a thousand times
)

func (s *sink) Write(p []byte) (int, error) {
	if len(p) > maxRequest-s.n {
		return 0, fmt.Errorf("%w: the request would be longer than %d bytes", ErrArgument, maxRequest)
	}
	if need := s.n + len(p); s.mem == nil || need > s.mem.Len() {
		grown, err := secret.New(max(firstRoom, 2*need))
		if err != nil {
			return 0, fmt.Errorf("guarding a request: %w", err)
		}
		if s.mem != nil {
			err = s.mem.Use(func(old []byte) error {
				return grown.Use(func(p []byte) error {
					copy(p, old[:s.n])
					return nil
				})
			})
			s.mem.Destroy()
		}
		s.mem = grown
		if err != nil {
			return 0, err
		}
	}
	err := s.mem.Use(func(mem []byte) error {
		s.n += copy(mem[s.n:], p)
		return nil
	})
	return len(p), err
}

func (s *sink) WriteString(text string) error {
	_, err := s.Write([]byte(text))
	return err
}

// look hands out what was written from an offset on.
func (s *sink) look(from int, fn func(p []byte) error) error {
	if s.mem == nil {
		return fn(nil)
	}
	return s.mem.Use(func(p []byte) error { return fn(p[from:s.n]) })
}

// take makes a string of what was written, for net/http, and wipes it.
func (s *sink) take() (text string, err error) {
	err = s.look(0, func(p []byte) error {
		text = string(p)
		return nil
	})
	s.wipe()
	return text, err
}

func (s *sink) wipe() {
	s.mem.Destroy()
	s.mem, s.n = nil, 0
}

// A renderer fills texts in.
type renderer struct {
	args map[string]argument
	// hole writes what stands for a placeholder.
	hole func(s *sink, p *piece) error
}

// missing tells whether a text needs an argument that was not given: then what it belongs to is left out.
func (r *renderer) missing(t text) bool {
	for _, p := range t {
		if p.param != nil {
			if _, ok := r.args[p.param.Name]; !ok {
				return true
			}
		}
	}
	return false
}

func (r *renderer) text(s *sink, t text) error {
	for i := range t {
		p := &t[i]
		var err error
		switch {
		case p.param != nil:
			err = r.argument(s, p)
		case p.hole != "":
			err = r.hole(s, p)
		default:
			err = s.WriteString(p.literal)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// argument writes one for where it lands.
func (r *renderer) argument(s *sink, p *piece) error {
	a := r.args[p.param.Name]
	switch p.style {
	case inPath:
		if whyNoHeader(a.text) != "" { // %00 and its like end paths for some servers
			return fmt.Errorf("%w %s: it holds a line end or a control character, which a path should not carry", ErrArgument, p.param.Name)
		}
		return s.WriteString(percent(a.text))
	case inQuery:
		return s.WriteString(percent(a.text))
	case inJSONValue:
		if a.plain {
			return s.WriteString(a.text)
		}
		return s.WriteString(jsonString(a.text))
	case inJSON:
		quoted := jsonString(a.text)
		return s.WriteString(quoted[1 : len(quoted)-1])
	case inHeader:
		if whyNoHeader(a.text) != "" {
			return fmt.Errorf("%w %s: it holds a line end or a control character, which a header cannot carry", ErrArgument, p.param.Name)
		}
		return s.WriteString(a.text)
	default:
		return s.WriteString(a.text) // a number, a boolean or of an enum
	}
}

const hexDigits = "0123456789ABCDEF"

// percent encodes everything but what means nothing in a URL, a space included.
func percent(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if unreserved(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hexDigits[c>>4], hexDigits[c&15]})
		}
	}
	return b.String()
}

// jsonBody writes a tree.
func (r *renderer) jsonBody(s *sink, j *jsonNode) error {
	switch j.kind {
	case isMapping, isList:
		return r.jsonMembers(s, j)
	case isString:
		if j.text.whole() != nil {
			return r.text(s, j.text)
		}
		if err := s.WriteString(`"`); err != nil {
			return err
		}
		if err := r.text(s, j.text); err != nil {
			return err
		}
		return s.WriteString(`"`)
	default:
		return s.WriteString(j.scalar)
	}
}

func (r *renderer) jsonMembers(s *sink, j *jsonNode) error {
	before, after := "[", "]"
	if j.kind == isMapping {
		before, after = "{", "}"
	}
	separator := before
	for i := range j.values {
		if v := &j.values[i]; v.kind == isString && r.missing(v.text) {
			continue
		}
		if j.kind == isMapping {
			separator += j.keys[i] + ":"
		}
		if err := s.WriteString(separator); err != nil {
			return err
		}
		separator = ","
		if err := r.jsonBody(s, &j.values[i]); err != nil {
			return err
		}
	}
	if separator == before {
		after = before + after
	}
	return s.WriteString(after)
}

// values writes the values themselves.
type values struct{ source Source }

// hole opens a value, writes it through its filters, and looks whether what came out fits.
func (v values) hole(s *sink, p *piece) error {
	tmpl, err := resolver.Scan(strings.NewReader(p.hole), resolver.Options{Escape: p.style.escape()})
	if err != nil {
		return err
	}
	from := s.n
	err = tmpl.Resolve(s, v.source)
	var misfit *resolver.Error
	if errors.As(err, &misfit) && len(misfit.Problems.First) > 0 {
		return fmt.Errorf("%w: {{%s}}: %s", ErrUnresolved, p.name, misfit.Problems.First[0].Why)
	}
	if err != nil {
		return err
	}
	return s.look(from, func(out []byte) error {
		if why := p.unfit(out); why != "" {
			return fmt.Errorf("%w: {{%s}}: %s", ErrUnresolved, p.name, why)
		}
		return nil
	})
}

// unfit says why what a placeholder became cannot stand where it is. Without a filter of the definition's own only
// headers and bare JSON values can be unfit.
func (p *piece) unfit(out []byte) string {
	switch p.style {
	case inHeader:
		for _, c := range out {
			if c < ' ' && c != '\t' || c == 0x7f {
				return "the value holds a line end or another control character, which a header cannot carry"
			}
		}
	case inPath, inQuery:
		for _, c := range out {
			if !unreserved(c) && c != '%' && !(p.style == inQuery && (c == '=' || c == '+' || c == '/')) {
				return "with this filter the value does not fit into a URL or a form; end with |url"
			}
		}
	case inJSON:
		if strings.HasSuffix(p.hole, "|json}}") || !strings.Contains(p.hole, "|") {
			return ""
		}
		for _, c := range out {
			if c < ' ' || c == '"' || c == '\\' || c >= 0x80 {
				return "with this filter the value does not fit into a JSON string; end with |json"
			}
		}
	case inJSONValue:
		if !bareJSON(out) {
			return "the value is no number, true, false or null; write the placeholder inside of a JSON string"
		}
	case inRaw:
	}
	return ""
}

// bareJSON tells whether p is a scalar that JSON writes without quotes.
func bareJSON(p []byte) bool {
	if string(p) == "true" || string(p) == "false" || string(p) == "null" { // compared without becoming strings
		return true
	}
	digits, exponent, point := 0, false, false
	for i, c := range p {
		switch {
		case c >= '0' && c <= '9':
			if digits++; digits == 2 && !point && !exponent && p[i-1] == '0' {
				return false
			}
		case c == '-' && (i == 0 || p[i-1]|0x20 == 'e'), c == '+' && i > 0 && p[i-1]|0x20 == 'e':
		case c == '.' && digits > 0 && !point && !exponent:
			point = true
		case c|0x20 == 'e' && digits > 0 && !exponent && p[i-1] != '.':
			exponent = true
		default:
			return false
		}
	}
	return len(p) > 0 && p[len(p)-1] >= '0' && p[len(p)-1] <= '9'
}

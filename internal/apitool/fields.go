package apitool

import (
	"fmt"
	"mime"
	"strings"
)

// refused are headers that are the connection's and not the request's, that would make the transport do something else
// than what it was told, or that would make the answer one which cannot be masked.
var refused = map[string]string{
	"host":                "the host is the url's",
	"content-length":      "it is counted",
	"transfer-encoding":   "it is the connection's",
	"connection":          "it is the connection's",
	"keep-alive":          "it is the connection's",
	"proxy-connection":    "it is the connection's",
	"proxy-authorization": "no proxy is asked",
	"te":                  "it is the connection's",
	"trailer":             "it is the connection's",
	"upgrade":             "it is the connection's",
	"http2-settings":      "it is the connection's",
	"expect":              "it is the connection's",
	"accept-encoding":     "an answer that is compressed in another way than asked for could not be masked",
	"range":               "a part of an answer may hold a part of a value, which could not be masked",
}

// token are the characters of a header's name (RFC 9110, section 5.6.2).
func token(s string) bool {
	for _, c := range []byte(s) {
		if !(unreserved(c) || strings.IndexByte("!#$%&'*+^`|", c) >= 0) {
			return false
		}
	}
	return s != ""
}

// fields reads a mapping of names to texts.
func (p *parser) fields(n *node, key string, read func(name, value *node) (text, bool)) (fields []Field, texts []namedText) {
	if n.kind != isMapping {
		p.problem(n.at, fmt.Sprintf("%s is a mapping, not %s", key, n.kind))
		return nil, nil
	}
	if len(n.keys) > maxFields {
		p.problem(n.at, fmt.Sprintf("%s: %d of them, at most %d", key, len(n.keys), maxFields))
		return nil, nil
	}
	for i := range n.keys {
		name, value := &n.keys[i], &n.values[i]
		if !value.scalar() {
			p.problem(value.at, fmt.Sprintf("%s: %s is a text, a number, true or false, not %s", key, quote(name.raw), value.kind))
			continue
		}
		if t, ok := read(name, value); ok {
			fields = append(fields, Field{name.raw, value.raw})
			texts = append(texts, namedText{name.raw, t})
		}
	}
	return fields, texts
}

func (p *parser) query(n *node) {
	p.tool.Query, p.tool.query = p.fields(n, "query", func(name, value *node) (text, bool) {
		if name.raw == "" || len(p.holes(name, name.raw)) > 0 || strings.Contains(name.raw, "${") {
			p.problem(name.at, "query: names are literal")
			return nil, false
		}
		return p.compile(value, value.raw, inQuery, "query "+quote(name.raw)), true
	})
}

func (p *parser) headers(n *node) {
	seen := map[string]bool{}
	p.tool.Headers, p.tool.headers = p.fields(n, "headers", func(name, value *node) (text, bool) {
		lower := strings.ToLower(name.raw)
		switch {
		case !token(name.raw):
			p.problem(name.at, quote(name.raw)+" is no header's name, which is literal")
			return nil, false
		case refused[lower] != "":
			p.problem(name.at, "the header "+name.raw+" is not for a definition: "+refused[lower])
			return nil, false
		case seen[lower]:
			p.problem(name.at, "the header "+name.raw+" stands twice")
			return nil, false
		}
		seen[lower] = true
		t := p.compile(value, value.raw, inHeader, "header "+name.raw)
		for _, piece := range t {
			if why := whyNoHeader(piece.literal); why != "" {
				p.problem(value.at, "header "+name.raw+": "+why)
				return nil, false
			}
		}
		return t, true
	})
}

// whyNoHeader refuses what ends a header, or does not stand in one.
func whyNoHeader(s string) string {
	for _, c := range []byte(s) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return "a header is one line without control characters"
		}
	}
	return ""
}

// A contentType is what a header Content-Type makes of a body.
type contentType uint8

const (
	typeNone contentType = iota
	typeJSON
	typeForm
	typeOther
)

// contentType is what the definition's header says.
func (p *parser) contentType(n *node) contentType {
	for _, h := range p.tool.headers {
		if !strings.EqualFold(h.name, "Content-Type") {
			continue
		}
		if !h.text.constant() || len(h.text) == 0 {
			p.problem(n.at, "the header Content-Type of a request with a body is literal: it says how arguments are encoded")
			return typeOther
		}
		media, params, err := mime.ParseMediaType(h.text[0].literal)
		if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "us-ascii") {
			p.warn(n.at, "the header Content-Type says charset="+quote(charset)+", and the body is sent as UTF-8")
		}
		switch {
		case err != nil:
			p.problem(n.at, "the header Content-Type is no media type")
		case media == "application/json" || strings.HasSuffix(media, "+json"):
			return typeJSON
		case media == "application/x-www-form-urlencoded":
			return typeForm
		}
		return typeOther
	}
	return typeNone
}

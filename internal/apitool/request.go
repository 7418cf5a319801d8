package apitool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"tacenda/keyring/secret"
)

// agent is the header User-Agent of a tool that has none.
const agent = "tacenda"

// target writes path and query, and returns where the query begins.
func (r *renderer) target(s *sink, t *Tool) (query int, err error) {
	for _, seg := range t.path {
		if err := s.WriteString("/"); err != nil {
			return 0, err
		}
		from := s.n
		if err := r.text(s, seg); err != nil {
			return 0, err
		}
		if seg.constant() {
			continue
		}
		err := s.look(from, func(p []byte) error {
			if len(p) == 0 || dotted(p) {
				return seg.blame("it would change the path: it is empty, or leads up")
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	query, separator := s.n, "?"
	if len(t.rawq) > 0 {
		if err := s.WriteString(separator); err != nil {
			return 0, err
		}
		if err := r.text(s, t.rawq); err != nil {
			return 0, err
		}
		separator = "&"
	}
	for _, q := range t.query {
		if r.missing(q.text) {
			continue
		}
		if err := s.WriteString(separator + percent(q.name) + "="); err != nil {
			return 0, err
		}
		if err := r.query(s, q.text); err != nil {
			return 0, err
		}
		separator = "&"
	}
	return query, nil
}

// query writes a value of the mapping, whose literals are not encoded yet.
func (r *renderer) query(s *sink, t text) error {
	for _, p := range t {
		p.literal = percent(p.literal)
		if err := r.text(s, text{p}); err != nil {
			return err
		}
	}
	return nil
}

// blame is the error for a segment that its arguments, or else its values, make something else.
func (t text) blame(why string) error {
	for _, p := range t {
		if p.param != nil {
			return fmt.Errorf("%w %s: %s", ErrArgument, p.param.Name, why)
		}
	}
	for _, p := range t {
		if p.hole != "" {
			return fmt.Errorf("%w: {{%s}}: %s", ErrUnresolved, p.name, why)
		}
	}
	return errors.New(why)
}

// header calls put with each header of a request.
func (r *renderer) header(t *Tool, put func(name string, s *sink) error) error {
	one := func(name string, fill func(*sink) error) error {
		var s sink
		defer s.wipe()
		if err := fill(&s); err != nil {
			return fmt.Errorf("header %s: %w", name, err)
		}
		return put(name, &s)
	}
	given := map[string]bool{}
	for _, h := range t.headers {
		name := http.CanonicalHeaderKey(h.name)
		given[name] = true
		if r.missing(h.text) {
			continue
		}
		if err := one(name, func(s *sink) error { return r.text(s, h.text) }); err != nil {
			return err
		}
	}
	own := []Field{{"User-Agent", agent}}
	if t.body.kind != NoBody {
		own = append(own, Field{"Content-Type", t.body.contentType})
	}
	for _, h := range own {
		if given[h.Name] {
			continue
		}
		if err := one(h.Name, func(s *sink) error { return s.WriteString(h.Value) }); err != nil {
			return err
		}
	}
	return nil
}

// content writes the body.
func (r *renderer) content(s *sink, t *Tool) error {
	switch t.body.kind {
	case MappingBody:
		return r.jsonBody(s, &t.body.tree)
	case StringBody:
		return r.text(s, t.body.text)
	default:
		return nil
	}
}

// A request is filled in and ready to be sent.
type request struct {
	*http.Request
	content sink // the body, in guarded memory until the call ends
}

// build fills a tool's request in. Whoever gets one wipes its content.
func (t *Tool) build(r *renderer, data []byte) (*request, error) {
	var target sink
	defer target.wipe()
	query, err := r.target(&target, t)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	text, err := target.take()
	if err != nil {
		return nil, err
	}
	u := &url.URL{Scheme: t.dest.scheme, Host: t.dest.address(), RawPath: text[:query], RawQuery: strings.TrimPrefix(text[query:], "?")}
	if u.Path, err = url.PathUnescape(u.RawPath); err != nil || u.EscapedPath() != u.RawPath {
		return nil, errors.New("url: internal error: the path is not what was checked")
	}
	req := &request{Request: &http.Request{Method: t.Method, URL: u, Host: u.Host, Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}}
	err = r.header(t, func(name string, s *sink) error {
		value, err := s.take()
		req.Header[name] = []string{value}
		return err
	})
	if err == nil {
		err = r.content(&req.content, t)
	}
	if err != nil {
		req.content.wipe()
		return nil, err
	}
	req.Header.Set("Accept-Encoding", "gzip")
	req.open(data)
	return req, nil
}

// open lets net/http read the body, as often as redirects make it.
func (r *request) open(data []byte) {
	length := r.content.n
	again := func() io.Reader { return &contentReader{mem: r.content.mem, rest: length} }
	if data != nil {
		length = len(data)
		again = func() io.Reader { return bytes.NewReader(data) }
	}
	if length == 0 {
		r.Body = http.NoBody
		r.GetBody = func() (io.ReadCloser, error) { return http.NoBody, nil }
		return
	}
	r.ContentLength = int64(length)
	r.Body = io.NopCloser(again())
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(again()), nil }
}

// A contentReader reads guarded memory. Behind the end of the call there is none, and a transport that still reads
// gets an error.
type contentReader struct {
	mem       *secret.Bytes
	off, rest int
}

func (r *contentReader) Read(p []byte) (n int, err error) {
	if r.rest == 0 {
		return 0, io.EOF
	}
	err = r.mem.Use(func(mem []byte) error {
		n = copy(p, mem[r.off:r.off+r.rest])
		return nil
	})
	r.off, r.rest = r.off+n, r.rest-n
	return n, err
}

// address is host and port as a URL has them.
func (d destination) address() string {
	if d.explicit {
		return net.JoinHostPort(d.host, d.port)
	}
	if strings.Contains(d.host, ":") {
		return "[" + d.host + "]"
	}
	return d.host
}

// allowed tells whether one of a secret's hosts, each HOST or HOST:PORT, is this one.
func (d destination) allowed(hosts []string) bool {
	for _, h := range hosts {
		host, port := h, ""
		if i := strings.LastIndexByte(h, ':'); i > strings.LastIndexByte(h, ']') {
			host, port = h[:i], h[i+1:]
		}
		host = strings.Trim(strings.ToLower(host), "[]")
		if addr, err := netip.ParseAddr(host); err == nil {
			host = addr.String()
		}
		if host == d.host && (port == "" || port == d.port) {
			return true
		}
	}
	return false
}

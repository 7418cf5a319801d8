package apitool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Source opens values by name; vault.Values is one.
type Source interface {
	// Use calls fn with the value, which is valid until fn returns.
	Use(name string, fn func(value []byte) error) error
}

// Masker hides values in what a server says; *leak.Finder is one.
type Masker interface {
	// Reader is what r says, masked, as it comes.
	Reader(r io.Reader) io.Reader
	// MaskString masks a text that is there as a whole.
	MaskString(s string) string
}

// Caller makes requests. Its fields are set before the first Call; several goroutines may call at once.
type Caller struct {
	// Secrets has the values of the tool's placeholders. One goroutine at a time uses it.
	Secrets Source
	// Hosts has the hosts, or hosts and ports, to which a secret is bound. A secret without a row goes anywhere.
	Hosts map[string][]string
	// Mask knows every value that no answer may show.
	Mask Masker
	// AllowAddr, if there is one, is asked for each address before it is dialled, and refuses with an error that the
	// caller of Call gets as text.
	AllowAddr func(netip.AddrPort) error
	// NoFiles refuses a tool with tls.ca_file: on a server its path would be one of the server's files.
	NoFiles bool
	// MaxAnswer bounds the body of an answer, in bytes after decoding; 0 means no bound.
	MaxAnswer int64

	mu sync.Mutex // holds Secrets
}

// Answer is what the server said, without any value in it.
type Answer struct {
	Proto  string // "HTTP/1.1", "HTTP/2.0"
	Status string // "404 Not Found"
	Code   int
	Header http.Header
	Body   io.ReadCloser // streams; Close ends the call and must be called
}

// Call makes the request of a tool with arguments. What it returns, errors included, is masked. Whatever goes wrong
// before the request is complete, nothing was sent.
func (c *Caller) Call(ctx context.Context, t *Tool, args map[string]any) (*Answer, error) {
	return c.CallData(ctx, t, args, nil)
}

// CallData is Call with a body of the caller's, for a tool that has none.
func (c *Caller) CallData(ctx context.Context, t *Tool, args map[string]any, data []byte) (*Answer, error) {
	if c.Mask == nil || c.Secrets == nil {
		return nil, errors.New("internal error: a call without values, or without what masks them")
	}
	if data != nil && (t.body.kind != NoBody || t.ReadOnly()) {
		return nil, fmt.Errorf("%w: the tool has a body of its own, or a method that sends none", ErrArgument)
	}
	req, err := c.prepare(t, args, data)
	if err != nil {
		return nil, err
	}
	var open connections
	transport, err := c.transport(t, &open)
	if err != nil {
		req.content.wipe()
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, t.Timeout, errTimeout)
	e := &exchange{caller: c, tool: t, ctx: ctx, end: func() {
		cancel()
		open.close()
		req.content.wipe()
	}}
	answer, err := e.do(req, transport)
	if err != nil {
		e.end()
		return nil, err
	}
	return answer, nil
}

// prepare checks all that can be checked without the server, and fills the request in.
func (c *Caller) prepare(t *Tool, args map[string]any, data []byte) (*request, error) {
	checked, err := t.arguments(args)
	if err != nil {
		return nil, err
	}
	if err := t.CheckHosts(c.Hosts); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return t.build(&renderer{args: checked, hole: values{c.Secrets}.hole}, data)
}

// CheckHosts fails with ErrHost where the tool sends a secret to another host than those it is bound to; hosts are by the
// secret's name, and none means any.
func (t *Tool) CheckHosts(hosts map[string][]string) error {
	for _, name := range t.names {
		if bound := hosts[name]; len(bound) > 0 && !t.dest.allowed(bound) {
			return fmt.Errorf("%w: %s may go to %s only, and the tool sends it to %s", ErrHost, name, strings.Join(bound, ", "), t.dest.address())
		}
	}
	return nil
}

// An exchange is one request and its answer.
type exchange struct {
	caller *Caller
	tool   *Tool
	ctx    context.Context //nolint:containedctx // it lives as long as the answer's body
	end    func()
	once   sync.Once
}

func (e *exchange) do(req *request, transport *http.Transport) (*Answer, error) {
	client := &http.Client{Transport: transport, CheckRedirect: e.tool.checkRedirect}
	resp, err := client.Do(req.WithContext(e.ctx)) //nolint:gosec // where to is the definition's, by whoever may manage the project
	if err != nil {
		return nil, e.failure(err)
	}
	content, ok := decoded(resp)
	if !ok {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("calling %s: the answer is compressed in a way that was not asked for, and cannot be masked", e.tool.dest.origin())
	}
	mask := e.caller.Mask
	body := &bodyReader{from: content, exchange: e, left: e.caller.MaxAnswer}
	answer := &Answer{
		Proto: resp.Proto, Code: resp.StatusCode, Status: short(mask.MaskString(visibleASCII(resp.Status))),
		Header: e.caller.header(e.tool, resp.Header),
		Body:   &answerBody{Reader: mask.Reader(body), exchange: e, from: resp.Body},
	}
	return answer, nil
}

// failure is an error of the transport as the user gets it.
func (e *exchange) failure(err error) error {
	origin := e.tool.dest.origin()
	var redirect *redirectError
	switch {
	case errors.As(err, &redirect):
		return fmt.Errorf("%w: %s", errRedirect, short(e.caller.Mask.MaskString(redirect.why)))
	case errors.Is(context.Cause(e.ctx), errTimeout):
		return fmt.Errorf("calling %s: %w: no complete answer within %s", origin, errTimeout, e.tool.Timeout.Round(time.Millisecond))
	case e.ctx.Err() != nil:
		return fmt.Errorf("calling %s: %w", origin, e.ctx.Err())
	}
	var wrapped *url.Error // which repeats the whole address
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return fmt.Errorf("calling %s: %s", origin, short(e.caller.Mask.MaskString(reason(err))))
}

// visibleASCII is a status without what nobody sees. Whoever shows one removes that,
// and must not put a value together which the mask did not find.
func visibleASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
}

// short cuts a text that the server may have a part in; it is masked before.
func short(s string) string {
	const most = 300 // bytes
	if len(s) <= most {
		return s
	}
	cut := most
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

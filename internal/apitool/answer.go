package apitool

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxHeaderName is more than the names of headers have, in bytes.
const maxHeaderName = 64

// header is an answer's, masked. Trailers are not taken over: nobody has asked for one yet.
func (c *Caller) header(t *Tool, h http.Header) http.Header {
	masked := http.Header{}
	for name, fields := range h {
		if c.tells(t, name) {
			continue
		}
		for _, value := range fields {
			masked[name] = append(masked[name], c.Mask.MaskString(value))
		}
	}
	return masked
}

// tells reports a header whose name is, or may be, a value that the server repeats. net/http changes the case of names,
// so the masks of a text do not find it.
func (c *Caller) tells(t *Tool, name string) bool {
	lower := strings.ToLower(name)
	if len(name) > maxHeaderName || c.Mask.MaskString(name) != name || c.Mask.MaskString(lower) != lower {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, secret := range t.names {
		found := false
		err := c.Secrets.Use(secret, func(value []byte) error {
			found = holdsFolded(lower, value)
			return nil
		})
		if found || err != nil {
			return true
		}
	}
	return false
}

// shortest is the length below which a value is found everywhere by chance.
const shortest = 6

// holdsFolded tells whether value, in whatever case, stands in a lower-case text.
func holdsFolded(text string, value []byte) bool {
	if len(value) < shortest {
		return false
	}
	for i := 0; i+len(value) <= len(text); i++ {
		same := true
		for j, c := range value {
			if c >= 'A' && c <= 'Z' {
				c |= 0x20
			}
			if text[i+j] != c {
				same = false
				break
			}
		}
		if same {
			return true
		}
	}
	return false
}

// decoded is the body without the compression that was asked for; false for one that was not. net/http would decode as
// well, but it looks at the first of several headers only, and hides the others: a second compression inside of the first
// would come through, and a value in it could not be found.
func decoded(resp *http.Response) (io.Reader, bool) {
	encodings := resp.Header.Values("Content-Encoding")
	switch encoding := strings.ToLower(strings.Join(encodings, ", ")); {
	case encoding == "" || encoding == "identity":
		return resp.Body, true
	case encoding == "gzip" || encoding == "x-gzip":
		resp.Header.Del("Content-Encoding")
		resp.Header.Del("Content-Length")
		return &gzipReader{from: resp.Body}, true
	default:
		return nil, false
	}
}

// A gzipReader begins to decode at the first Read: an answer without a body has nothing to decode.
type gzipReader struct {
	from io.Reader
	z    *gzip.Reader
}

func (r *gzipReader) Read(p []byte) (int, error) {
	if r.z == nil {
		z, err := gzip.NewReader(r.from)
		if err != nil {
			return 0, err // io.EOF where there is no body
		}
		r.z = z
	}
	return r.z.Read(p)
}

// A bodyReader is the body as the server sends it, on its way to be masked.
type bodyReader struct {
	from     io.Reader
	exchange *exchange
	left     int64 // of MaxAnswer
}

func (r *bodyReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if most := r.exchange.caller.MaxAnswer; most > 0 {
		if int64(n) > r.left {
			n, err = int(r.left), fmt.Errorf("calling %s: the answer is longer than %d bytes", r.exchange.tool.dest.origin(), most)
			r.left = 0
			return n, err
		}
		r.left -= int64(n)
	}
	// An end that comes when the time is up may be the server's reply to our going away.
	if err != nil && (!errors.Is(err, io.EOF) || r.exchange.ctx.Err() != nil) {
		err = r.exchange.failure(err)
	}
	return n, err
}

// answerBody ends the call when it is closed.
type answerBody struct {
	io.Reader
	exchange *exchange
	from     io.Closer
}

// Close ends the call: its connection is closed and what it had of values in guarded memory is wiped.
func (b *answerBody) Close() error {
	b.exchange.once.Do(func() {
		b.exchange.end()
		_ = b.from.Close() // its connection is gone already
	})
	return nil
}

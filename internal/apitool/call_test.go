package apitool

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"tacenda/internal/leak"
)

// newValue is a value that is another in each run, and that every encoding writes differently.
func newValue() string { return "sk-" + rand.Text() + `/+"&\%~ ` + rand.Text() }

// leaked counts what of a value stands in a text: pieces of it in any of the forms that answers are searched for.
func leaked(text, value string) (n int) {
	forms := []string{value, url.QueryEscape(value), url.PathEscape(value), percent(value), hex.EncodeToString([]byte(value)), strings.ToUpper(hex.EncodeToString([]byte(value)))}
	quoted, _ := json.Marshal(value)
	forms = append(forms, string(quoted[1:len(quoted)-1]))
	for pad := range 3 {
		for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			coded := e.EncodeToString([]byte(strings.Repeat("x", pad) + value))
			forms = append(forms, coded[4:len(coded)-4])
		}
	}
	const window = 12
	for _, form := range forms {
		for i := 0; i+window <= len(form); i++ {
			n += strings.Count(text, form[i:i+window])
		}
	}
	return n
}

// A recorder is a server that keeps every byte of the requests that it got.
type recorder struct {
	*httptest.Server
	mu  sync.Mutex
	got strings.Builder
}

func (r *recorder) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got.String()
}

// protocols are how a server is spoken to.
var protocols = []string{"plain", "tls", "h2"}

func serve(t testing.TB, protocol string, handler http.HandlerFunc) *recorder {
	t.Helper()
	r := &recorder{}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body) // the test looks at what has arrived
		r.mu.Lock()
		fmt.Fprintf(&r.got, "%s %s %s\n%v\n%s\n", req.Method, req.RequestURI, req.Proto, req.Header, body)
		r.mu.Unlock()
		req.Body = io.NopCloser(bytes.NewReader(body))
		handler(w, req)
	}))
	r.Config.ErrorLog = log.New(io.Discard, "", 0)
	switch protocol {
	case "plain":
		r.Start()
	case "h2":
		r.EnableHTTP2 = true
		fallthrough
	default:
		r.StartTLS()
	}
	t.Cleanup(r.Close)
	return r
}

// trust is the definition's lines that make a tool trust a server's certificate.
func (r *recorder) trust(t testing.TB) string {
	t.Helper()
	if r.TLS == nil {
		return ""
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate().Raw})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return "tls: {ca_file: " + file + "}\n"
}

// newCaller is one with the real masks.
func newCaller(t testing.TB, values mapSource) *Caller {
	t.Helper()
	var names []string
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	finder, err := leak.New(names, values)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(finder.Close)
	return &Caller{Secrets: values, Mask: finder}
}

// said is all of an answer as one text.
func said(t testing.TB, a *Answer) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", a.Proto, a.Status)
	for name, values := range a.Header {
		fmt.Fprintf(&b, "%s: %q\n", name, values)
	}
	_, err := io.Copy(&b, a.Body)
	if err != nil {
		fmt.Fprintf(&b, "\nerror: %v", err)
	}
	if err := a.Body.Close(); err != nil {
		t.Error(err)
	}
	return b.String()
}

// echoes are what servers may do with a value that they got.
func echoes(value string) []string {
	quoted, _ := json.Marshal(value)
	return []string{
		value, "{{SECRET}} " + value + value, string(quoted), url.QueryEscape(value), url.PathEscape(value), percent(value),
		base64.StdEncoding.EncodeToString([]byte(value)), base64.RawURLEncoding.EncodeToString([]byte(value)),
		base64.StdEncoding.EncodeToString([]byte("x" + value + "y")), base64.StdEncoding.EncodeToString([]byte("user:" + value)),
		hex.EncodeToString([]byte(value)), strings.ToUpper(hex.EncodeToString([]byte(value))),
	}
}

// TestEcho: a server that repeats what it got, in every form, in every part of its answer, in pieces of any size, is
// not heard.
func TestEcho(t *testing.T) {
	value := newValue()
	other := newValue() // of the project, not of the tool
	for _, protocol := range protocols {
		for _, how := range []string{"whole", "bytes", "gzip", "gzip bytes"} {
			t.Run(protocol+" "+how, func(t *testing.T) {
				t.Parallel()
				s := serve(t, protocol, func(w http.ResponseWriter, req *http.Request) {
					if req.Header.Get("X-Secret") != value || req.URL.Query().Get("k") != value {
						t.Error("the value did not arrive")
					}
					for i, echo := range echoes(value) {
						w.Header().Set(fmt.Sprintf("X-Echo-%d", i), echo)
					}
					w.Header().Set("X-"+hex.EncodeToString([]byte(value)), "hex")
					w.Header().Set("Trailer", "X-Trailer")
					defer w.Header().Set("X-Trailer", value)
					text := strings.Join(echoes(value), "\n") + "\n" + strings.Join(echoes(other), "\n") + "\nend"
					answer(w, req, text, how)
				})
				tool := must(t, "url: "+s.URL+"/?k={{SECRET}}\nheaders: {X-Secret: '{{SECRET}}'}\n"+s.trust(t))
				a, err := newCaller(t, mapSource{"SECRET": value, "OTHER": other}).Call(t.Context(), tool, nil)
				if err != nil {
					t.Fatal(err)
				}
				want := map[string]string{"plain": "HTTP/1.1", "tls": "HTTP/1.1", "h2": "HTTP/2.0"}[protocol]
				text := said(t, a)
				if n := leaked(text, value) + leaked(text, other); n > 0 || a.Proto != want || !strings.HasSuffix(text, "\nend") {
					t.Errorf("%s: %d pieces of values in\n%s", a.Proto, n, text)
				}
				if strings.Count(text, "{{SECRET}}") < 2*len(echoes(value)) || strings.Count(text, "{{OTHER}}") < len(echoes(other)) {
					t.Errorf("not every value is shown by its name:\n%s", text)
				}
			})
		}
	}
}

// answer writes text as a whole or a byte at a time, compressed or not.
func answer(w http.ResponseWriter, req *http.Request, text, how string) {
	out := io.Writer(w)
	if strings.Contains(how, "gzip") {
		if req.Header.Get("Accept-Encoding") != "gzip" {
			panic("gzip was not asked for")
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		defer z.Close()
		out = z
	}
	if !strings.HasSuffix(how, "bytes") {
		_, _ = io.WriteString(out, text)
		return
	}
	for i := range len(text) {
		_, _ = io.WriteString(out, text[i:i+1])
		if z, ok := out.(*gzip.Writer); ok {
			_ = z.Flush()
		}
		_ = http.NewResponseController(w).Flush()
	}
}

package apitool

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestRedirects: within the origin they are followed as HTTP has it, and nothing is sent anywhere else.
func TestRedirects(t *testing.T) {
	value := newValue()
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			elsewhere := []*recorder{serve(t, "plain", echo), serve(t, "tls", echo), serve(t, "h2", echo)}
			here := serve(t, protocol, func(w http.ResponseWriter, req *http.Request) {
				if req.URL.Path == "/end" {
					fmt.Fprintf(w, "%s %s %s", req.Method, req.Header.Get("Referer"), req.Header.Get("X-Secret"))
					_, _ = io.Copy(w, req.Body)
					return
				}
				code, to := 0, ""
				_, _ = fmt.Sscanf(req.URL.Query().Get("to"), "%d %s", &code, &to)
				w.Header().Set("Location", to)
				w.WriteHeader(code)
			})
			u, err := url.Parse(here.URL)
			if err != nil {
				t.Fatal(err)
			}
			tool := must(t, "method: POST\nurl: "+here.URL+"/start?k={{SECRET}}&to=${to}\nheaders: {X-Secret: '{{SECRET}}', Authorization: '{{SECRET}}', Cookie: 'a={{SECRET}}'}\n"+
				"body: {secret: '{{SECRET}}'}\nparams: [{name: to, required: true}]\n"+here.trust(t))
			caller := newCaller(t, mapSource{"SECRET": value})
			for _, code := range []int{301, 302, 303, 307, 308} {
				away := []string{
					elsewhere[0].URL + "/end", elsewhere[1].URL + "/end", elsewhere[2].URL + "/end",
					"http://localhost:" + u.Port() + "/end", "https://localhost:" + u.Port() + "/end", "//localhost:" + u.Port() + "/end",
					strings.Replace(elsewhere[0].URL, "127.0.0.1", "localhost", 1) + "/end", "//" + elsewhere[0].Listener.Addr().String() + "/end",
					u.Scheme + "://user:pass@" + u.Host + "/end", u.Scheme + "://" + u.Host + "@" + elsewhere[0].Listener.Addr().String() + "/end",
					map[string]string{"http": "https", "https": "http"}[u.Scheme] + "://" + u.Host + "/end",
					"file:///etc/passwd", "ftp://" + u.Host + "/", "data:text/plain,x", "javascript:x", "http:opaque", u.Scheme + "://127.0.0.1/end",
				}
				for _, to := range away {
					_, err := caller.Call(t.Context(), tool, map[string]any{"to": fmt.Sprint(code, " ", to)})
					if !errors.Is(err, errRedirect) || leaked(err.Error(), value) > 0 {
						t.Errorf("%d to %s: %v", code, to, err)
					}
				}
				method := "POST"
				if code <= 303 {
					method = "GET"
				}
				for _, to := range []string{"/end", "end", here.URL + "/end", "?to=" + url.QueryEscape(fmt.Sprint(code, " /end")), "//" + u.Host + "/end"} {
					a, err := caller.Call(t.Context(), tool, map[string]any{"to": fmt.Sprint(code, " ", to)})
					if err != nil {
						t.Errorf("%d to %s: %v", code, to, err)
						continue
					}
					text := said(t, a)
					if !strings.Contains(text, method+"  {{SECRET}}") || strings.Contains(text, `"secret"`) != (method == "POST") || leaked(text, value) > 0 {
						t.Errorf("%d to %s: %s", code, to, text)
					}
				}
			}
			for _, e := range elsewhere {
				if e.text() != "" {
					t.Errorf("something arrived elsewhere: %s", e.text())
				}
			}
			if n := strings.Count(here.text(), "Referer"); n > 0 {
				t.Errorf("%d requests say where they come from", n)
			}
		})
	}
}

func echo(w http.ResponseWriter, req *http.Request) { _, _ = io.Copy(w, req.Body) }

func TestRedirectLoop(t *testing.T) {
	hops := 0
	s := serve(t, "plain", func(w http.ResponseWriter, req *http.Request) {
		hops++
		http.Redirect(w, req, "/again", http.StatusFound)
	})
	_, err := newCaller(t, mapSource{}).Call(t.Context(), must(t, "url: "+s.URL), nil)
	if !errors.Is(err, errRedirect) || hops != maxRedirects+1 {
		t.Errorf("%d requests, %v", hops, err)
	}
}

// A server that puts a value where the scheme stands gets it back in small letters, which no mask would find.
func TestRedirectNamesNoScheme(t *testing.T) {
	s := serve(t, "plain", func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Location", req.Header.Get("X")+"://x/")
		w.WriteHeader(http.StatusFound)
	})
	tool := must(t, "url: "+s.URL+"\nheaders: {X: '{{SECRET}}'}\n")
	_, err := newCaller(t, mapSource{"SECRET": "Tok-ABCDefgh12"}).Call(t.Context(), tool, nil)
	if !errors.Is(err, errRedirect) || strings.Contains(strings.ToLower(err.Error()), "tok-") {
		t.Errorf("%v", err)
	}
}

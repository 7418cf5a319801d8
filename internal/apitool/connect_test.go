package apitool

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestTLS: certificates are verified, against the roots and for the name that the definition says.
func TestTLS(t *testing.T) {
	s := serve(t, "tls", echo)
	old := httptest.NewUnstartedServer(http.HandlerFunc(echo))
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS12}
	old.Config.ErrorLog = log.New(io.Discard, "", 0)
	old.StartTLS()
	t.Cleanup(old.Close)
	ca := strings.TrimSuffix(strings.TrimPrefix(s.trust(t), "tls: {"), "}\n")
	value := newValue()
	caller := newCaller(t, mapSource{"SECRET": value})
	for _, test := range []struct{ tool, want string }{
		{"url: " + s.URL, "the server's certificate is not accepted: x509: "},
		{"url: " + strings.Replace(s.URL, "127.0.0.1", "localhost", 1) + "\ntls: {" + ca + "}", "the server's certificate is not accepted: x509: certificate is valid for"},
		{"url: " + s.URL + "\ntls: {" + ca + ", server_name: other.org}", "certificate is not accepted"},
		{"url: " + strings.Replace(s.URL, "127.0.0.1", "localhost", 1) + "\ntls: {" + ca + ", server_name: example.com}", ""},
		{"url: " + s.URL + "\ntls: {" + ca + ", min_version: 1.3}", ""},
		{"url: " + old.URL + "\ntls: {" + ca + ", min_version: 1.3}", "the server refuses the connection"},
		{"url: " + old.URL + "\ntls: {" + ca + "}", ""},
		{"url: " + strings.Replace(s.URL, "https", "http", 1), "400"},
		{"url: " + strings.Replace(serve(t, "plain", echo).URL, "http", "https", 1), "the server does not speak TLS"},
		{"url: " + s.URL + "\ntls: {ca_file: /does/not/exist}", "tls.ca_file: "},
		{"url: " + s.URL + "\ntls: {ca_file: /dev/null}", "is not a file"},
	} {
		a, err := caller.Call(t.Context(), must(t, test.tool+"\nheaders: {A: '{{SECRET}}'}\n"), nil)
		text := fmt.Sprint(err)
		if err == nil {
			text = said(t, a)
		}
		if (err != nil || test.want != "") && (test.want == "" || !strings.Contains(text, test.want)) {
			t.Errorf("%s: %s", test.tool, text)
		}
	}
	caller.NoFiles = true
	if _, err := caller.Call(t.Context(), must(t, "url: "+s.URL+"\ntls: {"+ca+"}\n"), nil); err == nil || !strings.Contains(err.Error(), "not for tools here") {
		t.Error(err)
	}
}

// TestNowhere: where nothing may be sent, nothing is, and no proxy is asked.
func TestNowhere(t *testing.T) {
	s := serve(t, "plain", echo)
	proxy := serve(t, "plain", echo)
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	value := newValue()
	caller := newCaller(t, mapSource{"SECRET": value})
	tool := must(t, "url: "+s.URL+"\nmethod: POST\nheaders: {A: '{{SECRET}}'}\n")
	caller.Hosts = map[string][]string{"SECRET": {"api.example.com"}, "OTHER": {"x"}}
	if _, err := caller.Call(t.Context(), tool, nil); !errors.Is(err, ErrHost) || !strings.Contains(err.Error(), "SECRET may go to api.example.com only, and the tool sends it to 127.0.0.1:") {
		t.Error(err)
	}
	caller.Hosts = nil
	var asked []netip.AddrPort
	caller.AllowAddr = func(addr netip.AddrPort) error {
		asked = append(asked, addr)
		return Public(addr)
	}
	if _, err := caller.Call(t.Context(), tool, nil); err == nil || !strings.Contains(err.Error(), "127.0.0.1 is not a public address") {
		t.Error(err)
	}
	if len(asked) != 1 || asked[0].String() != s.Listener.Addr().String() {
		t.Error(asked)
	}
	if _, err := caller.CallData(t.Context(), must(t, "url: "+s.URL), nil, []byte("x")); !errors.Is(err, ErrArgument) {
		t.Error(err)
	}
	if s.text() != "" || proxy.text() != "" {
		t.Errorf("%s\n%s", s.text(), proxy.text())
	}
	caller.AllowAddr = nil
	a, err := caller.CallData(t.Context(), tool, nil, []byte("data {{SECRET}} ${x}"))
	if err != nil {
		t.Fatal(err)
	}
	if text := said(t, a); !strings.HasSuffix(text, "data {{SECRET}} ${x}") || leaked(s.text(), value) == 0 || proxy.text() != "" {
		t.Errorf("%s\n%s", text, s.text())
	}
	// What the definition says is loopback is looked at when it is dialled.
	for address, refused := range map[string]bool{"10.0.0.1:80": true, "127.0.0.1:80": false, "[::1]:80": false, "[::ffff:127.0.0.1]:80": false, "[::ffff:10.0.0.1]:80": true, "[fe80::1%lo]:80": true, "x": true} {
		if err := caller.allow(must(t, "url: http://localhost/"), address); (err != nil) != refused {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestPublic(t *testing.T) {
	for addr, public := range map[string]bool{
		"93.184.216.34": true, "2606:2800::1": true, "8.8.8.8": true, "127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "172.32.0.1": true, "192.168.0.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "0.0.0.0": false, "0.1.2.3": false, "192.0.0.1": false, "198.18.0.1": false, "224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "fe80::1": false, "fc00::1": false, "ff02::1": false, "::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "2001:0:1::": false,
	} {
		if err := Public(netip.AddrPortFrom(netip.MustParseAddr(addr), 80)); (err == nil) != public {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

// TestAnswers are the other things that an answer may be.
func TestAnswers(t *testing.T) {
	value := newValue()
	s := serve(t, "plain", func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/name":
			w.Header().Set("X-"+strings.ToLower("Sk-Only-Letters-And-Digits-0123"), "x")
			w.Header().Set("X-"+strings.Repeat("n", maxHeaderName), "x")
		case "/long":
			_, _ = io.WriteString(w, strings.Repeat("x", 1000))
		case "/teapot":
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, "short and stout")
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		}
	})
	caller := newCaller(t, mapSource{"SECRET": value, "NAME": "Sk-Only-Letters-And-Digits-0123"})
	call := func(text string) *Answer {
		t.Helper()
		a, err := caller.Call(t.Context(), must(t, text), nil)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := call("url: " + s.URL + "/teapot"); a.Code != 418 || a.Status != "418 I'm a teapot" || !strings.HasSuffix(said(t, a), "short and stout") {
		t.Error(a)
	}
	if a := call("url: " + s.URL + "/empty"); a.Code != 204 || strings.Contains(said(t, a), "error") {
		t.Error(a)
	}
	if a := call("url: " + s.URL + "/long\nmethod: HEAD"); !strings.Contains(said(t, a), `Content-Length: ["1000"]`) {
		t.Error(a)
	}
	a := call("url: " + s.URL + "/name\nheaders: {A: '{{NAME}}'}")
	for name := range a.Header {
		if strings.HasPrefix(name, "X-") {
			t.Errorf("the header %s is shown", name)
		}
	}
	_ = a.Body.Close()
	for most, want := range map[int64]string{1000: "xxx", 999: "the answer is longer than 999 bytes"} {
		caller.MaxAnswer = most
		if text := said(t, call("url: "+s.URL+"/long")); !strings.Contains(text, want) || strings.Contains(text, "longer") != (most < 1000) {
			t.Errorf("%d: %s", most, text)
		}
	}
}

// TestEnds: a call leaves no goroutine, no connection and no guarded memory behind, however it ends.
func TestEnds(t *testing.T) {
	value := newValue()
	for _, protocol := range protocols {
		s := serve(t, protocol, func(w http.ResponseWriter, req *http.Request) {
			if req.URL.Path == "/endless" {
				for req.Context().Err() == nil {
					_, _ = io.WriteString(w, "on and on")
					_ = http.NewResponseController(w).Flush()
				}
			}
		})
		caller := newCaller(t, mapSource{"SECRET": value})
		trust := s.trust(t)
		before := runtime.NumGoroutine()
		for range 5 {
			for _, path := range []string{"/endless", "/"} {
				a, err := caller.Call(t.Context(), must(t, "method: POST\nurl: "+s.URL+path+"\nbody: {a: '{{SECRET}}'}\n"+trust), nil)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.ReadFull(a.Body, make([]byte, 20)) // some of it, or none
				if errors.Join(a.Body.Close(), a.Body.Close()) != nil {
					t.Error("closing failed")
				}
			}
		}
		for i := 0; runtime.NumGoroutine() > before && i < 200; i++ {
			time.Sleep(10 * time.Millisecond)
		}
		if now := runtime.NumGoroutine(); now > before {
			buf := make([]byte, 1<<16)
			t.Errorf("%s: %d goroutines before, %d after\n%s", protocol, before, now, buf[:runtime.Stack(buf, true)])
		}
	}
}

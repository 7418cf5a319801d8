package apitool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// TestBroken: servers that break the rules, with the value in the place where they do. What Go says of such answers
// quotes them.
func TestBroken(t *testing.T) {
	value := newValue()
	for _, broken := range []string{
		"SECRET\r\n\r\n", "HTTP/1.1 SECRET\r\n\r\n", "HTTP/9.SECRET 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nSECRET\r\n\r\n", "HTTP/1.1 200 OK\r\nA\x00SECRET: b\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: SECRET\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nSECRET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: SECRET\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nSECRET\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabSECRET\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\nSECRET",
		"HTTP/1.1 302 Found\r\nLocation: http://[SECRET\r\n\r\n", "HTTP/1.1 302 Found\r\nLocation: ://SECRET\r\n\r\n", "HTTP/1.1 302 Found\r\nLocation: %zzSECRET\r\n\r\n", "HTTP/1.1 302 Found\r\nLocation: https://SECRET.example/\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Encoding: SECRET\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nSECRET", "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\nSECRET", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\n\r\nSECRET", "HTTP/1.1 200 OK\r\ncontent-encoding: deflate\r\n\r\nSECRET", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Encoding: br\r\n\r\nSECRET", "HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Encoding: br\r\n\r\nSECRET",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: SECRET\r\n\r\nSECRET", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxHeaderBytes) + "SECRET\r\n\r\n", "", "\x15\x03\x01\x00\x02\x02\x28SECRET",
		"HTTP/1.1 100 Continue\r\nX: SECRET\r\n\r\nHTTP/1.1 SECRET\r\n\r\n",
	} {
		host := rawServer(t, func(request string) string {
			got, _, _ := strings.Cut(request, "X-Secret: ")
			if got, _, _ = strings.Cut(request[len(got)+len("X-Secret: "):], "\r\n"); got != value {
				t.Errorf("the value did not arrive: %q", request)
			}
			return strings.ReplaceAll(broken, "SECRET", got)
		})
		a, err := newCaller(t, mapSource{"SECRET": value}).Call(t.Context(), must(t, "url: http://"+host+"/?k={{SECRET}}\nheaders: {X-Secret: '{{SECRET}}'}\ntimeout: 5s\n"), nil)
		text := fmt.Sprintf("error: %v", err)
		if err == nil {
			text = said(t, a)
		}
		if n := leaked(text, value); n > 0 || !strings.Contains(text, "error: ") && !strings.Contains(broken, "101") || strings.Contains(text, "k=") {
			t.Errorf("%q: %d pieces in %s", broken, n, text)
		}
	}
}

// TestHiddenInStatus: what nobody sees is taken out of a status before it is masked, and not by whoever shows it.
func TestHiddenInStatus(t *testing.T) {
	value := newValue()
	host := rawServer(t, func(string) string {
		return "HTTP/1.1 200 it is " + value[:6] + "\u00ad" + value[6:9] + "\x1b" + value[9:] + "\r\n\r\n"
	})
	a, err := newCaller(t, mapSource{"SECRET": value}).Call(t.Context(), must(t, "url: http://"+host+"/\nheaders: {X-Secret: '{{SECRET}}'}\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if a.Status != "200 it is {{SECRET}}" {
		t.Errorf("the status is %q", a.Status)
	}
}

// rawServer answers one request a connection with whatever it likes.
func rawServer(t *testing.T, respond func(request string) string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				var request []byte
				buf := make([]byte, 4096)
				for !bytes.Contains(request, []byte("\r\n\r\n")) {
					n, err := conn.Read(buf)
					if err != nil {
						return
					}
					request = append(request, buf[:n]...)
				}
				_, _ = io.WriteString(conn, respond(string(request)))
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

// TestSlow: what takes too long ends, and says so; what streams streams; what the caller ends is over.
func TestSlow(t *testing.T) {
	value := newValue()
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			next := make(chan bool)
			s := serve(t, protocol, slowly(value, next))
			caller := newCaller(t, mapSource{"SECRET": value})
			define := func(path, timeout string) *Tool {
				return must(t, "url: "+s.URL+path+"?k={{SECRET}}\ntimeout: "+timeout+"\n"+s.trust(t))
			}
			_, err := caller.Call(t.Context(), define("/never", "50ms"), nil)
			if !errors.Is(err, errTimeout) || !strings.Contains(err.Error(), "no complete answer within 50ms") {
				t.Error(err)
			}
			for _, path := range []string{"/half", "/endless"} {
				a, err := caller.Call(t.Context(), define(path, "300ms"), nil)
				if err != nil {
					t.Fatal(err)
				}
				if _, err = io.Copy(io.Discard, a.Body); !errors.Is(err, errTimeout) {
					t.Errorf("%s: %v", path, err)
				}
				_ = a.Body.Close()
			}
			a, err := caller.Call(t.Context(), define("/stream", "1m"), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Body.Close()
			for i := range 3 {
				got := make([]byte, len("event 0 {{SECRET}}\n"))
				if _, err := io.ReadFull(a.Body, got); err != nil || string(got) != fmt.Sprintf("event %d {{SECRET}}\n", i) {
					t.Fatalf("%q, %v", got, err)
				}
				next <- true // the server goes on only when what it sent has arrived
			}
			ctx, cancel := context.WithCancel(t.Context())
			b, err := caller.Call(ctx, define("/endless", "1m"), nil)
			if err != nil {
				t.Fatal(err)
			}
			cancel()
			if _, err := io.Copy(io.Discard, b.Body); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			_ = b.Body.Close()
		})
	}
}

// slowly answers never, in half, without an end, or an event for each true in next.
func slowly(value string, next <-chan bool) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		flush := func(text string) {
			_, _ = io.WriteString(w, text)
			_ = http.NewResponseController(w).Flush()
		}
		switch req.URL.Path {
		case "/never":
			<-req.Context().Done()
			panic(http.ErrAbortHandler) // not even an empty answer
		case "/half":
			flush("half ")
			<-req.Context().Done()
		case "/endless":
			for req.Context().Err() == nil {
				flush("and on " + value[:9])
			}
		case "/stream":
			for i := range 3 {
				flush(fmt.Sprintf("event %d %s\n", i, value))
				<-next
			}
		}
	}
}

package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// startAPI serves an API until the script ends: api. Its address is in $API, and every request that it gets is written
// to the file requests before it is answered:
//
//	/echo            the request, as text
//	/status/N        status N with the header Authorization as the body
//	/login           200 if the header Authorization is "Bearer good-0123456789", else 401 and what it was
//	/to?to=URL       a redirect there
//	/slow            nothing, until whoever asks goes away
//	/beyond          a redirect to /echo, and behind it the header Authorization, which nobody asked for
//	/escape          what a terminal would act upon
func startAPI(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: api")
	}
	log := ts.MkAbs("requests")
	ts.Check(os.WriteFile(log, nil, 0o600))
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		text := requestText(req)
		mu.Lock()
		defer mu.Unlock()
		f, err := os.OpenFile(log, os.O_WRONLY|os.O_APPEND, 0o600)
		if err == nil {
			_, err = io.WriteString(f, text)
			_ = f.Close()
		}
		if err != nil {
			panic(err)
		}
		answerAPI(w, req, text)
	}))
	ts.Setenv("API", server.URL)
	ts.Setenv("PORT", server.URL[strings.LastIndexByte(server.URL, ':')+1:])
	ts.Defer(server.Close)
}

func requestText(req *http.Request) string {
	body, _ := io.ReadAll(req.Body) // a script sees what is missing
	var text strings.Builder
	text.WriteString(fmt.Sprintf("%s %s\n", req.Method, req.RequestURI))
	for _, name := range []string{"Authorization", "Content-Type", "X-Arg", "Referer"} {
		if v := req.Header.Get(name); v != "" {
			text.WriteString(name + ": " + v + "\n")
		}
	}
	return text.String() + string(body) + "\n"
}

func answerAPI(w http.ResponseWriter, req *http.Request, text string) {
	auth := req.Header.Get("Authorization")
	w.Header().Set("X-Auth", auth)
	switch path := req.URL.Path; {
	case path == "/echo":
		_, _ = io.WriteString(w, text)
	case path == "/to":
		http.Redirect(w, req, req.URL.Query().Get("to"), http.StatusTemporaryRedirect)
	case path == "/slow":
		waitForEnd(req.Context())
	case path == "/beyond":
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 302 Found\r\nLocation: /echo\r\nContent-Length: 0\r\n\r\n"+auth)
	case path == "/escape":
		_, _ = io.WriteString(w, "red \x1b[31mtext\x1b]52;c;aGk=\x07\u202e end\r\nnext")
	case path == "/hidden":
		parted := auth[:14] + "\u00ad" + auth[14:]
		w.Header().Set("X-Auth", parted)
		_, _ = io.WriteString(w, "it is "+parted[:20]+"\x1b"+parted[20:]+"\n")
	case path == "/login" && auth == "Bearer good-0123456789":
		_, _ = io.WriteString(w, "welcome")
	case path == "/login":
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, "not you: "+auth)
	default:
		code, err := strconv.Atoi(strings.TrimPrefix(path, "/status/"))
		if err != nil {
			code = http.StatusNotFound
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, auth)
	}
}

func waitForEnd(ctx context.Context) { <-ctx.Done() }

package mcp_test

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"tacenda/internal/vault"
)

func TestCall(t *testing.T) {
	r := newRig(t)
	r.set(vault.Tool, "lookup", getter)
	a := r.agent()
	r.answer(func(w http.ResponseWriter, q *http.Request) {
		auth := strings.TrimPrefix(q.Header.Get("Authorization"), "Bearer ")
		w.Header().Set("Link", "<https://x/?t="+url.QueryEscape(auth)+">; rel=next")
		w.Header().Set("X-Other", "not shown")
		_, _ = io.WriteString(w, "plain "+auth+"\nbase64 "+base64.StdEncoding.EncodeToString([]byte("a"+auth))+"\nhex "+hex.EncodeToString([]byte(auth)))
	})
	texts, failed := a.call("lookup", map[string]any{"id": "a/b {{TOKEN}}"})
	if failed || len(texts) != 4 {
		t.Fatalf("failed is %t, texts %q", failed, texts)
	}
	host := strings.TrimPrefix(r.api.URL, "http://")
	if open := texts[0]; !strings.HasPrefix(open, "HTTP 200 OK from "+host+". What follows, up to the words \"end of answer ") || !strings.Contains(open, "untrusted") {
		t.Errorf("it begins with %q", open)
	}
	if !strings.Contains(texts[1], "link: <https://x/?t={{TOKEN}}>") || strings.Contains(texts[1], "not shown") {
		t.Errorf("headers %q", texts[1])
	}
	if n := strings.Count(texts[2], "{{TOKEN}}"); n != 3 || !strings.HasPrefix(texts[2], "plain {{TOKEN}}\n") {
		t.Errorf("body %q", texts[2])
	}
	end, _, _ := strings.Cut(texts[3], ":")
	if !strings.HasPrefix(end, "end of answer ") || !strings.Contains(texts[0], end) {
		t.Errorf("it begins with %q and ends with %q", texts[0], texts[3])
	}
	want := []string{"GET /items/a%2Fb%20%7B%7BTOKEN%7D%7D | Bearer " + token + " | "}
	if d := cmp.Diff(want, r.asked()); d != "" {
		t.Error(d)
	}
}

func TestMarks(t *testing.T) {
	r := newRig(t)
	r.set(vault.Tool, "lookup", getter)
	a := r.agent()
	res, err := a.CallTool(t.Context(), &sdk.CallToolParams{Name: "lookup", Arguments: map[string]any{"id": "1"}})
	if err != nil {
		t.Fatal(err)
	}
	if res.Meta["tacenda/untrusted"] != true || res.Meta["tacenda/status"] != float64(200) {
		t.Errorf("the result is marked %v", res.Meta)
	}
	var marks []bool
	for _, c := range res.Content {
		marks = append(marks, c.(*sdk.TextContent).Meta["tacenda/untrusted"] == true)
	}
	if d := cmp.Diff([]bool{false, true, true, false}, marks); d != "" {
		t.Error(d)
	}
}

func TestAnswers(t *testing.T) {
	long := strings.Repeat("0123456789abcde\n", 10_000)
	tests := []struct {
		name   string
		handle http.HandlerFunc
		failed bool
		body   string // what is shown; "" when nothing is
		ends   string // what the last text ends with
	}{
		{"404", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no such item "+token, 404) }, true, "no such item {{TOKEN}}\n", "23 bytes"},
		{"empty", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, false, "", "the body is empty"},
		{"long", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, long) }, false, long[:64<<10], "the body was cut: the first 65536 of 160000 bytes"},
		{"exactly long", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, long[:64<<10]) }, false, long[:64<<10], "65536 bytes"},
		{
			"cut in a character", func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "a"+strings.Repeat("é", 64<<10))
			},
			false, "a" + strings.Repeat("é", 32<<10-1), "the body was cut: the first 65535 of 131073 bytes",
		},
		{"binary", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("\x89PNG\r\n\x1a\n\x00\x00")) }, false, "", "the body is not text, and is not shown: 10 bytes that look like image/png"},
		{"not UTF-8", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("caf\xe9")) }, false, "", "4 bytes that look like text/plain; charset=utf-8"},
		{
			"hidden", func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "a\x1b[31mb\u202ec\U000E0041\tü👩\u200d🚀")
			}, false, "a[31mbc\tü👩\u200d🚀", "bytes",
		},
		{"hidden in a value", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "<"+token[:7]+"\u200b"+token[7:]+">")
			_, _ = io.WriteString(w, " it is "+token[:7]+"\u00ad"+token[7:]+", or "+token[:9]+"\x1b"+token[9:])
		}, false, "link: <{{TOKEN}}> it is {{TOKEN}}, or {{TOKEN}}", "bytes"},
		{"compressed", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, "it is "+token)
			_ = z.Close()
		}, false, "it is {{TOKEN}}", "15 bytes"},
		{"one byte at a time", func(w http.ResponseWriter, _ *http.Request) {
			for _, c := range []byte("it is " + token + "!") {
				_, _ = w.Write([]byte{c})
				w.(http.Flusher).Flush()
			}
		}, false, "it is {{TOKEN}}!", "16 bytes"},
		{"broken off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "it begins")
		}, true, "it begins", "it broke off: "},
		{"without end", func(w http.ResponseWriter, q *http.Request) {
			_, _ = io.WriteString(w, long[:64<<10])
			w.(http.Flusher).Flush()
			<-q.Context().Done()
		}, false, long[:64<<10], "of more than 65536 bytes"},
	}
	r := newRig(t)
	r.set(vault.Tool, "lookup", getter)
	a := r.agent()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r.answer(func(w http.ResponseWriter, q *http.Request) {
				w.Header()["Content-Type"] = nil
				test.handle(w, q)
			})
			texts, failed := a.call("lookup", map[string]any{"id": "1"})
			if failed != test.failed {
				t.Errorf("failed is %t", failed)
			}
			last := texts[len(texts)-1]
			if !strings.Contains(last, test.ends) {
				t.Errorf("ends with %q, want %q", last, test.ends)
			}
			var shown strings.Builder
			for _, text := range texts[1 : len(texts)-1] {
				if !strings.HasPrefix(text, "content-type: ") {
					shown.WriteString(text)
				}
			}
			if shown.String() != test.body {
				t.Errorf("shows %.200q, want %.200q", shown.String(), test.body)
			}
		})
	}
}

package mcp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tacenda/internal/mcp"
	"tacenda/internal/vault"
)

// hello are the two lines that begin a session.
const hello = `{"jsonrpc":"2.0","id":"hello","method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"raw","version":"1"}}}
{"jsonrpc":"2.0","method":"notifications/initialized"}
`

const ping = `{"jsonrpc":"2.0","id":"ping","method":"ping"}` + "\n"

func (r *rig) server() *mcp.Server {
	r.t.Helper()
	s, err := mcp.New(context.Background(), mcp.Config{Vault: r.v, Project: project, Version: "1"})
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// An answered is one line that a server wrote.
type answered struct {
	Version string          `json:"jsonrpc"`
	ID      any             `json:"id"`
	Result  json.RawMessage `json:"result"`
	Error   *struct {
		Code    int
		Message string
	} `json:"error"`
}

// feed lets a server read in and returns what it wrote, by id.
func (r *rig) feed(in io.Reader) map[string]answered {
	r.t.Helper()
	var out bytes.Buffer
	if err := r.server().Serve(context.Background(), in, &out); err != nil {
		r.t.Fatalf("Serve: %v", err)
	}
	return r.read(out.String())
}

func (r *rig) read(out string) map[string]answered {
	r.t.Helper()
	got := map[string]answered{}
	for line := range strings.Lines(out) {
		var a answered
		if err := json.Unmarshal([]byte(line), &a); err != nil || a.Version != "2.0" || !strings.HasSuffix(line, "\n") {
			r.t.Fatalf("the server wrote %.200q: %v", line, err)
		}
		got[fmt.Sprint(a.ID)] = a
	}
	if strings.Contains(out, token) {
		r.t.Fatal("the value came out")
	}
	return got
}

// TestHostileLines: each is answered, or is none, and the next is heard.
func TestHostileLines(t *testing.T) {
	deep := strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)
	tests := []struct {
		name, line string
		id         string // of the answer; "" when there is none
		code       int
		says       string
	}{
		{"not JSON", "hello", "<nil>", -32700, "not one JSON value"},
		{"half of it", `{"jsonrpc":"2.0","id":1,`, "<nil>", -32700, ""},
		{"not UTF-8", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"\xff\xfe\"}}", "1", -32602, "unknown tool"},
		{"NUL", "\x00", "<nil>", -32700, ""},
		{"empty", "", "", 0, ""},
		{"blanks", "  \t ", "", 0, ""},
		{"CR LF", `{"jsonrpc":"2.0","id":1,"method":"ping"}` + "\r", "1", 0, ""},
		{"a number", "7", "<nil>", -32700, ""},
		{"null", "null", "<nil>", -32700, ""},
		{"another version", `{"jsonrpc":"1.0","id":1,"method":"ping"}`, "<nil>", -32700, "not a JSON-RPC 2.0 message"},
		{"no method", `{"jsonrpc":"2.0"}`, "<nil>", -32700, ""},
		{"two in a line", `{"jsonrpc":"2.0","id":1,"method":"ping"} {"jsonrpc":"2.0","id":2,"method":"ping"}`, "<nil>", -32700, ""},
		{"a batch", "[" + ping[:len(ping)-1] + "]", "<nil>", -32600, "batches"},
		{"deep", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":` + deep + `}`, "<nil>", -32700, ""},
		{"less deep", `{"jsonrpc":"2.0","id":1,"method":"ping","params":` + deep[99_000:101_000] + `}`, "<nil>", -32700, "depth"},
		{"deep arguments", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"lookup","arguments":{"id":` + strings.Repeat("[", 900) + strings.Repeat("]", 900) + `}}}`, "1", 0, "tool lookup"},
		{"an id that is none", `{"jsonrpc":"2.0","id":{"a":1},"method":"ping"}`, "<nil>", -32700, ""},
		{"an id that is no whole number", `{"jsonrpc":"2.0","id":1.5,"method":"ping"}`, "1.5", -32600, "whole number"},
		{"an id that a floating number changes", `{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}`, "9.007199254740992e+15", -32600, "whole number"},
		{"a whole number with a point", `{"jsonrpc":"2.0","id":1.0,"method":"ping"}`, "1", 0, ""},
		{"unknown method", `{"jsonrpc":"2.0","id":1,"method":"secrets/read"}`, "1", -32601, "secrets/read"},
		{"unknown notification", `{"jsonrpc":"2.0","method":"notifications/nothing"}`, "", 0, ""},
		{"resources", `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///etc/passwd"}}`, "1", -32602, ""},
		{"completion", `{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"x"},"argument":{"name":"a","value":"b"}}}`, "1", -32601, ""},
		{"no parameters", `{"jsonrpc":"2.0","id":1,"method":"tools/call"}`, "1", -32600, "params"},
		{"wrong parameters", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":{"x":1}}}`, "1", -32602, ""},
		{"parameters in a list", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["lookup"]}`, "1", -32602, ""},
		{"unknown tool", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"nope"}}`, "1", -32602, "unknown tool"},
		{"arguments in a list", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"lookup","arguments":["1"]}}`, "1", 0, "must be a JSON object"},
		{"a bad cursor", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"AAAA"}}`, "1", -32602, ""},
		{"an answer to nothing", `{"jsonrpc":"2.0","id":99,"result":{}}`, "", 0, ""},
		{"a second beginning", strings.Split(strings.Replace(hello, `"hello"`, `1`, 1), "\n")[0], "1", 0, "duplicate"},
		{"cancels nothing", `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{"x":[]}}}`, "", 0, ""},
		{"another protocol", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2099-01-01"}}}`, "1", -32602, ""},
	}
	r := newRig(t)
	r.set(vault.Tool, "lookup", getter)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r.t = t
			got := r.feed(strings.NewReader(hello + test.line + "\n" + ping))
			if got["ping"].Result == nil {
				t.Error("the line behind it is not answered")
			}
			delete(got, "hello")
			delete(got, "ping")
			a, ok := got[test.id]
			if want := test.id != ""; ok != want || len(got) > 1 {
				t.Fatalf("answers %+v", got)
			}
			text := string(a.Result)
			if a.Error != nil {
				text = a.Error.Message
				if test.code != 0 && a.Error.Code != test.code {
					t.Errorf("code %d, want %d: %s", a.Error.Code, test.code, text)
				}
			} else if test.code != 0 {
				t.Errorf("no error, but %s", text)
			}
			if !strings.Contains(text, test.says) {
				t.Errorf("%.300q does not say %q", text, test.says)
			}
		})
	}
}

// TestEndlessLine: a line of 100 MB is read past, and not kept.
func TestEndlessLine(t *testing.T) {
	r := newRig(t)
	long := io.LimitReader(filler{}, 100<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := r.feed(io.MultiReader(strings.NewReader(hello), long, strings.NewReader("\n"+ping)))
	runtime.ReadMemStats(&after)
	if a := got["<nil>"]; a.Error == nil || !strings.Contains(a.Error.Message, "more than 4194304 bytes") {
		t.Errorf("answers %+v", got)
	}
	if got["ping"].Result == nil {
		t.Error("the line behind it is not answered")
	}
	if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 64 {
		t.Errorf("%d MiB were allocated", used)
	}
}

// filler is an endless line.
type filler struct{}

func (filler) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// TestPiped: what is asked before the input ends is answered, so that a script
// can pipe it in; an id that is in use is refused.
func TestPiped(t *testing.T) {
	r := newRig(t)
	r.set(vault.Tool, "lookup", getter)
	r.answer(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(50 * time.Millisecond)
		_, _ = io.WriteString(w, "slowly")
	})
	call := `{"jsonrpc":"2.0","id":"call","method":"tools/call","params":{"name":"lookup","arguments":{"id":"1"}}}` + "\n"
	got := r.feed(strings.NewReader(hello + call + call + strings.TrimSuffix(ping, "\n")))
	if !bytes.Contains(got["call"].Result, []byte("slowly")) || got["ping"].Result == nil {
		t.Errorf("answers %+v", got)
	}
	if a := got["<nil>"]; a.Error == nil || !strings.Contains(a.Error.Message, "not yet answered") {
		t.Errorf("the second request with one id: %+v", got)
	}
}

// TestEnd: an answer that does not come does not keep the server when it is told
// to end.
func TestEnd(t *testing.T) {
	r := newRig(t)
	r.set(vault.Tool, "lookup", getter)
	began, gone := make(chan struct{}), make(chan struct{})
	r.answer(func(_ http.ResponseWriter, q *http.Request) {
		close(began)
		<-q.Context().Done()
		close(gone)
	})
	in, agentEnd := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.server().Serve(ctx, in, io.Discard) }()
	_, _ = io.WriteString(agentEnd, hello+`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"lookup","arguments":{"id":"1"}}}`+"\n")
	<-began
	cancel()
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Fatal("the request goes on")
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Serve: %v", err)
	}
	_ = in.Close()
}

// TestReaderGone: an agent that no longer reads ends the server with an error.
func TestReaderGone(t *testing.T) {
	r := newRig(t)
	in, agentEnd := io.Pipe()
	defer in.Close()
	go func() { _, _ = io.WriteString(agentEnd, hello+ping) }()
	if err := r.server().Serve(t.Context(), in, broken{}); err == nil || !strings.Contains(err.Error(), "no reader") {
		t.Errorf("Serve: %v", err)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no reader") }

// TestFlood: an agent that asks and does not listen fills no memory: reading
// stops, and goes on when it listens.
func TestFlood(t *testing.T) {
	r := newRig(t)
	in, agentEnd := io.Pipe()
	outRead, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- r.server().Serve(context.Background(), in, out)
		_ = out.Close()
	}()
	const many = 3000
	sent := make(chan int, many)
	go func() {
		_, _ = io.WriteString(agentEnd, hello)
		for i := range many {
			_, _ = fmt.Fprintf(agentEnd, `{"jsonrpc":"2.0","id":%d,"method":"ping"}`+"\n", i)
			sent <- i
		}
		_ = agentEnd.Close()
	}()
	time.Sleep(200 * time.Millisecond) // enough to send all of it to whoever would take it
	if n := len(sent); n == many {
		t.Errorf("%d requests were taken without an answer read", n)
	}
	text, err := io.ReadAll(outRead)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.read(string(text)); len(got) != many+1 {
		t.Errorf("%d answers", len(got))
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// TestNothingElse: only lines of the protocol go out.
func TestNothingElse(t *testing.T) {
	r := newRig(t)
	got := r.feed(strings.NewReader(""))
	if d := cmp.Diff(map[string]answered{}, got); d != "" {
		t.Error(d)
	}
}

// FuzzLines: whatever an agent sends, each line out is one of the protocol,
// without the value, and the server ends with its input.
func FuzzLines(f *testing.F) {
	f.Add([]byte(hello + ping))
	f.Add([]byte(hello + `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"lookup","arguments":{"id":"1"}}}`))
	f.Add([]byte(hello + `{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"plain"}}` + "\n[]\n{}\nnull\n\"\n"))
	f.Add([]byte(hello + `{"jsonrpc":"2.0","id":1.5,"method":"tools/list","params":{"cursor":"Gv-BAwEBCXBhZ2VUb2tlbgH_ggABAQEHTGFzdFVJRAEMAAAACP-CAQNhYmMA"}}`))
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"x","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}}`))
	f.Add([]byte(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"lookup","arguments":{},"inputResponses":{"a":{}},"requestState":"x","_meta":{"progressToken":[]}}}`))
	r := newRig(f)
	r.answer(func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.WriteString(w, q.Header.Get("Authorization"))
	})
	r.set(vault.Tool, "lookup", getter)
	r.set(vault.Instruction, "plain", "{{TOKEN}}\n")
	f.Fuzz(func(t *testing.T, in []byte) {
		r.t = t
		if bytes.Contains(in, []byte("subscriptions/listen")) {
			t.Skip() // answered when the agent goes
		}
		r.feed(bytes.NewReader(in))
	})
}

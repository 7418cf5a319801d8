package mcp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"tacenda/internal/mcp"
	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
)

func TestMaxCalls(t *testing.T) {
	r := newRig(t)
	r.set(vault.Tool, "lookup", getter)
	a := r.agent(func(c *mcp.Config) { c.MaxCalls = 2 })
	for range 2 {
		if texts, failed := a.call("lookup", map[string]any{"id": "1"}); failed {
			t.Fatalf("%q", texts)
		}
	}
	a.refused("lookup", map[string]any{"id": "1"}, "started for 2 calls", "--max-calls")
	if got := len(r.asked()); got != 2 {
		t.Errorf("the API was asked %d times", got)
	}
}

func TestRefused(t *testing.T) {
	r := newRig(t)
	r.set(vault.Tool, "lookup", getter)
	r.set(vault.Tool, "typed", "url: %API%/${n}\nparams:\n  - {name: n, type: integer, required: true}\n")
	r.set(vault.Tool, "missing", "url: %API%/{{NOT_THERE}}\n")
	r.set(vault.Tool, "bad", "url: %API%/\nheaders: {Authorization: '{{LINES}}'}\n")
	r.set(vault.Tool, "bound", "url: %API%/\nheaders: {Authorization: '{{BOUND}}'}\n")
	vaulttest.Put(t, r.v, project, "LINES", "first line\nsecond line")
	vaulttest.Put(t, r.v, project, "BOUND", "bound to a host")
	if _, err := r.v.EditSecret(t.Context(), project, "BOUND", vault.Edit{AllowedHosts: &[]string{"api.example.com"}}); err != nil {
		t.Fatal(err)
	}
	a := r.agent()
	for _, args := range []any{
		nil, map[string]any{}, map[string]any{"id": 1}, map[string]any{"id": nil}, map[string]any{"id": []string{"1"}},
		map[string]any{"id": "1", "other": "2"}, map[string]any{"ID": "1"}, []string{"id"}, "id", 7, true,
	} {
		a.refused("lookup", args, "tool lookup")
	}
	for _, n := range []any{"x", 1.5, 1e300, "1", true} {
		a.refused("typed", map[string]any{"n": n}, "tool typed")
	}
	a.refused("missing", nil, "project web has no NOT_THERE")
	a.refused("bad", nil, "LINES")
	a.refused("bound", nil, "BOUND")
	if got := r.asked(); len(got) > 0 {
		t.Errorf("the API was asked %q", got)
	}
	if _, failed := a.call("typed", map[string]any{"n": 9007199254740993}); failed {
		t.Error("an integer is refused")
	}
	if got := r.asked(); len(got) != 1 || !strings.HasPrefix(got[0], "GET /9007199254740993 ") {
		t.Errorf("the API was asked %q: the number is not the one that was meant", got)
	}
	said := a.raw.said()
	if strings.Contains(said, "second line") || strings.Contains(said, "bound to a host") {
		t.Error("a refusal holds a value")
	}
}

func TestNobodyListens(t *testing.T) {
	r := newRig(t)
	r.set(vault.Tool, "lookup", strings.Replace(getter, "/items/${id}", "/{{TOKEN}}/${id}", 1))
	a := r.agent()
	r.api.Close()
	a.refused("lookup", map[string]any{"id": "1"}, "tool lookup")
}

func TestNewValue(t *testing.T) {
	r := newRig(t)
	r.set(vault.Tool, "lookup", getter)
	a := r.agent()
	r.answer(func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.WriteString(w, q.Header.Get("Authorization")+" and another-secret")
	})
	texts, _ := a.call("lookup", map[string]any{"id": "1"})
	if body := texts[2]; body != "Bearer {{TOKEN}} and another-secret" {
		t.Errorf("body %q", body)
	}
	if _, err := r.v.EditSecret(t.Context(), project, "TOKEN", vault.Edit{Value: vaulttest.Value(t, "brand-new-value")}); err != nil {
		t.Fatal(err)
	}
	vaulttest.Put(t, r.v, project, "SECOND", "another-secret")
	texts, _ = a.call("lookup", map[string]any{"id": "1"})
	if body := texts[2]; body != "Bearer {{TOKEN}} and {{SECOND}}" {
		t.Errorf("body %q", body)
	}
	if got := r.asked(); !strings.Contains(got[1], "Bearer brand-new-value") {
		t.Errorf("the API was asked %q", got)
	}
}

func TestChangesWhileCalling(t *testing.T) {
	r := newRig(t)
	r.set(vault.Tool, "lookup", getter)
	a := r.agent()
	r.answer(func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.WriteString(w, q.Header.Get("Authorization"))
	})
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
			value := vaulttest.Value(t, fmt.Sprintf("changing-value-%d", i))
			if _, err := r.v.EditSecret(context.Background(), project, "TOKEN", vault.Edit{Value: value}); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	answers := 0
	for range 100 {
		texts, failed := a.call("lookup", map[string]any{"id": "1"})
		switch {
		case !failed && texts[2] == "Bearer {{TOKEN}}":
			answers++
		case failed && strings.Contains(texts[0], "try again"):
		default:
			t.Fatalf("failed is %t: %q", failed, texts)
		}
	}
	close(stop)
	<-stopped
	if strings.Contains(a.raw.said(), "changing-value") {
		t.Error("a value came out")
	}
	if answers == 0 {
		t.Error("no call was answered")
	}
	t.Logf("%d of 100 calls were answered", answers)
}

func TestLocked(t *testing.T) {
	r := newRig(t)
	r.set(vault.Tool, "lookup", getter)
	r.set(vault.Instruction, "plain", "Nothing.\n")
	a := r.agent()
	if _, failed := a.call("lookup", map[string]any{"id": "1"}); failed {
		t.Fatal("it fails before")
	}
	if err := r.v.Rotate(t.Context(), func(int, int) {}); err != nil {
		t.Fatal(err)
	}
	if texts, failed := a.call("lookup", map[string]any{"id": "1"}); failed {
		t.Errorf("after a rotation: %q", texts)
	}
	r.v.Close()
	a.refused("lookup", map[string]any{"id": "1"}, "tool lookup: ")
	if _, err := a.prompt("plain"); err == nil {
		t.Error("a prompt comes out of a locked vault")
	}
	if err := a.Ping(t.Context(), nil); err != nil {
		t.Errorf("the server is gone: %v", err)
	}
	if d := cmp.Diff([]string{"lookup"}, a.tools()); d != "" {
		t.Error(d)
	}
}

func TestCancel(t *testing.T) {
	r := newRig(t)
	r.set(vault.Tool, "lookup", getter)
	a := r.agent()
	began, gone := make(chan struct{}), make(chan struct{})
	r.answer(func(_ http.ResponseWriter, q *http.Request) {
		close(began)
		<-q.Context().Done()
		close(gone)
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-began
		cancel()
	}()
	if _, err := a.CallTool(ctx, &sdk.CallToolParams{Name: "lookup", Arguments: map[string]any{"id": "1"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("the call ended with %v", err)
	}
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Error("the request goes on without anybody to answer")
	}
	if err := a.Ping(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

func TestAtOnce(t *testing.T) {
	r := newRig(t)
	r.set(vault.Tool, "lookup", getter)
	a := r.agent()
	var now, most atomic.Int64
	r.answer(func(w http.ResponseWriter, q *http.Request) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(2 * time.Millisecond) // so that they would meet
		now.Add(-1)
		_, _ = io.WriteString(w, q.URL.Path)
	})
	const calls = 100
	done := make(chan string, calls)
	for i := range calls {
		go func() {
			id := fmt.Sprint(i)
			res, err := a.CallTool(context.Background(), &sdk.CallToolParams{Name: "lookup", Arguments: map[string]any{"id": id}})
			if err != nil {
				done <- err.Error()
				return
			}
			if got := res.Content[2].(*sdk.TextContent).Text; got != "/items/"+id {
				done <- got + " is the answer to another call"
				return
			}
			done <- ""
		}()
	}
	for range calls {
		if problem := <-done; problem != "" {
			t.Error(problem)
		}
	}
	if most.Load() > 8 {
		t.Errorf("%d calls ran at once", most.Load())
	}
}

// TestUsed: whoever frees memory hears of each request that used values, once it is
// answered, and of no other.
func TestUsed(t *testing.T) {
	r := newRig(t)
	r.set(vault.Tool, "lookup", getter)
	r.set(vault.Instruction, "plain", "Nothing.\n")
	var used atomic.Int64
	a := r.agent(func(c *mcp.Config) { c.Used = func() { used.Add(1) } })
	for want, ask := range []func(){
		func() { a.tools() },
		func() { a.call("lookup", map[string]any{"id": "1"}) },
		func() { _, _ = a.prompt("plain") },
		func() { a.refused("lookup", map[string]any{}, "id") },
	} {
		ask()
		// The answer is read before the server hears that it is written.
		for range 500 {
			if used.Load() == int64(want) {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if got := used.Load(); got != int64(want) {
			t.Errorf("after request %d: told %d times", want, got)
		}
	}
}

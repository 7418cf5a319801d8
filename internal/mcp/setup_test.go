package mcp_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"tacenda/internal/mcp"
	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/store"
)

// project is where the agents of these tests are.
const project = "web"

// token is the value that no agent may see.
const token = "tok-93fLq0-Zr55-needle"

// A rig is a vault in a real file, an API and what the API was asked.
type rig struct {
	t   testing.TB
	v   *vault.Vault
	key vaulttest.Key
	api *httptest.Server

	mu       sync.Mutex
	requests []string // "METHOD path?query | authorization | body"
	handle   http.HandlerFunc
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, key: vaulttest.NewKey(t)}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	create := func(fill func(store.Tx) error) (store.Engine, error) {
		return store.CreateBolt(t.Context(), filepath.Join(dir, "vault.db"), store.BoltOptions{}, fill)
	}
	var err error
	r.v, err = vault.Create(t.Context(), create, r.key.Slots, project, vault.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.v.Close)
	vaulttest.Put(t, r.v, project, "TOKEN", token)
	r.api = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.api.Close)
	return r
}

func (r *rig) serve(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	r.mu.Lock()
	r.requests = append(r.requests, q.Method+" "+q.RequestURI+" | "+q.Header.Get("Authorization")+" | "+string(body))
	handle := r.handle
	r.mu.Unlock()
	if handle != nil {
		handle(w, q)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, "hello")
}

// answer makes the API answer with handle.
func (r *rig) answer(handle http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handle = handle
}

// asked is what the API was asked until now.
func (r *rig) asked() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.requests...)
}

// set writes a tool or an instruction. %API% stands for the API's address.
func (r *rig) set(k vault.TextKind, name, text string) {
	r.t.Helper()
	text = strings.ReplaceAll(text, "%API%", r.api.URL)
	if _, err := r.v.SetText(context.Background(), project, k, name, text, 0); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) remove(k vault.TextKind, name string) {
	r.t.Helper()
	if err := r.v.DeleteText(context.Background(), project, k, name); err != nil {
		r.t.Fatal(err)
	}
}

// getter is the tool of most tests.
const getter = `description: Look something up
url: %API%/items/${id}
headers:
  Authorization: Bearer {{TOKEN}}
params:
  - name: id
    description: which one
    type: string
    required: true
`

// An agent is the SDK's client at the other end of two pipes.
type agent struct {
	*sdk.ClientSession
	t       testing.TB
	raw     *recorder
	changes chan string // list-changed notifications
	notes   *notes
	ended   <-chan error // what Serve returned
}

// recorder keeps what the server wrote.
type recorder struct {
	io.ReadCloser
	mu   sync.Mutex
	text []byte
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.mu.Lock()
	r.text = append(r.text, p[:n]...)
	r.mu.Unlock()
	return n, err
}

// Close reads on: the client closes this end first, and what the server writes
// until it hears of the other is for nobody.
func (r *recorder) Close() error {
	go func() { _, _ = io.Copy(io.Discard, r.ReadCloser) }()
	return nil
}

func (r *recorder) said() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.text)
}

// notes are what the user was told.
type notes struct {
	mu    sync.Mutex
	lines []string
}

func (n *notes) add(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, text)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.lines, "\n")
}

// agent starts a server and connects to it.
func (r *rig) agent(edit ...func(*mcp.Config)) *agent {
	r.t.Helper()
	a := &agent{t: r.t, changes: make(chan string, 16), notes: &notes{}}
	c := mcp.Config{Vault: r.v, Project: project, Version: "1", Note: a.notes.add}
	for _, e := range edit {
		e(&c)
	}
	s, err := mcp.New(context.Background(), c)
	if err != nil {
		r.t.Fatal(err)
	}
	inRead, inWrite := io.Pipe()
	outRead, outWrite := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- s.Serve(ctx, inRead, outWrite)
		_ = outWrite.Close()
		_ = inRead.Close()
	}()
	a.ended = ended
	a.raw = &recorder{ReadCloser: outRead}
	client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, &sdk.ClientOptions{
		ToolListChangedHandler:   func(context.Context, *sdk.ToolListChangedRequest) { a.changes <- "tools" },
		PromptListChangedHandler: func(context.Context, *sdk.PromptListChangedRequest) { a.changes <- "prompts" },
	})
	a.ClientSession, err = client.Connect(ctx, &sdk.IOTransport{Reader: a.raw, Writer: inWrite}, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		_ = a.Close()
		select {
		case err := <-ended:
			if err != nil {
				r.t.Errorf("Serve: %v", err)
			}
		case <-time.After(10 * time.Second):
			r.t.Error("the server does not end when its input does")
		}
		cancel()
		if strings.Contains(a.raw.said()+a.notes.String(), token) {
			r.t.Error("the agent or the user was told the value")
		}
	})
	return a
}

// call calls a tool and returns the texts of the result.
func (a *agent) call(name string, args any) (texts []string, failed bool) {
	a.t.Helper()
	res, err := a.CallTool(context.Background(), &sdk.CallToolParams{Name: name, Arguments: args})
	if err != nil {
		a.t.Fatalf("calling %s: %v", name, err)
	}
	for _, c := range res.Content {
		texts = append(texts, c.(*sdk.TextContent).Text)
	}
	return texts, res.IsError
}

// refused calls a tool and wants a text of ours with each of the words.
func (a *agent) refused(name string, args any, words ...string) {
	a.t.Helper()
	texts, failed := a.call(name, args)
	if !failed || len(texts) != 1 {
		a.t.Errorf("calling %s: %q, failed is %t, want one refusal", name, texts, failed)
		return
	}
	for _, w := range words {
		if !strings.Contains(texts[0], w) {
			a.t.Errorf("calling %s: %q does not say %q", name, texts[0], w)
		}
	}
}

func (a *agent) tools() []string {
	a.t.Helper()
	res, err := a.ListTools(context.Background(), nil)
	if err != nil {
		a.t.Fatal(err)
	}
	names := []string{}
	for _, t := range res.Tools {
		names = append(names, t.Name)
	}
	return names
}

func (a *agent) prompts() []string {
	a.t.Helper()
	res, err := a.ListPrompts(context.Background(), nil)
	if err != nil {
		a.t.Fatal(err)
	}
	names := []string{}
	for _, t := range res.Prompts {
		names = append(names, t.Name)
	}
	return names
}

// prompt returns the text of a prompt.
func (a *agent) prompt(name string) (string, error) {
	res, err := a.GetPrompt(context.Background(), &sdk.GetPromptParams{Name: name})
	if err != nil {
		return "", err
	}
	if len(res.Messages) != 1 {
		return "", errors.New("not one message")
	}
	return res.Messages[0].Content.(*sdk.TextContent).Text, nil
}

// told waits for a list-changed notification.
func (a *agent) told(list string) {
	a.t.Helper()
	select {
	case got := <-a.changes:
		if got != list {
			a.t.Errorf("told of a change of %s, want %s", got, list)
		}
	case <-time.After(10 * time.Second):
		a.t.Errorf("not told that the list of %s changed", list)
	}
}

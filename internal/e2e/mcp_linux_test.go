package e2e_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

// api is a server that counts what it was asked, and says back what it was sent.
type api struct {
	*httptest.Server
	asked, authorized atomic.Int64
}

func newAPI(t *testing.T, token []byte) *api {
	t.Helper()
	a := &api{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		a.asked.Add(1)
		if q.Header.Get("Authorization") == "Bearer "+string(token) {
			a.authorized.Add(1)
		}
		if q.URL.Path == "/slow" {
			<-q.Context().Done()
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"path": q.URL.Path, "sent": q.Header.Get("Authorization"), "number": 7})
	}))
	t.Cleanup(a.Close)
	return a
}

const lookupTool = `description: Look something up
url: %API%/${id}
headers: {Authorization: 'Bearer {{TOKEN}}'}
params: [{name: id, description: which one, type: string, required: true}]
`

// newAgentHome is a home whose project has a tool, two instructions and values
// for them.
func newAgentHome(t *testing.T, a *api, token, safe []byte) *home {
	t.Helper()
	h := newHome(t)
	h.run(string(token), "create", "TOKEN", "--value-file", "-")
	h.run(string(safe), "create", "SAFE", "--value-file", "-", "--llm-safe")
	h.run(strings.ReplaceAll(lookupTool, "%API%", a.URL), "tool", "set", "lookup", "-f", "-")
	h.run("Log in with {{SAFE}}\n", "instruction", "set", "allowed", "-f", "-")
	h.run("Log in with {{TOKEN}}\n", "instruction", "set", "refused", "-f", "-")
	return h
}

// connect starts the program as an agent does.
func connect(t *testing.T, cmd *exec.Cmd) *sdk.ClientSession {
	t.Helper()
	client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &sdk.CommandTransport{Command: cmd}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

func lookup(t *testing.T, session *sdk.ClientSession, id string) string {
	t.Helper()
	res, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: "lookup", Arguments: map[string]any{"id": id}})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, c := range res.Content {
		text.WriteString(c.(*sdk.TextContent).Text + "\n")
	}
	return text.String()
}

// TestAgent: the SDK's client and the program.
func TestAgent(t *testing.T) {
	token, safe := needle(t), needle(t)
	a := newAPI(t, token)
	h := newAgentHome(t, a, token, safe)
	var errs bytes.Buffer
	cmd := h.command("mcp")
	cmd.Stderr = &errs
	session := connect(t, cmd)
	tools, err := session.ListTools(t.Context(), nil)
	if err != nil || len(tools.Tools) != 1 || tools.Tools[0].Name != "lookup" {
		t.Fatalf("tools %+v, %v", tools, err)
	}
	if text := lookup(t, session, "item"); !strings.Contains(text, `"sent":"Bearer {{TOKEN}}"`) || strings.Contains(text, string(token)) {
		t.Errorf("the answer is %q", text)
	}
	prompt, err := session.GetPrompt(t.Context(), &sdk.GetPromptParams{Name: "allowed"})
	if err != nil || prompt.Messages[0].Content.(*sdk.TextContent).Text != "Log in with "+string(safe)+"\n" {
		t.Errorf("the prompt is not what it should be: %v", err)
	}
	if _, err := session.GetPrompt(t.Context(), &sdk.GetPromptParams{Name: "refused"}); err == nil || !strings.Contains(err.Error(), "tacenda edit TOKEN -p default --llm-safe") {
		t.Errorf("a prompt with a value that is not for the model: %v", err)
	}
	if err := session.Close(); err != nil {
		t.Errorf("the program ended with %v: %s", err, errs.String())
	}
	if a.asked.Load() != 1 || a.authorized.Load() != 1 {
		t.Errorf("asked %d times, with the value %d times", a.asked.Load(), a.authorized.Load())
	}
	if errs.Len() > 0 {
		t.Errorf("it said %q to nobody's question", errs.String())
	}
}

// TestAgentMemory looks for values in the program's memory: of one that only the
// mask knows nothing is there; of those that were sent and prompted there are
// copies, and docs/performance.md says how many.
func TestAgentMemory(t *testing.T) {
	token, safe, masked := needle(t), needle(t), needle(t)
	a := newAPI(t, token)
	h := newAgentHome(t, a, token, safe)
	h.run(string(masked), "create", "MASKED", "--value-file", "-")
	cmd := h.command("mcp")
	session := connect(t, cmd)
	for range 10 {
		lookup(t, session, "item")
		if _, err := session.GetPrompt(t.Context(), &sdk.GetPromptParams{Name: "allowed"}); err != nil {
			t.Fatal(err)
		}
	}
	settle(t, cmd.Process.Pid)
	if r := scan(t, cmd.Process.Pid, masked); !r.Clean() {
		t.Errorf("a value that was only looked for: %v", r)
	}
	for name, value := range map[string][]byte{"sent in a header, 10 times": token, "in a prompt, 10 times": safe} {
		r := scan(t, cmd.Process.Pid, value)
		t.Logf("%s: %d copies and %d other pieces", name, len(r.Copies), len(r.Windows))
	}
	if err := session.Close(); err != nil {
		t.Error(err)
	}
}

// TestAgentSignal: a signal ends the program and the request that it makes.
func TestAgentSignal(t *testing.T) {
	token := needle(t)
	a := newAPI(t, token)
	h := newAgentHome(t, a, token, needle(t))
	cmd := h.command("mcp")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(in, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"raw","version":"1"}}}
{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"lookup","arguments":{"id":"slow"}}}
`)
	waitFor(t, "the request", func() bool { return a.asked.Load() > 0 })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("it ended with %v", err)
	}
	for line := range strings.Lines(out.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("it wrote %q", line)
		}
	}
	if errs.Len() > 0 {
		t.Errorf("it said %q", errs.String())
	}
}

// TestInspector: the protocol's own inspector, which shares no code with ours
// nor with the SDK. .ci/run brings it where there is node.
func TestInspector(t *testing.T) {
	script := os.Getenv("TACENDA_TEST_INSPECTOR")
	if script == "" {
		t.Skip("TACENDA_TEST_INSPECTOR does not name the inspector's cli.js")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no node")
	}
	token, safe := needle(t), needle(t)
	a := newAPI(t, token)
	h := newAgentHome(t, a, token, safe)
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	// inspect runs one method and returns what the inspector printed.
	inspect := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), node, append([]string{script, "--cli", program, "mcp"}, args...)...)
		cmd.Env, cmd.Dir = h.env, h.dir
		out, err := cmd.CombinedOutput()
		if bytes.Contains(out, token) {
			t.Errorf("the inspector was told the value by %q", args)
		}
		return string(out), err
	}
	var tools struct {
		Tools []struct {
			Name, Description string
			InputSchema       struct {
				Type       string
				Required   []string
				Properties map[string]struct{ Type, Description string }
			}
			Annotations struct{ ReadOnlyHint, OpenWorldHint bool }
		}
	}
	out, err := inspect("--method", "tools/list")
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := json.Unmarshal([]byte(out), &tools); err != nil || len(tools.Tools) != 1 {
		t.Fatalf("%v: %s", err, out)
	}
	tool := tools.Tools[0]
	id := tool.InputSchema.Properties["id"]
	if tool.Name != "lookup" || id.Type != "string" || id.Description != "which one" || len(tool.InputSchema.Required) != 1 || !tool.Annotations.ReadOnlyHint {
		t.Errorf("the tool is %+v", tool)
	}
	for _, test := range []struct {
		args []string
		says string
	}{
		{[]string{"--method", "tools/call", "--tool-name", "lookup", "--tool-arg", "id=item"}, `\"sent\":\"Bearer {{TOKEN}}\"`},
		{[]string{"--method", "tools/call", "--tool-name", "lookup"}, `"isError": true`},
		{[]string{"--method", "prompts/list"}, `"name": "allowed"`},
		{[]string{"--method", "prompts/get", "--prompt-name", "allowed"}, "Log in with " + string(safe)},
		{[]string{"--method", "prompts/get", "--prompt-name", "refused"}, "not marked safe for the model: TOKEN"},
		{[]string{"--method", "tools/call", "--tool-name", "nope", "--tool-arg", "id=1"}, "nope"},
		{[]string{"--method", "resources/list"}, ""},
	} {
		out, err := inspect(test.args...)
		if !strings.Contains(out, test.says) {
			t.Errorf("%q: %v, %s does not say %s", test.args, err, out, test.says)
		}
	}
	if a.authorized.Load() == 0 || a.asked.Load() != a.authorized.Load() {
		t.Errorf("the API was asked %d times, %d times with the value", a.asked.Load(), a.authorized.Load())
	}
}

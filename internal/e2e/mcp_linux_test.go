package e2e_test

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"tacenda/internal/prooftest"
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
	return texts(res)
}

func texts(res *sdk.CallToolResult) string {
	var all strings.Builder
	for _, c := range res.Content {
		all.WriteString(c.(*sdk.TextContent).Text + "\n")
	}
	return all.String()
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

// memoryTools send values by every way that a request has, to every end that it
// may come to. %TLS% speaks HTTP/2.
var memoryTools = map[string]string{
	"header":   "url: %API%/echo\nheaders: {Authorization: 'Bearer {{TOKEN}}', X-Form: '{{TOKEN|base64}}'}\n",
	"url":      "url: %API%/echo/{{TOKEN}}\nquery: {k: '{{TOKEN}}', l: '{{TOKEN|base64}}'}\n",
	"body":     "url: %API%/echo\nmethod: POST\nbody: {a: '{{TOKEN}}', b: '{{LONG}}'}\n",
	"http2":    "url: %TLS%/echo?k={{TOKEN}}\nmethod: POST\nheaders: {Authorization: 'Bearer {{TOKEN}}'}\nbody: {a: '{{TOKEN}}', b: '{{LONG}}'}\n",
	"redirect": "url: %API%/redirect?to=/echo\nmethod: POST\nheaders: {Authorization: 'Bearer {{TOKEN}}'}\nbody: {a: '{{TOKEN}}', b: '{{LONG}}'}\n",
	"away":     "url: %API%/away\nheaders: {Authorization: 'Bearer {{TOKEN}}'}\n",
	"broken":   "url: %API%/broken?k={{TOKEN}}\n",
	"slow":     "url: %API%/slow?k={{TOKEN}}\ntimeout: 50ms\n",
	"nobody":   "url: http://127.0.0.1:1/{{TOKEN}}\nheaders: {Authorization: 'Bearer {{TOKEN}}'}\n",
	"misfit":   "url: %API%/\nheaders: {A: '{{TOKEN}}', B: '{{LINES}}'}\n",
}

// memoryAPI says back all that it was sent, where it does nothing worse.
func memoryAPI(w http.ResponseWriter, q *http.Request) {
	switch q.URL.Path {
	case "/redirect":
		http.Redirect(w, q, "/echo", http.StatusTemporaryRedirect)
	case "/away":
		http.Redirect(w, q, "http://127.0.0.1:1/"+q.Header.Get("Authorization"), http.StatusFound)
	case "/broken":
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, q.URL.RawQuery)
		panic(http.ErrAbortHandler)
	case "/slow":
		<-q.Context().Done()
	default:
		w.Header().Set("X-Sent", q.Header.Get("Authorization"))
		w.WriteHeader(http.StatusTeapot)
		_ = q.Write(w)
	}
}

// TestAgentMemory looks for values in the program's memory once calls and prompts
// were answered: whatever became of them, nothing may be left.
func TestAgentMemory(t *testing.T) {
	values := map[string][]byte{"TOKEN": needle(t), "SAFE": needle(t), "MASKED": needle(t), "LONG": needle(t), "LINES": needle(t)}
	api := httptest.NewServer(http.HandlerFunc(memoryAPI))
	t.Cleanup(api.Close)
	secure := httptest.NewUnstartedServer(http.HandlerFunc(memoryAPI))
	secure.EnableHTTP2 = true
	secure.StartTLS()
	t.Cleanup(secure.Close)
	h := newHome(t)
	for name, value := range values {
		text := string(value)
		switch name {
		case "LONG": // more than the buffers of the HTTP library
			text = strings.Repeat(text+" ", 2000)
		case "LINES":
			text += "\nanother line"
		}
		h.run(text, "create", name, "--value-file", "-")
	}
	h.run("", "edit", "SAFE", "--llm-safe")
	h.run("Log in with {{SAFE}}\n", "instruction", "set", "allowed", "-f", "-")
	ca := h.file("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})))
	for name, text := range memoryTools {
		if name == "http2" {
			text += "tls: {ca_file: " + ca + "}\n"
		}
		h.run(strings.NewReplacer("%API%", api.URL, "%TLS%", secure.URL).Replace(text), "tool", "set", name, "-f", "-")
	}
	cmd := h.command("mcp")
	session := connect(t, cmd)
	for name := range memoryTools {
		for range 3 {
			res, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: name})
			if err != nil {
				t.Fatal(err)
			}
			if text := texts(res); strings.Contains(memoryTools[name], "/echo") != strings.Contains(text, "418") {
				t.Fatalf("%s: %s", name, text)
			}
			if _, err := session.GetPrompt(t.Context(), &sdk.GetPromptParams{Name: "allowed"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	time.Sleep(time.Second) // the sweep
	settle(t, cmd.Process.Pid)
	for name, value := range values {
		if r := scan(t, cmd.Process.Pid, value); !r.Clean() {
			t.Errorf("%s: %v", name, r)
		}
	}
	if err := session.Close(); err != nil {
		t.Error(err)
	}
	prooftest.Cases(t, len(values), "values searched for after 30 calls")
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

// TestRestartKeepsTheName: the program starts itself once more to overwrite what it
// frees, and stays the process that was started, under its own name.
func TestRestartKeepsTheName(t *testing.T) {
	h := newAgentHome(t, newAPI(t, nil), needle(t), needle(t))
	cmd := h.command("mcp")
	session := connect(t, cmd)
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	if string(name) != "tacenda\n" {
		t.Errorf("the process is called %q", name)
	}
	if err := session.Close(); err != nil {
		t.Error(err)
	}
}

// TestRestartIsNotInherited: the programs that it starts have the GODEBUG that it
// was given.
func TestRestartIsNotInherited(t *testing.T) {
	h := newAgentHome(t, newAPI(t, nil), needle(t), needle(t))
	h.file("ssh", "#!/bin/sh\nset > "+h.dir+"/told\n")
	if err := os.Chmod(filepath.Join(h.dir, "ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, given := range []string{"", "inittrace=0", "clobberfree=0,inittrace=0"} {
		cmd := h.command("mcp", "--vault", "ssh://elsewhere")
		cmd.Env = append(cmd.Env, "PATH="+h.dir+":"+os.Getenv("PATH"))
		if given != "" {
			cmd.Env = append(cmd.Env, "GODEBUG="+given)
		}
		_ = cmd.Run() // there is no vault
		told, err := os.ReadFile(filepath.Join(h.dir, "told"))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(told), "GODEBUG="); got != (given != "") || !strings.Contains(string(told), "GODEBUG='"+given+"'\n") && given != "" {
			t.Errorf("given %q: the program that it started has another", given)
		}
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

package mcp_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"tacenda/internal/mcp"
	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
)

func TestToolsAreDescribed(t *testing.T) {
	r := newRig(t)
	r.set(vault.Tool, "lookup", getter)
	r.set(vault.Tool, "remove", "description: Remove it\nmethod: DELETE\nurl: %API%/items/1\n")
	r.set(vault.Tool, "add", "description: Add one\nmethod: POST\nurl: %API%/items\n")
	a := r.agent()
	res, err := a.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, tool := range res.Tools {
		x := tool.Annotations
		got[tool.Name] = fmt.Sprintf("%s read-only=%t destructive=%t idempotent=%t open=%t",
			tool.Description, x.ReadOnlyHint, *x.DestructiveHint, x.IdempotentHint, *x.OpenWorldHint)
	}
	want := map[string]string{
		"lookup": "Look something up read-only=true destructive=false idempotent=true open=true",
		"remove": "Remove it read-only=false destructive=true idempotent=true open=true",
		"add":    "Add one read-only=false destructive=false idempotent=false open=true",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	schema, err := json.Marshal(res.Tools[1].InputSchema)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{`"type":"object"`, `"id"`, `"which one"`, `"required":["id"]`} {
		if !bytes.Contains(schema, []byte(word)) {
			t.Errorf("the schema %s lacks %s", schema, word)
		}
	}
	if said := a.raw.said(); strings.Contains(said, "TOKEN") || strings.Contains(said, "127.0.0.1") {
		t.Error("the list tells where a tool goes, or with what")
	}
}

func TestFixed(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{"kept", "changed", "deleted"} {
		r.set(vault.Tool, name, getter)
		r.set(vault.Instruction, name, "Do it.\n")
	}
	a := r.agent()
	r.set(vault.Tool, "new", getter)
	r.set(vault.Instruction, "new", "Do more.\n")
	all := []string{"changed", "deleted", "kept"}
	if d := cmp.Diff([][]string{all, all}, [][]string{a.tools(), a.prompts()}); d != "" {
		t.Errorf("after adding: %s", d)
	}
	if _, err := a.CallTool(t.Context(), &sdk.CallToolParams{Name: "new", Arguments: map[string]any{"id": "1"}}); err == nil || !strings.Contains(err.Error(), "unknown tool") {
		t.Errorf("calling a new tool: %v", err)
	}

	r.set(vault.Tool, "changed", "description: other\nurl: %API%/elsewhere/{{TOKEN}}\n")
	a.refused("changed", map[string]any{"id": "1"}, "was changed after this server started", "restarted")
	a.told("tools")
	r.remove(vault.Tool, "deleted") // nobody asks: the server itself must notice
	a.told("tools")
	r.set(vault.Instruction, "changed", "Do something else: {{TOKEN}}\n")
	r.remove(vault.Instruction, "deleted")
	a.told("prompts")
	kept := []string{"kept"}
	if d := cmp.Diff([][]string{kept, kept}, [][]string{a.tools(), a.prompts()}); d != "" {
		t.Errorf("after changes: %s", d)
	}
	a.refused("deleted", map[string]any{"id": "1"}, "was deleted")
	if _, err := a.prompt("changed"); err == nil || !strings.Contains(err.Error(), "was changed after this server started") {
		t.Errorf("a changed prompt: %v", err)
	}
	if _, err := a.prompt("deleted"); err == nil || !strings.Contains(err.Error(), "was deleted") {
		t.Errorf("a deleted prompt: %v", err)
	}
	// Back as it was, it is still not what the agent was shown until now.
	r.set(vault.Tool, "deleted", getter)
	a.refused("deleted", map[string]any{"id": "1"}, "was deleted")
	if got := r.asked(); len(got) > 0 {
		t.Errorf("the API was asked %q", got)
	}
	if _, failed := a.call("kept", map[string]any{"id": "1"}); failed {
		t.Error("a tool that stayed as it was fails")
	}
	if err := r.v.DeleteProject(t.Context(), project); err != nil {
		t.Fatal(err)
	}
	a.refused("kept", map[string]any{"id": "1"}, "its project was deleted")
	if got := a.tools(); len(got) != 0 {
		t.Errorf("of a deleted project there are %q", got)
	}
	if notes := a.notes.String(); !strings.Contains(notes, "tool changed was changed") || !strings.Contains(notes, "instruction deleted was deleted") {
		t.Errorf("the user was told %q", notes)
	}
}

func TestOnly(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{"a", "b", "c"} {
		r.set(vault.Tool, name, getter)
	}
	r.set(vault.Tool, "post", "method: POST\nurl: %API%/\n")
	r.set(vault.Tool, "head", "method: HEAD\nurl: %API%/\n")
	r.set(vault.Instruction, "b", "b\n")
	r.set(vault.Instruction, "d", "d\n")
	a := r.agent(func(c *mcp.Config) { c.Only = []string{"a", "b"} })
	if d := cmp.Diff([][]string{{"a", "b"}, {"b"}}, [][]string{a.tools(), a.prompts()}); d != "" {
		t.Error(d)
	}
	if _, err := a.CallTool(t.Context(), &sdk.CallToolParams{Name: "c", Arguments: map[string]any{"id": "1"}}); err == nil {
		t.Error("a tool that is not offered runs")
	}
	_, err := mcp.New(t.Context(), mcp.Config{Vault: r.v, Project: project, Only: []string{"a", "x", "y"}})
	if !errors.Is(err, vault.ErrNotFound) || !strings.Contains(err.Error(), "x, y") {
		t.Errorf("unknown names: %v", err)
	}
	if _, err := mcp.New(t.Context(), mcp.Config{Vault: r.v, Project: "nowhere"}); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("an unknown project: %v", err)
	}

	a = r.agent(func(c *mcp.Config) { c.ReadOnly, c.Only = true, []string{"a", "head", "post"} })
	if d := cmp.Diff([]string{"a", "head"}, a.tools()); d != "" {
		t.Error(d)
	}
	if !strings.Contains(a.notes.String(), "tool post is not offered: its method is POST") {
		t.Errorf("the user was told %q", a.notes)
	}
}

func TestOtherProject(t *testing.T) {
	r := newRig(t)
	r.set(vault.Tool, "lookup", strings.ReplaceAll(getter, "{{TOKEN}}", "{{FOREIGN}}"))
	if err := r.v.CreateProject(t.Context(), "other"); err != nil {
		t.Fatal(err)
	}
	vaulttest.Put(t, r.v, "other", "FOREIGN", "a foreign value")
	if _, err := r.v.SetText(t.Context(), "other", vault.Tool, "theirs", "url: "+r.api.URL+"/\n", 0); err != nil {
		t.Fatal(err)
	}
	a := r.agent()
	if d := cmp.Diff([]string{"lookup"}, a.tools()); d != "" {
		t.Error(d)
	}
	a.refused("lookup", map[string]any{"id": "1"}, "project web has no FOREIGN")
	for _, name := range []string{"theirs", "other/theirs", "../other/theirs", "FOREIGN"} {
		if _, err := a.CallTool(t.Context(), &sdk.CallToolParams{Name: name}); err == nil {
			t.Errorf("%s: there is such a tool", name)
		}
	}
	if got := r.asked(); len(got) > 0 {
		t.Errorf("the API was asked %q", got)
	}
}

package mcp_test

import (
	"strings"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
)

func TestPrompts(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{"SAFE", "OTHER"} {
		vaulttest.Put(t, r.v, project, name, "value of "+name)
	}
	yes := true
	if _, err := r.v.EditSecret(t.Context(), project, "SAFE", vault.Edit{LLMSafe: &yes}); err != nil {
		t.Fatal(err)
	}
	r.set(vault.Instruction, "safe", "# How to deploy\nLog in with {{SAFE}}; write {{\\TOKEN}}.\n")
	r.set(vault.Instruction, "unsafe", "{{SAFE}} {{TOKEN}} {{OTHER}}\n")
	r.set(vault.Instruction, "missing", "{{NOT_THERE}}\n")
	r.set(vault.Instruction, "plain", "Nothing.\n")
	a := r.agent()
	if got, err := a.prompt("safe"); err != nil || got != "# How to deploy\nLog in with value of SAFE; write {{TOKEN}}.\n" {
		t.Errorf("safe: %q, %v", got, err)
	}
	if got, err := a.prompt("plain"); err != nil || got != "Nothing.\n" {
		t.Errorf("plain: %q, %v", got, err)
	}
	for name, words := range map[string][]string{
		"unsafe":  {"not marked safe for the model: TOKEN, OTHER", "tacenda edit TOKEN -p web --llm-safe", "tacenda edit OTHER -p web --llm-safe"},
		"missing": {"project web has no NOT_THERE"},
		"nowhere": {"unknown prompt"},
	} {
		_, err := a.prompt(name)
		for _, word := range words {
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %v does not say %q", name, err, word)
			}
		}
	}
	if strings.Contains(a.raw.said(), "value of OTHER") {
		t.Error("a value that is not marked came out")
	}
	res, err := a.ListPrompts(t.Context(), nil)
	if err != nil || res.Prompts[2].Description != "How to deploy" {
		t.Errorf("prompts %+v, %v", res, err)
	}
	_, err = a.GetPrompt(t.Context(), &sdk.GetPromptParams{Name: "safe", Arguments: map[string]string{"x": "y"}})
	if err == nil || !strings.Contains(err.Error(), "takes no arguments") {
		t.Errorf("with an argument: %v", err)
	}
	// What was taken back is taken back at once, and what was allowed is allowed.
	no := false
	if _, err := r.v.EditSecret(t.Context(), project, "SAFE", vault.Edit{LLMSafe: &no}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.prompt("safe"); err == nil {
		t.Error("a mark that was taken back still holds")
	}
}

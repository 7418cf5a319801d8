package vault_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
)

// TestReferences: every placeholder of every tool and instruction with its place,
// tools first and each kind by name; literals and near misses are none.
func TestReferences(t *testing.T) {
	v := vaulttest.New(t)
	vaulttest.Put(t, v, project, "USED", "a value")
	setText(t, v, project, vault.Instruction, "rules", "Log in with {{USED}}, and never say {{\\USED}} or {{GONE}}.\nAgain: {{USED|json}}{{USED}}\n")
	setText(t, v, project, vault.Instruction, "empty", "{{ USED }} {{used}} {USED}\n")
	setText(t, v, project, vault.Tool, "refund", "body: \"{{USED}}\"")
	setText(t, v, project, vault.Tool, "charge", "url: https://api.example.com\r\nheaders:\r\n  # é {{USED}}\n  A: Bearer {{USED}}\n")
	got, err := v.References(ctx, project)
	at := func(kind, name, where string, line, column int) vault.Reference {
		return vault.Reference{Kind: kind, Name: name, Where: where, Line: line, Column: column}
	}
	want := map[string][]vault.Reference{
		"USED": {
			at("tool", "charge", "line 3", 3, 8), // a comment counts, and columns are bytes
			at("tool", "charge", "line 4", 4, 13),
			at("tool", "refund", "line 1", 1, 8),
			at("instruction", "rules", "line 1", 1, 13),
			at("instruction", "rules", "line 2", 2, 8),
			at("instruction", "rules", "line 2", 2, 21),
		},
		"GONE": {at("instruction", "rules", "line 1", 1, 50)},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if err := v.DuplicateProject(ctx, project, "copy"); err != nil {
		t.Fatal(err)
	}
	if err := v.Rotate(ctx, nil); err != nil {
		t.Fatal(err)
	}
	got, err = v.References(ctx, "copy")
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("after duplicating and rotating: %v\n%s", err, diff)
	}
	list, err := v.Projects(ctx)
	if err != nil || list[0].Tools != 2 || list[0].Instructions != 2 {
		t.Errorf("counted: %+v, %v", list, err)
	}
	if err := v.DeleteText(ctx, project, vault.Tool, "charge"); err != nil {
		t.Fatal(err)
	}
	setText(t, v, project, vault.Instruction, "rules", "nothing")
	got, err = v.References(ctx, project)
	want = map[string][]vault.Reference{"USED": {at("tool", "refund", "line 1", 1, 8)}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("after taking uses away: %v\n%s", err, diff)
	}
	wantClean(t, v)
}

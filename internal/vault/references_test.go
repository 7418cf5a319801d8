package vault_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
)

// TestReferences reads tools and instructions as they stand in the format; what
// writes them comes with the commands for them.
func TestReferences(t *testing.T) {
	v := vaulttest.New(t)
	vaulttest.Put(t, v, project, "USED", "a value")
	for _, o := range []struct{ kind, name, text string }{
		{"tool", "charge", "url: https://api.example.com\nheaders:\n  Authorization: Bearer {{USED}}\n"},
		{"instruction", "rules", "Log in with {{USED}}, and never say {{\\USED}} or {{GONE}}.\nAgain: {{USED|json}}\n"},
	} {
		if err := v.PutObject(project, o.kind, o.name, o.text); err != nil {
			t.Fatal(err)
		}
	}
	got, err := v.References(ctx, project)
	want := map[string][]vault.Reference{
		"USED": {{Kind: "tool", Name: "charge", Where: "line 3"}, {Kind: "instruction", Name: "rules", Where: "line 1"}, {Kind: "instruction", Name: "rules", Where: "line 2"}},
		"GONE": {{Kind: "instruction", Name: "rules", Where: "line 1"}},
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
	if err != nil || list[0].Tools != 1 || list[0].Instructions != 1 {
		t.Errorf("counted: %+v, %v", list, err)
	}
	wantClean(t, v)
}

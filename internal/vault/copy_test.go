package vault_test

import (
	"fmt"
	"testing"

	"tacenda/internal/audit"
	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
)

// TestClonesBringNoSettings: who manages a project without using it may not decide
// where its values go, by copying a secret of theirs that goes there either. Its
// settings would stay when somebody puts the right value in.
func TestClonesBringNoSettings(t *testing.T) {
	hosts := []string{"evil.example"}
	for what, d := range map[string]vault.Draft{
		"safe for the model": {LLMSafe: true},
		"hosts":              {AllowedHosts: hosts},
		"both":               {LLMSafe: true, AllowedHosts: hosts},
	} {
		x := newTeam(t, "ann")
		for _, p := range []string{"hers", "prod"} {
			if err := x.v.CreateProject(ctx, p); err != nil {
				t.Fatal(err)
			}
		}
		d.Name, d.Value = "DB", vaulttest.Value(t, "hers")
		if _, err := x.v.CreateSecret(ctx, "hers", d); err != nil {
			t.Fatal(err)
		}
		vaulttest.Put(t, x.v, "hers", "PLAIN", "hers")
		vaulttest.Put(t, x.v, "prod", "DB", "the value in prod")
		x.grant(t, "ann", "hers", both)
		if _, err := x.v.Grant(ctx, "ann", "prod", manage, true, nil); err != nil {
			t.Fatal(err)
		}
		ann, all := watched(t, x.v, "ann")
		err := ann.CloneSecrets(ctx, "hers", []string{"PLAIN", "DB"}, "prod", true)
		wantErr(t, what+": over another", err, vault.ErrDenied)
		if len(*all) != 1 || (*all)[0].action != audit.Denied || (*all)[0].project != "prod" || fmt.Sprint((*all)[0].objects) != "[secrets:use]" {
			t.Errorf("%s: heard of %v", what, *all)
		}
		wantValue(t, x.v, "prod", "DB", "the value in prod")
		if err := x.v.DeleteSecrets(ctx, "prod", []string{"DB"}); err != nil {
			t.Fatal(err)
		}
		wantErr(t, what+": where there is none", ann.CloneSecrets(ctx, "hers", []string{"DB"}, "prod", false), vault.ErrDenied)

		// Settings that the target has already are hers to bring, and none are always.
		if err := ann.CloneSecrets(ctx, "hers", []string{"PLAIN"}, "prod", false); err != nil {
			t.Errorf("%s: a plain one: %v", what, err)
		}
		d.Value = vaulttest.Value(t, "the value in prod")
		if _, err := x.v.CreateSecret(ctx, "prod", d); err != nil {
			t.Fatal(err)
		}
		if err := ann.CloneSecrets(ctx, "hers", []string{"DB"}, "prod", true); err != nil {
			t.Errorf("%s: the same settings: %v", what, err)
		}
		// Nor may she take them away: a secret without hosts goes to any.
		unset := vault.Edit{LLMSafe: new(bool), AllowedHosts: new([]string)}
		if _, err := x.v.EditSecret(ctx, "hers", "DB", unset); err != nil {
			t.Fatal(err)
		}
		wantErr(t, what+": none over some", ann.CloneSecrets(ctx, "hers", []string{"DB"}, "prod", true), vault.ErrDenied)
		x.grant(t, "ann", "prod", both)
		if err := ann.CloneSecrets(ctx, "hers", []string{"DB"}, "prod", true); err != nil {
			t.Errorf("%s: with use: %v", what, err)
		}
	}
}

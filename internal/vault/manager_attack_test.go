package vault_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/store"
)

// The attacks of a manager who has the file and signs with a program of their own.
// They may destroy the project. They may not have others destroy something that
// they did not touch, or overlook what happened.

// managed is a project of an owner with a manager's program in it.
func managed(t *testing.T) (x *team, ann *vault.Vault) {
	x = newTeam(t, "ann")
	for _, n := range []string{"A", "B"} {
		vaulttest.Put(t, x.v, project, n, "the value of "+n)
	}
	for _, n := range []string{"a", "b"} {
		if _, err := x.v.SetText(ctx, project, vault.Instruction, n, "the text of "+n, vault.NewText); err != nil {
			t.Fatal(err)
		}
	}
	x.grant(t, "ann", project, both)
	return x, x.openAs(t, "ann", vault.Options{})
}

// TestRecordsUnderAnotherName: a record that says the name of another one would be
// sealed in its place by the next change of keys, and the other one be gone.
func TestRecordsUnderAnotherName(t *testing.T) {
	x, ann := managed(t)
	if err := x.v.CreateProject(ctx, "dst"); err != nil {
		t.Fatal(err)
	}
	if err := ann.RecordName(project, 's', "A", "B"); err != nil {
		t.Fatal(err)
	}
	_, err := x.v.Secret(ctx, project, "A")
	wantErr(t, "show", err, vault.ErrDamaged)
	_, err = x.v.Values(ctx, project, []string{"B", "A"})
	wantErr(t, "values", err, vault.ErrDamaged)
	_, err = x.v.Secrets(ctx, project)
	wantErr(t, "list", err, vault.ErrDamaged)
	text := "mine"
	_, err = x.v.EditSecret(ctx, project, "A", vault.Edit{Description: &text})
	wantErr(t, "edit", err, vault.ErrDamaged)
	_, err = x.v.ImportSecrets(ctx, project, []vault.Draft{draft(t, "A")}, vault.ImportOverwrite)
	wantErr(t, "import", err, vault.ErrDamaged)
	wantErr(t, "clone", x.v.CloneSecrets(ctx, project, []string{"A"}, "dst", false), vault.ErrDamaged)
	wantErr(t, "duplicate", x.v.DuplicateProject(ctx, project, "copy"), vault.ErrDamaged)
	wantErr(t, "rotate", x.v.Rotate(ctx, nil), vault.ErrDamaged)
	_, err = x.v.Revoke(ctx, "ann", project, nil)
	wantErr(t, "revoke", err, vault.ErrDamaged)
	wantValue(t, x.v, project, "B", "the value of B")

	// The way on.
	if err := x.v.DeleteSecrets(ctx, project, []string{"A"}); err != nil {
		t.Fatal(err)
	}
	if err := ann.RecordName(project, 'i', "a", "b"); err != nil {
		t.Fatal(err)
	}
	_, err = x.v.Text(ctx, project, vault.Instruction, "a")
	wantErr(t, "text", err, vault.ErrDamaged)
	_, err = x.v.Texts(ctx, project, vault.Instruction)
	wantErr(t, "texts", err, vault.ErrDamaged)
	wantErr(t, "duplicate texts", x.v.DuplicateProject(ctx, project, "copy"), vault.ErrDamaged)
	_, err = x.v.Revoke(ctx, "ann", project, nil)
	wantErr(t, "revoke with texts", err, vault.ErrDamaged)
	if err := x.v.DeleteText(ctx, project, vault.Instruction, "a"); err != nil {
		t.Fatal(err)
	}
	if lost, err := x.v.Revoke(ctx, "ann", project, nil); err != nil || !slices.Equal(lost, []string{"B"}) {
		t.Errorf("revoking in the end: %v, %v", lost, err)
	}
	wantValue(t, x.v, project, "B", "the value of B")
}

// TestForgedVersions: the version after the last one is 0, and a save that saw
// version 0 asks for no conflict; a text of the greatest version would pass for one
// that is not there.
func TestForgedVersions(t *testing.T) {
	for _, version := range []uint64{0, 1 << 53, math.MaxUint64} {
		for _, field := range []int{10, 11} {
			x, ann := managed(t)
			if err := ann.RecordField(project, 's', "A", field, version); err != nil {
				t.Fatal(err)
			}
			_, err := x.v.EditSecret(ctx, project, "A", vault.Edit{Value: vaulttest.Value(t, "new"), IfVersion: version})
			wantErr(t, "edit", err, vault.ErrDamaged)
			_, err = vaulttest.Get(x.v, project, "A")
			wantErr(t, "use", err, vault.ErrDamaged)
		}
		x, ann := managed(t)
		if err := ann.RecordField(project, 'i', "a", 6, version); err != nil {
			t.Fatal(err)
		}
		_, err := x.v.SetText(ctx, project, vault.Instruction, "a", "another", vault.NewText)
		wantErr(t, "a text that is there already", err, vault.ErrDamaged)
	}
}

// TestForgedCounter: a manifest's counter at its end would begin anew with the next
// change, and every machine that saw it refuse the project for ever.
func TestForgedCounter(t *testing.T) {
	for _, counter := range []uint64{1<<62 + 1, math.MaxUint64} {
		x, ann := managed(t)
		if err := ann.ForgeCounter(project, x.e, counter); err != nil {
			t.Fatal(err)
		}
		state := t.TempDir()
		open := func() *vault.Vault {
			v, err := vault.Open(ctx, x.e, x.owner.Openers(t), vault.Options{State: state})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(v.Close)
			return v
		}
		v := open()
		wantValue(t, v, project, "A", "the value of A")
		_, err := v.CreateSecret(ctx, project, draft(t, "C"))
		wantErr(t, "a change", err, vault.ErrDamaged)
		wantValue(t, v, project, "A", "the value of A")
		if _, err := v.Revoke(ctx, "ann", project, nil); err != nil {
			t.Fatal(err)
		}
		vaulttest.Put(t, v, project, "C", "the value of C")
		wantValue(t, open(), project, "C", "the value of C")
	}
}

// TestRaisedGrantLeavesNothing: a record that was replaced is gone from the file,
// also the keys of a grant that was widened.
func TestRaisedGrantLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.db")
	owner, ann := vaulttest.NewKey(t), vaulttest.NewKey(t)
	var e *store.Bolt
	v, err := vault.Create(ctx, func(fill func(store.Tx) error) (_ store.Engine, err error) {
		e, err = store.CreateBolt(ctx, path, store.BoltOptions{}, fill)
		return vaulttest.Shared(e), err
	}, owner.Slots, project, vault.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if _, err := v.AddMember(ctx, "ann", ann.Recipient); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Grant(ctx, "ann", project, use, false, nil); err != nil {
		t.Fatal(err)
	}
	_, old := v.GrantRecord(e, project, "ann")
	for _, p := range []vault.Permission{use, both} {
		if _, err := v.Grant(ctx, "ann", project, p, false, nil); err != nil {
			t.Fatal(err)
		}
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if there := bytes.Contains(file, old); there != (p == use) {
			t.Errorf("with %v granted the file holds the first grant's record: %v", p.Strings(), there)
		}
	}
}

// TestGrantingAgainMends: a grant whose record was damaged or removed is written
// anew when the same is granted again, instead of nothing being said and done.
func TestGrantingAgainMends(t *testing.T) {
	for what, flip := range map[string]bool{"flipped": true, "removed": false} {
		x := newTeam(t, "ann")
		vaulttest.Put(t, x.v, project, "A", "a")
		x.grant(t, "ann", project, use)
		key, record := x.v.GrantRecord(x.e, project, "ann")
		var bad []byte
		if flip {
			bad = bytes.Clone(record)
			bad[len(bad)-1] ^= 1
		}
		err := x.e.Update(ctx, func(tx store.Tx) error {
			if !flip {
				return tx.Delete([]byte(key))
			}
			return tx.Put([]byte(key), bad)
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = vaulttest.Get(x.openAs(t, "ann", vault.Options{}), project, "A")
		wantErr(t, what, err, vault.ErrDamaged)
		epoch := x.v.Epoch(project)
		x.grant(t, "ann", project, use)
		wantValue(t, x.openAs(t, "ann", vault.Options{}), project, "A", "a")
		if got := x.v.Epoch(project); got != epoch {
			t.Errorf("%s: epoch %d became %d", what, epoch, got)
		}
		if damage, err := x.v.Verify(ctx, nil); err != nil || len(damage) > 0 {
			t.Errorf("%s: %v, %v", what, damage, err)
		}
	}
}

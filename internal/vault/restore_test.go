package vault_test

import (
	"testing"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/store"
)

// TestInterruptedRestore: the machine dies before or after the restored vault
// stands in the place of the other, and before it could remember so. Whichever of
// the two is there opens; and once the restored one was seen, the other is old.
func TestInterruptedRestore(t *testing.T) {
	key, state := vaulttest.NewKey(t), t.TempDir()
	e := store.NewMem()
	v := vaulttest.On(t, e, key, vault.Options{State: state})
	if err := v.CreateProject(ctx, "web"); err != nil {
		t.Fatal(err)
	}
	vaulttest.Put(t, v, project, "A", "in the backup")
	backup := dump(t, e)
	vaulttest.Put(t, v, project, "B", "after the backup")
	if err := v.Rotate(ctx, nil); err != nil { // the backup's owner cannot appoint a new one any more
		t.Fatal(err)
	}
	replaced := dump(t, e)
	old, err := vault.Open(ctx, backup.engine(t), key.Openers(t), vault.Options{Backup: true, State: state, AcceptRollback: true})
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	made := store.NewMem()
	if err := made.Update(ctx, func(tx store.Tx) error { return old.RestoreInto(ctx, tx, state, nil) }); err != nil {
		t.Fatal(err)
	}
	restored := dump(t, made)
	look := func(r records) error {
		w, err := vault.Open(ctx, r.engine(t), key.Openers(t), vault.Options{State: state})
		if err != nil {
			return err
		}
		defer w.Close()
		_, err = vaulttest.Get(w, project, "A")
		return err
	}
	if err := look(replaced); err != nil {
		t.Errorf("the restored vault did not get to its place: %v", err)
	}
	wantErr(t, "what was older before is older still", look(backup), vault.ErrRollback)
	if err := look(restored); err != nil {
		t.Errorf("the restored vault is in its place: %v", err)
	}
	wantErr(t, "the vault that it replaced, once the restored one was seen", look(replaced), vault.ErrRollback)
	wantErr(t, "the backup", look(backup), vault.ErrRollback)
	if n := len(vault.MemoryOf(state, v.ID())); n != 2 {
		t.Errorf("of two projects that were restored, %d are remembered", n)
	}

	// And on, with somebody else's changes.
	w, err := vault.Open(ctx, restored.engine(t), key.Openers(t), vault.Options{State: state})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	vaulttest.Put(t, w, "web", "C", "c")
	wantClean(t, w)
	wantErrProject(t, restored, key, state)
}

// wantErrProject wants the project that changed since to be refused.
func wantErrProject(t *testing.T, r records, key vaulttest.Key, state string) {
	t.Helper()
	w, err := vault.Open(ctx, r.engine(t), key.Openers(t), vault.Options{State: state})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	_, err = w.Secrets(ctx, "web")
	wantErr(t, "the restored vault as it was, where a change to it was seen", err, vault.ErrRollback)
}

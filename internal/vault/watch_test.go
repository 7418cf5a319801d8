package vault_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"tacenda/internal/audit"
	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/keyring"
	"tacenda/keyring/secret"
)

// heard is what somebody who watches was told.
type heard struct {
	action  audit.Action
	project string
	objects []string
}

func watched(t *testing.T, v *vault.Vault, member string) (*vault.Vault, *[]heard) {
	t.Helper()
	view, err := v.As(ctx, member)
	if err != nil {
		t.Fatal(err)
	}
	var all []heard
	return view.Watched(func(a audit.Action, project string, objects []string) error {
		all = append(all, heard{a, project, slices.Clone(objects)})
		return nil
	}), &all
}

// TestWatchHearsOfEveryName: nobody hides the use of a secret behind that of a
// thousand others, nor of one secret behind what counts as all of them.
func TestWatchHearsOfEveryName(t *testing.T) {
	x := newTeam(t, "ann")
	var drafts []vault.Draft
	var names []string
	for i := range audit.MaxObjects + 5 {
		names = append(names, fmt.Sprintf("S%04d", i))
		drafts = append(drafts, draft(t, names[i]))
	}
	if _, err := x.v.ImportSecrets(ctx, project, drafts, vault.ImportStrict); err != nil {
		t.Fatal(err)
	}
	x.grant(t, "ann", project, use)
	v, all := watched(t, x.v, "ann")
	values, err := v.Values(ctx, project, names[1:])
	if err != nil {
		t.Fatal(err)
	}
	values.Close()
	var told []string
	for _, h := range *all {
		if h.action != audit.Used || h.project != project || len(h.objects) == 0 || len(h.objects) > audit.MaxObjects {
			t.Errorf("heard of %s in %q, %d names", h.action, h.project, len(h.objects))
		}
		told = append(told, h.objects...)
	}
	if !slices.Equal(told, names[1:]) {
		t.Errorf("heard of %d names, the last is %v, of %d that were used", len(told), told[len(told)-1:], len(names)-1)
	}

	// One name as often as there are secrets is not all of them.
	if err := x.v.DeleteSecrets(ctx, project, names[2:]); err != nil {
		t.Fatal(err)
	}
	*all = nil
	_, err = v.Values(ctx, project, []string{"S0000", "S0000"})
	wantErr(t, "one name twice", err, vault.ErrInvalid)
	if len(*all) != 0 {
		t.Errorf("heard of %v", *all)
	}
	if values, err = v.Values(ctx, project, names[:2]); err != nil {
		t.Fatal(err)
	}
	values.Close()
	if len(*all) != 1 || (*all)[0].objects != nil {
		t.Errorf("for all secrets, heard %v", *all)
	}
}

// TestWatchHearsOfWhatIsTheOwners: what only owners may do is a denial like any other.
func TestWatchHearsOfWhatIsTheOwners(t *testing.T) {
	x := newTeam(t, "ann", "bob")
	x.grant(t, "ann", project, both)
	for _, a := range actions() {
		if !a.owner {
			continue
		}
		v, all := watched(t, x.v, "ann")
		err := a.do(t, v, project)
		wantErr(t, a.name, err, vault.ErrDenied)
		if a.name == "add an owner's key" || a.name == "replace an owner's key" {
			continue // nobody can ask a server for them
		}
		if len(*all) != 1 || (*all)[0].action != audit.Denied || !slices.Equal((*all)[0].objects, []string{"owner"}) {
			t.Errorf("%s: heard %v", a.name, *all)
		}
	}
}

// TestNamesInRecords: a manager's own program can write any record of their
// project. What calls itself something that no name can be is damage, and never
// reaches a terminal or a script.
func TestNamesInRecords(t *testing.T) {
	for _, name := range []string{"A\nLD_PRELOAD=/tmp/x", "A\x1b[2J", "a", "", "A B", "$(id)"} {
		x := newTeam(t, "ann")
		vaulttest.Put(t, x.v, project, "A", "a")
		if _, err := x.v.SetText(ctx, project, vault.Tool, "t", "x", 0); err != nil {
			t.Fatal(err)
		}
		x.grant(t, "ann", project, manage)
		ann := x.openAs(t, "ann", vault.Options{})
		if err := ann.RecordName(project, 's', "A", name); err != nil {
			t.Fatal(err)
		}
		list, err := x.v.Secrets(ctx, project)
		wantErr(t, fmt.Sprintf("secrets %q: %v", name, list), err, vault.ErrDamaged)
		_, err = x.v.Secret(ctx, project, "A")
		wantErr(t, fmt.Sprintf("secret %q", name), err, vault.ErrDamaged)
		if name == "a" {
			continue // which is a tool's, or a project's
		}
		if err := ann.RecordName(project, 't', "t", name); err != nil {
			t.Fatal(err)
		}
		_, err = x.v.Texts(ctx, project, vault.Tool)
		wantErr(t, fmt.Sprintf("tools %q", name), err, vault.ErrDamaged)
		if err := x.v.DropNameTags(); err != nil { // as in a vault from before there were members
			t.Fatal(err)
		}
		if err := x.openAs(t, "ann", vault.Options{}).ForgeProjectName(project, name); err != nil {
			t.Fatal(err)
		}
		_, err = x.v.Projects(ctx)
		wantErr(t, fmt.Sprintf("projects %q", name), err, vault.ErrDamaged)
	}
}

// TestKindsOfText: no kind of record but texts is asked for as one.
func TestKindsOfText(t *testing.T) {
	x := newTeam(t)
	vaulttest.Put(t, x.v, project, "A", "a")
	for k := range 256 {
		kind := vault.TextKind(k)
		if kind == vault.Tool || kind == vault.Instruction {
			continue
		}
		_, err := x.v.Texts(ctx, project, kind)
		wantErr(t, fmt.Sprintf("texts of kind %d", k), err, vault.ErrInvalid)
		_, err = x.v.Text(ctx, project, kind, "a")
		wantErr(t, fmt.Sprintf("text of kind %d", k), err, vault.ErrInvalid)
		_, err = x.v.SetText(ctx, project, kind, "a", "x", 0)
		wantErr(t, fmt.Sprintf("setting kind %d", k), err, vault.ErrInvalid)
		wantErr(t, fmt.Sprintf("deleting kind %d", k), x.v.DeleteText(ctx, project, kind, "a"), vault.ErrInvalid)
	}
}

// TestOwnersKeysAreNotCalledLikeMembers, whichever way they come to be.
func TestOwnersKeysAreNotCalledLikeMembers(t *testing.T) {
	x := newTeam(t, "ann")
	build := func(label, recipient string) func(vault.ID, *secret.Bytes) (*keyring.Slot, error) {
		return func(id vault.ID, root *secret.Bytes) (*keyring.Slot, error) {
			return keyring.NewRecipientSlot(id, label, recipient, root)
		}
	}
	for what, slot := range map[string]func(vault.ID, *secret.Bytes) (*keyring.Slot, error){
		"a member's name": build("ann", vaulttest.NewKey(t).Recipient),
		"a member's key":  build("other", x.keys["ann"].Recipient),
	} {
		wantErr(t, "adding "+what, x.v.AddSlot(ctx, slot), vault.ErrExists)
		slots, err := x.v.Slots(ctx)
		if err != nil {
			t.Fatal(err)
		}
		wantErr(t, "replacing by "+what, x.v.ReplaceSlot(ctx, slots[0].ID, slot, nil), vault.ErrExists)
	}
}

// TestWatchMayWait: whoever watches, and waits for a disk, keeps nobody else from
// the vault meanwhile; and what they cannot record does not happen.
func TestWatchMayWait(t *testing.T) {
	x := newTeam(t, "ann")
	vaulttest.Put(t, x.v, project, "A", "a")
	x.grant(t, "ann", project, use)
	view, err := x.v.As(ctx, "ann")
	if err != nil {
		t.Fatal(err)
	}
	full, calls := errors.New("the disk is full"), 0
	v := view.Watched(func(audit.Action, string, []string) error {
		calls++
		if !x.v.TryLock() {
			t.Error("told while the vault is locked")
			return full
		}
		x.v.Unlock()
		vaulttest.Put(t, x.v, project, fmt.Sprintf("B%d", calls), "b")
		return full
	})
	for what, do := range map[string]func() error{
		"values":      func() error { _, err := v.Values(ctx, project, []string{"A"}); return err },
		"a denial":    func() error { return v.DeleteSecrets(ctx, project, []string{"A"}) },
		"not allowed": func() error { return v.Rotate(ctx, nil) },
		"a new key": func() error {
			return v.AddSlot(ctx, func(vault.ID, *secret.Bytes) (*keyring.Slot, error) { panic("the root key was given away") })
		},
	} {
		calls = 0
		if err := do(); !errors.Is(err, full) || calls != 1 {
			t.Errorf("%s: %v, after %d calls", what, err, calls)
		}
		if err := x.v.DeleteSecrets(ctx, project, []string{"B1"}); err != nil {
			t.Fatal(err)
		}
	}
}

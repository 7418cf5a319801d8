package vault_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/keyring"
	"tacenda/keyring/secret"
	"tacenda/store"
)

const (
	read   = vault.PermRead
	use    = vault.PermRead | vault.PermUse
	manage = vault.PermRead | vault.PermManage
	both   = vault.PermRead | vault.PermUse | vault.PermManage
)

// team is a vault with members, whose keys the test has all of.
type team struct {
	e     store.Engine
	owner vaulttest.Key
	v     *vault.Vault // the owner's
	keys  map[string]vaulttest.Key
}

func newTeam(t testing.TB, members ...string) *team {
	t.Helper()
	x := &team{e: vaulttest.Shared(store.NewMem()), owner: vaulttest.NewKey(t), keys: map[string]vaulttest.Key{}}
	x.v = vaulttest.On(t, x.e, x.owner, vault.Options{})
	for _, m := range members {
		x.keys[m] = vaulttest.NewKey(t)
		if _, err := x.v.AddMember(ctx, m, x.keys[m].Recipient); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

func (x *team) grant(t testing.TB, member, project string, p vault.Permission) []string {
	t.Helper()
	lost, err := x.v.Grant(ctx, member, project, p, false, nil)
	if err != nil {
		t.Fatalf("granting %v in %s to %s: %v", p.Strings(), project, member, err)
	}
	return lost
}

// openAs opens what a file holds with a member's own key.
func (x *team) openAs(t testing.TB, member string, opts vault.Options) *vault.Vault {
	t.Helper()
	v, err := vault.Open(ctx, x.e, x.keys[member].Openers(t), opts)
	if err != nil {
		t.Fatalf("opening as %s: %v", member, err)
	}
	t.Cleanup(v.Close)
	return v
}

func projectNames(t testing.TB, v *vault.Vault) []string {
	t.Helper()
	list, err := v.Projects(ctx)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, p := range list {
		out = append(out, p.Name)
	}
	return out
}

func TestMembersFindWhatTheyWereGranted(t *testing.T) {
	x := newTeam(t, "ann", "bob", "eve")
	for _, p := range []string{"web", "ops"} {
		if err := x.v.CreateProject(ctx, p); err != nil {
			t.Fatal(err)
		}
		vaulttest.Put(t, x.v, p, "A", "the value in "+p)
	}
	x.grant(t, "ann", "web", read)
	x.grant(t, "bob", "web", use)
	x.grant(t, "bob", "ops", both)

	ann, bob, eve := x.openAs(t, "ann", vault.Options{}), x.openAs(t, "bob", vault.Options{}), x.openAs(t, "eve", vault.Options{})
	for _, c := range []struct {
		v    *vault.Vault
		want []string
	}{{ann, []string{"web"}}, {bob, []string{"ops", "web"}}, {eve, []string{}}, {x.v, []string{project, "ops", "web"}}} {
		if got := projectNames(t, c.v); !slices.Equal(got, c.want) {
			t.Errorf("%s finds %v, want %v", c.v.Actor(), got, c.want)
		}
	}
	if list, _ := bob.Projects(ctx); !slices.Equal(list[0].Permissions, []string{"secrets:read", "secrets:use", "secrets:manage"}) ||
		!slices.Equal(list[1].Permissions, []string{"secrets:read", "secrets:use"}) {
		t.Errorf("bob's permissions: %+v", list)
	}
	if s, err := ann.Secrets(ctx, "web"); err != nil || len(s) != 1 || s[0].Name != "A" || s[0].Hint == "" {
		t.Errorf("ann lists %+v, %v", s, err)
	}
	_, err := vaulttest.Get(ann, "web", "A")
	wantErr(t, "using with read", err, vault.ErrDenied)
	if err == nil || !strings.Contains(err.Error(), "project web needs secrets:use") {
		t.Errorf("what a refusal says: %v", err)
	}
	wantValue(t, bob, "web", "A", "the value in web")
	vaulttest.Put(t, bob, "ops", "B", "bob's")
	wantValue(t, x.v, "ops", "B", "bob's")
	if s, err := x.v.Secret(ctx, "ops", "B"); err != nil || s.Author != "bob" {
		t.Errorf("the author of what bob created: %+v, %v", s, err)
	}
	if es, err := bob.Events(ctx, "ops"); err != nil || es[len(es)-1].Actor != "bob" {
		t.Errorf("bob's events: %+v, %v", es, err)
	}
	if ann.Owner() || !x.v.Owner() {
		t.Error("who is an owner")
	}
	wantClean(t, x.v)
}

func TestMembersAreListed(t *testing.T) {
	x := newTeam(t, "bob", "ann")
	if err := x.v.CreateProject(ctx, "web"); err != nil {
		t.Fatal(err)
	}
	x.grant(t, "ann", "web", use)
	x.grant(t, "bob", "web", read)
	if _, err := x.v.Grant(ctx, "ann", project, manage, true, nil); err != nil {
		t.Fatal(err)
	}
	fingerprint := func(k vaulttest.Key) string { return keyring.RecipientFingerprint(k.Recipient) }
	ann := vault.Member{Name: "ann", Fingerprint: fingerprint(x.keys["ann"]), Recipient: x.keys["ann"].Recipient, Grants: []vault.Grant{
		{Project: project, Permissions: manage, ServerOnly: true}, {Project: "web", Permissions: use},
	}}
	bob := vault.Member{Name: "bob", Fingerprint: fingerprint(x.keys["bob"]), Recipient: x.keys["bob"].Recipient, Grants: []vault.Grant{
		{Project: "web", Permissions: read},
	}}
	got, err := x.v.Members(ctx)
	if diff := cmp.Diff([]vault.Member{ann, bob}, got); err != nil || diff != "" {
		t.Errorf("for an owner: %v\n%s", err, diff)
	}
	// Who has the file and this key alone does not know of the grant without keys.
	ann.Grants = ann.Grants[1:]
	got, err = x.openAs(t, "ann", vault.Options{}).Members(ctx)
	if diff := cmp.Diff([]vault.Member{ann}, got); err != nil || diff != "" {
		t.Errorf("for a member: %v\n%s", err, diff)
	}
}

func TestMembersThatCannotBe(t *testing.T) {
	x := newTeam(t, "ann")
	other := vaulttest.NewKey(t)
	for _, c := range []struct {
		name, recipient string
		want            error
	}{
		{"ann", other.Recipient, vault.ErrExists},
		{"bob", x.keys["ann"].Recipient, vault.ErrExists},
		{"bob", x.owner.Recipient, vault.ErrExists},
		{"Bob", other.Recipient, vault.ErrInvalid},
		{"", other.Recipient, vault.ErrInvalid},
		{"bob", "", vault.ErrInvalid},
		{"bob", "age1nonsense", vault.ErrInvalid},
		{"bob", other.Identity, vault.ErrInvalid},
		{"bob", "ssh-ed25519 AAAA", vault.ErrInvalid},
	} {
		_, err := x.v.AddMember(ctx, c.name, c.recipient)
		wantErr(t, fmt.Sprintf("adding %q with %.12q", c.name, c.recipient), err, c.want)
		if err != nil && strings.Contains(err.Error(), other.Identity) {
			t.Error("the error repeats a private key")
		}
	}
	add := func(label string, k vaulttest.Key) error {
		return x.v.AddSlot(ctx, func(id vault.ID, root *secret.Bytes) (*keyring.Slot, error) {
			return keyring.NewRecipientSlot(id, label, k.Recipient, root)
		})
	}
	wantErr(t, "an owner's key that is a member's", add("new", x.keys["ann"]), vault.ErrExists)
	wantErr(t, "an owner's label that is a member's name", add("ann", other), vault.ErrExists)
	if err := add("carl", other); err != nil {
		t.Fatal(err)
	}
	_, err := x.v.AddMember(ctx, "carl", vaulttest.NewKey(t).Recipient)
	wantErr(t, "a member's name that is an owner's label", err, vault.ErrExists)

	for _, c := range []struct {
		member, project string
		p               vault.Permission
		want            error
	}{
		{"bob", project, use, vault.ErrNotFound},
		{"ann", "none", use, vault.ErrNoProject},
		{"ann", project, 0, vault.ErrInvalid},
		{"ann", project, vault.PermUse, vault.ErrInvalid},
		{"ann", project, 9, vault.ErrInvalid},
		{"Ann", project, use, vault.ErrInvalid},
	} {
		_, err := x.v.Grant(ctx, c.member, c.project, c.p, false, nil)
		wantErr(t, fmt.Sprintf("granting %d to %s in %s", c.p, c.member, c.project), err, c.want)
	}
	_, err = x.v.Revoke(ctx, "ann", project, nil)
	wantErr(t, "revoking what was not granted", err, vault.ErrNotFound)
	_, err = x.v.Revoke(ctx, "bob", project, nil)
	wantErr(t, "revoking from nobody", err, vault.ErrNotFound)
	_, err = x.v.RemoveMember(ctx, "bob", nil)
	wantErr(t, "removing nobody", err, vault.ErrNotFound)
	wantClean(t, x.v)
}

func TestParsePermission(t *testing.T) {
	for words, want := range map[string]vault.Permission{
		"secrets:read": read, "secrets:use": use, "secrets:manage": manage, "secrets:manage secrets:use": both,
		"secrets:read secrets:read": read, "": 0, "read": 0, "secrets:read secrets:write": 0, "SECRETS:READ": 0,
	} {
		got, err := vault.ParsePermission(strings.Fields(words))
		if got != want || (err == nil) != (want != 0) || err != nil && !errors.Is(err, vault.ErrInvalid) {
			t.Errorf("%q: %v, %v, want %v", words, got, err, want)
		}
	}
}

// TestWhatMembersCouldRead: which names come back when something is taken away,
// and when the project's keys are made anew.
func TestWhatMembersCouldRead(t *testing.T) {
	type grant struct {
		p      vault.Permission // 0: none
		server bool
	}
	all := []string{"A", "B"}
	for _, c := range []struct {
		from, to grant
		lost     []string
		epoch    bool
	}{
		{grant{use, false}, grant{}, all, true},
		{grant{manage, false}, grant{}, all, true},
		{grant{read, false}, grant{}, nil, true},
		{grant{use, true}, grant{}, all, false},
		{grant{manage, true}, grant{}, nil, false},
		{grant{use, false}, grant{read, false}, all, true},
		{grant{manage, false}, grant{use, false}, nil, true},
		{grant{both, false}, grant{manage, false}, nil, false},
		{grant{manage, false}, grant{manage, true}, all, true},
		{grant{use, false}, grant{use, true}, nil, true},
		{grant{read, false}, grant{use, false}, nil, false},
		{grant{use, false}, grant{both, false}, nil, false},
		{grant{read, true}, grant{both, false}, nil, false},
		{grant{both, true}, grant{read, true}, all, false},
	} {
		what := fmt.Sprintf("%v to %v", c.from, c.to)
		x := newTeam(t, "ann")
		vaulttest.Put(t, x.v, project, "A", "a")
		vaulttest.Put(t, x.v, project, "B", "b")
		if lost, err := x.v.Grant(ctx, "ann", project, c.from.p, c.from.server, nil); err != nil || len(lost) > 0 {
			t.Fatalf("%s: %v %v", what, lost, err)
		}
		before := x.v.Epoch(project)
		var lost []string
		var err error
		if c.to.p == 0 {
			lost, err = x.v.Revoke(ctx, "ann", project, nil)
		} else {
			lost, err = x.v.Grant(ctx, "ann", project, c.to.p, c.to.server, nil)
		}
		if err != nil || lost == nil || !slices.Equal(lost, c.lost) {
			t.Errorf("%s: to be changed are %v, %v, want %v", what, lost, err, c.lost)
		}
		if got := x.v.Epoch(project) != before; got != c.epoch {
			t.Errorf("%s: a new epoch %v, want %v", what, got, c.epoch)
		}
		// What the member finds is what they have now.
		want := c.to.p
		if c.to.server {
			want = 0
		}
		var held []string
		if list, err := x.openAs(t, "ann", vault.Options{}).Projects(ctx); err != nil {
			t.Errorf("%s: %v", what, err)
		} else if len(list) > 0 {
			held = list[0].Permissions
		}
		if !slices.Equal(held, want.Strings()) && len(held)+len(want.Strings()) > 0 {
			t.Errorf("%s: the member holds %v", what, held)
		}
		wantValue(t, x.v, project, "A", "a")
		wantClean(t, x.v)
	}
}

func TestRevokingReachesOpenVaults(t *testing.T) {
	x := newTeam(t, "ann", "bob")
	vaulttest.Put(t, x.v, project, "A", "a")
	x.grant(t, "ann", project, both)
	x.grant(t, "bob", project, use)
	ann, bob := x.openAs(t, "ann", vault.Options{}), x.openAs(t, "bob", vault.Options{})
	wantValue(t, ann, project, "A", "a")
	wantValue(t, bob, project, "A", "a")
	if lost, err := x.v.Revoke(ctx, "ann", project, nil); err != nil || !slices.Equal(lost, []string{"A"}) {
		t.Fatalf("%v %v", lost, err)
	}
	_, err := vaulttest.Get(ann, project, "A")
	wantErr(t, "using after a revoke", err, vault.ErrNoProject)
	_, err = ann.CreateSecret(ctx, project, vault.Draft{Name: "B", Value: vaulttest.Value(t, "b")})
	wantErr(t, "creating after a revoke", err, vault.ErrNoProject)
	wantValue(t, bob, project, "A", "a") // with the keys of the new epoch

	// Rotation leaves members in, and what they hold.
	if err := x.v.Rotate(ctx, nil); err != nil {
		t.Fatal(err)
	}
	wantValue(t, bob, project, "A", "a")
	wantValue(t, x.openAs(t, "bob", vault.Options{}), project, "A", "a")

	if lost, err := x.v.RemoveMember(ctx, "bob", nil); err != nil || cmp.Diff(map[string][]string{project: {"A"}}, lost) != "" {
		t.Fatalf("%v %v", lost, err)
	}
	_, err = bob.Projects(ctx)
	wantErr(t, "a removed member's open vault", err, vault.ErrLocked)
	_, err = vault.Open(ctx, x.e, x.keys["bob"].Openers(t), vault.Options{})
	wantErr(t, "a removed member's key", err, vault.ErrLocked)
	if got := projectNames(t, ann); len(got) != 0 {
		t.Errorf("ann, who is a member without grants, finds %v", got)
	}
	wantClean(t, x.v)

	// Somebody else of the same name is somebody else.
	x.keys["bob"] = vaulttest.NewKey(t)
	if _, err := x.v.AddMember(ctx, "bob", x.keys["bob"].Recipient); err != nil {
		t.Fatal(err)
	}
	x.grant(t, "bob", project, use)
	_, err = bob.Projects(ctx)
	wantErr(t, "the open vault of a removed member, when another has the name", err, vault.ErrLocked)
	wantValue(t, x.openAs(t, "bob", vault.Options{}), project, "A", "a")
}

func TestChangesOfKeysKeepMembers(t *testing.T) {
	x := newTeam(t, "ann", "bob")
	if err := x.v.CreateProject(ctx, "web"); err != nil {
		t.Fatal(err)
	}
	vaulttest.Put(t, x.v, project, "A", "a")
	vaulttest.Put(t, x.v, "web", "B", "b")
	x.grant(t, "ann", project, use)
	x.grant(t, "bob", "web", both)
	x.grant(t, "ann", "web", read)
	if _, err := x.v.Grant(ctx, "bob", project, manage, true, nil); err != nil {
		t.Fatal(err)
	}
	before, err := x.v.Members(ctx)
	if err != nil {
		t.Fatal(err)
	}
	second := vaulttest.NewKey(t)
	slot := func(id vault.ID, root *secret.Bytes) (*keyring.Slot, error) {
		return keyring.NewRecipientSlot(id, "second", second.Recipient, root)
	}
	third := func(id vault.ID, root *secret.Bytes) (*keyring.Slot, error) {
		return keyring.NewRecipientSlot(id, "third", vaulttest.NewKey(t).Recipient, root)
	}
	for _, c := range []struct {
		what string
		do   func() error
	}{
		{"rotating", func() error { return x.v.Rotate(ctx, nil) }},
		{"adding an owner's key", func() error { return x.v.AddSlot(ctx, slot) }},
		{"replacing an owner's key", func() error { return x.v.ReplaceSlot(ctx, "second", third, nil) }},
		{"removing an owner's key", func() error { return x.v.RemoveSlot(ctx, "third", false, nil) }},
		{"renaming a project, and back", func() error {
			return errors.Join(x.v.RenameProject(ctx, "web", "site"), x.v.RenameProject(ctx, "site", "web"))
		}},
		{"restoring", func() error { return x.restore(t) }},
	} {
		if err := c.do(); err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		after, err := x.v.Members(ctx)
		if diff := cmp.Diff(before, after); err != nil || diff != "" {
			t.Errorf("after %s: %v\n%s", c.what, err, diff)
		}
		ann, bob := x.openAs(t, "ann", vault.Options{}), x.openAs(t, "bob", vault.Options{})
		wantValue(t, ann, project, "A", "a")
		wantValue(t, bob, "web", "B", "b")
		_, err = vaulttest.Get(ann, "web", "B")
		wantErr(t, "after "+c.what+", using with read", err, vault.ErrDenied)
		if got := projectNames(t, bob); !slices.Equal(got, []string{"web"}) {
			t.Errorf("after %s bob finds %v", c.what, got)
		}
		wantClean(t, x.v)
	}
	if err := x.v.DeleteProject(ctx, "web"); err != nil {
		t.Fatal(err)
	}
	if n := len(grants(dump(t, x.e))); n != 1 { // ann's in the other project
		t.Errorf("%d grants are left after a project was deleted, want 1", n)
	}
	if got := projectNames(t, x.openAs(t, "bob", vault.Options{})); len(got) > 0 {
		t.Errorf("in a deleted project bob finds %v", got)
	}
	wantClean(t, x.v)
}

// grants are the engine keys of the grants.
func grants(r records) []string {
	var out []string
	for k := range r {
		if k[0] == 3 {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

// restore puts a backup of the vault in its place.
func (x *team) restore(t *testing.T) error {
	state := t.TempDir()
	old, err := vault.Open(ctx, dump(t, x.e).engine(t), x.owner.Openers(t), vault.Options{Backup: true, State: state})
	if err != nil {
		return err
	}
	defer old.Close()
	restored := vaulttest.Shared(store.NewMem())
	if err := restored.Update(ctx, func(tx store.Tx) error { return old.RestoreInto(ctx, tx, state, nil) }); err != nil {
		return err
	}
	if err := old.Restored(state); err != nil {
		return err
	}
	x.e = restored
	x.v, err = vault.Open(ctx, restored, x.owner.Openers(t), vault.Options{State: state})
	return err
}

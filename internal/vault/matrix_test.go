package vault_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"tacenda/internal/prooftest"
	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/keyring"
	"tacenda/keyring/secret"
	"tacenda/store"
)

// An action is something that a caller may try in a project. needs is what the
// design names for it; nobody's permissions are enough for an owner's.
type action struct {
	name  string
	needs vault.Permission
	owner bool
	do    func(t testing.TB, v *vault.Vault, project string) error
}

func draft(t testing.TB, name string) vault.Draft {
	return vault.Draft{Name: name, Value: vaulttest.Value(t, "a value of "+name)}
}

func only[T any](_ T, err error) error { return err }

// actions are all that go to one project.
func actions() []action {
	yes, no, text := true, false, "words"
	hosts, same := []string{"api.example.com"}, []string{"db.example.com"}
	slot := func(id vault.ID, root *secret.Bytes) (*keyring.Slot, error) {
		s, _, err := keyring.NewRecoverySlot(id, "paper", root)
		return s, err
	}
	create := func(change func(*vault.Draft)) func(testing.TB, *vault.Vault, string) error {
		return func(t testing.TB, v *vault.Vault, p string) error {
			d := draft(t, "NEW")
			change(&d)
			return only(v.CreateSecret(ctx, p, d))
		}
	}
	edit := func(name string, e vault.Edit) func(testing.TB, *vault.Vault, string) error {
		return func(t testing.TB, v *vault.Vault, p string) error { return only(v.EditSecret(ctx, p, name, e)) }
	}
	get := func(f func(v *vault.Vault, p string) error) func(testing.TB, *vault.Vault, string) error {
		return func(_ testing.TB, v *vault.Vault, p string) error { return f(v, p) }
	}
	return []action{
		{"list secrets", read, false, get(func(v *vault.Vault, p string) error { return only(v.Secrets(ctx, p)) })},
		{"show a secret", read, false, get(func(v *vault.Vault, p string) error { return only(v.Secret(ctx, p, "A")) })},
		{"list tools", read, false, get(func(v *vault.Vault, p string) error { return only(v.Texts(ctx, p, vault.Tool)) })},
		{"show a tool", read, false, get(func(v *vault.Vault, p string) error { return only(v.Text(ctx, p, vault.Tool, "t")) })},
		{"references", read, false, get(func(v *vault.Vault, p string) error { return only(v.References(ctx, p)) })},
		{"history", read, false, get(func(v *vault.Vault, p string) error { return only(v.Events(ctx, p)) })},
		{"head", read, false, get(func(v *vault.Vault, p string) error { return only(v.Head(ctx, p)) })},
		{"verify the history", read, false, get(func(v *vault.Vault, p string) error { return v.VerifyHistory(ctx, p, "") })},
		{"stamp", read, false, get(func(v *vault.Vault, p string) error { return only(v.Stamp(ctx, p)) })},
		{"compare", read, false, get(func(v *vault.Vault, p string) error { return only(v.DiffProjects(ctx, p, p)) })},

		{"use", use, false, get(func(v *vault.Vault, p string) error { return only(vaulttest.Get(v, p, "A")) })},
		{"use none", use, false, get(func(v *vault.Vault, p string) error {
			x, err := v.Values(ctx, p, nil)
			if err == nil {
				x.Close()
			}
			return err
		})},

		{"create", manage, false, create(func(*vault.Draft) {})},
		{"create for hosts", both, false, create(func(d *vault.Draft) { d.AllowedHosts = hosts })},
		{"create for the model", both, false, create(func(d *vault.Draft) { d.LLMSafe = true })},
		{"edit the description", manage, false, edit("A", vault.Edit{Description: &text})},
		{"edit the value", manage, false, func(t testing.TB, v *vault.Vault, p string) error {
			return only(v.EditSecret(ctx, p, "A", vault.Edit{Value: vaulttest.Value(t, "new")}))
		}},
		{"edit the hosts", both, false, edit("A", vault.Edit{AllowedHosts: &hosts})},
		{"edit the model's", both, false, edit("A", vault.Edit{LLMSafe: &yes})},
		{"edit nothing of the hosts", manage, false, edit("BOUND", vault.Edit{AllowedHosts: &same, LLMSafe: &yes, Description: &text})},
		{"free it of its hosts", both, false, edit("BOUND", vault.Edit{AllowedHosts: &[]string{}})},
		{"take it from the model", both, false, edit("BOUND", vault.Edit{LLMSafe: &no})},
		{"delete", manage, false, get(func(v *vault.Vault, p string) error { return v.DeleteSecrets(ctx, p, []string{"A"}) })},
		{"import", manage, false, func(t testing.TB, v *vault.Vault, p string) error {
			return only(v.ImportSecrets(ctx, p, []vault.Draft{draft(t, "A"), draft(t, "NEW")}, vault.ImportOverwrite))
		}},
		{"import for hosts", both, false, func(t testing.TB, v *vault.Vault, p string) error {
			d := draft(t, "NEW")
			d.AllowedHosts = hosts
			return only(v.ImportSecrets(ctx, p, []vault.Draft{draft(t, "OTHER"), d}, vault.ImportStrict))
		}},
		{"set a tool", both, false, get(func(v *vault.Vault, p string) error { return only(v.SetText(ctx, p, vault.Tool, "t", "{{A}}", 0)) })},
		{"delete a tool", both, false, get(func(v *vault.Vault, p string) error { return v.DeleteText(ctx, p, vault.Tool, "t") })},
		{"set an instruction", both, false, get(func(v *vault.Vault, p string) error {
			return only(v.SetText(ctx, p, vault.Instruction, "i", "be {{A}}", 0))
		})},

		{"rename the project", 0, true, get(func(v *vault.Vault, p string) error { return v.RenameProject(ctx, p, "renamed") })},
		{"delete the project", 0, true, get(func(v *vault.Vault, p string) error { return v.DeleteProject(ctx, p) })},
		{"duplicate the project", 0, true, get(func(v *vault.Vault, p string) error { return v.DuplicateProject(ctx, p, "copied") })},
		{"create a project", 0, true, get(func(v *vault.Vault, _ string) error { return v.CreateProject(ctx, "created") })},
		{"grant", 0, true, get(func(v *vault.Vault, p string) error { return only(v.Grant(ctx, "me", p, both, false, nil)) })},
		{"revoke", 0, true, get(func(v *vault.Vault, p string) error { return only(v.Revoke(ctx, "them", p, nil)) })},
		{"add a member", 0, true, func(t testing.TB, v *vault.Vault, _ string) error {
			return only(v.AddMember(ctx, "new", vaulttest.NewKey(t).Recipient))
		}},
		{"remove a member", 0, true, get(func(v *vault.Vault, _ string) error { return only(v.RemoveMember(ctx, "them", nil)) })},
		{"list the owners' keys", 0, true, get(func(v *vault.Vault, _ string) error { return only(v.Slots(ctx)) })},
		{"add an owner's key", 0, true, get(func(v *vault.Vault, _ string) error { return v.AddSlot(ctx, slot) })},
		{"remove an owner's key", 0, true, get(func(v *vault.Vault, _ string) error { return v.RemoveSlot(ctx, "desk", false, nil) })},
		{"drop an owner's key", 0, true, get(func(v *vault.Vault, _ string) error { return v.RemoveSlot(ctx, "desk", true, nil) })},
		{"replace an owner's key", 0, true, get(func(v *vault.Vault, _ string) error { return v.ReplaceSlot(ctx, "desk", slot, nil) })},
		{"rotate", 0, true, get(func(v *vault.Vault, _ string) error { return v.Rotate(ctx, nil) })},
		{"verify", 0, true, get(func(v *vault.Vault, _ string) error { return only(v.Verify(ctx, nil)) })},
		{"the vault's history", 0, true, get(func(v *vault.Vault, _ string) error { return only(v.Events(ctx, "")) })},
		{"restore", 0, true, get(func(v *vault.Vault, _ string) error {
			return store.NewMem().Update(ctx, func(tx store.Tx) error { return v.RestoreInto(ctx, tx, "", nil) })
		})},
		{"back up", 0, true, get(func(v *vault.Vault, _ string) error {
			_, err := v.Backup(ctx, io.Discard)
			if errors.Is(err, store.ErrReadOnly) { // the memory engine has no copies of itself
				return nil
			}
			return err
		})},
	}
}

// sets are the sets of permissions that a grant can hold, and none.
var sets = []vault.Permission{0, read, use, manage, both}

// newMatrix is a vault in which "me" has set in the project own. In "other" and
// "revoked" others have something; in the latter me had all.
func newMatrix(t *testing.T, set vault.Permission, server bool) *team {
	x := newTeam(t, "me", "them", "server")
	for _, p := range []string{"own", "other", "revoked"} {
		if err := x.v.CreateProject(ctx, p); err != nil {
			t.Fatal(err)
		}
		vaulttest.Put(t, x.v, p, "A", "the value in "+p)
		if _, err := x.v.CreateSecret(ctx, p, vault.Draft{
			Name: "BOUND", Value: vaulttest.Value(t, "bound"), LLMSafe: true, AllowedHosts: []string{"db.example.com"},
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := x.v.SetText(ctx, p, vault.Tool, "t", "url: https://{{A}}", 0); err != nil {
			t.Fatal(err)
		}
		x.grant(t, "them", p, use)
		x.grant(t, "server", p, both)
	}
	err := x.v.AddSlot(ctx, func(id vault.ID, root *secret.Bytes) (*keyring.Slot, error) {
		return keyring.NewRecipientSlot(id, "desk", vaulttest.NewKey(t).Recipient, root)
	})
	if err != nil {
		t.Fatal(err)
	}
	x.grant(t, "me", "revoked", both)
	if _, err := x.v.Revoke(ctx, "me", "revoked", nil); err != nil {
		t.Fatal(err)
	}
	if set != 0 {
		if _, err := x.v.Grant(ctx, "me", "own", set, server, nil); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

// A way is how somebody comes to a vault: with the file and their own key, or
// through a server that an owner or another member opened.
type way struct {
	name   string
	server bool // the grant is without keys
	open   func(t *testing.T, x *team, e store.Engine) *vault.Vault
}

var ways = []way{
	{"the file", false, func(t *testing.T, x *team, e store.Engine) *vault.Vault {
		v, err := vault.Open(ctx, e, x.keys["me"].Openers(t), vault.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}},
	{"an owner's server", false, through("")},
	{"an owner's server, without keys", true, through("")},
	{"a member's server, without keys", true, through("server")},
}

// through opens the vault as a server does that serves me.
func through(server string) func(t *testing.T, x *team, e store.Engine) *vault.Vault {
	return func(t *testing.T, x *team, e store.Engine) *vault.Vault {
		key := x.owner
		if server != "" {
			key = x.keys[server]
		}
		under, err := vault.Open(ctx, e, key.Openers(t), vault.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(under.Close)
		v, err := under.As(ctx, "me")
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// TestMatrix tries every action with every set of permissions, in the caller's
// project, in another's, in one from which they were revoked, and in none.
func TestMatrix(t *testing.T) {
	t.Parallel()
	acts, cells := actions(), 0
	for _, w := range ways {
		for _, set := range sets {
			x := newMatrix(t, set, w.server)
			all := dump(t, x.e)
			for _, a := range acts {
				for _, p := range []string{"own", "other", "revoked", "none"} {
					// What is denied everywhere, and what the caller has elsewhere, need not be tried everywhere.
					if p != "own" && (a.owner || set != 0 && set != both) {
						continue
					}
					what := fmt.Sprintf("%s, with %v, %s in %s", w.name, set.Strings(), a.name, p)
					e := all.engine(t)
					v := w.open(t, x, e)
					err := a.do(t, v, p)
					v.Close()
					held := vault.Permission(0)
					if p == "own" {
						held = set
					}
					cells++
					checkVerdict(t, what, a, p, held, err)
					checkEffect(t, what, x, all, e, err)
				}
			}
		}
	}
	prooftest.Cases(t, cells, "cells")
}

// checkVerdict holds what came of an action against what the design says.
func checkVerdict(t *testing.T, what string, a action, project string, held vault.Permission, err error) {
	t.Helper()
	switch {
	case a.owner:
		wantErr(t, what, err, vault.ErrDenied)
		if err != nil && !strings.Contains(err.Error(), "owner") {
			t.Errorf("%s: %v does not name what is needed", what, err)
		}
	case held == 0:
		wantErr(t, what, err, vault.ErrNoProject)
		// One that is hidden is told like one that is not there.
		if want := "project " + project + ": not found"; err != nil && err.Error() != want {
			t.Errorf("%s: %v, want %s", what, err, want)
		}
	case held&a.needs == a.needs:
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	default:
		wantErr(t, what, err, vault.ErrDenied)
		for _, word := range (a.needs &^ held).Strings() {
			if err != nil && !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %v does not name %s", what, err, word)
			}
		}
	}
}

// checkEffect wants an unchanged file after a refusal, and a sound one otherwise.
func checkEffect(t *testing.T, what string, x *team, before records, e store.Engine, err error) {
	t.Helper()
	after := dump(t, e)
	same := maps.EqualFunc(before, after, func(a, b []byte) bool { return string(a) == string(b) })
	switch {
	case err != nil && !same:
		t.Errorf("%s: it was refused, and something changed", what)
	case err == nil && !same:
		v, err := vault.Open(ctx, e, x.owner.Openers(t), vault.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		if damage, err := v.Verify(ctx, nil); err != nil || len(damage) > 0 {
			t.Errorf("%s: it left %v, %v", what, damage, err)
		}
	}
}

// TestOwnersDoAll: the same actions, by an owner, with the file and through a server.
func TestOwnersDoAll(t *testing.T) {
	t.Parallel()
	x := newMatrix(t, use, false)
	all := dump(t, x.e)
	for _, a := range actions() {
		for _, guest := range []bool{false, true} {
			e := all.engine(t)
			v, err := vault.Open(ctx, e, x.owner.Openers(t), vault.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(v.Close)
			if guest {
				if v, err = v.AsOwner(ctx, "test key"); err != nil {
					t.Fatal(err)
				}
			}
			if err := a.do(t, v, "own"); err != nil {
				t.Errorf("an owner, %s, through a server %v: %v", a.name, guest, err)
			}
		}
	}
}

// TestServersReachNoFurtherThanTheirKeys: what a member has through the server of
// another is what both have.
func TestServersReachNoFurtherThanTheirKeys(t *testing.T) {
	t.Parallel()
	for _, of := range sets[1:] {
		for _, mine := range sets[1:] {
			x := newTeam(t, "me", "server")
			vaulttest.Put(t, x.v, project, "A", "a")
			x.grant(t, "server", project, of)
			if _, err := x.v.Grant(ctx, "me", project, mine, true, nil); err != nil {
				t.Fatal(err)
			}
			under := x.openAs(t, "server", vault.Options{})
			v, err := under.As(ctx, "me")
			if err != nil {
				t.Fatal(err)
			}
			list, err := v.Projects(ctx)
			if err != nil || len(list) != 1 || !slices.Equal(list[0].Permissions, (of&mine).Strings()) {
				t.Errorf("%v through %v: %+v, %v", mine.Strings(), of.Strings(), list, err)
			}
			owner, err := under.AsOwner(ctx, "test key")
			if err != nil {
				t.Fatal(err)
			}
			list, err = owner.Projects(ctx)
			if err != nil || len(list) != 1 || !slices.Equal(list[0].Permissions, of.Strings()) || owner.Owner() {
				t.Errorf("an owner through %v: %+v, %v", of.Strings(), list, err)
			}
			err = owner.CreateProject(ctx, "new")
			wantErr(t, "an owner's action through a member's server", err, vault.ErrDenied)
			if strings.Contains(err.Error(), "only an owner") {
				t.Errorf("an owner is told to be none: %v", err)
			}
			if s, err := owner.CreateSecret(ctx, project, draft(t, "B")); err == nil && s.Author != "test key" {
				t.Errorf("an owner through a server writes as %s", s.Author)
			}
		}
	}
}

// TestCloneMatrix: every set in the source and in the target, with keys and
// without. Whoever could read a value in the target, by use or by keys of their
// own, must be able to read it in the source.
func TestCloneMatrix(t *testing.T) {
	t.Parallel()
	base := newMatrix(t, 0, false)
	all, cells := dump(t, base.e), 0
	for _, file := range []bool{true, false} {
		for _, from := range sets {
			for _, to := range sets {
				for _, keyless := range []string{"none", "source", "target", "both"} {
					if file && keyless != "none" {
						continue
					}
					srcServer, dstServer := keyless == "source" || keyless == "both", keyless == "target" || keyless == "both"
					x := &team{e: all.engine(t), owner: base.owner, keys: base.keys}
					var err error
					if x.v, err = vault.Open(ctx, x.e, x.owner.Openers(t), vault.Options{}); err != nil {
						t.Fatal(err)
					}
					defer x.v.Close()
					for _, g := range []struct {
						p      string
						set    vault.Permission
						server bool
					}{{"own", from, srcServer}, {"other", to, dstServer}} {
						if g.set != 0 {
							if _, err := x.v.Grant(ctx, "me", g.p, g.set, g.server, nil); err != nil {
								t.Fatal(err)
							}
						}
					}
					v := ways[0].open
					if !file {
						v = through("")
					}
					me := v(t, x, x.e)
					err = me.CloneSecrets(ctx, "own", []string{"A"}, "other", true)
					what := fmt.Sprintf("file %v, %s without keys: cloning from %v to %v", file, keyless, from.Strings(), to.Strings())
					cells++
					readsTarget := to&vault.PermUse != 0
					keyed := to&vault.PermManage != 0 && !dstServer && !(from&vault.PermManage != 0 && !srcServer)
					switch {
					case from == 0 || to == 0:
						if from&vault.PermManage == 0 && from != 0 {
							wantErr(t, what, err, vault.ErrDenied)
						} else {
							wantErr(t, what, err, vault.ErrNoProject)
						}
					case from&vault.PermManage == 0, to&vault.PermManage == 0, (readsTarget || keyed) && from&vault.PermUse == 0:
						wantErr(t, what, err, vault.ErrDenied)
					case err != nil:
						t.Errorf("%s: %v", what, err)
					default:
						wantValue(t, x.v, "other", "A", "the value in own")
					}
				}
			}
		}
	}
	prooftest.Cases(t, cells, "clones between projects")
}

func TestViews(t *testing.T) {
	x := newTeam(t, "me", "them")
	vaulttest.Put(t, x.v, project, "A", "a")
	x.grant(t, "me", project, use)
	me, err := x.v.As(ctx, "me")
	if err != nil {
		t.Fatal(err)
	}
	if me.Actor() != "me" || me.ID() != x.v.ID() {
		t.Error("a view of something else")
	}
	_, err = me.As(ctx, "them")
	wantErr(t, "a member who acts for another", err, vault.ErrDenied)
	_, err = me.AsOwner(ctx, "test key")
	wantErr(t, "a member who acts for an owner", err, vault.ErrDenied)
	for _, nobody := range []string{"nobody", "test key"} {
		_, err = x.v.As(ctx, nobody)
		wantErrOneOf(t, "acting for "+nobody, err, vault.ErrNotFound, vault.ErrInvalid)
	}
	_, err = x.v.AsOwner(ctx, "me")
	wantErr(t, "acting for a member as an owner", err, vault.ErrNotFound)
	wantValue(t, me, project, "A", "a")
	me.Close()
	_, err = vaulttest.Get(me, project, "A")
	if err == nil {
		t.Error("a closed view still serves")
	}
	wantValue(t, x.v, project, "A", "a")

	// A member who is removed, and a slot that is, end their views.
	me, _ = x.v.As(ctx, "me")
	owner, err := x.v.AsOwner(ctx, "test key")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.v.RemoveMember(ctx, "me", nil); err != nil {
		t.Fatal(err)
	}
	_, err = me.Projects(ctx)
	wantErr(t, "a removed member's view", err, vault.ErrLocked)
	if _, err := owner.Projects(ctx); err != nil {
		t.Error(err)
	}
}

func TestMemberByKey(t *testing.T) {
	const ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJLPU5c4NbBMmqm6Mw6PZ6aoZ8tq0bQ3k1u3rVd3P7Zk"
	x := newTeam(t, "ann")
	if _, err := x.v.AddMember(ctx, "bob", ssh+" bob@laptop"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		key, name string
		owner     bool
		err       error
	}{
		{ssh, "bob", false, nil},
		{ssh + " another comment\n", "bob", false, nil},
		{x.keys["ann"].Recipient, "ann", false, nil},
		{x.owner.Recipient, "test key", true, nil},
		{vaulttest.NewKey(t).Recipient, "", false, vault.ErrNotFound},
		{"", "", false, vault.ErrNotFound},
		{"ssh-ed25519 AAAA", "", false, vault.ErrNotFound},
	} {
		name, owner, err := x.v.MemberByKey(ctx, c.key)
		if name != c.name || owner != c.owner || !errors.Is(err, c.err) {
			t.Errorf("%.30q: %q, %v, %v", c.key, name, owner, err)
		}
	}
}

// TestManyViewsAtOnce: sessions of members on one server, while an owner's
// changes pass under them.
func TestManyViewsAtOnce(t *testing.T) {
	x := newTeam(t, "ann", "bob")
	vaulttest.Put(t, x.v, project, "A", "a")
	x.grant(t, "bob", project, use)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				bob, err := x.v.As(ctx, "bob")
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := vaulttest.Get(bob, project, "A"); err != nil || got != "a" {
					t.Errorf("bob reads %q, %v", got, err)
				}
				_, err = bob.CreateSecret(ctx, project, vault.Draft{Name: "B", Value: bytesValue("b")})
				wantErr(t, "bob creates", err, vault.ErrDenied)
				bob.Close()
			}
		})
	}
	for range 10 {
		x.grant(t, "ann", project, both)
		if _, err := x.v.Revoke(ctx, "ann", project, nil); err != nil {
			t.Error(err)
		}
	}
	if err := x.v.Rotate(ctx, nil); err != nil {
		t.Error(err)
	}
	all.Wait()
	wantClean(t, x.v)
}

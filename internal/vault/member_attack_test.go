package vault_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/keyring"
	"tacenda/keyring/secret"
	"tacenda/store"
)

// The attacks of somebody who has the file, a member's key, and a program of
// their own that asks no gate.

// TestGrantsHoldTheKeysOfTheTable: what is not granted is not in the file.
func TestGrantsHoldTheKeysOfTheTable(t *testing.T) {
	for _, c := range []struct {
		p             vault.Permission
		bytes         int
		values, signs bool
	}{{read, 32, false, false}, {use, 64, true, false}, {manage, 96, true, true}, {both, 96, true, true}} {
		x := newTeam(t, "ann")
		vaulttest.Put(t, x.v, project, "A", "the value of A")
		x.grant(t, "ann", project, c.p)
		ann := x.openAs(t, "ann", vault.Options{})
		_, record := x.v.GrantRecord(x.e, project, "ann")
		if got := vault.WrappedSize(record); got != c.bytes || ann.KeysHeld(project) != c.bytes {
			t.Errorf("%v: the grant wraps %d bytes, %d came out, want %d", c.p.Strings(), got, ann.KeysHeld(project), c.bytes)
		}
		values, err := ann.Pry(project, "A")
		if err != nil || (len(values) > 0) != c.values {
			t.Errorf("%v: a program without gates got %q, %v", c.p.Strings(), values, err)
		}
		for i, err := range ann.Missing(project, "A") {
			has := c.values
			if i == 1 {
				has = c.signs
			}
			if (err == nil) != has || err != nil && !errors.Is(err, vault.ErrDenied) {
				t.Errorf("%v: step %d without the key for it: %v", c.p.Strings(), i, err)
			}
		}
		// Nobody but an owner signs a roster, whatever their program tries.
		if err := ann.Touch(); err == nil {
			t.Errorf("%v: a member signed the roster", c.p.Strings())
		}
	}
	// A grant without keys puts nothing into the file.
	x := newTeam(t, "ann")
	if _, err := x.v.Grant(ctx, "ann", project, both, true, nil); err != nil {
		t.Fatal(err)
	}
	if g := grants(dump(t, x.e)); len(g) != 0 {
		t.Errorf("a grant without keys left %x", g)
	}
}

// TestReadersChangeNothingUnnoticed: with the read key a record can be made that
// opens; without sign it is noticed wherever somebody looks.
func TestReadersChangeNothingUnnoticed(t *testing.T) {
	for _, p := range []vault.Permission{read, use} {
		x := newTeam(t, "ann", "bob")
		vaulttest.Put(t, x.v, project, "A", "the value of A")
		x.grant(t, "ann", project, p)
		x.grant(t, "bob", project, both)
		state := t.TempDir()
		if _, err := x.openAs(t, "bob", vault.Options{State: state}).Secrets(ctx, project); err != nil {
			t.Fatal(err)
		}
		pin := x.v.OwnerFingerprint()
		all := dump(t, x.e)
		for how := vault.ForgeRecord; how <= vault.ForgeRoster; how++ {
			e := all.engine(t)
			ann, err := vault.Open(ctx, e, x.keys["ann"].Openers(t), vault.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := ann.ForgeDescription(e, project, "A", "forged", how); err != nil {
				t.Fatal(err)
			}
			ann.Close()
			for who, o := range map[string]struct {
				key  vaulttest.Key
				opts vault.Options
			}{
				"an owner":                             {x.owner, vault.Options{}},
				"a member who saw the vault":           {x.keys["bob"], vault.Options{State: state}},
				"a member who pins the owner":          {x.keys["bob"], vault.Options{Owner: pin}},
				"a member who saw it and accepts that": {x.keys["bob"], vault.Options{State: state, Owner: pin, AcceptRollback: true}},
			} {
				what := fmt.Sprintf("%v, forgery %d, %s", p.Strings(), how, who)
				v, err := vault.Open(ctx, e, o.key.Openers(t), o.opts)
				if err == nil {
					var s vault.Secret
					s, err = v.Secret(ctx, project, "A")
					if err == nil {
						t.Errorf("%s: reads %q", what, s.Description)
					}
					v.Close()
				}
				wantErrOneOf(t, what, err, vault.ErrDamaged, vault.ErrRollback, vault.ErrOwner)
			}
		}
	}
}

// TestForgedRosters: a member grants themselves everything, in a roster that they
// sign. A server that an owner opened, or that saw the vault, goes by the owner's.
func TestForgedRosters(t *testing.T) {
	x := newTeam(t, "ann", "server")
	vaulttest.Put(t, x.v, project, "A", "a")
	x.grant(t, "ann", project, read)
	x.grant(t, "server", project, both)
	state := t.TempDir()
	server := x.openAs(t, "server", vault.Options{State: state})
	if _, err := server.Projects(ctx); err != nil {
		t.Fatal(err)
	}
	if err := x.openAs(t, "ann", vault.Options{}).ForgeGrant(x.e, "ann"); err != nil {
		t.Fatal(err)
	}
	_, err := server.As(ctx, "ann")
	wantErr(t, "an open server", err, vault.ErrRollback)
	_, err = vault.Open(ctx, x.e, x.keys["server"].Openers(t), vault.Options{State: state})
	wantErr(t, "a server that opens", err, vault.ErrRollback)
	_, err = x.v.As(ctx, "ann")
	wantErrOneOf(t, "a server that an owner opened", err, vault.ErrRollback, vault.ErrLocked)
	_, err = vault.Open(ctx, x.e, x.owner.Openers(t), vault.Options{})
	wantErr(t, "an owner who opens", err, vault.ErrDamaged)
}

// TestOpenVaultsKnowTheirOwner: without a directory to remember in, a member's
// open vault still notices when the owner changes to one that nobody appointed.
func TestOpenVaultsKnowTheirOwner(t *testing.T) {
	x := newTeam(t, "ann", "bob")
	x.grant(t, "ann", project, read)
	bob := x.openAs(t, "bob", vault.Options{}) // opened, and nothing asked yet
	if err := x.openAs(t, "ann", vault.Options{}).ForgeGrant(x.e, "ann"); err != nil {
		t.Fatal(err)
	}
	_, err := bob.Projects(ctx)
	wantErr(t, "another owner", err, vault.ErrRollback)
}

// TestOldGrants: what a revoked member kept of an old file.
func TestOldGrants(t *testing.T) {
	x := newTeam(t, "ann", "bob")
	vaulttest.Put(t, x.v, project, "A", "the old value")
	x.grant(t, "ann", project, both)
	x.grant(t, "bob", project, use)
	state := t.TempDir()
	if _, err := x.openAs(t, "bob", vault.Options{State: state}).Secrets(ctx, project); err != nil {
		t.Fatal(err)
	}
	try := x.openAs(t, "ann", vault.Options{}).OldKeys(project)
	old := dump(t, x.e)
	if try(x.e) == 0 {
		t.Fatal("keys that are current open nothing: the test tests nothing")
	}
	if _, err := x.v.Revoke(ctx, "ann", project, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := x.v.EditSecret(ctx, project, "A", vault.Edit{Value: vaulttest.Value(t, "the new value")}); err != nil {
		t.Fatal(err)
	}
	now := dump(t, x.e)
	if n := try(x.e); n != 0 {
		t.Errorf("%d records open with the old keys", n)
	}
	for k := range old { // nothing of the old epoch is left
		if _, same := now[k]; same && k[0] == 0x10 {
			t.Errorf("record %x is still there", k)
		}
	}
	open := func(r records, key vaulttest.Key, o vault.Options) error {
		v, err := vault.Open(ctx, r.engine(t), key.Openers(t), o)
		if err != nil {
			return err
		}
		defer v.Close()
		got, err := vaulttest.Get(v, project, "A")
		if err == nil {
			t.Logf("reads %q", got)
		}
		return err
	}
	back := maps.Clone(now)
	for _, k := range grants(old) {
		back[k] = old[k]
	}
	wantErr(t, "the old grant in the new file", open(back, x.keys["ann"], vault.Options{}), vault.ErrNoProject)
	wantErr(t, "the old grant of another, in the new file", open(back, x.keys["bob"], vault.Options{}), vault.ErrDamaged)

	const roster = "\x01"
	back[roster] = old[roster]
	wantErr(t, "the old roster too, where the new one was not seen", open(back, x.keys["ann"], vault.Options{}), vault.ErrDamaged)
	saw := vault.Options{State: state}
	if err := open(now, x.keys["bob"], saw); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "the old roster, where the new one was seen", open(back, x.keys["bob"], saw), vault.ErrRollback)
	wantErr(t, "the whole old file, where the new one was seen", open(old, x.keys["bob"], saw), vault.ErrRollback)
	wantErr(t, "the whole old file, for an owner who saw the new one", open(old, x.owner, saw), vault.ErrRollback)

	// An old manifest under the new roster: of the old epoch, and of the new one.
	x.grant(t, "ann", project, both)
	first := dump(t, x.e)
	if _, err := x.openAs(t, "ann", vault.Options{State: state}).EditSecret(ctx, project, "A", vault.Edit{Value: vaulttest.Value(t, "newer")}); err != nil {
		t.Fatal(err)
	}
	aged := maps.Clone(dump(t, x.e))
	for k := range first {
		if k[0] == 0x10 {
			aged[k] = first[k]
		}
	}
	wantErr(t, "an older manifest", open(aged, x.keys["bob"], saw), vault.ErrRollback)
}

// counting counts how often a grant is tried.
type counting struct {
	keyring.Holder
	tried int
}

func (c *counting) OpenGrant(g *keyring.Grant, bound ...[]byte) (*secret.Bytes, error) {
	c.tried++
	return c.Holder.OpenGrant(g, bound...)
}

// TestSwappedGrants: a grant that stands where another belongs is damage before
// it is tried. Even if an owner signed for it, it would not open: what it was made
// for is bound to it.
func TestSwappedGrants(t *testing.T) {
	x := newTeam(t, "ann", "bob")
	if err := x.v.CreateProject(ctx, "web"); err != nil {
		t.Fatal(err)
	}
	for _, m := range []string{"ann", "bob"} {
		x.grant(t, m, project, use)
		x.grant(t, m, "web", use)
	}
	before := map[string][]byte{}
	for _, m := range []string{"ann", "bob"} {
		for _, p := range []string{project, "web"} {
			_, before[m+p] = x.v.GrantRecord(x.e, p, m)
		}
	}
	// The epoch before this one.
	if _, err := x.v.Grant(ctx, "bob", "web", read, false, nil); err != nil {
		t.Fatal(err)
	}
	_, aged := x.v.GrantRecord(x.e, "web", "ann")
	key, own := x.v.GrantRecord(x.e, project, "ann")
	_, web := x.v.GrantRecord(x.e, "web", "ann")
	_, bobs := x.v.GrantRecord(x.e, project, "bob")
	flipped := bytes.Clone(own)
	flipped[len(flipped)-1] ^= 1
	if bytes.Equal(aged, before["annweb"]) {
		t.Fatal("a new epoch left a grant as it was")
	}
	for what, record := range map[string][]byte{
		"another project's":      web,
		"another member's":       vault.RaisedGrant(bobs, "ann", use),
		"one with a flipped bit": flipped,
		"one that says more":     vault.RaisedGrant(own, "ann", both),
		"none":                   nil,
	} {
		all := dump(t, x.e).with(key, record)
		openWith(t, x, all, what, false)
		if record == nil {
			continue
		}
		// As if an owner had been led to list it.
		p := use
		if what == "one that says more" {
			p = both
		}
		e := all.engine(t)
		owner, err := vault.Open(ctx, e, x.owner.Openers(t), vault.Options{})
		if err != nil {
			t.Fatal(err)
		}
		err = owner.ChangeRoster(func(of map[string]*[]vault.GrantRef) {
			g := *of[project]
			for i := range g {
				if g[i].Member == "ann" {
					g[i].Digest, g[i].Permissions = vault.SHA(record), uint64(p)
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		owner.Close()
		openWith(t, x, dump(t, e), what+", listed by an owner", true)
	}
	// The epoch before, listed.
	webKey, _ := x.v.GrantRecord(x.e, "web", "ann")
	e := dump(t, x.e).with(webKey, before["annweb"]).engine(t)
	owner, err := vault.Open(ctx, e, x.owner.Openers(t), vault.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	if err := owner.ChangeRoster(func(of map[string]*[]vault.GrantRef) { (*of["web"])[0].Digest = vault.SHA(before["annweb"]) }); err != nil {
		t.Fatal(err)
	}
	ann, err := vault.Open(ctx, e, x.keys["ann"].Openers(t), vault.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer ann.Close()
	_, err = ann.Secrets(ctx, "web")
	wantErr(t, "a grant of the epoch before, listed by an owner", err, vault.ErrDamaged)
}

// openWith wants damage where ann's grant in the first project was exchanged, and
// that it was tried only if tried is set; her other project is still there.
func openWith(t *testing.T, x *team, r records, what string, tried bool) {
	t.Helper()
	h := &counting{Holder: x.keys["ann"].Openers(t)[0].(keyring.Holder)}
	v, err := vault.Open(ctx, r.engine(t), []keyring.Unlocker{h}, vault.Options{})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	defer v.Close()
	_, err = v.Secrets(ctx, project)
	wantErr(t, what, err, vault.ErrDamaged)
	if n := h.tried; !tried && n > 1 || tried && n == 0 { // the other project's may have been
		t.Errorf("%s: grants were tried %d times", what, n)
	}
	if _, err := v.Secrets(ctx, "web"); err != nil {
		t.Errorf("%s: the other project: %v", what, err)
	}
	owner, err := vault.Open(ctx, r.engine(t), x.owner.Openers(t), vault.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	damage, err := owner.Verify(ctx, nil)
	if err != nil || (len(damage) == 0) != tried {
		t.Errorf("%s: verify found %v, %v", what, damage, err)
	}
}

// TestManagersDoNotNameProjects: who may sign for one project could call it like
// another, and so be given what is meant for that. The roster tells the two apart,
// also in a vault that was made before there were members.
func TestManagersDoNotNameProjects(t *testing.T) {
	for _, older := range []bool{false, true} {
		x := newTeam(t, "ann", "bob")
		for _, p := range []string{"trap", "prod"} {
			if err := x.v.CreateProject(ctx, p); err != nil {
				t.Fatal(err)
			}
		}
		vaulttest.Put(t, x.v, "trap", "A", "planted")
		vaulttest.Put(t, x.v, "prod", "A", "right")
		if older {
			if err := x.v.DropNameTags(); err != nil {
				t.Fatal(err)
			}
		}
		x.grant(t, "ann", "trap", both)
		x.grant(t, "bob", "trap", both)
		x.grant(t, "bob", "prod", both)
		if err := x.openAs(t, "ann", vault.Options{}).ForgeProjectName("trap", "prod"); err != nil {
			t.Fatal(err)
		}
		owner, err := vault.Open(ctx, x.e, x.owner.Openers(t), vault.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer owner.Close()
		for _, v := range []*vault.Vault{owner, x.openAs(t, "bob", vault.Options{})} {
			wantValue(t, v, "prod", "A", "right")
			vaulttest.Put(t, v, "prod", "FROM_"+strings.ToUpper(strings.Fields(v.Actor())[0]), "not for ann")
			_, err = v.Secrets(ctx, "trap")
			wantErr(t, "the renamed project", err, vault.ErrDamaged)
		}
		if damage, err := owner.Verify(ctx, nil); err != nil || len(damage) == 0 {
			t.Errorf("verify: %v, %v", damage, err)
		}
	}
}

// TestGrantsThatCannotBe: a roster in which two grants could mean the same is
// nobody's to read, and nobody's to sign.
func TestGrantsThatCannotBe(t *testing.T) {
	x := newTeam(t, "ann", "bob")
	x.grant(t, "ann", project, use)
	x.grant(t, "bob", project, use)
	for what, change := range map[string]func(g *[]vault.GrantRef){
		"doubled":                    func(g *[]vault.GrantRef) { *g = append(*g, (*g)[1]) },
		"out of order":               func(g *[]vault.GrantRef) { (*g)[0], (*g)[1] = (*g)[1], (*g)[0] },
		"of nobody":                  func(g *[]vault.GrantRef) { (*g)[1].Member = "carl" },
		"of more than there is":      func(g *[]vault.GrantRef) { (*g)[0].Permissions = 8 | 1 },
		"without read":               func(g *[]vault.GrantRef) { (*g)[0].Permissions = 4 },
		"without keys, but a record": func(g *[]vault.GrantRef) { (*g)[0].ServerOnly = true },
		"with keys, but no record":   func(g *[]vault.GrantRef) { (*g)[0].Digest = [32]byte{} },
	} {
		err := x.v.ChangeRoster(func(of map[string]*[]vault.GrantRef) { change(of[project]) })
		wantErr(t, "a grant "+what, err, vault.ErrDamaged)
	}
	wantClean(t, x.v)
}

// TestTamperedMembers is the test of every flipped byte, missing, swapped and
// doubled record, for what a vault with members has more than one without.
func TestTamperedMembers(t *testing.T) {
	t.Parallel()
	e := store.NewMem()
	s, v := newSmall(t, e)
	keys := map[string]vaulttest.Key{}
	for _, m := range []string{"ann", "bob"} {
		keys[m] = vaulttest.NewKey(t)
		if _, err := v.AddMember(ctx, m, keys[m].Recipient); err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{project, "other"} {
			if _, err := v.Grant(ctx, m, p, use, false, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	all := dump(t, e)
	if s.verdict(t, "untouched", all) {
		t.Fatal("damage in an untouched vault")
	}
	// Whatever a member then reads is what was written.
	member := func(what string, r records) {
		for m, k := range keys {
			v, err := vault.Open(ctx, r.engine(t), k.Openers(t), vault.Options{})
			if err != nil {
				wantKnown(t, what, err)
				continue
			}
			for p, values := range s.values {
				if _, err := v.Secrets(ctx, p); err != nil {
					wantKnown(t, what+" for "+m, err)
				}
				for n, want := range values {
					if got, err := vaulttest.Get(v, p, n); err != nil {
						wantKnown(t, what+" for "+m, err)
					} else if got != want {
						t.Errorf("%s: %s reads %q", what, m, got)
					}
				}
			}
			v.Close()
		}
	}
	member("untouched", all)
	wanted := append(grants(all), "\x01")
	if len(wanted) != 5 {
		t.Fatalf("%d grants", len(wanted)-1)
	}
	for _, key := range wanted {
		value := all[key]
		for i := 0; i < len(value); i += 3 {
			flipped := bytes.Clone(value)
			flipped[i] ^= 1 << (i % 8)
			what := fmt.Sprintf("record %x, byte %d", key, i)
			wantNoticed(t, s, what, all.with(key, flipped))
			if i%9 == 0 {
				member(what, all.with(key, flipped))
			}
		}
		for what, r := range map[string]records{
			"gone": all.with(key, nil), "shorter": all.with(key, value[:len(value)-1]), "longer": all.with(key, append(bytes.Clone(value), 0)),
		} {
			wantNoticed(t, s, fmt.Sprintf("record %x %s", key, what), r)
			member(what, r)
		}
		for _, other := range wanted {
			if other != key {
				what := fmt.Sprintf("%x and %x swapped", key, other)
				r := all.with(key, all[other]).with(other, value)
				wantNoticed(t, s, what, r)
				member(what, r)
			}
		}
		stray := []byte(key)
		stray[len(stray)-1] ^= 0x80
		wantNoticed(t, s, fmt.Sprintf("%x doubled", key), all.with(string(stray), value))
	}
	// A grant for somebody whom nothing lists.
	stranger, err := keyring.NewGrant(vaulttest.NewKey(t).Recipient, vaulttest.Value(t, strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	wantNoticed(t, s, "a stranger's grant", all.with("\x03"+strings.Repeat("x", 32), stranger.Wrapped))
}

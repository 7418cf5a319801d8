package vault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/store"
)

var errBroken = errors.New("the engine broke")

// breaking is an engine whose transactions break at a chosen operation.
type breaking struct {
	store.Engine
	at  int // the operation of the next Update that fails; 0: none
	ops int // that it had
}

func (b *breaking) Update(ctx context.Context, fn func(store.Tx) error) error {
	b.ops = 0
	return b.Engine.Update(ctx, func(tx store.Tx) error {
		err := fn(&breakingTx{tx, b})
		if b.ops++; err == nil && b.ops == b.at { // the commit itself
			err = errBroken
		}
		return err
	})
}

func (*breaking) Close() error { return nil }

type breakingTx struct {
	store.Tx
	b *breaking
}

func (tx *breakingTx) broken() bool {
	tx.b.ops++
	return tx.b.ops == tx.b.at
}

func (tx *breakingTx) Get(key []byte) ([]byte, error) {
	if tx.broken() {
		return nil, errBroken
	}
	return tx.Tx.Get(key)
}

func (tx *breakingTx) Put(key, value []byte) error {
	if tx.broken() {
		return errBroken
	}
	return tx.Tx.Put(key, value)
}

func (tx *breakingTx) Delete(key []byte) error {
	if tx.broken() {
		return errBroken
	}
	return tx.Tx.Delete(key)
}

func (tx *breakingTx) Range(prefix []byte, fn func(key, value []byte) error) error {
	if tx.broken() {
		return errBroken
	}
	return tx.Tx.Range(prefix, fn)
}

func (tx *breakingTx) Scrub() error {
	if tx.broken() {
		return errBroken
	}
	return tx.Tx.Scrub()
}

// TestARevokeThatBreaks: whatever operation of it fails, nothing happened, and the
// same open vault goes on.
func TestARevokeThatBreaks(t *testing.T) {
	t.Parallel()
	for what, revoke := range map[string]func(v *vault.Vault) error{
		"revoking":          func(v *vault.Vault) error { return only(v.Revoke(ctx, "ann", project, nil)) },
		"taking a key away": func(v *vault.Vault) error { return only(v.Grant(ctx, "ann", project, read, false, nil)) },
		"removing a member": func(v *vault.Vault) error { return only(v.RemoveMember(ctx, "ann", nil)) },
		"adding a member": func(v *vault.Vault) error {
			return only(v.AddMember(ctx, "carl", "age1cy0su9fwf3gf9mw868g5yut09p6nytfmmnktexz2ya5uqg9vl9sss4euqm"))
		},
		"granting": func(v *vault.Vault) error { return only(v.Grant(ctx, "bob", project, both, false, nil)) },
	} {
		t.Run(what, func(t *testing.T) {
			b := &breaking{Engine: store.NewMem()}
			x := &team{e: b, owner: vaulttest.NewKey(t), keys: map[string]vaulttest.Key{}}
			x.v = vaulttest.On(t, b, x.owner, vault.Options{State: t.TempDir()})
			for _, m := range []string{"ann", "bob"} {
				x.keys[m] = vaulttest.NewKey(t)
				if _, err := x.v.AddMember(ctx, m, x.keys[m].Recipient); err != nil {
					t.Fatal(err)
				}
			}
			if err := x.v.CreateProject(ctx, "web"); err != nil {
				t.Fatal(err)
			}
			for _, p := range []string{project, "web"} {
				vaulttest.Put(t, x.v, p, "A", "a in "+p)
				x.grant(t, "ann", p, both)
				x.grant(t, "bob", p, use)
			}
			ann, bob := x.openAs(t, "ann", vault.Options{}), x.openAs(t, "bob", vault.Options{})
			before := dump(t, b)
			moments := 0
			for b.at = 1; ; b.at++ {
				err := revoke(x.v)
				if err == nil {
					break
				}
				moments++
				wantErr(t, fmt.Sprintf("breaking at %d", b.at), err, errBroken)
				if after := dump(t, b); !maps.EqualFunc(before, after, bytes.Equal) {
					t.Fatalf("breaking at %d: something changed", b.at)
				}
				for _, v := range []*vault.Vault{x.v, ann, bob} {
					wantValue(t, v, project, "A", "a in "+project)
				}
			}
			if moments < 5 || moments > 2000 {
				t.Errorf("it broke at %d moments", moments)
			}
			b.at = 0
			wantValue(t, bob, project, "A", "a in "+project)
			wantClean(t, x.v)
			t.Logf("%d moments", moments)
		})
	}
}

// TestCancelledRevoke: ctrl+c while everything is resealed.
func TestCancelledRevoke(t *testing.T) {
	x := newTeam(t, "ann")
	for i := range 200 {
		vaulttest.Put(t, x.v, project, fmt.Sprintf("A_%d", i), "a")
	}
	x.grant(t, "ann", project, use)
	before := dump(t, x.e)
	stopped, stop := context.WithCancel(ctx)
	calls := 0
	_, err := x.v.Revoke(stopped, "ann", project, func(done, total int) {
		calls++
		if done > total || total < 400 { // secrets and events
			t.Errorf("%d of %d", done, total)
		}
		stop()
	})
	wantErr(t, "cancelled", err, context.Canceled)
	if calls == 0 || !maps.EqualFunc(before, dump(t, x.e), bytes.Equal) {
		t.Errorf("%d calls, or something changed", calls)
	}
	wantClean(t, x.v)
	if lost, err := x.v.Revoke(ctx, "ann", project, nil); err != nil || len(lost) != 200 || lost[0] != "A_0" || lost[1] != "A_1" {
		t.Errorf("%d names, %v", len(lost), err)
	}
	wantClean(t, x.v)
}

// TestRevokingKeepsWhatAProjectHas: texts, history, versions and times.
func TestRevokingKeepsWhatAProjectHas(t *testing.T) {
	x := newTeam(t, "ann")
	fillFixture(t, x.v)
	if _, err := x.v.SetText(ctx, project, vault.Tool, "t", "url: {{API_TOKEN}}", 0); err != nil {
		t.Fatal(err)
	}
	x.grant(t, "ann", project, both)
	secrets, events := contents(t, x.v)
	text, err := x.v.Text(ctx, project, vault.Tool, "t")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.v.Revoke(ctx, "ann", project, nil); err != nil {
		t.Fatal(err)
	}
	events[project] = append(events[project], "revoked ann")
	events[""] = append(events[""], "revoked ann")
	gotSecrets, gotEvents := contents(t, x.v)
	if fmt.Sprint(secrets) != fmt.Sprint(gotSecrets) || fmt.Sprint(events) != fmt.Sprint(gotEvents) {
		t.Errorf("before %v %v\nafter %v %v", secrets, events, gotSecrets, gotEvents)
	}
	if got, err := x.v.Text(ctx, project, vault.Tool, "t"); err != nil || got != text {
		t.Errorf("%+v, %v", got, err)
	}
	es, err := x.v.Events(ctx, project)
	if err != nil || es[len(es)-2].Origin != "secrets:read secrets:use secrets:manage" {
		t.Errorf("%+v, %v", es, err)
	}
}

package vault_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/store"
)

// All values of a project are read in one go from page to page. A damaged page on
// which none of them is must not keep them from being opened: who can open each
// can open all.
func TestValuesBesideDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.db")
	k := vaulttest.NewKey(t)
	create := func(fill func(store.Tx) error) (store.Engine, error) {
		return store.CreateBolt(ctx, path, store.BoltOptions{}, fill)
	}
	v, err := vault.Create(ctx, create, k.Slots, project, vault.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const n = 40 // several pages of secrets, and of values
	names := map[string][]string{project: nil, "other": nil}
	if err := v.CreateProject(ctx, "other"); err != nil {
		t.Fatal(err)
	}
	for p := range names {
		if _, err := v.ImportSecrets(ctx, p, drafts(n), vault.ImportStrict); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			names[p] = append(names[p], drafts(n)[i].Name)
		}
	}
	v.Close()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	whole := 0
	for at := 2 * page; at < len(raw); at += page {
		bad := append([]byte(nil), raw...)
		bad[at+8] ^= 0x40 // the kind of the page
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		e, err := store.OpenBolt(path, store.BoltOptions{})
		if err != nil {
			continue
		}
		v, err := vault.Open(ctx, e, k.Openers(t), vault.Options{})
		if err != nil {
			_ = e.Close()
			continue
		}
		for p, names := range names {
			each := error(nil)
			for _, name := range names {
				if _, err := vaulttest.Get(v, p, name); err != nil {
					each = err
					break
				}
			}
			all := openAll(v, p, names)
			if (all == nil) != (each == nil) {
				t.Errorf("page %d is damaged: all values of %s: %v; one after the other: %v", at/page, p, all, each)
			}
			if all == nil {
				whole++
			}
		}
		v.Close()
	}
	if whole == 0 {
		t.Error("no damage left a project whole")
	}
}

func openAll(v *vault.Vault, project string, names []string) error {
	x, err := v.Values(ctx, project, names)
	if err != nil {
		return err
	}
	defer x.Close()
	for i, name := range names {
		want := fmt.Sprintf("sk-live-%040d", i)
		err := x.Use(name, func(value []byte) error {
			if string(value) != want {
				return fmt.Errorf("%s is another value", name)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

package vault_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"filippo.io/age"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/keyring"
	"tacenda/keyring/secret"
	"tacenda/store"
)

// A vault of format 1 with members, made once as testdata/v1 was.
const memberFixture = "testdata/v1-members"

// expectedMembers is what that vault holds, and the vectors for a reader by
// somebody else.
type expectedMembers struct {
	Comment string                    `json:"comment"`
	Owner   string                    `json:"owner"`   // identity of the owner
	Vault   string                    `json:"vault"`   // vault id, hexadecimal
	Records map[string]string         `json:"records"` // engine key and record, hexadecimal
	Members []vault.Member            `json:"members"` // as an owner sees them
	Keys    map[string]string         `json:"keys"`    // member: their private key
	Grants  []vault.GrantVector       `json:"grants"`
	Finds   map[string][]foundProject `json:"finds"` // member: what they find
}

type foundProject struct {
	Name        string            `json:"name"`
	Permissions []string          `json:"permissions"`
	Secrets     []string          `json:"secrets"`
	Values      map[string]string `json:"values"` // that they may use
}

func openerOf(t *testing.T, private string) []keyring.Unlocker {
	t.Helper()
	data := vaulttest.Value(t, private)
	ids, err := keyring.ParseIdentities("test", data, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// memberKeys are private and public keys of every kind that a member may have.
func memberKeys(t *testing.T) map[string][2]string {
	t.Helper()
	keys := map[string][2]string{}
	x, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	keys["ann"] = [2]string{x.String(), x.Recipient().String()}
	h, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	keys["ben"] = [2]string{h.String(), h.Recipient().String()}
	for name, file := range map[string]string{"cat": "id_ed25519", "dan": "id_rsa"} {
		private, err := os.ReadFile(filepath.Join("../../keyring/testdata/ssh", file))
		if err != nil {
			t.Fatal(err)
		}
		public, err := os.ReadFile(filepath.Join("../../keyring/testdata/ssh", file+".pub"))
		if err != nil {
			t.Fatal(err)
		}
		keys[name] = [2]string{string(private), string(public)}
	}
	return keys
}

func makeMemberFixture(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(memberFixture); err == nil {
		return // kept for good
	}
	if err := os.MkdirAll(memberFixture, 0o700); err != nil {
		t.Fatal(err)
	}
	path, k := filepath.Join(t.TempDir(), "vault.db"), vaulttest.NewKey(t)
	x := expectedMembers{
		Comment: "A vault of format 1 with members: what vault.db holds, record by record, and what must come out of it. The keys are for this file alone.",
		Owner:   k.Identity, Records: map[string]string{}, Keys: map[string]string{}, Finds: map[string][]foundProject{},
	}
	create := func(fill func(store.Tx) error) (store.Engine, error) {
		return store.CreateBolt(ctx, path, store.BoltOptions{}, fill)
	}
	slots := func(id vault.ID, root *secret.Bytes) ([]*keyring.Slot, error) {
		x.Vault = hex.EncodeToString(id[:])
		s, err := keyring.NewRecipientSlot(id, "laptop", k.Recipient, root)
		return []*keyring.Slot{s}, err
	}
	v, err := vault.Create(ctx, create, slots, project, vault.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	fillFixture(t, v)
	fillMemberFixture(t, v, x.Keys)
	if x.Members, err = v.Members(ctx); err != nil {
		t.Fatal(err)
	}
	for name, private := range x.Keys {
		e, err := store.OpenBolt(path, store.BoltOptions{})
		if err != nil {
			t.Fatal(err)
		}
		m, err := vault.Open(ctx, e, openerOf(t, private), vault.Options{})
		if err != nil {
			t.Fatal(err)
		}
		x.Finds[name] = finds(t, m)
		x.Grants = append(x.Grants, m.GrantVectors()...)
		m.Close()
	}
	writeFixture(t, memberFixture, path, x.Records, &x)
}

func fillMemberFixture(t *testing.T, v *vault.Vault, keys map[string]string) {
	t.Helper()
	for name, k := range memberKeys(t) {
		keys[name] = k[0]
		if _, err := v.AddMember(ctx, name, k[1]); err != nil {
			t.Fatal(err)
		}
	}
	for _, g := range []struct {
		member, project string
		p               vault.Permission
		server          bool
	}{
		{"ann", project, read, false},
		{"ben", project, use, false},
		{"cat", project, manage, false},
		{"dan", project, both, false},
		{"ann", "staging", both, true},
		{"ben", "staging", read, false},
		{"dan", "staging", use, false},
	} {
		if _, err := v.Grant(ctx, g.member, g.project, g.p, g.server, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := v.Revoke(ctx, "dan", "staging", nil); err != nil { // an epoch more
		t.Fatal(err)
	}
}

// finds is everything that a member can read.
func finds(t *testing.T, v *vault.Vault) []foundProject {
	t.Helper()
	list, err := v.Projects(ctx)
	if err != nil {
		t.Fatal(err)
	}
	out := []foundProject{}
	for _, p := range list {
		f := foundProject{Name: p.Name, Permissions: p.Permissions, Values: map[string]string{}}
		secrets, err := v.Secrets(ctx, p.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range secrets {
			f.Secrets = append(f.Secrets, s.Name)
			if value, err := vaulttest.Get(v, p.Name, s.Name); err == nil {
				f.Values[s.Name] = value
			}
		}
		out = append(out, f)
	}
	return out
}

// TestMemberFixture opens a vault with members as it stands on people's disks.
func TestMemberFixture(t *testing.T) {
	if *newFixture {
		makeMemberFixture(t)
	}
	text, err := os.ReadFile(filepath.Join(memberFixture, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var x expectedMembers
	if err := json.Unmarshal(text, &x); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(memberFixture, "vault.db"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "vault.db")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := store.OpenBolt(path, store.BoltOptions{})
	if err != nil {
		t.Fatal(err)
	}
	vectors := records{}
	for key, record := range x.Records {
		vectors[string(unhex(t, key))] = unhex(t, record)
	}
	want := map[string]vault.GrantVector{}
	for _, g := range x.Grants {
		want[g.Member+g.Project] = g
	}
	seen := map[string]bool{}
	for what, e := range map[string]store.Engine{"the file": vaulttest.Shared(file), "the records": vectors.engine(t)} {
		owner, err := vault.Open(ctx, e, openerOf(t, x.Owner), vault.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer owner.Close()
		members, err := owner.Members(ctx)
		if diff := cmp.Diff(x.Members, members); err != nil || diff != "" {
			t.Errorf("%s: members: %v\n%s", what, err, diff)
		}
		wantClean(t, owner)
		for name, private := range x.Keys {
			v, err := vault.Open(ctx, e, openerOf(t, private), vault.Options{Owner: owner.OwnerFingerprint()})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(x.Finds[name], finds(t, v)); diff != "" {
				t.Errorf("%s: %s finds\n%s", what, name, diff)
			}
			for _, g := range v.GrantVectors() {
				if diff := cmp.Diff(want[name+g.Project], g); diff != "" {
					t.Errorf("%s: a grant of %s\n%s", what, name, diff)
				}
				seen[name+g.Project] = true
			}
			v.Close()
		}
	}
	if len(seen) != len(x.Grants) || len(seen) != 5 {
		t.Errorf("of %d vectors of grants %d were found", len(x.Grants), len(seen))
	}
}

package vault_test

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/keyring"
	"tacenda/keyring/secret"
	"tacenda/store"
)

// -new-fixture makes testdata/v1, once: the vault of a released format is never
// made again, it is what people have on their disks.
var newFixture = flag.Bool("new-fixture", false, "make the fixture of this format, if there is none")

const fixture = "testdata/v1"

// expected is what the fixture holds, and the vectors for a reader by somebody else.
type expected struct {
	Comment  string                       `json:"comment"`
	Identity string                       `json:"identity"` // opens the slot "laptop"
	Root     string                       `json:"root"`     // root key, hexadecimal
	Vault    string                       `json:"vault"`    // vault id, hexadecimal
	Owner    string                       `json:"owner"`    // fingerprint
	Records  map[string]string            `json:"records"`  // engine key and record, hexadecimal
	Secrets  map[string]map[string]stored `json:"secrets"`  // project, name
	Events   map[string][]string          `json:"events"`   // project ("" the vault's own): action and object
}

type stored struct {
	Value       string    `json:"value"`
	Hint        string    `json:"hint"`
	Description string    `json:"description"`
	Version     uint64    `json:"version"`
	Author      string    `json:"author"`
	LLMSafe     bool      `json:"llm_safe"`
	Hosts       []string  `json:"allowed_hosts"`
	Expires     time.Time `json:"expires"`
}

// rootOpener opens any slot with a root key that is known.
type rootOpener []byte

func (r rootOpener) Unlock([16]byte, *keyring.Slot) (*secret.Bytes, error) {
	return secret.Move(append([]byte(nil), r...))
}

func (rootOpener) String() string { return "the root key" }

func makeFixture(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(fixture); err == nil {
		t.Fatalf("%s is there already, and is kept for good", fixture)
	}
	if err := os.MkdirAll(fixture, 0o700); err != nil {
		t.Fatal(err)
	}
	path, k := filepath.Join(t.TempDir(), "vault.db"), vaulttest.NewKey(t)
	x := expected{
		Comment:  "A vault of format 1: what vault.db holds, record by record, and what must come out of it. The keys are for this file alone.",
		Identity: k.Identity, Records: map[string]string{},
	}
	create := func(fill func(store.Tx) error) (store.Engine, error) {
		return store.CreateBolt(ctx, path, store.BoltOptions{}, fill)
	}
	slots := func(id vault.ID, root *secret.Bytes) ([]*keyring.Slot, error) {
		x.Vault = hex.EncodeToString(id[:])
		if err := root.Use(func(b []byte) error { x.Root = hex.EncodeToString(b); return nil }); err != nil {
			return nil, err
		}
		s, err := keyring.NewRecipientSlot(id, "laptop", k.Recipient, root)
		return []*keyring.Slot{s}, err
	}
	v, err := vault.Create(ctx, create, slots, project, vault.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	fillFixture(t, v)
	x.Owner = v.OwnerFingerprint()
	x.Secrets, x.Events = contents(t, v)
	writeFixture(t, fixture, path, x.Records, &x)
}

// writeFixture keeps the vault at path, and with it what x says of it, its
// records included.
func writeFixture(t *testing.T, dir, path string, records map[string]string, x any) {
	t.Helper()
	b, err := store.OpenBolt(path, store.BoltOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for key, record := range dump(t, b) {
		records[hex.EncodeToString([]byte(key))] = hex.EncodeToString(record)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(x, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"vault.db": raw, "expected.json": append(text, '\n')} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func fillFixture(t *testing.T, v *vault.Vault) {
	t.Helper()
	if err := v.CreateProject(ctx, "staging"); err != nil {
		t.Fatal(err)
	}
	expires := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, d := range []vault.Draft{
		{Name: "API_TOKEN", Value: bytesValue("sk-fixture-0123456789abcdef"), Description: "für die Abrechnung", LLMSafe: true},
		{Name: "DB_PASSWORD", Value: bytesValue("short"), AllowedHosts: []string{"db.example.com:5432"}, Expires: expires},
		{Name: "TLS_KEY", Value: bytesValue("-----BEGIN KEY-----\nline two\x00and a NUL\n-----END KEY-----\n")},
	} {
		if _, err := v.CreateSecret(ctx, project, d); err != nil {
			t.Fatal(err)
		}
	}
	description := "edited once"
	if _, err := v.EditSecret(ctx, project, "DB_PASSWORD", vault.Edit{Description: &description}); err != nil {
		t.Fatal(err)
	}
	if err := v.CloneSecrets(ctx, project, []string{"API_TOKEN"}, "staging", false); err != nil {
		t.Fatal(err)
	}
	if err := v.DeleteSecrets(ctx, project, []string{"TLS_KEY"}); err != nil {
		t.Fatal(err)
	}
	vaulttest.Put(t, v, project, "TLS_KEY", "-----BEGIN KEY-----\nline two\x00and a NUL\n-----END KEY-----\n")
}

// contents is everything that can be read out of a vault.
func contents(t *testing.T, v *vault.Vault) (map[string]map[string]stored, map[string][]string) {
	t.Helper()
	projects, err := v.Projects(ctx)
	if err != nil {
		t.Fatal(err)
	}
	secrets, events := map[string]map[string]stored{}, map[string][]string{}
	history := func(project string) {
		es, err := v.Events(ctx, project)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range es {
			events[project] = append(events[project], string(e.Action)+" "+e.Object)
		}
	}
	history("")
	for _, p := range projects {
		history(p.Name)
		secrets[p.Name] = map[string]stored{}
		list, err := v.Secrets(ctx, p.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			value, err := vaulttest.Get(v, p.Name, s.Name)
			if err != nil {
				t.Fatal(err)
			}
			secrets[p.Name][s.Name] = stored{value, s.Hint, s.Description, s.Version, s.Author, s.LLMSafe, s.AllowedHosts, s.Expires}
		}
	}
	return secrets, events
}

func readExpected(t *testing.T) expected {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(fixture, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var x expected
	if err := json.Unmarshal(text, &x); err != nil {
		t.Fatal(err)
	}
	return x
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func wantFixture(t *testing.T, x expected, v *vault.Vault) {
	t.Helper()
	defer v.Close()
	if v.OwnerFingerprint() != x.Owner || v.Actor() != "laptop" {
		t.Errorf("owner %s, actor %s", v.OwnerFingerprint(), v.Actor())
	}
	secrets, events := contents(t, v)
	if diff := cmp.Diff(x.Secrets, secrets); diff != "" {
		t.Errorf("secrets:\n%s", diff)
	}
	if diff := cmp.Diff(x.Events, events); diff != "" {
		t.Errorf("events:\n%s", diff)
	}
	wantClean(t, v)
}

// TestFixture opens a vault of format 1 as it stands on people's disks.
func TestFixture(t *testing.T) {
	if *newFixture {
		makeFixture(t)
	}
	x := readExpected(t)
	raw, err := os.ReadFile(filepath.Join(fixture, "vault.db"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "vault.db") // a checkout has other modes
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := store.OpenBolt(path, store.BoltOptions{})
	if err != nil {
		t.Fatal(err)
	}
	k := vaulttest.Key{Identity: x.Identity}
	v, err := vault.Open(ctx, e, k.Openers(t), vault.Options{Owner: x.Owner})
	if err != nil {
		t.Fatal(err)
	}
	wantFixture(t, x, v)
}

// TestVectors reads the same vault from the records in expected.json, with
// nothing but the root key.
func TestVectors(t *testing.T) {
	x := readExpected(t)
	if len(x.Records) == 0 {
		t.Fatal("no vectors")
	}
	r := records{}
	for key, record := range x.Records {
		r[string(unhex(t, key))] = unhex(t, record)
	}
	v, err := vault.Open(ctx, r.engine(t), []keyring.Unlocker{rootOpener(unhex(t, x.Root))}, vault.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if id := v.ID(); hex.EncodeToString(id[:]) != x.Vault {
		t.Errorf("vault id %x", id)
	}
	wantFixture(t, x, v)
}

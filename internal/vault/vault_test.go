package vault_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/keyring"
	"tacenda/keyring/secret"
	"tacenda/store"
)

const project = vaulttest.Project

var ctx = context.Background()

func names(secrets []vault.Secret) []string {
	out := make([]string, 0, len(secrets))
	for _, s := range secrets {
		out = append(out, s.Name)
	}
	return out
}

func wantErr(t *testing.T, doing string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", doing, err, want)
	}
}

func wantValue(t *testing.T, v *vault.Vault, project, name, want string) {
	t.Helper()
	if got, err := vaulttest.Get(v, project, name); err != nil || got != want {
		t.Errorf("%s in %s: got %q, %v, want %q", name, project, got, err, want)
	}
}

func TestSecretLivesItsLife(t *testing.T) {
	v := vaulttest.New(t)
	now := time.Now().UTC().Truncate(time.Second)
	hosts := []string{"api.example.com:443"}
	made, err := v.CreateSecret(ctx, project, vault.Draft{
		Name: "API_KEY", Value: vaulttest.Value(t, "sk-proj-0123456789wXyZ"), Description: "billing", LLMSafe: true,
		AllowedHosts: hosts, Expires: now.Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := vault.Secret{
		Project: project, Name: "API_KEY", Hint: "sk-p••••wXyZ", Description: "billing", Version: 1,
		Created: made.Created, Updated: made.Updated, Author: "test key", LLMSafe: true, AllowedHosts: hosts, Expires: now.Add(time.Hour),
	}
	got, err := v.Secret(ctx, project, "API_KEY")
	if err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("reading it back: %v\n%s", err, cmp.Diff(want, got))
	}
	wantValue(t, v, project, "API_KEY", "sk-proj-0123456789wXyZ")

	description := "billing, live"
	edited, err := v.EditSecret(ctx, project, "API_KEY", vault.Edit{Description: &description, IfVersion: 1})
	if err != nil || edited.Version != 2 || edited.Description != description || edited.Hint != want.Hint || !edited.LLMSafe {
		t.Errorf("editing the description: %+v, %v", edited, err)
	}
	wantValue(t, v, project, "API_KEY", "sk-proj-0123456789wXyZ")
	_, err = v.EditSecret(ctx, project, "API_KEY", vault.Edit{Value: vaulttest.Value(t, "other"), IfVersion: 1})
	wantErr(t, "editing a version that is gone", err, vault.ErrConflict)
	if _, err = v.EditSecret(ctx, project, "API_KEY", vault.Edit{Value: vaulttest.Value(t, "short")}); err != nil {
		t.Error(err)
	}
	wantValue(t, v, project, "API_KEY", "short")

	_, err = v.CreateSecret(ctx, project, vault.Draft{Name: "API_KEY", Value: vaulttest.Value(t, "x")})
	wantErr(t, "creating it twice", err, vault.ErrExists)
	if err := v.DeleteSecrets(ctx, project, []string{"API_KEY"}); err != nil {
		t.Error(err)
	}
	_, err = v.Secret(ctx, project, "API_KEY")
	wantErr(t, "reading a deleted secret", err, vault.ErrNotFound)
	_, err = vaulttest.Get(v, project, "API_KEY")
	wantErr(t, "using a deleted secret", err, vault.ErrNotFound)
	wantClean(t, v)
}

func wantClean(t *testing.T, v *vault.Vault) {
	t.Helper()
	damage, err := v.Verify(ctx, nil)
	if err != nil || len(damage) > 0 {
		t.Errorf("verifying: %v, %v, want no damage", damage, err)
	}
}

func TestCloneIsAllOrNothingAndThenLivesItsOwnLife(t *testing.T) {
	v := vaulttest.New(t)
	if err := v.CreateProject(ctx, "staging"); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		vaulttest.Put(t, v, project, fmt.Sprintf("S%d", i), fmt.Sprintf("value %d", i))
	}
	vaulttest.Put(t, v, "staging", "S1", "its own")
	err := v.CloneSecrets(ctx, project, []string{"S0", "S1", "S2"}, "staging", false)
	wantErr(t, "cloning onto an existing name", err, vault.ErrExists)
	err = v.CloneSecrets(ctx, project, []string{"S0", "GONE"}, "staging", true)
	wantErr(t, "cloning a missing name", err, vault.ErrNotFound)
	if got, _ := v.Secrets(ctx, "staging"); len(got) != 1 {
		t.Errorf("a failed clone left %v", names(got))
	}
	if err := v.CloneSecrets(ctx, project, []string{"S0", "S1", "S2"}, "staging", true); err != nil {
		t.Fatal(err)
	}
	wantValue(t, v, "staging", "S1", "value 1")
	if _, err := v.EditSecret(ctx, project, "S0", vault.Edit{Value: vaulttest.Value(t, "changed")}); err != nil {
		t.Fatal(err)
	}
	wantValue(t, v, "staging", "S0", "value 0")
	if err := v.DeleteSecrets(ctx, "staging", []string{"S2"}); err != nil {
		t.Fatal(err)
	}
	wantValue(t, v, project, "S2", "value 2")
	wantErr(t, "cloning to itself", v.CloneSecrets(ctx, project, []string{"S0"}, project, true), vault.ErrInvalid)
	wantClean(t, v)
}

func TestProjects(t *testing.T) {
	v := vaulttest.New(t)
	vaulttest.Put(t, v, project, "A", "a")
	vaulttest.Put(t, v, project, "B", "b")
	if err := v.DuplicateProject(ctx, project, "copy"); err != nil {
		t.Fatal(err)
	}
	wantValue(t, v, "copy", "B", "b")
	wantErr(t, "duplicating onto a project", v.DuplicateProject(ctx, project, "copy"), vault.ErrExists)
	wantErr(t, "creating a project twice", v.CreateProject(ctx, "copy"), vault.ErrExists)
	wantErr(t, "a malformed project", v.CreateProject(ctx, "Copy"), vault.ErrInvalid)
	if _, err := v.EditSecret(ctx, "copy", "A", vault.Edit{Value: vaulttest.Value(t, "a new value of A")}); err != nil {
		t.Fatal(err)
	}
	vaulttest.Put(t, v, "copy", "C", "c")
	diff, err := v.DiffProjects(ctx, project, "copy")
	if err != nil || len(diff) != 2 || diff[0].Name != "A" || diff[1].Name != "C" || diff[1].A != nil {
		t.Errorf("comparing: %+v, %v", diff, err)
	}
	if err := v.RenameProject(ctx, "copy", "prod"); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "renaming onto a project", v.RenameProject(ctx, "prod", project), vault.ErrExists)
	wantValue(t, v, "prod", "C", "c")
	_, err = v.Secrets(ctx, "copy")
	wantErr(t, "the old name", err, vault.ErrNotFound)
	list, err := v.Projects(ctx)
	all := []string{"secrets:read", "secrets:use", "secrets:manage"}
	want := []vault.Project{{Name: project, Secrets: 2, Permissions: all}, {Name: "prod", Secrets: 3, Permissions: all}}
	if diff := cmp.Diff(want, list); err != nil || diff != "" {
		t.Errorf("listing: %v\n%s", err, diff)
	}
	if err := v.DeleteProject(ctx, "prod"); err != nil {
		t.Fatal(err)
	}
	_, err = v.Secrets(ctx, "prod")
	wantErr(t, "a deleted project", err, vault.ErrNotFound)
	wantClean(t, v)
}

func TestImportModes(t *testing.T) {
	v := vaulttest.New(t)
	vaulttest.Put(t, v, project, "B", "old b")
	draft := func(n, val string) vault.Draft { return vault.Draft{Name: n, Value: vaulttest.Value(t, val)} }
	drafts := []vault.Draft{draft("C", "c"), draft("B", "new b"), draft("A", "a")}
	_, err := v.ImportSecrets(ctx, project, drafts, vault.ImportStrict)
	wantErr(t, "a strict import", err, vault.ErrExists)
	if got, _ := v.Secrets(ctx, project); len(got) != 1 {
		t.Errorf("a refused import left %v", names(got))
	}
	got, err := v.ImportSecrets(ctx, project, drafts, vault.ImportSkip)
	want := vault.ImportResult{Created: []string{"A", "C"}, Overwritten: []string{}, Skipped: []string{"B"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("a skipping import: %v\n%s", err, diff)
	}
	wantValue(t, v, project, "B", "old b")
	got, err = v.ImportSecrets(ctx, project, drafts, vault.ImportOverwrite)
	want = vault.ImportResult{Created: []string{}, Overwritten: []string{"A", "B", "C"}, Skipped: []string{}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("an overwriting import: %v\n%s", err, diff)
	}
	wantValue(t, v, project, "B", "new b")
	_, err = v.ImportSecrets(ctx, project, []vault.Draft{draft("X", "1"), draft("X", "2")}, vault.ImportOverwrite)
	wantErr(t, "a name twice", err, vault.ErrInvalid)
	wantClean(t, v)
}

func TestLargeImportKeepsEverything(t *testing.T) {
	v := vaulttest.New(t)
	const n = 3000
	drafts := make([]vault.Draft, n)
	for i := range drafts {
		drafts[i] = vault.Draft{Name: fmt.Sprintf("KEY_%04d", i), Value: bytesValue(fmt.Sprintf("value %d", i))}
	}
	if _, err := v.ImportSecrets(ctx, project, drafts, vault.ImportStrict); err != nil {
		t.Fatal(err)
	}
	list, err := v.Secrets(ctx, project)
	if err != nil || len(list) != n || list[17].Name != "KEY_0017" {
		t.Fatalf("listing: %d, %v", len(list), err)
	}
	wantValue(t, v, project, "KEY_2999", "value 2999")
	events, err := v.Events(ctx, project)
	if err != nil || len(events) != n+1 {
		t.Errorf("%d events, %v, want one for each secret and the project's creation", len(events), err)
	}
	if err := v.Rotate(ctx, nil); err != nil {
		t.Fatal(err)
	}
	wantValue(t, v, project, "KEY_2999", "value 2999")
	wantClean(t, v)
}

type bytesValue string

func (b bytesValue) Len() int                        { return len(b) }
func (b bytesValue) Use(fn func([]byte) error) error { return fn([]byte(b)) }

func TestRotationAndSlots(t *testing.T) {
	e, first := vaulttest.Shared(store.NewMem()), vaulttest.NewKey(t)
	state := t.TempDir()
	v := vaulttest.On(t, e, first, vault.Options{State: state})
	vaulttest.Put(t, v, project, "A", "a value")
	before := v.OwnerFingerprint()
	events, err := v.Events(ctx, project)
	if err != nil {
		t.Fatal(err)
	}
	second := vaulttest.NewKey(t)
	add := func(k vaulttest.Key, label string) error {
		return v.AddSlot(ctx, func(id vault.ID, root *secret.Bytes) (*keyring.Slot, error) {
			return keyring.NewRecipientSlot(id, label, k.Recipient, root)
		})
	}
	if err := add(second, "second"); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "the same recipient again", add(second, "third"), vault.ErrExists)
	wantErr(t, "the same label again", add(vaulttest.NewKey(t), "second"), vault.ErrExists)
	if err := v.Rotate(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if v.OwnerFingerprint() == before {
		t.Error("rotation kept the owner key")
	}
	wantValue(t, v, project, "A", "a value")
	after, err := v.Events(ctx, project)
	if err != nil || cmp.Diff(events, after) != "" {
		t.Errorf("rotation changed the history: %v\n%s", err, cmp.Diff(events, after))
	}
	open := func(k vaulttest.Key, o vault.Options) error {
		w, err := vault.Open(ctx, e, k.Openers(t), o)
		if err == nil {
			wantValue(t, w, project, "A", "a value")
		}
		return err
	}
	for _, k := range []vaulttest.Key{first, second} {
		if err := open(k, vault.Options{State: state}); err != nil {
			t.Errorf("opening after the rotation: %v", err)
		}
	}
	wantErr(t, "another pinned owner", open(first, vault.Options{Owner: before}), vault.ErrOwner)
	if err := v.RemoveSlot(ctx, "test key", false, nil); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "a removed key", open(first, vault.Options{State: state}), vault.ErrLocked)
	if err := open(second, vault.Options{State: state, Owner: v.OwnerFingerprint()}); err != nil {
		t.Errorf("opening with the key that stayed: %v", err)
	}
	wantErr(t, "removing the last key", v.RemoveSlot(ctx, "second", false, nil), vault.ErrInvalid)
	wantErr(t, "removing a key that is not there", v.RemoveSlot(ctx, "nobody", false, nil), vault.ErrNotFound)
	wantClean(t, v)
}

func TestAnotherOpenVaultNoticesARotation(t *testing.T) {
	e, k := vaulttest.Shared(store.NewMem()), vaulttest.NewKey(t)
	v := vaulttest.On(t, e, k, vault.Options{})
	w, err := vault.Open(ctx, e, k.Openers(t), vault.Options{})
	if err != nil {
		t.Fatal(err)
	}
	vaulttest.Put(t, v, project, "A", "a")
	wantValue(t, w, project, "A", "a")
	if err := v.Rotate(ctx, nil); err != nil {
		t.Fatal(err)
	}
	_, err = w.Secrets(ctx, project)
	wantErr(t, "reading with rotated keys", err, vault.ErrLocked)
}

func TestNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"A": true, "_": true, "A_1": true, "": false, "1A": false, "a": false, "A-B": false, "A B": false, "Ä": false,
		"A\n": false, strings.Repeat("A", 255): true, strings.Repeat("A", 256): false,
	} {
		if err := vault.CheckSecretName(name); (err == nil) != ok || err != nil && !errors.Is(err, vault.ErrInvalid) {
			t.Errorf("secret name %q: %v, want ok %v", name, err, ok)
		}
	}
	for name, ok := range map[string]bool{
		"a": true, "0": true, "a.b-c_d": true, "": false, ".a": false, "-a": false, "A": false, "a/b": false,
		strings.Repeat("a", 64): true, strings.Repeat("a", 65): false,
	} {
		if err := vault.CheckName("project", name); (err == nil) != ok {
			t.Errorf("project name %q: %v, want ok %v", name, err, ok)
		}
	}
	for d, ok := range map[string]bool{
		"": true, "für später": true, "a\nb": false, "\x1b[2J": false, "\xff": false, "\u0085": false,
		strings.Repeat("d", 1024): true, strings.Repeat("d", 1025): false,
	} {
		if err := vault.CheckDescription(d); (err == nil) != ok {
			t.Errorf("description %q: %v, want ok %v", d, err, ok)
		}
	}
	for h, ok := range map[string]bool{
		"api.example.com": true, "localhost:8080": true, "[::1]": true, "[::1]:443": true, "": false, "a:0": false, "a:65536": false,
		"a:": false, "http://a": false, "a/b": false, "::1": false, "API.example.com": false, "[::1": false, "a b": false,
	} {
		if err := vault.CheckHosts([]string{h}); (err == nil) != ok {
			t.Errorf("host %q: %v, want ok %v", h, err, ok)
		}
	}
}

func TestHint(t *testing.T) {
	const nothing = "••••••••••••"
	for value, want := range map[string]string{
		"": nothing, "123456789": nothing, "1234567890": "1••••0", "12345678901": "1••••1", "123456789012": "12••••12",
		"0123456789abcdef": "0123••••cdef", "sk-proj-0123456789wXyZ": "sk-p••••wXyZ", "ääääääääüüüüüüüü": "ääää••••üüüü",
		"line one is long\nline two": nothing, "with\x00nul-and-enough-more": nothing, "\xff\xfe0123456789abcdef": nothing,
		"bidi\u202e-marks-do-not-print": nothing,
	} {
		if got := vault.Hint([]byte(value)); got != want {
			t.Errorf("hint of %q: %q, want %q", value, got, want)
		}
	}
}

// Package vaulttest makes ready vaults for tests: real records in the memory
// engine, or any other, behind a key that is cheap to unlock.
package vaulttest

import (
	"context"
	"fmt"
	"testing"

	"filippo.io/age"

	"tacenda/internal/vault"
	"tacenda/keyring"
	"tacenda/keyring/secret"
	"tacenda/store"
)

// Project is the project that a new vault begins with.
const Project = "default"

// Key is an age identity that owns a vault.
type Key struct {
	Identity  string // AGE-SECRET-KEY-1…
	Recipient string // age1…
}

// NewKey makes a key.
func NewKey(t testing.TB) Key {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return Key{Identity: id.String(), Recipient: id.Recipient().String()}
}

// Openers are what opens a vault with this key.
func (k Key) Openers(t testing.TB) []keyring.Unlocker {
	t.Helper()
	data := Value(t, k.Identity+"\n")
	defer data.Destroy()
	ids, err := keyring.ParseIdentities("test", data, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// Slots makes the one slot of a vault for this key.
func (k Key) Slots(vaultID vault.ID, root *secret.Bytes) ([]*keyring.Slot, error) {
	s, err := keyring.NewRecipientSlot(vaultID, "test key", k.Recipient, root)
	return []*keyring.Slot{s}, err
}

// New is an opened vault on the memory engine, with an empty project. It is
// closed when the test ends.
func New(t testing.TB) *vault.Vault {
	t.Helper()
	return On(t, store.NewMem(), NewKey(t), vault.Options{})
}

// On makes a vault in an empty engine.
func On(t testing.TB, e store.Engine, k Key, opts vault.Options) *vault.Vault {
	t.Helper()
	create := func(fill func(store.Tx) error) (store.Engine, error) {
		return e, e.Update(context.Background(), fill)
	}
	v, err := vault.Create(context.Background(), create, k.Slots, Project, opts)
	if err != nil {
		t.Fatalf("creating a vault: %v", err)
	}
	t.Cleanup(v.Close)
	return v
}

// Value is a value in guarded memory, destroyed when the test ends.
func Value(t testing.TB, s string) *secret.Bytes {
	t.Helper()
	b, err := secret.Move([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Destroy)
	return b
}

// Put creates a secret.
func Put(t testing.TB, v *vault.Vault, project, name, value string) vault.Secret {
	t.Helper()
	s, err := v.CreateSecret(context.Background(), project, vault.Draft{Name: name, Value: Value(t, value)})
	if err != nil {
		t.Fatalf("creating %s: %v", name, err)
	}
	return s
}

// Get resolves one secret's value.
func Get(v *vault.Vault, project, name string) (string, error) {
	x, err := v.Values(context.Background(), project, []string{name})
	if err != nil {
		return "", err
	}
	defer x.Close()
	var got string
	err = x.Use(name, func(p []byte) error { got = string(p); return nil })
	if err != nil {
		return "", fmt.Errorf("using %s: %w", name, err)
	}
	return got, nil
}

// Shared is an engine that several vaults have open: closing one of them leaves
// it to the others.
func Shared(e store.Engine) store.Engine { return shared{e} }

type shared struct{ store.Engine }

func (shared) Close() error { return nil }

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"tacenda/internal/vault"
	"tacenda/keyring"
	"tacenda/keyring/secret"
	"tacenda/store"
)

// The curves of measureSecrets, by what they measure.
type secretCurves struct{ open, list, resolve, create, remove, rotate, revoke, file *curve }

const perSecrets = "secrets in the project"

// secretSizes are how many secrets a project has, as the issue tracker names them.
func secretSizes() []int { return []int{10, 1000, 10_000, 100_000} }

// measureSecrets measures the vault inside this process, where the start of one
// does not hide what grows. The vaults are bbolt files on the disk of the
// temporary directory, changes are durable.
func measureSecrets(ctx context.Context, b *bench, g group) error {
	load := loadAverage()
	c := secretCurves{
		open:    newCurve("open", "Opening a vault", perSecrets, "open, age X25519"),
		list:    newCurve("list", "Listing all", perSecrets, "list", "SHA-256 and decryption alone"),
		resolve: newCurve("resolve", "Resolving three", perSecrets, "resolve, vault open"),
		create:  newCurve("create", "Creating one", perSecrets, "create", "4 KiB write and sync"),
		remove:  newCurve("delete", "Deleting one", perSecrets, "delete", "4 KiB write and sync"),
		rotate:  newCurve("rotate", "Rotating every key", perSecrets, "rotate", "copy of the file and sync"),
		revoke:  newCurve("revoke", "Revoking a grant", perSecrets, "revoke", "copy of the file and sync"),
		file:    newCurve("file", "The file", perSecrets, "size after import"),
	}
	c.file.unit = memoryUnit()
	c.file.unit.of = "size"
	for _, n := range secretSizes() {
		if err := c.measure(ctx, b, n, g.rounds); err != nil {
			return fmt.Errorf("%d secrets: %w", n, err)
		}
	}
	return b.publishCurves(g, load, []*curve{c.open, c.list, c.resolve, c.create, c.remove, c.rotate, c.revoke, c.file}, axisCount)
}

// measure does everything at one size.
func (c *secretCurves) measure(ctx context.Context, b *bench, n, rounds int) error {
	s, err := b.project(ctx, n)
	if err != nil {
		return err
	}
	defer s.close()
	size := float64(n)
	info, err := os.Stat(s.path)
	if err != nil {
		return err
	}
	c.file.add(0, size, float64(info.Size())/(1<<20))
	for i := range rounds {
		err := errors.Join(
			c.open.time(0, size, func() error { return s.reopen(ctx) }),
			c.list.time(0, size, func() error { return s.list(ctx, n) }),
			c.list.time(1, size, func() error { return s.bare(n) }),
			c.resolve.time(0, size, func() error { return s.resolve(ctx, n) }),
			c.create.time(0, size, func() error { return s.create(ctx, i) }),
			c.create.time(1, size, s.sync),
			c.remove.time(0, size, func() error { return s.vault.DeleteSecrets(ctx, projectName, []string{newName(i)}) }),
			c.remove.time(1, size, s.sync),
		)
		if err != nil {
			return err
		}
	}
	for range max(1, (rounds+1)/4) { // each of these rewrites everything
		if _, err := s.vault.Grant(ctx, "ann", projectName, vault.PermRead|vault.PermUse, false, nil); err != nil {
			return err
		}
		err := errors.Join(
			c.revoke.time(0, size, func() error { _, err := s.vault.Revoke(ctx, "ann", projectName, nil); return err }),
			c.revoke.time(1, size, s.copy),
			c.rotate.time(0, size, func() error { return s.vault.Rotate(ctx, nil) }),
			c.rotate.time(1, size, s.copy),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

const projectName = "default"

func newName(i int) string { return fmt.Sprintf("NEW_%d", i) }

// A project of many secrets, and what it is compared to.
type manySecrets struct {
	path, state string
	vault       *vault.Vault
	keys        []keyring.Unlocker
	value       *secret.Bytes
	floor       *os.File
	sealer      *keyring.Sealer
	sealed, out []byte
}

// project makes a vault of n secrets, a member, and the bare things.
func (b *bench) project(ctx context.Context, n int) (*manySecrets, error) {
	recipient, _, err := b.identities()
	if err != nil {
		return nil, err
	}
	s := &manySecrets{path: b.path(fmt.Sprintf("grow%d.db", n)), state: b.path(fmt.Sprintf("grow%d.state", n))}
	if err := s.bareThings(b); err != nil {
		return nil, err
	}
	create := func(fill func(store.Tx) error) (store.Engine, error) {
		return store.CreateBolt(ctx, s.path, store.BoltOptions{}, fill)
	}
	slots := func(id vault.ID, root *secret.Bytes) ([]*keyring.Slot, error) {
		slot, err := keyring.NewRecipientSlot(id, "bench", recipient, root)
		return []*keyring.Slot{slot}, err
	}
	if s.vault, err = vault.Create(ctx, create, slots, projectName, vault.Options{State: s.state}); err != nil {
		return nil, err
	}
	drafts := make([]vault.Draft, n)
	for i := range drafts {
		drafts[i] = vault.Draft{Name: name(i), Value: s.value, Description: "token of a service"}
	}
	if _, err := s.vault.ImportSecrets(ctx, projectName, drafts, vault.ImportStrict); err != nil {
		return nil, err
	}
	key, err := newSSHKey(b.path("member"))
	if err != nil {
		return nil, err
	}
	_, err = s.vault.AddMember(ctx, "ann", key)
	return s, err
}

// bareThings are what our work cannot be quicker than.
func (s *manySecrets) bareThings(b *bench) error {
	text, err := os.ReadFile(b.path("identity"))
	if err != nil {
		return err
	}
	data, err := secret.Move(text)
	if err != nil {
		return err
	}
	defer data.Destroy()
	if s.keys, err = keyring.ParseIdentities("identity", data, nil); err != nil {
		return err
	}
	if s.value, err = secret.Move([]byte(value(0))); err != nil {
		return err
	}
	key, err := secret.Random(keyring.KeySize)
	if err != nil {
		return err
	}
	defer key.Destroy()
	if s.sealer, err = keyring.NewSealer(key, "bench"); err != nil {
		return err
	}
	s.sealed = s.sealer.Seal(nil, make([]byte, 120), make([]byte, 256)) // as a record of a secret is
	if s.floor, err = os.Create(b.path("floor")); err != nil {
		return err
	}
	_, err = s.floor.Write(make([]byte, 64*4096)) // allocated before, as bbolt's pages are
	return errors.Join(err, s.floor.Sync())
}

func (s *manySecrets) close() {
	s.vault.Close()
	s.value.Destroy()
	_ = s.floor.Close() // it is thrown away
}

// reopen opens the vault anew, as each process does, with its state.
func (s *manySecrets) reopen(ctx context.Context) error {
	s.vault.Close()
	e, err := store.OpenBolt(s.path, store.BoltOptions{})
	if err != nil {
		return err
	}
	s.vault, err = vault.Open(ctx, e, s.keys, vault.Options{State: s.state})
	return err
}

func (s *manySecrets) list(ctx context.Context, n int) error {
	got, err := s.vault.Secrets(ctx, projectName)
	if err == nil && len(got) != n {
		return fmt.Errorf("%d secrets are listed", len(got))
	}
	return err
}

// bare hashes and opens a record n times, and holds it against its hash as
// listing does.
func (s *manySecrets) bare(n int) (err error) {
	aad := make([]byte, 120)
	want := sha256.Sum256(s.sealed)
	for range n {
		if sha256.Sum256(s.sealed) != want {
			return errors.New("a hash has changed")
		}
		if s.out, err = s.sealer.Open(s.out[:0], aad, s.sealed); err != nil {
			return err
		}
	}
	return nil
}

func (s *manySecrets) resolve(ctx context.Context, n int) error {
	names := []string{name(0), name(n / 2), name(n - 1)}
	x, err := s.vault.Values(ctx, projectName, names)
	if err != nil {
		return err
	}
	defer x.Close()
	for _, name := range names {
		if err := x.Use(name, func([]byte) error { return nil }); err != nil {
			return err
		}
	}
	return nil
}

func (s *manySecrets) create(ctx context.Context, i int) error {
	_, err := s.vault.CreateSecret(ctx, projectName, vault.Draft{Name: newName(i), Value: s.value})
	return err
}

// sync makes one page durable.
func (s *manySecrets) sync() error {
	at := time.Now().UnixNano() % 64 * 4096
	if _, err := s.floor.WriteAt(make([]byte, 4096), at); err != nil {
		return err
	}
	return dataSync(s.floor)
}

// copy writes the vault's file once more, durably.
func (s *manySecrets) copy() error {
	data, err := os.ReadFile(s.path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(s.path), "copy-")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
}

package counts

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/keyring/secret"
	"tacenda/resolver"
	"tacenda/store"
)

// many is how many secrets a project has that is not small.
const many = 1000

// file is a vault in a file, as the program has it.
type file struct {
	testing.TB
	path string
	key  vaulttest.Key
	e    store.Engine
	v    *vault.Vault
}

func newFile(t testing.TB) *file {
	t.Helper()
	f := &file{TB: t, path: filepath.Join(t.TempDir(), "vault.db"), key: vaulttest.NewKey(t)}
	create := func(fill func(store.Tx) error) (store.Engine, error) {
		e, err := store.CreateBolt(t.Context(), f.path, store.BoltOptions{}, fill)
		f.e = e
		return e, err
	}
	v, err := vault.Create(t.Context(), create, f.key.Slots, vaulttest.Project, vault.Options{})
	f.check(err)
	f.v = v
	t.Cleanup(v.Close)
	return f
}

func (f *file) check(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// fill imports n secrets with values of 28 bytes, as tokens have.
func (f *file) fill(n int) {
	f.Helper()
	value, err := secret.Move([]byte("0123456789012345678901234567"))
	f.check(err)
	defer value.Destroy()
	drafts := make([]vault.Draft, n)
	for i := range drafts {
		drafts[i] = vault.Draft{Name: fmt.Sprintf("SERVICE_%06d_TOKEN", i), Value: value}
	}
	_, err = f.v.ImportSecrets(f.Context(), vaulttest.Project, drafts, vault.ImportStrict)
	f.check(err)
}

func (f *file) size() int {
	f.Helper()
	info, err := os.Stat(f.path)
	f.check(err)
	return int(info.Size())
}

// records counts what the file holds: records, and the bytes of them and their keys.
func (f *file) records() (n, size int) {
	f.Helper()
	f.check(f.e.View(f.Context(), func(tx store.Tx) error {
		return tx.Range(nil, func(key, record []byte) error {
			n++
			size += len(key) + len(record)
			return nil
		})
	}))
	return n, size
}

// TestCountsFile: what a vault takes on the disk. The file grows in steps; what is
// sealed in it does not.
func TestCountsFile(t *testing.T) {
	f := newFile(t)
	got := map[string]int{"bytes of the file of an empty vault": f.size()}
	n, size := f.records()
	got["records of an empty vault"], got["bytes of the records of an empty vault"] = n, size
	f.fill(many)
	more, larger := f.records()
	got["records of 1,000 secrets"] = more - n
	got["bytes of records for each of 1,000 secrets"] = (larger - size) / many
	got["bytes of the file for each of 1,000 secrets"] = f.size() / many
	Hold(t, "file", got)
}

// TestCountsAllocations: what is allocated inside the process, over a vault of 1,000
// secrets in a file.
func TestCountsAllocations(t *testing.T) {
	if race {
		t.Skip("the race detector allocates by itself, and empties pools at random")
	}
	f := newFile(t)
	f.fill(many)
	ctx := context.Background()
	const template = "a: {{SERVICE_000001_TOKEN}}\nb: {{SERVICE_000500_TOKEN|json}}\nc: {{SERVICE_000999_TOKEN|sh}}\n"
	got := map[string]int{}
	count := func(what string, do func() error) {
		got["allocations of "+what] = int(testing.AllocsPerRun(20, func() { f.check(do()) }))
	}
	openers := f.key.Openers(t)
	count("opening", func() error {
		e, err := store.OpenBolt(f.path, store.BoltOptions{})
		if err != nil {
			return err
		}
		v, err := vault.Open(ctx, e, openers, vault.Options{})
		if err == nil {
			v.Close()
		}
		return err
	})
	count("resolving three placeholders", func() error {
		s, err := resolver.Scan(bytes.NewReader([]byte(template)), resolver.Options{})
		if err != nil {
			return err
		}
		values, err := f.v.Values(ctx, vaulttest.Project, s.Names())
		if err != nil {
			return err
		}
		defer values.Close()
		return s.Resolve(io.Discard, values)
	})
	count("listing 1,000 secrets", func() error {
		secrets, err := f.v.Secrets(ctx, vaulttest.Project)
		if err == nil && len(secrets) != many {
			err = fmt.Errorf("%d secrets are listed", len(secrets))
		}
		return err
	})
	names := make([]string, many)
	for i := range names {
		names[i] = fmt.Sprintf("SERVICE_%06d_TOKEN", i)
	}
	count("opening all of 1,000 values", func() error {
		values, err := f.v.Values(ctx, vaulttest.Project, names)
		if err != nil {
			return err
		}
		defer values.Close()
		for _, name := range names {
			if err := values.Use(name, func([]byte) error { return nil }); err != nil {
				return err
			}
		}
		return nil
	})
	Hold(t, "allocations", got)
}

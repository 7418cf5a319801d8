package store_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"tacenda/store"
)

// smallDisk returns a path on a file system of 2 MiB.
func smallDisk(t *testing.T) (path, dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a small file system")
	}
	dir = filepath.Join(t.TempDir(), "disk")
	do(t, os.Mkdir(dir, 0o700))
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=2m,mode=700"); err != nil {
		t.Skipf("cannot mount a small file system: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return filepath.Join(dir, "vault.db"), dir
}

func TestFullDisk(t *testing.T) {
	path, dir := smallDisk(t)
	b := create(t, path, brief, someRecords)
	var err error
	stored := 0
	for stored < 100 && err == nil {
		err = b.Update(t.Context(), func(tx store.Tx) error {
			return tx.Put(benchKey(uint64(1000+stored)), ciphertext(uint64(stored), 100_000))
		})
		if err == nil {
			stored++
		}
	}
	wantError(t, err, store.ErrNoSpace, "nothing changed")
	if stored < 5 || stored == 100 {
		t.Errorf("%d changes before the disk was full", stored)
	}
	intact := func(want int) {
		t.Helper()
		if n, err := readAll(b); n != want || err != nil {
			t.Errorf("%d records on the full disk, %v; want %d", n, err, want)
		}
		do(t, store.CheckStructure(path))
		wantNames(t, dir, "vault.db")
	}
	intact(200 + stored)

	wantError(t, b.Compact(t.Context()), store.ErrNoSpace, "nothing changed")
	wantError(t, b.Replace(t.Context(), benchFill(20_000)), store.ErrNoSpace, "nothing changed")
	_, err = store.CreateBolt(t.Context(), filepath.Join(dir, "second.db"), brief, benchFill(20_000))
	wantError(t, err, store.ErrNoSpace, "nothing changed")
	var copied bytes.Buffer
	if _, err := b.CopyTo(t.Context(), &copied); err != nil || copied.Len() == 0 {
		t.Errorf("CopyTo on a full disk: %d bytes, %v", copied.Len(), err)
	}
	intact(200 + stored)

	// What makes room works, and so does everything after it.
	do(t, b.Update(t.Context(), func(tx store.Tx) error {
		for i := range stored {
			do(t, tx.Delete(benchKey(uint64(1000+i))))
		}
		return tx.Scrub()
	}))
	intact(200)
	do(t, b.Update(t.Context(), func(tx store.Tx) error { return tx.Put(benchKey(1000), ciphertext(1, 100_000)) }))
	intact(201)
}

func TestReadOnlyMount(t *testing.T) {
	path, dir := smallDisk(t)
	b := create(t, path, brief, someRecords)
	do(t, unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	if n, err := readAll(b); n != 200 || err != nil {
		t.Errorf("View on a read-only mount: %d records, %v", n, err)
	}
	var copied bytes.Buffer
	if n, err := b.CopyTo(t.Context(), &copied); n == 0 || err != nil {
		t.Errorf("CopyTo on a read-only mount: %d bytes, %v", n, err)
	}
	_, err := store.CreateBolt(t.Context(), filepath.Join(dir, "a", "second.db"), brief, someRecords)
	for name, err := range map[string]error{
		"Update": b.Update(t.Context(), someRecords), "Compact": b.Compact(t.Context()),
		"Replace": b.Replace(t.Context(), someRecords), "CreateBolt": err,
	} {
		if !errors.Is(err, store.ErrReadOnly) {
			t.Errorf("%s on a read-only mount = %v, want ErrReadOnly", name, err)
		}
	}
}

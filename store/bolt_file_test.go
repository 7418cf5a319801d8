//go:build unix

package store_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"tacenda/store"
)

// brief waits for nobody but a child of another test that is just being
// started: until it runs its own program it holds every lock of this process.
var brief = store.BoltOptions{LockTimeout: 2 * time.Second}

func someRecords(tx store.Tx) error {
	for i := range 200 {
		if err := tx.Put(benchKey(uint64(i)), bytes.Repeat([]byte{byte(i)}, 100)); err != nil {
			return err
		}
	}
	return nil
}

// readAll reads everything and returns how many records there are.
func readAll(e store.Engine) (n int, err error) {
	err = e.View(context.Background(), func(tx store.Tx) error {
		return tx.Range(nil, func(_, v []byte) error {
			n++
			_ = bytes.Count(v, []byte{0}) // touches each byte
			return nil
		})
	})
	return n, err
}

// TestOddFiles: what is at the path instead of a vault is refused with a
// sentence, and stays as it is.
func TestOddFiles(t *testing.T) {
	tests := map[string]struct {
		make func(t *testing.T, path string)
		want error
		says string
	}{
		"nothing": {func(*testing.T, string) {}, store.ErrNotFound, "no vault there"},
		"missing directory": {func(t *testing.T, path string) {
			do(t, os.Remove(filepath.Dir(path)))
		}, store.ErrNotFound, "no vault there"},
		"empty": {func(t *testing.T, path string) {
			do(t, os.WriteFile(path, nil, 0o600))
		}, store.ErrDamaged, "empty"},
		"short": {func(t *testing.T, path string) {
			do(t, os.WriteFile(path, make([]byte, 100), 0o600))
		}, store.ErrDamaged, "fewer"},
		"zeros": {func(t *testing.T, path string) {
			do(t, os.WriteFile(path, make([]byte, 1<<20), 0o600))
		}, store.ErrDamaged, "not a vault"},
		"text": {func(t *testing.T, path string) {
			do(t, os.WriteFile(path, bytes.Repeat([]byte("DB_PASSWORD=hunter2\n"), 5000), 0o600))
		}, store.ErrDamaged, "not a vault"},
		"another program's database": {func(t *testing.T, path string) {
			db, err := bolt.Open(path, 0o600, &bolt.Options{PageSize: 4096})
			do(t, err)
			do(t, db.Update(func(tx *bolt.Tx) error {
				b, err := tx.CreateBucket([]byte("records"))
				do(t, err)
				return b.Put([]byte("k"), []byte("v"))
			}))
			do(t, db.Close())
		}, store.ErrDamaged, "another program's database"},
		"an empty database": {func(t *testing.T, path string) {
			db, err := bolt.Open(path, 0o600, &bolt.Options{PageSize: 4096})
			do(t, err)
			do(t, db.Close())
		}, store.ErrDamaged, "another program's database"},
		"a version from the future": {func(t *testing.T, path string) {
			db, err := bolt.Open(path, 0o600, &bolt.Options{PageSize: 4096})
			do(t, err)
			do(t, db.Update(func(tx *bolt.Tx) error {
				_, err := tx.CreateBucket([]byte("records"))
				do(t, err)
				b, err := tx.CreateBucket([]byte("tacenda"))
				do(t, err)
				return b.Put([]byte("format"), []byte("tacenda vault file 2"))
			}))
			do(t, db.Close())
		}, store.ErrDamaged, "not known to this program"},
		"larger pages": {func(t *testing.T, path string) {
			db, err := bolt.Open(path, 0o600, &bolt.Options{PageSize: 16384})
			do(t, err)
			do(t, db.Close())
		}, store.ErrDamaged, "another program's database"},
		"directory": {func(t *testing.T, path string) {
			do(t, os.Mkdir(path, 0o700))
		}, store.ErrRefused, "directory"},
		"pipe": {func(t *testing.T, path string) {
			do(t, syscall.Mkfifo(path, 0o600))
		}, store.ErrRefused, "not a regular file"},
		"symbolic link": {func(t *testing.T, path string) {
			create(t, path+".real", brief, nil)
			do(t, os.Symlink(path+".real", path))
		}, store.ErrRefused, "symbolic link"},
		"dangling link": {func(t *testing.T, path string) {
			do(t, os.Symlink(path+".real", path))
		}, store.ErrRefused, "symbolic link"},
		"hard link": {func(t *testing.T, path string) {
			create(t, path, brief, nil)
			do(t, os.Link(path, path+".other"))
		}, store.ErrRefused, "hard links"},
		"readable by the group": {func(t *testing.T, path string) {
			create(t, path, brief, nil)
			do(t, os.Chmod(path, 0o640))
		}, store.ErrRefused, "chmod 600"},
		"executable by others": {func(t *testing.T, path string) {
			create(t, path, brief, nil)
			do(t, os.Chmod(path, 0o601))
		}, store.ErrRefused, "chmod 600"},
		"another's": {func(t *testing.T, path string) {
			if os.Geteuid() != 0 {
				t.Skip("only root can give a file away")
			}
			create(t, path, brief, nil)
			do(t, os.Chown(path, 4242, -1))
		}, store.ErrRefused, "belongs to user 4242"},
		"directory of the group": {func(t *testing.T, path string) {
			create(t, path, brief, nil)
			do(t, os.Chmod(filepath.Dir(path), 0o770))
		}, store.ErrRefused, "chmod go-w"},
		"sticky directory": {func(t *testing.T, path string) {
			create(t, path, brief, nil)
			do(t, os.Chmod(filepath.Dir(path), 0o777|os.ModeSticky))
		}, store.ErrRefused, "chmod go-w"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := place(t)
			test.make(t, path)
			before := snapshot(t, path)
			_, err := store.OpenBolt(path, brief)
			wantError(t, err, test.want, test.says)
			if !errors.Is(test.want, store.ErrNotFound) {
				_, err = store.CreateBolt(t.Context(), path, brief, someRecords)
				wantError(t, err, store.ErrExists, "already exists")
			}
			if err := store.CheckStructure(path); !errors.Is(test.want, store.ErrRefused) && !errors.Is(err, test.want) {
				t.Errorf("CheckStructure = %v, want %q", err, test.want)
			}
			if !bytes.Equal(before, snapshot(t, path)) {
				t.Error("the file changed")
			}
		})
	}
}

func do(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func snapshot(t testing.TB, path string) []byte {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	b, err := os.ReadFile(path)
	do(t, err)
	return b
}

func wantError(t *testing.T, err, kind error, says string) {
	t.Helper()
	if !errors.Is(err, kind) || !strings.Contains(err.Error(), says) || strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("got the error %v (%T), want %q that says %q", err, err, kind, says)
	}
}

// TestTruncated: a vault that was cut off at any page is damaged, whatever is
// done with it, unless only what was never used is missing.
func TestTruncated(t *testing.T) {
	path := place(t)
	b := create(t, path, brief, someRecords)
	var copied bytes.Buffer // as long as it must be, without a tail
	if _, err := b.CopyTo(t.Context(), &copied); err != nil {
		t.Fatal(err)
	}
	for size := 0; size <= copied.Len(); size += 1024 {
		do(t, os.WriteFile(path, copied.Bytes()[:size], 0o600))
		n, err := readAll(b)
		err2 := b.Update(t.Context(), func(tx store.Tx) error { return tx.Put([]byte("k"), []byte("v")) })
		if size == copied.Len() {
			if n != 200 || err != nil || err2 != nil {
				t.Errorf("the whole file: %d records, %v, %v", n, err, err2)
			}
			continue
		}
		if _, err := store.OpenBolt(path, brief); !errors.Is(err, store.ErrDamaged) {
			t.Errorf("cut to %d of %d bytes: OpenBolt = %v, want ErrDamaged", size, copied.Len(), err)
		}
		if !errors.Is(err, store.ErrDamaged) || !errors.Is(err2, store.ErrDamaged) {
			t.Errorf("cut to %d of %d bytes: View = %v, Update = %v, want ErrDamaged", size, copied.Len(), err, err2)
		}
	}
}

// TestCutOffUnderway: a file that loses its pages while it is read faults in the
// memory map, in bbolt and in the caller's own code.
func TestCutOffUnderway(t *testing.T) {
	for name, touch := range map[string]func(tx store.Tx) error{
		"Get": func(tx store.Tx) error { _, err := tx.Get([]byte("large")); return err },
		"Range": func(tx store.Tx) error {
			return tx.Range(nil, func(_, v []byte) error { _ = bytes.Count(v, []byte{1}); return nil })
		},
		"Put":    func(tx store.Tx) error { return tx.Put([]byte("large"), []byte("v")) },
		"Delete": func(tx store.Tx) error { return tx.Delete([]byte("large")) },
	} {
		for _, write := range []bool{false, true} {
			path := place(t)
			b := create(t, path, brief, func(tx store.Tx) error {
				return errors.Join(someRecords(tx), tx.Put([]byte("large"), make([]byte, 1<<20)))
			})
			run := b.View
			if write {
				run = b.Update
			}
			err := run(t.Context(), func(tx store.Tx) error {
				do(t, os.Truncate(path, 8192))
				err := touch(tx)
				if err == nil {
					t.Errorf("%s succeeded in a file without pages", name)
				}
				return nil // as a careless caller would
			})
			if want := store.ErrDamaged; !errors.Is(err, want) && (write || name == "Get" || name == "Range") {
				t.Errorf("%s, write = %v: %v, want ErrDamaged", name, write, err)
			}
			// Nothing holds the lock after that.
			if _, err := store.ReplaceBolt(t.Context(), path, brief, someRecords); err != nil {
				t.Errorf("ReplaceBolt after the damage: %v", err)
			}
			if n, err := readAll(b); n != 200 || err != nil {
				t.Errorf("after ReplaceBolt: %d records, %v", n, err)
			}
		}
	}
}

// TestMounted: what containers mount can be read when that is asked for.
func TestMounted(t *testing.T) {
	real := place(t)
	create(t, real, brief, someRecords)
	dir := filepath.Dir(real)
	link := filepath.Join(dir, "mounted.db")
	do(t, os.Symlink("vault.db", link))
	do(t, os.Link(real, filepath.Join(dir, "second name")))
	do(t, os.Chmod(real, 0o440))
	do(t, os.Chmod(dir, 0o777|os.ModeSticky)) // as Kubernetes does
	if os.Geteuid() == 0 {
		do(t, os.Chown(real, 0, 0))
	}
	mounted := store.BoltOptions{LockTimeout: 2 * time.Second, Mounted: true}
	for _, path := range []string{real, link} {
		if _, err := store.OpenBolt(path, brief); !errors.Is(err, store.ErrRefused) {
			t.Errorf("without Mounted: %v, want ErrRefused", err)
		}
		b, err := store.OpenBolt(path, mounted)
		do(t, err)
		if n, err := readAll(b); n != 200 || err != nil {
			t.Errorf("with Mounted: %d records, %v", n, err)
		}
		if err := b.Update(t.Context(), someRecords); !errors.Is(err, store.ErrRefused) {
			t.Errorf("Update with Mounted: %v, want ErrRefused", err)
		}
		var copied bytes.Buffer
		if _, err := b.CopyTo(t.Context(), &copied); err != nil || copied.Len() == 0 {
			t.Errorf("CopyTo with Mounted: %v", err)
		}
		do(t, store.CheckStructure(path))
	}
	do(t, os.Chmod(real, 0o444))
	_, err := store.OpenBolt(real, mounted)
	wantError(t, err, store.ErrRefused, "others may use it")
}

func TestReadOnlyFile(t *testing.T) {
	path := place(t)
	b := create(t, path, brief, someRecords)
	do(t, os.Chmod(path, 0o400))
	if n, err := readAll(b); n != 200 || err != nil {
		t.Errorf("View of a read-only file: %d records, %v", n, err)
	}
	ran := false
	err := b.Update(t.Context(), func(store.Tx) error { ran = true; return nil })
	wantError(t, err, store.ErrReadOnly, "chmod u+w")
	wantError(t, b.Compact(t.Context()), store.ErrReadOnly, "chmod u+w")
	wantError(t, b.Replace(t.Context(), someRecords), store.ErrReadOnly, "chmod u+w")
	if ran {
		t.Error("the change ran on a read-only file")
	}
}

func TestCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "vault.db")
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	b := create(t, path, brief, someRecords)
	if n, err := readAll(b); n != 200 || err != nil {
		t.Errorf("after CreateBolt: %d records, %v", n, err)
	}
	for p, mode := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): os.ModeDir | 0o700, filepath.Dir(filepath.Dir(path)): os.ModeDir | 0o700} {
		if info, err := os.Stat(p); err != nil || info.Mode() != mode {
			t.Errorf("mode of %s = %v, %v; want %v", p, info.Mode(), err, mode)
		}
	}
	syscall.Umask(0o777)
	second := filepath.Join(filepath.Dir(path), "second.db")
	create(t, second, brief, someRecords)
	if info, err := os.Stat(second); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode under umask 777 = %v, %v", info.Mode(), err)
	}
	wantNames(t, filepath.Dir(path), "second.db", "vault.db")
	if !filepath.IsAbs(b.Path()) {
		t.Errorf("Path = %q, want an absolute one", b.Path())
	}
}

func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	do(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%s holds %q, want %q", dir, got, want)
	}
}

// TestCreateFails: whatever goes wrong, nothing is left.
func TestCreateFails(t *testing.T) {
	own := errors.New("fill's own error")
	path := place(t)
	_, err := store.CreateBolt(t.Context(), path, brief, func(tx store.Tx) error {
		return errors.Join(someRecords(tx), own)
	})
	if !errors.Is(err, own) {
		t.Errorf("CreateBolt = %v, want fill's error", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = store.CreateBolt(ctx, path, brief, func(tx store.Tx) error { cancel(); return someRecords(tx) })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("CreateBolt with a context that ends = %v", err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("fill's panic is gone")
			}
		}()
		_, _ = store.CreateBolt(t.Context(), path, brief, func(store.Tx) error { panic("fill's") })
	}()
	// Somebody else creates it meanwhile: theirs stays.
	_, err = store.CreateBolt(t.Context(), path, brief, func(tx store.Tx) error {
		create(t, path, brief, someRecords)
		return nil
	})
	wantError(t, err, store.ErrExists, "already exists")
	wantNames(t, filepath.Dir(path), "vault.db")
	b, err := store.OpenBolt(path, brief)
	do(t, err)
	if n, err := readAll(b); n != 200 || err != nil {
		t.Errorf("the other's vault: %d records, %v", n, err)
	}
	do(t, os.WriteFile(path+".file", nil, 0o600))
	if _, err = store.CreateBolt(t.Context(), path+".file/vault.db", brief, someRecords); err == nil {
		t.Error("a vault below a file was created")
	}
}

func TestSweep(t *testing.T) {
	path := place(t)
	b := create(t, path, brief, someRecords)
	stale := path + ".tmp-0123456789abcdef"
	keep := []string{path + ".tmp-", path + ".tmp-mine", path + ".tmp-0123456789abcdeg", path + ".tmp-0123456789abcdef0", path + "x.tmp-0123456789abcdef"}
	for _, p := range append(keep, stale) {
		do(t, os.WriteFile(p, []byte("what a killed process left"), 0o600))
	}
	do(t, os.Mkdir(path+".tmp-00000000000000d0", 0o700))
	do(t, b.Update(t.Context(), func(tx store.Tx) error { return tx.Put([]byte("k"), []byte("v")) }))
	if _, err := os.Stat(stale); err == nil {
		t.Error("the stale file is still there")
	}
	for _, p := range keep {
		if _, err := os.Stat(p); err != nil {
			t.Errorf("removed what is none of ours: %v", err)
		}
	}
	// One that is being written is left alone.
	err := b.Replace(t.Context(), func(tx store.Tx) error {
		other := create(t, filepath.Join(filepath.Dir(path), "other.db"), brief, nil)
		do(t, other.Update(t.Context(), someRecords))
		found, _ := filepath.Glob(path + ".tmp-????????????????")
		if len(found) != 3 { // ours, the directory, and one with a letter that is no digit
			t.Errorf("beside the vault are %q", found)
		}
		return someRecords(tx)
	})
	do(t, err)
}

// TestSweepLocked: the file that another process is filling is not swept away.
func TestSweepLocked(t *testing.T) {
	path := place(t)
	_, err := store.CreateBolt(t.Context(), path, brief, func(tx store.Tx) error {
		// A second one for the same name sweeps first, and wins.
		create(t, path, brief, someRecords)
		if found, _ := filepath.Glob(path + ".tmp-*"); len(found) != 1 {
			t.Errorf("while it is filled, beside the vault are %q", found)
		}
		return nil
	})
	wantError(t, err, store.ErrExists, "already exists")
	wantNames(t, filepath.Dir(path), "vault.db")
}

func TestRelativePath(t *testing.T) {
	path := place(t)
	t.Chdir(filepath.Dir(path))
	b := create(t, "vault.db", brief, someRecords)
	t.Chdir("/")
	if n, err := readAll(b); n != 200 || err != nil {
		t.Errorf("after a change of directory: %d records, %v", n, err)
	}
}

func TestClosed(t *testing.T) {
	b := create(t, place(t), brief, someRecords)
	do(t, b.Close())
	var buf bytes.Buffer
	_, err := b.CopyTo(t.Context(), &buf)
	for name, err := range map[string]error{"Compact": b.Compact(t.Context()), "CopyTo": err, "Replace": b.Replace(t.Context(), someRecords)} {
		if err == nil {
			t.Errorf("%s works on a closed vault", name)
		}
	}
}

func TestLockTimeout(t *testing.T) {
	b := create(t, place(t), store.BoltOptions{LockTimeout: 50 * time.Millisecond}, nil)
	err := b.View(t.Context(), func(store.Tx) error {
		err := b.Update(t.Context(), someRecords)
		var busy *store.BusyError
		if !errors.As(err, &busy) || !errors.Is(err, store.ErrBusy) {
			t.Errorf("Update beside a View = %v, want a BusyError", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := b.Update(ctx, someRecords); !errors.Is(err, context.Canceled) {
			t.Errorf("Update with an ended context = %v", err)
		}
		return nil
	})
	do(t, err)
}

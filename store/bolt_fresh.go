package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

const (
	// tempMark stands between a vault's name and 16 random hexadecimal digits.
	tempMark  = ".tmp-"
	tempBytes = 8

	// flushBytes is how much of a file that is being made is put in one bbolt
	// transaction: nobody sees the parts, and bbolt is twice as fast on them.
	flushBytes = 4 << 20
)

// A fresh is a file that is being made beside a vault. It is locked like a
// vault, so that nobody takes it for what a killed process left.
type fresh struct {
	h    *handle
	path string
}

// CreateBolt makes the vault at path with what fill puts into it, and the
// directories above it that are missing, with mode 0700. The file appears under
// its name whole and durable, or not at all. ErrExists when there is anything
// under that name.
func CreateBolt(ctx context.Context, path string, o BoltOptions, fill func(Tx) error) (*Bolt, error) {
	b, err := newBolt(path, o)
	if err != nil {
		return nil, err
	}
	if _, err := os.Lstat(b.path); err == nil {
		return nil, sentence("create", b.path, fs.ErrExist)
	}
	if err := MakeDirs(filepath.Dir(b.path)); err != nil {
		return nil, sentence("make the directory of", b.path, err)
	}
	if err := checkDir(b.path); err != nil {
		return nil, err
	}
	b.sweep()
	t, err := b.build(ctx, filepath.Dir(b.path), false, func(tx *boltTx) error { return fill(tx) })
	if err != nil {
		return nil, err
	}
	if err := t.publish(ctx, b.path, renameNew); err != nil {
		return nil, sentence("create", b.path, err)
	}
	return b, nil
}

// ReplaceBolt puts a wholly new file in the place of the vault at path, which
// may be damaged. Others see the old one or the new one, and no change made to
// the old one meanwhile is lost: there can be none.
func ReplaceBolt(ctx context.Context, path string, o BoltOptions, fill func(Tx) error) (*Bolt, error) {
	b, err := newBolt(path, o)
	if err != nil {
		return nil, err
	}
	if err := b.Replace(ctx, fill); err != nil {
		return nil, err
	}
	return b, nil
}

// Replace is ReplaceBolt in place of this vault. fill must not use b: what is to
// be carried over is read before.
func (b *Bolt) Replace(ctx context.Context, fill func(Tx) error) error {
	if b.closed.Load() {
		return errClosed
	}
	if err := b.turn(ctx); err != nil {
		return err
	}
	defer func() { <-b.writer }()
	old, err := b.acquire(ctx, true)
	if err != nil {
		return err
	}
	defer release(old)
	b.sweep()
	t, err := b.build(ctx, filepath.Dir(b.path), false, func(tx *boltTx) error { return fill(tx) })
	if err != nil {
		return err
	}
	if !lockedByUs {
		release(old) // these systems rename over no open file
	}
	return sentence("replace", b.path, t.publish(ctx, b.path, os.Rename))
}

// build makes a file in dir with what fill puts into it, and with nothing in it
// that fill replaced or deleted. It is flushed and has a name, unless it is
// passing: then it goes when it is closed. fill's errors are returned as they are.
func (b *Bolt) build(ctx context.Context, dir string, passing bool, fill func(*boltTx) error) (*fresh, error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	t, err := b.openFresh(dir)
	if err != nil {
		return nil, sentence("make a file beside", b.path, err)
	}
	built := false
	defer func() { // also when fill panics
		if !built {
			t.drop()
		}
	}()
	if passing && lockedByUs {
		_ = os.Remove(t.path)
	}
	if err := t.fill(b.path, fill); err != nil {
		return nil, err
	}
	if err := t.finish(passing); err != nil {
		return nil, sentence("write", b.path, err)
	}
	built = true
	return t, nil
}

// finish empties what the file no longer needs and flushes it.
func (t *fresh) finish(passing bool) error {
	// One more transaction, so that both meta pages name the final tree: what
	// only the one before it used is then free.
	if err := t.h.empty(); err != nil {
		return err
	}
	if err := t.h.zeroFree(); err != nil || passing {
		return err
	}
	return t.h.file.Sync()
}

// openFresh creates an empty file in dir and opens it.
func (b *Bolt) openFresh(dir string) (*fresh, error) {
	for {
		var random [tempBytes]byte
		rand.Read(random[:])
		path := filepath.Join(dir, filepath.Base(b.path)+tempMark+hex.EncodeToString(random[:]))
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|openFlags(false), 0o600)
		if err != nil {
			return nil, err
		}
		t := &fresh{h: &handle{file: f, broken: true}, path: path}
		locked, err := tryLock(f, true)
		if err == nil && (!locked || !isCurrent(f, path, false)) {
			release(f) // somebody swept it away before it was locked
			continue
		}
		if err == nil {
			err = f.Chmod(0o600) // whatever the umask took away
		}
		if err == nil {
			o := b.boltOptions(true)
			o.NoSync = true // it is flushed once, at the end
			t.h, err = openBolt(path, f, nil, o)
		}
		if err != nil {
			t.h = &handle{file: f, broken: true}
			t.drop()
			return nil, err
		}
		return t, nil
	}
}

// fill runs fn in as many transactions as are quick.
func (t *fresh) fill(vault string, fn func(*boltTx) error) error {
	inner, err := t.h.begin(true)
	if err != nil {
		return sentence("write", vault, err)
	}
	tx := &boltTx{h: t.h, path: vault, tx: inner, write: true, changed: true}
	if tx.records, err = inner.CreateBucket(recordsBucket); err == nil {
		_, err = inner.CreateBucket(headerBucket)
	}
	if err == nil {
		err = tx.note(formatKey, formatValue)
	}
	if err != nil {
		t.h.rollback(inner)
		return sentence("write", vault, err)
	}
	pending := 0
	tx.flush = func(tx *boltTx, size int) error {
		if pending += size; pending < flushBytes {
			return nil
		}
		pending = 0
		tx.records.FillPercent = bulkFill
		err := t.h.commit(tx.tx)
		if err == nil {
			tx.tx, err = t.h.begin(true)
		}
		if err == nil {
			err = tx.bucket()
		}
		return sentence("write", vault, err)
	}
	return tx.run(fn)
}

// publish gives the file its name and makes that durable.
func (t *fresh) publish(ctx context.Context, path string, rename func(from, to string) error) error {
	if err := ctx.Err(); err != nil {
		t.drop()
		return err
	}
	if !lockedByUs {
		t.h.close() // these systems rename no open file
	}
	if err := rename(t.path, path); err != nil {
		t.drop()
		return err
	}
	err := syncDir(filepath.Dir(path))
	t.h.close()
	return err
}

// drop removes the file.
func (t *fresh) drop() {
	if !lockedByUs {
		t.h.close() // these systems remove no open file
	}
	_ = os.Remove(t.path)
	t.h.close()
}

// sweep removes what killed processes left beside the vault. It is no reason to
// fail: the next write tries again.
func (b *Bolt) sweep() {
	dir, prefix := filepath.Dir(b.path), filepath.Base(b.path)+tempMark
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), prefix)
		if raw, err := hex.DecodeString(digits); !ok || err != nil || len(raw) != tempBytes {
			continue
		}
		sweepOne(filepath.Join(dir, e.Name()))
	}
}

// sweepOne removes the file at path unless a living process has it locked.
func sweepOne(path string) {
	f, err := os.OpenFile(path, os.O_RDWR|openFlags(false), 0)
	if err != nil {
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	if locked, err := tryLock(f, true); err == nil && locked && isCurrent(f, path, false) {
		_ = os.Remove(path)
	}
}

// MakeDirs makes dir and what is missing above it, durably, for its owner alone:
// whatever the umask says.
func MakeDirs(dir string) error {
	var missing []string
	for d := dir; ; d = filepath.Dir(d) {
		info, err := os.Stat(d)
		if err == nil && d == dir && info.IsDir() {
			return nil
		}
		if err == nil || !errors.Is(err, fs.ErrNotExist) || d == filepath.Dir(d) {
			break
		}
		missing = append(missing, d)
	}
	for _, d := range slices.Backward(missing) {
		err := os.Mkdir(d, 0o700)
		if err == nil {
			err = os.Chmod(d, 0o700) //nolint:gosec // a directory needs x; a umask may have taken the owner's bits too, and the next one goes into it
		}
		if err == nil {
			err = syncDir(filepath.Dir(d))
		}
		if err != nil && !errors.Is(err, fs.ErrExist) { // somebody else made it meanwhile
			return err
		}
	}
	return os.MkdirAll(dir, 0o700) // says what else is wrong with the way there
}

// linkNew renames by a second name, which fails when there is one, and the
// removal of the first. Where there are no links, a look must do.
func linkNew(from, to string) error {
	err := os.Link(from, to)
	if err == nil {
		return os.Remove(from)
	}
	if errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, err := os.Lstat(to); err == nil {
		return fs.ErrExist
	}
	return os.Rename(from, to)
}

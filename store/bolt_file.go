package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	berrors "go.etcd.io/bbolt/errors"
)

// A said is an error that has its sentence: nothing is put around it.
type said struct {
	text string
	kind error // one of the sentinels
}

func (e *said) Error() string { return e.text }
func (e *said) Unwrap() error { return e.kind }

func say(kind error, format string, args ...any) error {
	return &said{fmt.Sprintf(format, args...), kind}
}

// refused says why a file or directory is unsafe to use and how to mend it.
func refused(path, format string, args ...any) error {
	return say(ErrRefused, "vault %q is refused: %s", path, fmt.Sprintf(format, args...))
}

// openVault opens the file of a vault, if it is one that nobody else can have
// put there or can change. With mounted it may also be a file as containers
// mount it: root's, readable by the group, behind links.
func openVault(path string, write, mounted bool) (*os.File, error) {
	mounted = mounted && !write
	if err := checkKind(path, mounted); err != nil {
		return nil, err
	}
	if !mounted {
		if err := checkDir(path); err != nil {
			return nil, err
		}
	}
	flag := os.O_RDONLY
	if write {
		flag = os.O_RDWR
	}
	f, err := os.OpenFile(path, flag|openFlags(mounted), 0)
	if err != nil {
		return nil, sentence("open", path, err)
	}
	if err := checkOpened(f, path, write, mounted); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// checkKind refuses what must not even be opened: a pipe would block, a device
// may act.
func checkKind(path string, mounted bool) error {
	stat := os.Lstat
	if mounted {
		stat = os.Stat
	}
	info, err := stat(path)
	if err != nil {
		return sentence("look at", path, err)
	}
	return checkMode(path, info.Mode())
}

func checkMode(path string, mode fs.FileMode) error {
	switch {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return refused(path, "it is a directory; name the file in it")
	case mode&fs.ModeSymlink != 0:
		return refused(path, "it is a symbolic link; name the file that it points to")
	}
	return refused(path, "it is not a regular file")
}

// checkOpened looks at the file itself, after the name can no longer be
// exchanged for another.
func checkOpened(f *os.File, path string, write, mounted bool) error {
	info, err := f.Stat()
	if err != nil {
		return sentence("look at", path, err)
	}
	if err := checkMode(path, info.Mode()); err != nil {
		return err
	}
	if err := checkOwner(path, info, mounted); err != nil {
		return err
	}
	// Root can write to a file without a write bit: it is read-only all the same.
	if write && info.Mode()&0o200 == 0 {
		return say(ErrReadOnly, "vault %q is read-only: its mode is %04o; chmod u+w allows changes", path, info.Mode().Perm())
	}
	return nil
}

// isCurrent tells whether path still names the open file f. Whoever waited for a
// lock may have got it on a file that was replaced meanwhile, where a write
// would be lost.
func isCurrent(f *os.File, path string, mounted bool) bool {
	stat := os.Lstat
	if mounted {
		stat = os.Stat
	}
	opened, err1 := f.Stat()
	named, err2 := stat(path)
	return err1 == nil && err2 == nil && os.SameFile(opened, named)
}

// sentence makes an error of the operating system or of bbolt one that says
// what we were doing, and that callers can choose by. nil stays nil.
func sentence(doing, path string, err error) error {
	var said *said
	var busy *BusyError
	switch {
	case err == nil, errors.As(err, &said), errors.As(err, &busy):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err // it repeats the path
	}
	var le *os.LinkError
	if errors.As(err, &le) {
		err = le.Err
	}
	switch {
	case errors.Is(err, ErrDamaged):
		return say(ErrDamaged, "vault %q is %v; restore a backup", path, err)
	case errors.Is(err, fs.ErrNotExist):
		return say(ErrNotFound, "no vault there: %q", path)
	case errors.Is(err, fs.ErrExist):
		return say(ErrExists, "%q already exists", path)
	case errors.Is(err, syscall.EROFS), errors.Is(err, syscall.EPERM):
		return say(ErrReadOnly, "vault %q is read-only: cannot %s it: %v", path, doing, err)
	case errors.Is(err, fs.ErrPermission), isLoop(err):
		return say(ErrRefused, "vault %q is refused: cannot %s it: %v", path, doing, err)
	case isFull(err):
		return say(ErrNoSpace, "cannot %s vault %q: %v; nothing changed", doing, path, err)
	}
	return fmt.Errorf("cannot %s vault %q: %w", doing, path, err)
}

// isFull recognises a full medium, quota or limit. bbolt hands on the text of
// some of these errors without the error.
func isFull(err error) bool {
	if errors.Is(err, berrors.ErrMaxSizeReached) {
		return true
	}
	for _, full := range fullErrors {
		if errors.Is(err, full) || strings.Contains(err.Error(), full.Error()) {
			return true
		}
	}
	return false
}

// checkDir refuses a directory in which others can put another file in the
// vault's place. The sticky bit would keep them from that, but not from being
// there first: it counts as nothing.
func checkDir(path string) error {
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	if err != nil {
		return sentence("look at the directory of", path, err)
	}
	return checkDirOwner(path, dir, info)
}

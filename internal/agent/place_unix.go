//go:build unix

package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// checkPrivate refuses what is not a directory of this user's alone. Its error
// is ErrNone where there is nothing.
func checkPrivate(dir string) error { return checkOurs(dir, fs.ModeDir, "a directory") }

// checkSocket refuses what is not a socket of this user's alone.
func checkSocket(path string) error { return checkOurs(path, fs.ModeSocket, "a socket") }

func checkOurs(path string, kind fs.FileMode, what string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return noneOr(err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case info.Mode().Type() != kind:
		return fmt.Errorf("not using the unlock agent: %s is not %s", path, what)
	case !ok || int(st.Uid) != os.Geteuid():
		return fmt.Errorf("not using the unlock agent: %s belongs to another user", path)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("not using the unlock agent: others can use %s, its mode is %04o", path, info.Mode().Perm())
	}
	return nil
}

// checkParent refuses a directory in which others can rename what is there.
func checkParent(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return noneOr(err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return fmt.Errorf("not using the unlock agent: %s is not a directory", dir)
	case !ok || int(st.Uid) != os.Geteuid() && st.Uid != 0:
		return fmt.Errorf("not using the unlock agent: %s belongs to another user", dir)
	case info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0:
		return fmt.Errorf("not using the unlock agent: others can write to %s, its mode is %04o", dir, info.Mode().Perm())
	}
	return nil
}

// noneOr makes ErrNone of what means that nothing is there, or nothing that
// this user may know of: a directory of somebody else's, after su.
func noneOr(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOTDIR) {
		return ErrNone
	}
	return fmt.Errorf("looking for the unlock agent: %w", err)
}

// A file is what a path leads to, so that two processes can tell whether they
// mean the same.
type file struct{ device, inode uint64 }

// fileOf tells what path leads to; false when that is nothing.
func fileOf(path string, stat func(string) (os.FileInfo, error)) (file, bool) {
	info, err := stat(path)
	if err != nil {
		return file{}, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return file{}, false
	}
	return file{uint64(st.Dev), uint64(st.Ino)}, true //nolint:unconvert // its types differ between systems
}

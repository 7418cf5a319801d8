//go:build unix

package store

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

var fullErrors = []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG}

// openFlags: no link is followed, no pipe waited for, nothing inherited.
func openFlags(mounted bool) int {
	if mounted {
		return syscall.O_CLOEXEC | syscall.O_NONBLOCK
	}
	return syscall.O_CLOEXEC | syscall.O_NONBLOCK | syscall.O_NOFOLLOW
}

func isLoop(err error) bool { return errors.Is(err, syscall.ELOOP) }

// checkOwner refuses a file that others own, may read or may reach by another name.
func checkOwner(path string, info fs.FileInfo, mounted bool) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return refused(path, "its owner cannot be told")
	}
	mode, forbidden := info.Mode().Perm(), fs.FileMode(0o077)
	if mounted {
		forbidden = 0o037
	}
	uid := os.Geteuid()
	switch {
	case int(st.Uid) != uid && !(mounted && st.Uid == 0):
		return refused(path, "it belongs to user %d, and you are user %d", st.Uid, uid)
	case mode&forbidden != 0:
		return refused(path, "others may use it, its mode is %04o; chmod 600 mends that", mode)
	case st.Nlink > 1 && !mounted: // 0 is one that was replaced just now, see isCurrent
		return refused(path, "it has %d names (hard links); keep one", st.Nlink)
	}
	return nil
}

func checkDirOwner(path, dir string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return refused(path, "the owner of its directory cannot be told")
	}
	if uid := os.Geteuid(); int(st.Uid) != uid && st.Uid != 0 {
		return refused(path, "its directory %q belongs to user %d", dir, st.Uid)
	}
	if info.Mode()&0o022 != 0 {
		return refused(path, "others may write to its directory %q; chmod go-w mends that, or use a directory of your own", dir)
	}
	return nil
}

// syncDir makes a change of names in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	// Some file systems have no such call for directories: nothing more can be done there.
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}

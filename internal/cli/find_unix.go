//go:build unix

package cli

import (
	"io/fs"
	"os"
	"syscall"
)

// deviceOf tells on which file system a directory is.
func deviceOf(dir string) (uint64, bool) {
	info, err := os.Stat(dir)
	if err != nil {
		return 0, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return uint64(st.Dev), true //nolint:unconvert // its type differs between systems
}

// untrusted says why a settings file must not be read, "" if it may.
func untrusted(info fs.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.Mode().IsRegular():
		return "it is not a regular file"
	case ok && int(st.Uid) != os.Geteuid() && st.Uid != 0:
		return "it belongs to another user"
	case info.Mode().Perm()&0o022 != 0:
		return "others can write it"
	}
	return ""
}

// openNoFollow opens a file that must not be a link, and does not wait for the
// writer of a pipe.
func openNoFollow(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}

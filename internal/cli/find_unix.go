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

// exposed says why a file that opens a vault is not its owner's alone, "" if it
// is. A container's secrets belong to root and are read-only for everybody in
// it; mounted allows that.
func exposed(info fs.FileInfo, mounted bool) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	mode := info.Mode().Perm()
	switch {
	case !ok || !info.Mode().IsRegular():
		return ""
	case int(st.Uid) != os.Geteuid() && st.Uid != 0:
		return "belongs to another user, who knows what is in it"
	case mounted && st.Uid == 0 && mode&^0o444 == 0:
		return ""
	case mode&0o077 != 0:
		return "can be read by others; chmod 600 it"
	}
	return ""
}

// openNoFollow opens a file that must not be a link, and does not wait for the
// writer of a pipe.
func openNoFollow(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}

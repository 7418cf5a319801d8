//go:build unix

package doctor

import (
	"io/fs"
	"syscall"
)

// owner is the user that a file belongs to.
func owner(fi fs.FileInfo) (int, bool) {
	st, found := fi.Sys().(*syscall.Stat_t)
	if !found {
		return 0, false
	}
	return int(st.Uid), true
}

// links is how many names a file has.
func links(fi fs.FileInfo) (uint64, bool) {
	st, found := fi.Sys().(*syscall.Stat_t)
	if !found {
		return 0, false
	}
	return uint64(st.Nlink), true //nolint:unconvert // 16 or 32 bits on some systems
}

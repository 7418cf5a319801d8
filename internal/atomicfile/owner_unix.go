//go:build unix

package atomicfile

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// noFollow is implied by O_EXCL, and says so to whoever reads a trace.
const noFollow = unix.O_NOFOLLOW

// directFlags never create or truncate, and a terminal does not become the controlling one.
func directFlags(follow bool) int {
	flags := os.O_WRONLY | unix.O_NOCTTY
	if !follow {
		flags |= unix.O_NOFOLLOW
	}
	return flags
}

// trusted says that the file belongs to this user or to root.
func trusted(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && (st.Uid == 0 || int(st.Uid) == os.Geteuid())
}

// othersWrite counts the group too: who is in it is not for this package to know.
func othersWrite(info fs.FileInfo) bool { return info.Mode()&0o022 != 0 }

// syncDir makes a rename durable.
func syncDir(dir *os.Root) error {
	d, err := dir.Open(".")
	if err != nil {
		return err
	}
	err = d.Sync()
	if closing := d.Close(); err == nil {
		err = closing
	}
	return err
}

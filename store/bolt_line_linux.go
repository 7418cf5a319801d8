package store

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// The line of those who wait for the vault's lock is a lock of its own, on one
// byte far behind the end that a vault may have. It belongs to the open file, as
// the lock of the whole file does, but the kernel keeps the two kinds apart:
// neither keeps the other away. On a network file system that makes both the same
// kind nobody may get into the line, and everybody takes their chance.
func lineLock(kind int16) *unix.Flock_t {
	return &unix.Flock_t{Type: kind, Whence: io.SeekStart, Start: 1 << 62, Len: 1}
}

// sharing is the kind of lock of a reader, whose file is open for nothing else,
// and of a writer.
func sharing(write bool) int16 {
	if write {
		return unix.F_WRLCK
	}
	return unix.F_RDLCK
}

// joinLine stands in line with the open file f, if there is room. Closing f
// leaves the line.
func joinLine(f *os.File, write bool) bool {
	return unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, lineLock(sharing(write))) == nil
}

func leaveLine(f *os.File) {
	_ = unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, lineLock(unix.F_UNLCK))
}

// lineBefore tells whether somebody is in line whom who comes with f must let
// go first.
func lineBefore(f *os.File, write bool) bool {
	asked := lineLock(sharing(write))
	return unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, asked) == nil && asked.Type != unix.F_UNLCK
}

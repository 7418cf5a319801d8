package spool

import (
	"os"

	"golang.org/x/sys/unix"
)

// unnamedFile opens a file that never has a name: no moment exists in which a crash leaves it behind or another
// process can open it. Where the file system cannot do that, the name is removed at once.
func unnamedFile() (*os.File, error) {
	dir := os.TempDir()
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err == nil {
		return os.NewFile(uintptr(fd), dir+"/(spooled input)"), nil
	}
	return removedFile()
}

func removedFile() (*os.File, error) {
	f, err := os.CreateTemp("", ".tacenda-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close() // the removal's error says more
		return nil, err
	}
	return f, nil
}

func discard(f *os.File) error { return f.Close() }

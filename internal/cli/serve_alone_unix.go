//go:build unix

package cli

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// holdAlone opens a file, making it when it is not there, and keeps other
// processes that ask for the same out until it is closed, or the process ends
// in whatever way: then held tells the second.
func holdAlone(path string) (f *os.File, held bool, err error) {
	f, err = os.OpenFile(path, os.O_RDONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, false, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		_ = f.Close()
		return nil, true, nil
	}
	return f, false, nil // where a file system knows no locks, the log itself notices two
}

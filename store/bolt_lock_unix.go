//go:build unix && !solaris && !aix && !android

package store

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lockedByUs: bbolt locks with flock too, on the same open file, and so gets
// what tryLock already has.
const lockedByUs = true

// tryLock takes the lock that bbolt uses, if it is free.
func tryLock(f *os.File, alone bool) (bool, error) {
	how := unix.LOCK_SH
	if alone {
		how = unix.LOCK_EX
	}
	for {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, unix.EINTR):
			return false, err
		}
	}
}

// release closes f without its lock. To close it is not enough when bbolt did
// not get to unmap it: the map keeps the file open, and so locked.
func release(f *os.File) {
	_ = unix.Flock(int(f.Fd()), unix.LOCK_UN)
	_ = f.Close()
}

//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package tui

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// canWait tells whether readable knows.
const canWait = true

// readable tells whether a read from fd will not block, after waiting for it
// as long as d. It uses select because poll does not work on the terminals of
// macOS.
func readable(fd uintptr, d time.Duration) bool {
	end := time.Now().Add(d)
	for {
		var set unix.FdSet
		set.Set(int(fd))
		tv := unix.NsecToTimeval(int64(d))
		n, err := unix.Select(int(fd)+1, &set, nil, nil, &tv)
		if !errors.Is(err, unix.EINTR) {
			return n > 0 || err != nil
		}
		d = max(time.Until(end), 0)
	}
}

// flushInput drops what was typed and not read.
func flushInput(fd uintptr) {
	const fread = 1
	_ = unix.IoctlSetPointerInt(int(fd), unix.TIOCFLUSH, fread) // fails where fd is no terminal
}

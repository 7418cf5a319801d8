package tui

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// canWait tells whether readable knows.
const canWait = true

// readable tells whether a read from fd will not block, after waiting for it
// as long as d. A file that is gone does not block.
func readable(fd uintptr, d time.Duration) bool {
	end := time.Now().Add(d)
	for {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, int((d+time.Millisecond-1)/time.Millisecond))
		if !errors.Is(err, unix.EINTR) {
			return n > 0 || err != nil
		}
		d = max(time.Until(end), 0)
	}
}

// flushInput drops what was typed and not read.
func flushInput(fd uintptr) {
	_ = unix.IoctlSetInt(int(fd), unix.TCFLSH, unix.TCIFLUSH) // fails where fd is no terminal
}

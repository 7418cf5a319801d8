package prompt

import "golang.org/x/sys/unix"

// The requests that read a terminal's settings, set them now, and set them throwing away what was not read.
const (
	getTermios      = unix.TCGETS
	setTermios      = unix.TCSETS
	setTermiosFlush = unix.TCSETSF
)

package agent

import (
	"time"

	"golang.org/x/sys/unix"
)

// elapsed is a clock that nobody sets and that runs while the machine sleeps, as
// this one does on macOS; Go's own stands still then.
func elapsed() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil { // before macOS 10.12
		return time.Duration(time.Now().UnixNano())
	}
	return time.Duration(t.Nano())
}

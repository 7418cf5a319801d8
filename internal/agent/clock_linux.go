package agent

import (
	"time"

	"golang.org/x/sys/unix"
)

// elapsed is a clock that nobody sets and that runs while the machine sleeps;
// Go's own stands still then.
func elapsed() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil { // before Linux 2.6.39
		return time.Duration(time.Now().UnixNano())
	}
	return time.Duration(t.Nano())
}

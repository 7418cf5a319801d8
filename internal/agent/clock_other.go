//go:build !linux && !darwin

package agent

import "time"

// elapsed is the clock on the wall, which runs while the machine sleeps; Go's
// own stands still then.
func elapsed() time.Duration { return time.Duration(time.Now().UnixNano()) }

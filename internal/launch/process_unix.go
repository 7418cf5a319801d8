//go:build unix

package launch

import "syscall"

// What a process tells.
const (
	hasStarted = iota
	hasStopped
	hasEnded
	hasFailed
)

type event struct {
	kind   int
	status syscall.WaitStatus
	err    error
}

package secret

import "golang.org/x/sys/windows"

// raiseHint ends the warning about memory that cannot be locked.
const raiseHint = ""

// harden has nothing to do: Windows writes no core files of its own accord, and guards a process by the user's token.
func harden() []string { return nil }

// raiseLockLimit makes the smallest working set larger: a process may lock as many pages as that has.
func raiseLockLimit(want int) bool {
	self := windows.CurrentProcess()
	var low, high uintptr
	var flags uint32
	windows.GetProcessWorkingSetSizeEx(self, &low, &high, &flags)
	low += uintptr(want)
	return windows.SetProcessWorkingSetSizeEx(self, low, max(high, 2*low), flags) == nil
}

// noDump has no counterpart here.
func noDump([]byte) {}

// RestoreLimits has nothing to do: limits are not inherited here.
func RestoreLimits(int) error { return nil }

//go:build !linux && !windows

package secret

// raiseHint ends the warning about memory that cannot be locked.
const raiseHint = " (raise the limit: ulimit -l 4096)"

// harden has nothing to add: memguard set the core limit to 0 when it was loaded.
func harden() []string { return nil }

// raiseLockLimit leaves the limit as it is: macOS and the BSDs grant more than maxLocked by default.
func raiseLockLimit(int) bool { return false }

// noDump has no counterpart here.
func noDump([]byte) {}

// RestoreLimits does nothing: only Linux changes the limits of a process that runs.
func RestoreLimits(int) error { return nil }

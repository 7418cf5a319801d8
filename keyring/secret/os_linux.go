package secret

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// raiseHint ends the warning about memory that cannot be locked.
const raiseHint = " (raise the limit: ulimit -l 4096, or LimitMEMLOCK=4M in a unit)"

// lockLimit is the memory-lock limit before it was raised, nil if it was not.
var lockLimit atomic.Pointer[unix.Rlimit]

// harden keeps other processes of the user and core dumps out of our memory, and names what did not work.
func harden() []string {
	var problems []string
	// Not dumpable: no core even where core_pattern is a pipe, which RLIMIT_CORE does not stop, and neither ptrace nor
	// /proc/PID/mem for the same user. execve sets it back, so children are ordinary.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		problems = append(problems, fmt.Sprintf("other programs of this user can read its memory: %v", err))
	}
	// memguard did the same when it was loaded, but promises nothing.
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		problems = append(problems, fmt.Sprintf("core dumps stay enabled: %v", err))
	}
	return problems
}

// lockable tries whether n more bytes can be locked. MLOCK_ONFAULT makes the kernel check the limit without touching a
// page: a few microseconds whatever n is.
func lockable(n int) bool {
	p, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Munmap(p) }()   // only fails for what is not mapped
	start := uintptr(unsafe.Pointer(&p[0])) //nolint:gosec // an address outside Go's heap, which does not move
	_, _, errno := unix.Syscall(unix.SYS_MLOCK2, start, uintptr(n), unix.MLOCK_ONFAULT)
	if errno == unix.ENOSYS { // before Linux 4.4, and some sandboxes
		return unix.Mlock(p) == nil
	}
	return errno == 0
}

// raiseLockLimit raises the soft memory-lock limit as far as needed and allowed.
func raiseLockLimit(want int) bool {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &old); err != nil || old.Cur >= uint64(want) || old.Cur >= old.Max {
		return false
	}
	raised := unix.Rlimit{Cur: min(uint64(want), old.Max), Max: old.Max}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &raised); err != nil {
		return false
	}
	lockLimit.Store(&old)
	return true
}

// noDump leaves p out of core dumps, as memguard does for what it locks. A kernel without it still has the other guards.
func noDump(p []byte) { _ = unix.Madvise(p, unix.MADV_DONTDUMP) }

// RestoreLimits gives a child process that was just started the limits that this program was started with: it inherited
// ours. The soft memory-lock limit always works. The core limit is the one of our own parent, because memguard sets ours
// to 0 before any code of this program runs, and raising a hard limit takes CAP_SYS_RESOURCE: without it this returns
// an error that wraps EPERM, and the child's core limit stays 0.
func RestoreLimits(pid int) error {
	if old := lockLimit.Load(); old != nil {
		if err := unix.Prlimit(pid, unix.RLIMIT_MEMLOCK, old, nil); err != nil {
			return fmt.Errorf("restoring the memory-lock limit of process %d: %w", pid, err)
		}
	}
	var core unix.Rlimit
	if err := unix.Prlimit(os.Getppid(), unix.RLIMIT_CORE, nil, &core); err != nil {
		return fmt.Errorf("reading the core limit of the parent process: %w", err)
	}
	if err := unix.Prlimit(pid, unix.RLIMIT_CORE, &core, nil); err != nil {
		return fmt.Errorf("restoring the core limit of process %d: %w", pid, err)
	}
	return nil
}

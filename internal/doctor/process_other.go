//go:build !linux

package doctor

import (
	"os"
	"runtime"
)

// thisHost knows what the standard library does.
func thisHost(*Machine) host { return host{uid: os.Geteuid(), writable: writable} }

// process says what is not looked at here.
func (m *Machine) process(_ host, add func(string, Check)) {
	add("system", warn("see to it by hand: encrypted swap or disk, no core dumps of your programs, no debugger attached",
		"core dumps, swap, tracing by other programs and the umask cannot be examined on %s", runtime.GOOS))
}

func (m *Machine) memoryLocking() Check {
	if m.Locked {
		return ok("values and keys are locked in memory")
	}
	return warn("raise the limit of locked memory: ulimit -l", "not all that holds values and keys can be locked in memory: it may reach the swap")
}

// fileSystem cannot tell network file systems here.
func (m *Machine) fileSystem(host) Check {
	return warn("keep the vault on a local disk: locks on network file systems are not dependable",
		"whether the vault lies on a network file system cannot be examined on %s", runtime.GOOS)
}

package doctor

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// thisHost asks the kernel.
func thisHost(*Machine) host {
	return host{
		uid: unix.Geteuid(),
		dumpable: func() (bool, error) {
			n, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
			return n != 0, err
		},
		magic: func(path string) (int64, error) {
			var st unix.Statfs_t
			err := unix.Statfs(path, &st)
			return int64(st.Type), err //nolint:unconvert // 32 bits on some architectures
		},
		writable: writable,
	}
}

// process examines what the kernel lets happen to this process.
func (m *Machine) process(h host, add func(string, Check)) {
	add("core dumps", m.coreDumps(h))
	add("swap", m.swap())
	add("other processes", m.otherProcesses(h))
	add("umask", m.umask())
}

const memoryFix = "raise the limit: ulimit -l 8192 in this shell, memlock in /etc/security/limits.conf for good, LimitMEMLOCK=8M in a unit, --ulimit memlock=8388608 for a container"

// memoryLocking reports what keyring/secret found out by trying, and the limit
// that explains it.
func (m *Machine) memoryLocking() Check {
	limit := "unknown"
	if text, err := m.limit("Max locked memory"); err == nil {
		limit = text
		if n, err := strconv.ParseUint(text, 10, 64); err == nil {
			limit = fmt.Sprintf("%d KiB", n>>10)
		}
	}
	if m.Locked {
		return ok("values and keys are locked in memory (limit %s)", limit)
	}
	return warn(memoryFix, "not all that holds values and keys can be locked in memory (limit %s): it may reach the swap", limit)
}

// limit is the soft limit of that name in /proc/self/limits (proc_pid_limits(5)):
// columns of fixed width, the first 26 bytes wide.
func (m *Machine) limit(name string) (string, error) {
	text, err := m.read("proc/self/limits")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(text) {
		if rest, found := strings.CutPrefix(line, name); found {
			if f := strings.Fields(rest); len(f) > 0 {
				return f[0], nil
			}
		}
	}
	return "", fmt.Errorf("no line %q in /proc/self/limits", name)
}

// coreDumps tells whether a crash would write our memory to a disk. Not being
// dumpable rules it out, also where core_pattern is a pipe, which the limit does
// not stop (core(5)).
func (m *Machine) coreDumps(h host) Check {
	const fix = "ulimit -c 0 in this shell, or LimitCORE=0 in a unit"
	dumpable, err := h.dumpable()
	if err != nil {
		return warn("", "cannot find out whether this process is dumpable: %v", err)
	}
	limit, lerr := m.limit("Max core file size")
	pattern, perr := m.read("proc/sys/kernel/core_pattern")
	pattern = strings.TrimSpace(pattern)
	switch {
	case !dumpable:
		return ok("none: the process is not dumpable")
	case lerr != nil || perr != nil:
		return warn(fix, "the process is dumpable, and the limits of core dumps cannot be read")
	case strings.HasPrefix(pattern, "|"):
		return fail(fix+", and turn the crash handler off: sysctl kernel.core_pattern=core", "a crash would hand all memory to %s", strings.Fields(pattern[1:] + " a program")[0])
	case limit != "0":
		return fail(fix, "a crash would write all memory to a file (limit %s)", limit)
	}
	return ok("none: the limit is 0")
}

// otherProcesses tells what another program of the same user could look into
// (Documentation/admin-guide/LSM/Yama.rst in the kernel).
func (m *Machine) otherProcesses(h host) Check {
	if dumpable, err := h.dumpable(); err != nil || dumpable {
		return fail("run it where prctl(PR_SET_DUMPABLE) is allowed; a sandbox or a debugger prevents it",
			"any program of this user can read the memory of tacenda while it runs")
	}
	scope, err := m.read("proc/sys/kernel/yama/ptrace_scope")
	if err != nil {
		return warn("boot a kernel with Yama (lsm=...,yama) and set kernel.yama.ptrace_scope=1",
			"tacenda itself is closed to them, but this kernel lets programs of this user read the memory of every other, such as one that was given a secret")
	}
	if strings.TrimSpace(scope) == "0" {
		return warn("sysctl kernel.yama.ptrace_scope=1, and the same line in /etc/sysctl.d for good",
			"tacenda itself is closed to them, but programs of this user may read the memory of every other, such as one that was given a secret")
	}
	return ok("none can read this one's memory, nor trace what is not their child (ptrace_scope %s)", strings.TrimSpace(scope))
}

// umask is read from proc, because asking the kernel means changing it.
func (m *Machine) umask() Check {
	text, err := m.read("proc/self/status")
	if err != nil {
		return warn("", "cannot be read: %v", err)
	}
	for line := range strings.Lines(text) {
		rest, found := strings.CutPrefix(line, "Umask:")
		if !found {
			continue
		}
		mask, err := strconv.ParseUint(strings.TrimSpace(rest), 8, 32)
		switch {
		case err != nil:
			return warn("", "cannot be read: %v", err)
		case mask&0o700 != 0:
			return warn("umask 077", "%04o takes rights from yourself: new files may not be readable", mask)
		case mask&0o002 == 0:
			return fail("umask 077", "%04o lets everybody write the files that a shell makes with > from this program's output", mask)
		case mask&0o020 == 0:
			return warn("umask 077", "%04o lets your group write the files that a shell makes with > from this program's output", mask)
		case mask&0o044 != 0o044:
			return ok("%04o: what a shell makes with > is readable by others; resolve -o FILE is not", mask)
		}
		return ok("%04o", mask)
	}
	return warn("", "not in /proc/self/status: a kernel before 4.7")
}

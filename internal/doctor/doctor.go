// Package doctor looks at the machine for what weakens a vault: memory that may
// be swapped or dumped, files that others can write, file systems and clocks that
// cannot be relied on.
//
// It only looks: it changes nothing, opens no vault and reads no key. Every
// finding says in plain words what it means and how it is mended. What it cannot
// find out here it says too, instead of calling it well.
package doctor

import (
	"fmt"
	"strings"
	"time"
)

// Status is how a check ended.
type Status string

// What a check can end with.
const (
	OK   Status = "ok"
	Warn Status = "warn" // weaker than it could be, or not to be found out
	Fail Status = "fail" // the vault is open to somebody, or does not work
)

// Check is one thing that was looked at.
type Check struct {
	Name   string
	Status Status
	Detail string // what was found
	Fix    string // how to mend it; "" when there is nothing to mend
}

// Machine is what to examine. Empty fields are left out of the examination.
type Machine struct {
	Vault      string                // path of the vault, which need not exist
	State      string                // directory of the rollback memory, which need not exist
	Work       string                // directory where the user works
	Program    string                // path of this program
	Identities []string              // files of age identities and SSH keys
	Locked     bool                  // all memory that holds values could be locked
	Now        time.Time             // the clock
	Built      time.Time             // when the program was built; zero when unknown
	Terminal   bool                  // somebody looks at the output
	Getenv     func(string) string   // required
	Root       string                // where proc and sys are; "" for the machine's own
	system     func(m *Machine) host // tests replace it
}

// A host answers what no file tells.
type host struct {
	uid      int                                        // whose the files should be; -1 where files have no owner
	dumpable func() (bool, error)                       // may others look into this process?
	magic    func(path string) (kind int64, err error)  // the type of the file system
	writable func(dir string) (ok bool, problem string) // may this process create files?
}

// Examine looks at everything and returns one check for each, in a fixed order.
func Examine(m Machine) []Check {
	if m.system == nil {
		m.system = thisHost
	}
	h := m.system(&m)
	var checks []Check
	add := func(name string, c Check) {
		c.Name = name
		checks = append(checks, c)
	}
	add("memory locking", m.memoryLocking())
	m.process(h, add)
	add("key copies", keyCopies(runtimeSecret))
	if m.Vault != "" {
		add("vault file", m.vaultFile(h))
		add("vault directory", m.vaultDirectory(h))
		add("file system", m.fileSystem(h))
	}
	if m.State != "" {
		add("state directory", m.stateDirectory(h))
	}
	if c := m.leftFiles(); c.Detail != "" {
		add("left files", c)
	}
	for _, path := range m.Identities {
		add("identity file", identityFile(h, path))
	}
	if m.Program != "" {
		add("program", program(h, m.Program))
	}
	add("clock", m.clock())
	add("terminal", m.terminal())
	return checks
}

func ok(format string, args ...any) Check {
	return Check{Status: OK, Detail: fmt.Sprintf(format, args...)}
}

func warn(fix, format string, args ...any) Check {
	return Check{Status: Warn, Detail: fmt.Sprintf(format, args...), Fix: fix}
}

func fail(fix, format string, args ...any) Check {
	return Check{Status: Fail, Detail: fmt.Sprintf(format, args...), Fix: fix}
}

// keyCopies tells whether copies of keys that Go's own crypto packages make are
// erased: a property of the build.
func keyCopies(erased bool) Check {
	if erased {
		return ok("this build erases the copies of keys that Go's crypto packages make")
	}
	return warn("build it on Linux with GOEXPERIMENT=runtimesecret go build, as releases are",
		"Go's crypto packages leave copies of keys in memory until it is used again; this build cannot erase them")
}

// terminal tells whether the interface can draw its characters.
func (m *Machine) terminal() Check {
	if !m.Terminal {
		return ok("none here; nothing to draw")
	}
	if m.Getenv("TERM") == "dumb" {
		return warn("set TERM to the terminal's name, such as xterm-256color", "TERM is dumb: the interface cannot place its cursor")
	}
	// The order in which the C library asks them (POSIX, section 8.2).
	for _, v := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		value := m.Getenv(v)
		if value == "" {
			continue
		}
		if up := strings.ToUpper(value); strings.Contains(up, "UTF-8") || strings.Contains(up, "UTF8") {
			return ok("%s says UTF-8", v)
		}
		return warn("export LC_ALL=C.UTF-8, or start tacenda with --ascii", "%s is %q, which is not UTF-8: lines and dots may show as question marks", v, value)
	}
	return warn("export LANG=C.UTF-8, or start tacenda with --ascii", "no variable (LC_ALL, LC_CTYPE, LANG) names a character set")
}

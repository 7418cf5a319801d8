package doctor

import (
	"os"
	"path/filepath"
	"strings"
)

const swapFix = "encrypt the swap (a line in /etc/crypttab with /dev/urandom as key), use zram instead, or turn it off: swapoff -a. Hibernation writes locked memory too"

// swap tells whether what is not locked may reach a disk unencrypted. Locked
// memory does not; what the Go runtime copies, and what runs beside us, may.
func (m *Machine) swap() Check {
	text, err := m.read("proc/swaps")
	if os.IsNotExist(err) {
		return ok("this kernel has none")
	}
	if err != nil {
		return warn("", "cannot be read: %v", err)
	}
	var open, covered []string
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] == "Filename" {
			continue
		}
		// proc(5): blanks in names are written as octal escapes.
		name := strings.NewReplacer(`\040`, " ", `\011`, "\t").Replace(f[0])
		if m.covered(name, f[1]) {
			covered = append(covered, name)
		} else {
			open = append(open, name)
		}
	}
	switch {
	case len(open) > 0 && !m.Locked:
		return fail(swapFix, "%s is not encrypted as far as can be seen, and memory is not locked: values may be on the disk", strings.Join(open, ", "))
	case len(open) > 0:
		return warn(swapFix, "%s is not encrypted as far as can be seen: values are locked in memory, but not those of the programs that you give them to", strings.Join(open, ", "))
	case len(covered) > 0:
		return ok("only in memory or encrypted: %s", strings.Join(covered, ", "))
	}
	return ok("none is on")
}

// covered tells whether a swap area is in memory (zram) or on an encrypted
// device.
func (m *Machine) covered(name, kind string) bool {
	if kind == "file" {
		mount, found := m.mountOf(name)
		return found && strings.HasPrefix(mount.source, "/dev/") && m.encrypted(m.block(mount.source), 0)
	}
	block := m.block(name)
	return strings.HasPrefix(block, "zram") || m.encrypted(block, 0)
}

// block is the kernel's name of a device file: /dev/mapper/swap is a link to
// ../dm-1.
func (m *Machine) block(device string) string {
	if to, err := os.Readlink(filepath.Join("/", m.Root, device)); err == nil {
		device = to
	}
	return filepath.Base(device)
}

// encrypted follows the device mapper down: a logical volume counts as encrypted
// when all that it lies on is. Depth bounds a file tree that is not the kernel's.
func (m *Machine) encrypted(block string, depth int) bool {
	const deepest = 8
	if block == "" || block == "." || depth == deepest {
		return false
	}
	dir := filepath.Join("sys/class/block", block)
	if uuid, err := m.read(filepath.Join(dir, "dm/uuid")); err == nil && strings.HasPrefix(uuid, "CRYPT-") {
		return true
	}
	below, err := os.ReadDir(filepath.Join("/", m.Root, dir, "slaves"))
	if err != nil || len(below) == 0 {
		return false
	}
	for _, b := range below {
		if !m.encrypted(b.Name(), depth+1) {
			return false
		}
	}
	return true
}

// A mount is a line of /proc/self/mountinfo.
type mount struct{ point, kind, source string }

// mountOf finds the file system that path lies on.
func (m *Machine) mountOf(path string) (mount, bool) {
	text, err := m.read("proc/self/mountinfo")
	if err != nil {
		return mount{}, false
	}
	var best mount
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	for line := range strings.Lines(text) {
		// proc_pid_mountinfo(5): … (5) mount point … - type source options
		before, after, found := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !found || len(left) < 5 || len(right) < 2 {
			continue
		}
		point := unescape.Replace(left[4])
		inside := point == "/" || path == point || strings.HasPrefix(path, point+"/")
		// A later line of the same place lies over the earlier one.
		if inside && len(point) >= len(best.point) {
			best = mount{point, right[0], unescape.Replace(right[1])}
		}
	}
	return best, best.point != ""
}

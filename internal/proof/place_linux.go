package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// askSystem fills in what only Linux tells.
func (p *place) askSystem() {
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		p.kernel = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:]) + " " + unix.ByteSliceToString(u.Machine[:])
	}
	if name := field("/proc/cpuinfo", "model name"); name != "" {
		p.processor = name
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		p.memory = fmt.Sprintf("%.1f GiB", float64(info.Totalram)*float64(info.Unit)/(1<<30))
	}
	var s unix.Statfs_t
	if unix.Statfs(os.TempDir(), &s) == nil {
		p.fileSystem = fileSystem(int64(s.Type)) //nolint:unconvert // of another size on other machines
	}
}

// field is the first value of a name in a file of "name : value" lines.
func field(path, name string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func fileSystem(magic int64) string {
	for name, m := range map[string]int64{
		"ext4": unix.EXT4_SUPER_MAGIC, "btrfs": unix.BTRFS_SUPER_MAGIC, "xfs": unix.XFS_SUPER_MAGIC, "tmpfs": unix.TMPFS_MAGIC,
		"overlayfs": unix.OVERLAYFS_SUPER_MAGIC, "f2fs": unix.F2FS_SUPER_MAGIC,
	} {
		if m == magic {
			return name
		}
	}
	return fmt.Sprintf("file system %#x", magic)
}

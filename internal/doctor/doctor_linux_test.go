package doctor

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

const limits = `Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max core file size        CORE                 unlimited            bytes
Max locked memory         8388608              8388608              bytes
`

func dumpable(yes bool, err error) host {
	return host{dumpable: func() (bool, error) { return yes, err }}
}

func TestMemoryLocking(t *testing.T) {
	m := Machine{Locked: true, Root: tree(t, "proc/self/limits", limits)}
	want(t, m.memoryLocking(), OK, "limit 8192 KiB")
	m.Locked = false
	want(t, m.memoryLocking(), Warn, "limit 8192 KiB", "ulimit -l", "LimitMEMLOCK")
	m.Root = tree(t, "proc/self/limits", "Max locked memory         unlimited unlimited bytes\n")
	want(t, m.memoryLocking(), Warn, "limit unlimited")
	m.Root = t.TempDir()
	want(t, m.memoryLocking(), Warn, "limit unknown")
}

func TestCoreDumps(t *testing.T) {
	machine := func(core, pattern string) *Machine {
		return &Machine{Root: tree(t, "proc/self/limits", "Max core file size        "+core+"  unlimited  bytes\n", "proc/sys/kernel/core_pattern", pattern)}
	}
	pipe := "|/usr/lib/systemd/systemd-coredump %P\n"
	want(t, machine("unlimited", pipe).coreDumps(dumpable(false, nil)), OK, "not dumpable")
	want(t, machine("0", "core\n").coreDumps(dumpable(true, nil)), OK, "limit is 0")
	want(t, machine("unlimited", "core\n").coreDumps(dumpable(true, nil)), Fail, "ulimit -c 0")
	want(t, machine("0", pipe).coreDumps(dumpable(true, nil)), Fail, "/usr/lib/systemd/systemd-coredump")
	want(t, machine("0", "|").coreDumps(dumpable(true, nil)), Fail, "a crash")
	want(t, machine("0", "core\n").coreDumps(dumpable(false, errors.New("no"))), Warn, "cannot find out")
	m := Machine{Root: t.TempDir()}
	want(t, m.coreDumps(dumpable(true, nil)), Warn, "cannot be read")
}

func TestOtherProcesses(t *testing.T) {
	m := Machine{Root: tree(t, "proc/sys/kernel/yama/ptrace_scope", "1\n")}
	want(t, m.otherProcesses(dumpable(false, nil)), OK, "ptrace_scope 1")
	want(t, m.otherProcesses(dumpable(true, nil)), Fail, "PR_SET_DUMPABLE")
	m.Root = tree(t, "proc/sys/kernel/yama/ptrace_scope", "0\n")
	want(t, m.otherProcesses(dumpable(false, nil)), Warn, "sysctl kernel.yama.ptrace_scope=1")
	m.Root = t.TempDir()
	want(t, m.otherProcesses(dumpable(false, nil)), Warn, "Yama")
}

func TestUmask(t *testing.T) {
	for mask, status := range map[string]Status{"0077": OK, "0022": OK, "0027": OK, "0002": Warn, "0000": Fail, "0020": Fail, "0777": Warn, "junk": Warn} {
		m := Machine{Root: tree(t, "proc/self/status", "Name:\ttacenda\nUmask:\t"+mask+"\nState:\tR\n")}
		want(t, m.umask(), status)
	}
	m := Machine{Root: tree(t, "proc/self/status", "Name:\ttacenda\n")}
	want(t, m.umask(), Warn, "before 4.7")
	m.Root = t.TempDir()
	want(t, m.umask(), Warn, "cannot be read")
}

func TestSwap(t *testing.T) {
	const head = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
	const root = "22 1 8:2 / / rw - ext4 /dev/sda2 rw\n"
	const luksRoot = "22 1 253:1 / / rw - ext4 /dev/mapper/vg-root rw\n23 22 0:5 / /var/a\\040b rw - ext4 /dev/sdc1 rw\nshort line\n"
	// A logical volume on an encrypted partition, as installers make it.
	lvm := []string{
		"sys/class/block/dm-1/dm/uuid", "LVM-abc\n", "sys/class/block/dm-1/slaves/dm-0/dev", "",
		"sys/class/block/dm-0/dm/uuid", "CRYPT-LUKS2-abc-luks\n", "dev/mapper/vg-root", "",
	}
	for _, tt := range []struct {
		name   string
		locked bool
		files  []string
		link   string // what /dev/mapper/vg-root points to
		status Status
		says   string
	}{
		{"no swap in the kernel", true, nil, "", OK, "has none"},
		{"none", true, []string{"proc/swaps", head}, "", OK, "none is on"},
		{"zram", false, []string{"proc/swaps", head + "/dev/zram0 partition 1 0 100\n"}, "", OK, "/dev/zram0"},
		{"a partition", true, []string{"proc/swaps", head + "/dev/sda3 partition 1 0 -2\n"}, "", Warn, "crypttab"},
		{"a partition, nothing locked", false, []string{"proc/swaps", head + "/dev/sda3 partition 1 0 -2\n"}, "", Fail, "/dev/sda3"},
		{"zram and a partition", true, []string{"proc/swaps", head + "/dev/zram0 partition 1 0 100\n/dev/sda3 partition 1 0 -2\n"}, "", Warn, "/dev/sda3 is not"},
		{"an encrypted partition", true, []string{"proc/swaps", head + "/dev/dm-0 partition 1 0 -2\n", "sys/class/block/dm-0/dm/uuid", "CRYPT-PLAIN-swap\n"}, "", OK, "/dev/dm-0"},
		{"a plain volume", true, []string{"proc/swaps", head + "/dev/dm-0 partition 1 0 -2\n", "sys/class/block/dm-0/dm/uuid", "LVM-x\n", "sys/class/block/dm-0/slaves/sda2/dev", ""}, "", Warn, "/dev/dm-0"},
		{"a file on a plain root", true, []string{"proc/swaps", head + "/swapfile file 1 0 -2\n", "proc/self/mountinfo", root}, "", Warn, "/swapfile"},
		{"a file on an encrypted root", true, append([]string{"proc/swaps", head + "/swap.img file 1 0 -2\n", "proc/self/mountinfo", luksRoot}, lvm...), "../dm-1", OK, "/swap.img"},
		{"a file on another disk", true, append([]string{"proc/swaps", head + "/var/a\\040b/swap file 1 0 -2\n", "proc/self/mountinfo", luksRoot}, lvm...), "../dm-1", Warn, "/var/a b/swap"},
		{"a file, no mounts", true, []string{"proc/swaps", head + "/swapfile file 1 0 -2\n"}, "", Warn, "/swapfile"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := Machine{Root: tree(t, tt.files...), Locked: tt.locked}
			if tt.link != "" {
				device := filepath.Join(m.Root, "dev/mapper/vg-root")
				if err := os.Remove(device); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(tt.link, device); err != nil {
					t.Fatal(err)
				}
			}
			want(t, m.swap(), tt.status, tt.says)
		})
	}
}

func TestEncryptedLoops(t *testing.T) {
	m := Machine{Root: tree(t, "sys/class/block/dm-0/slaves/dm-0/dev", "")}
	if m.encrypted("dm-0", 0) {
		t.Error("a device that lies on itself counts as encrypted")
	}
}

func TestFileSystem(t *testing.T) {
	dir, file := place(t, 0o700, 0o600)
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	const fuse = unix.FUSE_SUPER_MAGIC
	for _, tt := range []struct {
		name   string
		kind   int64
		mounts string
		status Status
		says   string
	}{
		{"ext4", unix.EXT4_SUPER_MAGIC, "", OK, "ext4"},
		{"unknown", 0x1234, "", OK, "local"},
		{"nfs", unix.NFS_SUPER_MAGIC, "", Fail, "nfs"},
		{"cifs", unix.CIFS_SUPER_MAGIC, "", Fail, "smb"},
		{"cifs, extended by its sign", ^int64(0xffffffff) | unix.CIFS_SUPER_MAGIC, "", Fail, "smb"},
		{"smb2", unix.SMB2_SUPER_MAGIC, "", Fail, "tacenda backup"},
		{"9p", unix.V9FS_MAGIC, "", Fail, "9p"},
		{"sshfs", fuse, "22 1 0:40 / " + dir + " rw - fuse.sshfs host:/ rw\n", Warn, "fuse.sshfs"},
		{"ntfs", fuse, "22 1 8:1 / " + filepath.Dir(dir) + " rw - fuseblk /dev/sda1 rw\n", OK, "fuseblk"},
		{"fuse below a local root", fuse, "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n", Warn, "(fuse)"},
		{"overlay", unix.OVERLAYFS_SUPER_MAGIC, "", Warn, "volume"},
		{"tmpfs", unix.TMPFS_MAGIC, "", Warn, "restart"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := Machine{Vault: file, Root: tree(t, "proc/self/mountinfo", tt.mounts)}
			h := host{magic: func(path string) (int64, error) { return tt.kind, nil }}
			want(t, m.fileSystem(h), tt.status, tt.says)
		})
	}
	m := Machine{Vault: filepath.Join(dir, "a", "b", "vault.db")}
	h := host{magic: func(path string) (int64, error) {
		if path != dir {
			t.Errorf("looked at %s, want %s", path, dir)
		}
		return 0, errors.New("no")
	}}
	want(t, m.fileSystem(h), Warn, "cannot be examined")
	// The real call, on whatever this is.
	if _, err := thisHost(&m).magic(dir); err != nil {
		t.Error(err)
	}
}

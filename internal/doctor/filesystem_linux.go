package doctor

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const networkFix = "keep the vault on a local disk and copy backups to the other one: tacenda backup"

// fileSystem tells whether the vault's locks and syncs can be relied on.
func (m *Machine) fileSystem(h host) Check {
	dir := existing(filepath.Dir(m.Vault))
	kind, err := h.magic(dir)
	if err != nil {
		return warn("", "the file system of %s cannot be examined: %v", dir, err)
	}
	name, class := classify(kind)
	if kind == unix.FUSE_SUPER_MAGIC {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			dir = real
		}
		mount, found := m.mountOf(dir)
		switch {
		case found && mount.kind == "fuseblk": // a local disk, such as NTFS
			return ok("%s on a local disk", mount.kind)
		case found && strings.HasPrefix(mount.kind, "fuse."):
			name = mount.kind
		}
	}
	switch class {
	case network:
		return fail(networkFix, "%s (%s): locks between machines are not dependable there, and two writers can lose a change", dir, name)
	case foreign:
		return warn(networkFix, "%s (%s): whether locks and syncs reach the disk depends on the program behind it", dir, name)
	case layered:
		return warn("put the vault on a volume", "%s (%s): a container's own layer, which is gone with the container", dir, name)
	case volatile:
		return warn("put the vault on a disk", "%s (%s): it is in memory, and gone after a restart", dir, name)
	case local:
	}
	return ok("local (%s)", name)
}

type class int

const (
	local    class = iota
	network        // locks are emulated or missing
	foreign        // another program answers
	layered        // part of a container
	volatile       // in memory
)

// classify names the file systems that matter here, by the constants of
// statfs(2); those that golang.org/x/sys does not have are from the kernel's
// sources (Ceph, Lustre, vboxsf, GFS2, BeeGFS).
func classify(kind int64) (string, class) {
	switch uint32(kind) { // the constants have 32 bits; the kernel extends some with the sign
	case unix.NFS_SUPER_MAGIC:
		return "nfs", network
	case unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.SMB_SUPER_MAGIC:
		return "smb", network
	case unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC:
		return "afs", network
	case unix.CODA_SUPER_MAGIC:
		return "coda", network
	case unix.NCP_SUPER_MAGIC:
		return "ncp", network
	case unix.OCFS2_SUPER_MAGIC:
		return "ocfs2", network
	case 0x00c36400:
		return "ceph", network
	case 0x0bd00bd0:
		return "lustre", network
	case 0x01161970:
		return "gfs2", network
	case 0x19830326:
		return "beegfs", network
	case unix.V9FS_MAGIC:
		return "9p", network
	case 0x786f4256:
		return "vboxsf", network
	case unix.FUSE_SUPER_MAGIC:
		return "fuse", foreign
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlay", layered
	case unix.TMPFS_MAGIC, unix.RAMFS_MAGIC:
		return "tmpfs", volatile
	case unix.EXT4_SUPER_MAGIC:
		return "ext4", local
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs", local
	case unix.XFS_SUPER_MAGIC:
		return "xfs", local
	case 0x2fc12fc1:
		return "zfs", local
	}
	return "a local type", local
}

// existing climbs to the nearest directory that there is.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			return dir
		}
		dir = up
	}
}

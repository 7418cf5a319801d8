package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// othersRead and othersWrite are the bits that let anybody else in.
const (
	othersRead  fs.FileMode = 0o077
	othersWrite fs.FileMode = 0o022
)

// vaultFile asks what the store asks before it opens the file, and all of it: the
// store stops at the first refusal.
func (m *Machine) vaultFile(h host) Check {
	fi, err := os.Lstat(m.Vault)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ok("there is none yet at %s", m.Vault)
	case err != nil:
		return warn("", "%v", err)
	case fi.Mode()&fs.ModeSymlink != 0:
		return fail("name the file itself with --vault, or move it here", "%s is a link: whoever may write the place that it points to can replace the vault", m.Vault)
	case !fi.Mode().IsRegular():
		return fail("name the vault with --vault", "%s is no regular file", m.Vault)
	}
	if c, bad := owned(h, m.Vault, fi); bad {
		return c
	}
	if n, known := links(fi); known && n > 1 {
		return fail("find the other names (find / -xdev -samefile "+quote(m.Vault)+") and remove them", "%s has %d names: one in another directory may be writable there", m.Vault, n)
	}
	if h.uid >= 0 && fi.Mode()&othersRead != 0 {
		return fail("chmod 600 "+quote(m.Vault), "%s is open to others (mode %s)", m.Vault, octal(fi))
	}
	return ok("%s is yours alone", m.Vault)
}

// owned refuses a file that is somebody else's.
func owned(h host, path string, fi fs.FileInfo) (Check, bool) {
	uid, known := owner(fi)
	if !known || h.uid < 0 || uid == h.uid {
		return Check{}, false
	}
	return fail("chown it to the user that runs tacenda, or run it as that user", "%s belongs to user %d, this is user %d", path, uid, h.uid), true
}

func (m *Machine) vaultDirectory(h host) Check {
	dir := filepath.Dir(m.Vault)
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return ok("there is none yet: tacenda init makes it")
	}
	c := directory(h, dir, "whoever writes it can replace the vault")
	if fi, err := os.Stat(dir); err == nil && c.Status == OK && h.uid >= 0 && fi.Mode()&othersWrite != 0 {
		// The sticky bit keeps others from replacing the file, but not from putting
		// one there while there is none: the store refuses such places.
		return fail("move the vault to a directory of your own", "%s is everybody's (mode %s)", dir, octal(fi))
	}
	return c
}

// directory tells whether others could replace what is in it. Root may: it can
// do everything anyhow. In a sticky directory, such as /tmp, they cannot.
func directory(h host, dir, why string) Check {
	fi, err := os.Stat(dir)
	if err != nil {
		return warn("", "%v", err)
	}
	if uid, known := owner(fi); known && h.uid >= 0 && uid != h.uid && uid != 0 {
		return fail("use a directory of your own", "%s belongs to user %d: %s", dir, uid, why)
	}
	if h.uid >= 0 && fi.Mode()&othersWrite != 0 && fi.Mode()&fs.ModeSticky == 0 {
		return fail("chmod go-w "+quote(dir), "%s can be written by others (mode %s): %s", dir, octal(fi), why)
	}
	return ok("%s cannot be written by others", dir)
}

// octal is a mode as chmod takes it.
func octal(fi fs.FileInfo) string {
	n := fi.Mode().Perm()
	if fi.Mode()&fs.ModeSticky != 0 {
		n |= 0o1000
	}
	return fmt.Sprintf("%04o", uint32(n))
}

// stateDirectory tells whether this machine can remember what it saw of a vault;
// without that a rollback goes unnoticed.
func (m *Machine) stateDirectory(h host) Check {
	dir := m.State
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		for errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir {
			dir = filepath.Dir(dir)
			_, err = os.Stat(dir)
		}
		if good, problem := h.writable(dir); !good {
			return warn("make "+quote(m.State)+" (mode 700), or point XDG_STATE_HOME elsewhere", "%s cannot be made: %s; an older copy of the vault would go unnoticed", m.State, problem)
		}
		return ok("there is none yet: it is made when a vault is opened")
	}
	if c := directory(h, dir, "whoever writes it can make an older copy of the vault go unnoticed"); c.Status != OK {
		return c
	}
	if good, problem := h.writable(dir); !good {
		return warn("chmod u+w "+quote(dir)+", or point XDG_STATE_HOME elsewhere", "%s cannot be written: %s; an older copy of the vault would go unnoticed", dir, problem)
	}
	return ok("%s remembers what was seen of each vault", dir)
}

// writable makes and removes a file, because modes do not tell of a read-only
// file system or of quotas.
func writable(dir string) (bool, string) {
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return false, err.Error()
	}
	name := f.Name()
	err = errors.Join(f.Close(), os.Remove(name))
	if err != nil {
		return false, err.Error()
	}
	return true, ""
}

// identityFile looks at a file that opens vaults. A link to it is followed: the
// key managers of desktops and clusters use them.
func identityFile(h host, path string) Check {
	fi, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fail("give another --identity, or unset TACENDA_IDENTITY", "%s is not there", path)
	case err != nil:
		return fail("", "%v", err)
	case !fi.Mode().IsRegular():
		return ok("%s is no regular file, so its mode protects nothing", path)
	}
	if uid, known := owner(fi); known && h.uid >= 0 && uid != h.uid && uid != 0 {
		return fail("chown it to yourself, and make a new key: that user may have read it", "%s belongs to user %d", path, uid)
	}
	if h.uid >= 0 && fi.Mode()&othersRead != 0 {
		return fail("chmod 600 "+quote(path), "%s is open to others (mode %s): who reads it opens the vault", path, octal(fi))
	}
	if c := directory(h, filepath.Dir(path), "whoever writes it can replace the key"); c.Status != OK {
		return c
	}
	return ok("%s is yours alone", path)
}

// program tells who could put another program in this one's place, which would
// get every passphrase.
func program(h host, path string) Check {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	fi, err := os.Stat(path)
	if err != nil {
		return warn("", "%v", err)
	}
	if uid, known := owner(fi); known && h.uid >= 0 && uid != h.uid && uid != 0 {
		return fail("install it again as yourself or as root", "%s belongs to user %d, who can change it", path, uid)
	}
	if h.uid >= 0 && fi.Mode()&othersWrite != 0 {
		return fail("chmod go-w "+quote(path), "others can change %s (mode %s)", path, octal(fi))
	}
	if c := directory(h, filepath.Dir(path), "whoever writes it can replace the program"); c.Status != OK {
		return c
	}
	return ok("%s cannot be changed by others", path)
}

// quote makes a path one word of a shell, so that a fix can be pasted.
func quote(path string) string {
	if path != "" && strings.Trim(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+") == "" && path[0] != '-' {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

package launch

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// A memoryFile is a file without a place on any disk, which nobody can change.
type memoryFile struct {
	name  string // of the variable that gets its path
	fd    int    // open for reading only
	pages []byte // its memory, locked against the swap; nil if that was not possible
}

// newMemoryFile writes a memory file and seals it.
func newMemoryFile(v Variable) (*memoryFile, error) {
	m, err := makeMemoryFile(v)
	if err != nil {
		return nil, fmt.Errorf("the file for %s: %w", v.Name, err)
	}
	return m, nil
}

func makeMemoryFile(v Variable) (*memoryFile, error) {
	fd, err := unix.MemfdCreate("tacenda", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate("tacenda", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "memory")
	defer f.Close()
	if err := v.Write(f); err != nil {
		return nil, err
	}
	if err := unix.Fchmod(fd, 0o400); err != nil {
		return nil, err
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	own, err := unix.Open("/proc/self/fd/"+strconv.Itoa(fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	m := &memoryFile{name: v.Name, fd: own}
	m.lock(int(info.Size()))
	return m, nil
}

// lock keeps the file's memory from the swap for as long as we live, which is as
// long as the command does, if the limit allows it.
func (m *memoryFile) lock(size int) {
	if size == 0 {
		return
	}
	pages, err := unix.Mmap(m.fd, 0, size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return
	}
	_ = unix.Madvise(pages, unix.MADV_DONTDUMP)
	if unix.Mlock(pages) != nil {
		_ = unix.Munmap(pages)
		return
	}
	m.pages = pages
}

func (m *memoryFile) close() {
	if m.pages != nil {
		_ = unix.Munmap(m.pages)
	}
	_ = unix.Close(m.fd)
}

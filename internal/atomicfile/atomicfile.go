// Package atomicfile writes a file so that whoever reads it sees the old content or the new, never a part, and so that
// nobody but its owner can read it at any moment: a temporary file in the same directory, synced, then renamed.
//
// It works relative to the directory as it was opened, never through a link, and warns where the machine's permissions
// undo its care. What it writes into is a regular file, or a FIFO or device, which is written directly. It does not know
// what it writes.
package atomicfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/term"
)

// Options say how to write a file.
type Options struct {
	// Mode is what the file gets, whatever the umask; 0 means 0600.
	Mode fs.FileMode
	// Follow writes to where a symbolic link points; otherwise a link is refused.
	Follow bool
	// Warn is told, a sentence at a time, what makes the file less private than it looks. It is required.
	Warn func(string)
}

// maxLinks is how many links in a row are followed, as in the Linux kernel (path_resolution(7)).
const maxLinks = 40

// errClosed is what a File answers after Commit or Close.
var errClosed = errors.New("the file was closed already")

// errEnded is what a File answers after RemoveAll.
var errEnded = errors.New("the program is ending")

// temporaries are the Files of this process whose temporary file has a name now. Whoever ends the process has none of
// them at hand: it may happen at any moment, in any other goroutine. The lock is held while a name comes or goes.
var temporaries struct {
	sync.Mutex
	open  map[*File]struct{}
	ended bool
}

// RemoveAll removes every temporary file that was not committed, for whoever is about to end the process without
// waiting for the writers. From then on no File can be created or committed.
func RemoveAll() {
	temporaries.Lock()
	defer temporaries.Unlock()
	temporaries.ended = true
	for f := range temporaries.open {
		_ = f.dir.Remove(f.temp) // there is nobody left to tell
	}
	clear(temporaries.open)
}

// File is a file being written. Its target does not change before Commit.
type File struct {
	path string   // as messages name it
	name string   // in dir
	temp string   // in dir; empty when f is written directly
	dir  *os.Root // nil when f is written directly
	f    *os.File // nil once it is synced or closed
	mode fs.FileMode
}

// Create prepares to write the file at path. A FIFO is opened for writing here, which waits for a reader, and
// everything else that is no regular file, device or directory of its own is refused. Errors about the directory
// match fs.ErrNotExist and fs.ErrPermission.
func Create(path string, o Options) (*File, error) {
	if o.Warn == nil {
		return nil, errors.New("atomicfile: Warn is required")
	}
	if o.Mode == 0 {
		o.Mode = 0o600
	}
	if o.Mode&^fs.ModePerm != 0 {
		return nil, fmt.Errorf("writing %s: %v is no mode for it: read, write and execute bits only", path, o.Mode)
	}
	f, err := openDirect(path, o.Follow)
	if f != nil || err != nil {
		return f, err
	}
	target, err := destination(path, o.Follow)
	if err != nil {
		return nil, err
	}
	dir, err := os.OpenRoot(filepath.Dir(target))
	if err != nil {
		return nil, failed(path, err)
	}
	f = &File{path: path, name: filepath.Base(target), dir: dir, mode: o.Mode}
	if err := f.begin(); err != nil {
		return nil, errors.Join(failed(path, err), dir.Close())
	}
	if err := f.warn(o.Warn); err != nil {
		return nil, errors.Join(failed(path, err), f.Close())
	}
	return f, nil
}

// failed is an error as the user of the file can read it: they know neither the temporary file nor the system's calls.
func failed(path string, err error) error { return fmt.Errorf("writing %s: %w", path, cause(err)) }

// cause is the system's word, without the call and the name around it.
func cause(err error) error {
	var call *fs.PathError
	var rename *os.LinkError
	switch {
	case errors.As(err, &call):
		return call.Err
	case errors.As(err, &rename):
		return rename.Err
	}
	return err
}

// openDirect opens path if a FIFO or device is there, and returns nil if not. The check is made on what was opened: a
// look at the name first could be outrun.
func openDirect(path string, follow bool) (*File, error) {
	look := os.Lstat
	if follow {
		look = os.Stat // /dev/stdout and /dev/fd/N are links to what has no name of its own
	}
	info, err := look(path)
	if err != nil || !direct(info.Mode()) {
		return nil, nil //nolint:nilerr // whatever is wrong is found again, by a step that can explain it
	}
	f, err := os.OpenFile(path, directFlags(follow), 0)
	if err != nil {
		return nil, failed(path, err)
	}
	info, err = f.Stat()
	switch {
	case err != nil:
	case !direct(info.Mode()):
		err = fmt.Errorf("%s was replaced while it was opened", path)
	case !trusted(info):
		err = fmt.Errorf("writing %s: it belongs to another user, who could read along", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &File{path: path, f: f}, nil
}

func direct(m fs.FileMode) bool { return m&(fs.ModeNamedPipe|fs.ModeDevice) != 0 }

// destination is path, or where the links lead that start there. What it names need not exist.
func destination(path string, follow bool) (string, error) {
	at := path
	for range maxLinks {
		info, err := os.Lstat(at)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return at, nil
		case err != nil:
			return "", failed(path, err)
		case info.Mode().IsRegular():
			return at, nil
		case info.IsDir():
			return "", fmt.Errorf("writing %s: it is a directory", path)
		case info.Mode()&fs.ModeSymlink == 0:
			return "", fmt.Errorf("writing %s: it is neither a file, a FIFO nor a device", path)
		case !follow:
			return "", fmt.Errorf("writing %s: it is a symbolic link, which is followed only on request (--follow)", path)
		}
		to, err := os.Readlink(at)
		if err != nil {
			return "", failed(path, err)
		}
		if !filepath.IsAbs(to) {
			// Not filepath.Join: it would take ".." from the text, where the system takes it from the directory.
			to = filepath.Dir(at) + string(filepath.Separator) + to
		}
		at = to
	}
	return "", fmt.Errorf("writing %s: more than %d symbolic links in a row", path, maxLinks)
}

// begin creates the temporary file. Its name has 128 random bits, and creating fails if it is there already, so
// nobody can have prepared it; the root refuses to leave the directory through a link.
func (f *File) begin() error {
	if f.name == "." || f.name == ".." || f.name == string(filepath.Separator) {
		return errors.New("it is a directory")
	}
	temporaries.Lock()
	defer temporaries.Unlock()
	if temporaries.ended {
		return errEnded
	}
	temp := ".tacenda-" + rand.Text()
	file, err := f.dir.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL|noFollow, 0o600)
	if err != nil {
		return fmt.Errorf("making a file beside it: %w", cause(err))
	}
	if err := file.Chmod(0o600); err != nil { // the umask may have taken bits away
		return errors.Join(err, file.Close(), f.dir.Remove(temp))
	}
	f.temp, f.f = temp, file
	if temporaries.open == nil {
		temporaries.open = map[*File]struct{}{}
	}
	temporaries.open[f] = struct{}{}
	return nil
}

// warn tells who else can reach what is written. It does not stop anything: the user may know better.
func (f *File) warn(tell func(string)) error {
	info, err := f.dir.Stat(".")
	if err != nil {
		return err
	}
	dir := filepath.Dir(f.path)
	switch {
	case !trusted(info):
		tell(fmt.Sprintf("the directory %s belongs to another user, who can replace files in it", dir))
	case othersWrite(info):
		tell(fmt.Sprintf("others can write to the directory %s, and so put another file in place of %s", dir, f.path))
	}
	if f.mode&0o077 != 0 {
		tell(fmt.Sprintf("mode %04o lets others read or change %s", f.mode, f.path))
	}
	return nil
}

// Terminal says that what is written appears on a screen.
func (f *File) Terminal() bool {
	if f.temp != "" || f.f == nil {
		return false
	}
	conn, err := f.f.SyscallConn() // not Fd, which would make writes to a FIFO block for good
	if err != nil {
		return false
	}
	terminal := false
	_ = conn.Control(func(fd uintptr) { terminal = term.IsTerminal(int(fd)) })
	return terminal
}

// Write appends p. Its errors wrap the system's own, so that a caller can tell EPIPE and ENOSPC.
func (f *File) Write(p []byte) (int, error) {
	if f.f == nil {
		return 0, errClosed
	}
	n, err := f.f.Write(p)
	if err != nil {
		err = failed(f.path, err)
	}
	return n, err
}

// Sync makes the content durable and gives it its mode: everything but the rename. Commit does it when nobody did;
// whoever writes several files syncs them all before committing the first. Nothing can be written afterwards.
func (f *File) Sync() error {
	if f.f == nil {
		return errClosed
	}
	if f.temp == "" {
		return nil // a FIFO or device has nothing to sync, and is closed by Commit
	}
	err := f.f.Chmod(f.mode)
	if err == nil {
		err = f.f.Sync()
	}
	if closing := f.f.Close(); err == nil {
		err = closing
	}
	f.f = nil
	if err != nil {
		return failed(f.path, err)
	}
	return nil
}

// Commit puts the new content in place of the old, durably. When only the last step fails, syncing the directory, the
// new content is in place although an error is returned.
func (f *File) Commit() error {
	if f.f != nil {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	if f.f != nil { // written directly
		err := f.f.Close()
		f.f = nil
		return err
	}
	if f.temp == "" {
		return errClosed
	}
	if err := f.rename(); err != nil {
		return failed(f.path, err)
	}
	if err := syncDir(f.dir); err != nil {
		return fmt.Errorf("writing %s: syncing its directory: %w", f.path, err)
	}
	return nil
}

func (f *File) rename() error {
	temporaries.Lock()
	defer temporaries.Unlock()
	if temporaries.ended {
		return errEnded
	}
	if err := f.dir.Rename(f.temp, f.name); err != nil {
		return err
	}
	delete(temporaries.open, f)
	f.temp = ""
	return nil
}

// Close gives up what was not committed: the temporary file is removed and the target keeps its content. After Commit
// it only frees the directory, so it can be deferred. A second call does nothing.
func (f *File) Close() error {
	err := f.discard()
	if f.dir != nil {
		err = errors.Join(err, f.dir.Close())
		f.dir = nil
	}
	return err
}

func (f *File) discard() error {
	var err error
	if f.f != nil {
		err = f.f.Close()
		f.f = nil
	}
	if f.temp == "" {
		return err
	}
	temporaries.Lock()
	defer temporaries.Unlock()
	if !temporaries.ended {
		err = errors.Join(err, f.dir.Remove(f.temp))
		delete(temporaries.open, f)
	}
	f.temp = ""
	return err
}

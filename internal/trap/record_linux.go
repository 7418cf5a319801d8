package trap

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// FileCalls are the system calls by which files change.
func FileCalls() []string {
	return []string{
		"openat", "write", "pwrite64", "ftruncate", "fallocate", "fsync", "fdatasync",
		"renameat", "renameat2", "unlinkat", "linkat", "mkdirat",
	}
}

// A Record is one thing that a process did to its files, or with Said what it wrote
// to its standard output meanwhile.
type Record struct {
	Call
	Said   string
	data   []byte
	create bool
}

// Flushes tells whether the call brings something to the disk.
func (r Record) Flushes() bool {
	return r.Said == "" && (r.Name == "fsync" || r.Name == "fdatasync")
}

// Watch runs cmd as Run does and returns what it did to the files below dir, in
// order. A call that a Disk could not play is an error.
func Watch(cmd *exec.Cmd, dir string) (log []Record, err error) {
	var problems []error
	err = Run(cmd, FileCalls(), func(c *Call) syscall.Errno {
		r, ours, err := toRecord(c, dir)
		if err != nil {
			problems = append(problems, err)
		}
		if ours {
			log = append(log, r)
		}
		return 0
	})
	return log, errors.Join(append(problems, err)...)
}

// Changes tells whether a call changes or flushes something below dir.
func (c *Call) Changes(dir string) bool {
	r, ours, err := toRecord(c, dir)
	return ours && err == nil && r.Said == ""
}

func toRecord(c *Call, dir string) (r Record, ours bool, err error) {
	r.Call = *c
	if c.Name == "write" && c.FD == 1 {
		data, err := c.Data()
		r.Said = string(data)
		return r, true, err
	}
	if !strings.HasPrefix(c.Path, dir+"/") && c.Path != dir && !strings.HasPrefix(c.To, dir+"/") {
		return r, false, nil
	}
	switch c.Name {
	case "openat":
		_, missing := os.Lstat(c.Path)
		r.create = missing != nil && c.Flags&syscall.O_CREAT != 0
		return r, r.create || c.Flags&syscall.O_TRUNC != 0, nil
	case "mkdirat":
		_, missing := os.Lstat(c.Path)
		return r, missing != nil, nil
	case "write", "pwrite64":
		r.data, err = c.Data()
		if err == nil && len(r.data) != c.Length {
			err = fmt.Errorf("%d of %d bytes of a write were read", len(r.data), c.Length)
		}
		return r, true, err
	case "fallocate", "linkat":
		return r, true, fmt.Errorf("a call that the model of a disk does not know: %s %s", c.Name, c.Path)
	}
	return r, true, nil
}

//go:build !unix

package store

import (
	"io/fs"
	"syscall"
)

// Windows: ERROR_HANDLE_DISK_FULL and ERROR_DISK_FULL. It has no modes, owners
// in this sense, or links to refuse: the profile's access lists protect the file.
var fullErrors = []error{syscall.Errno(39), syscall.Errno(112)}

func openFlags(bool) int { return 0 }

func isLoop(error) bool { return false }

func checkOwner(string, fs.FileInfo, bool) error { return nil }

func checkDirOwner(string, string, fs.FileInfo) error { return nil }

func syncDir(string) error { return nil }

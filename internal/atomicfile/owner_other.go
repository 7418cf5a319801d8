//go:build !unix

package atomicfile

import (
	"io/fs"
	"os"
)

// noFollow has no meaning here; O_EXCL refuses whatever is at the name.
const noFollow = 0

func directFlags(bool) int { return os.O_WRONLY }

// Windows keeps owners and rights in access lists, which a file inherits from its directory: there is nothing to judge
// by mode bits.

func trusted(fs.FileInfo) bool { return true }

func othersWrite(fs.FileInfo) bool { return false }

// syncDir does nothing: a directory cannot be synced, and the file system journals renames.
func syncDir(*os.Root) error { return nil }

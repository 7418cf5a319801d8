//go:build !unix

package doctor

import "io/fs"

// owner is not known where files have access lists instead.
func owner(fs.FileInfo) (int, bool) { return 0, false }

// links is not known here.
func links(fs.FileInfo) (uint64, bool) { return 0, false }

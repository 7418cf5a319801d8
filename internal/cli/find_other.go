//go:build !unix

package cli

import (
	"io/fs"
	"os"
	"path/filepath"
)

// deviceOf tells on which volume a directory is.
func deviceOf(dir string) (uint64, bool) {
	var sum uint64
	for _, c := range filepath.VolumeName(dir) {
		sum = sum*31 + uint64(c)
	}
	return sum, true
}

// untrusted cannot see owners here: the access lists of a profile keep others out.
func untrusted(info fs.FileInfo) string {
	if !info.Mode().IsRegular() {
		return "it is not a regular file"
	}
	return ""
}

// exposed cannot see owners here either.
func exposed(fs.FileInfo, bool) string { return "" }

func openNoFollow(path string) (*os.File, error) { return os.Open(path) }

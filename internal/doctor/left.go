package doctor

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// leftPrefix and leftLength are of the names of internal/atomicfile's temporary
	// files: 26 characters of rand.Text follow.
	leftPrefix = ".tacenda-"
	leftLength = len(leftPrefix) + 26
	// leftAge is longer than a file takes to be written that still will be.
	leftAge = time.Minute
	// leftShown is how many are named; one is enough to know what to do.
	leftShown = 3
)

// leftFiles looks for what was being written when a process was killed: the file
// may hold values, and nobody will ever remove it. It can be in any directory that
// a file was ever written to; those known here are looked at.
func (m *Machine) leftFiles() Check {
	var dirs, found []string
	if m.Vault != "" {
		dirs = append(dirs, filepath.Dir(m.Vault))
	}
	for _, dir := range []string{m.State, m.Work} {
		if dir != "" && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // what is wrong with the directory is a check of its own
		}
		for _, e := range entries {
			if len(e.Name()) != leftLength || !strings.HasPrefix(e.Name(), leftPrefix) {
				continue
			}
			if fi, err := e.Info(); err == nil && fi.Mode().IsRegular() && m.Now.Sub(fi.ModTime()) > leftAge {
				found = append(found, quote(filepath.Join(dir, e.Name())))
			}
		}
	}
	switch {
	case len(dirs) == 0:
		return Check{}
	case len(found) == 0:
		return ok("none in %s", strings.Join(dirs, ", "))
	}
	more := ""
	if len(found) > leftShown {
		found, more = found[:leftShown], ", and others"
	}
	return warn("rm "+strings.Join(found, " "), "a tacenda that was killed left %s%s, which may hold values", strings.Join(found, ", "), more)
}

//go:build unix

package cli

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// clobberFreed makes the runtime overwrite what it frees, by starting the
// program once more: the SSH library copies what passes through it into ordinary
// memory, and the runtime reads GODEBUG when it starts and never again. The
// process stays the same one. It returns when that is so already.
func clobberFreed() error {
	const setting = "clobberfree=1"
	debug := os.Getenv("GODEBUG")
	if slices.Contains(strings.Split(debug, ","), setting) {
		return nil
	}
	if debug != "" {
		debug += ","
	}
	path := "/proc/self/exe" // also when the file was replaced by a newer one
	if runtime.GOOS != "linux" {
		var err error
		if path, err = os.Executable(); err != nil {
			return err
		}
	}
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GODEBUG=") })
	return syscall.Exec(path, os.Args, append(env, "GODEBUG="+debug+setting)) //nolint:gosec // this very program, as it was called
}

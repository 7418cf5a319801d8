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
//
// Nor may the runtime interrupt a goroutine by a signal: the kernel saves the
// registers on the signal's stack, and in the middle of a copy those hold a piece
// of a value, which stays there until the thread gets another signal. Goroutines
// give way at calls instead, which a server makes all the time.
func clobberFreed() error {
	debug := os.Getenv("GODEBUG")
	settings := strings.Split(debug, ",")
	for _, setting := range []string{"clobberfree=1", "asyncpreemptoff=1"} {
		if !slices.Contains(settings, setting) {
			settings = append(settings, setting)
		}
	}
	want := strings.TrimPrefix(strings.Join(settings, ","), ",")
	if want == debug {
		return nil
	}
	path := "/proc/self/exe" // also when the file was replaced by a newer one
	if runtime.GOOS != "linux" {
		var err error
		if path, err = os.Executable(); err != nil {
			return err
		}
	}
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GODEBUG=") })
	return syscall.Exec(path, os.Args, append(env, "GODEBUG="+want)) //nolint:gosec // this very program, as it was called
}

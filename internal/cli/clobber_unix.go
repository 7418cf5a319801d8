//go:build unix

package cli

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// clobbering are the settings of a process that clobbers what it frees.
//
// The second keeps the runtime from interrupting a goroutine by a signal: the
// kernel saves the registers on the signal's stack, and in the middle of a copy
// those hold a piece of a value, which stays there until the thread gets another
// signal. Goroutines give way at calls instead, which a server makes all the time.
var clobbering = [...]string{"clobberfree=1", "asyncpreemptoff=1"}

// clobberFreed makes the runtime overwrite what it frees, by starting the
// program once more: libraries that speak with others copy what passes through
// them into ordinary memory, and the runtime reads GODEBUG when it starts and
// never again. The process stays the same one. It is called before anything is
// read, opened or said, and returns when it is so already; then GODEBUG is as it
// was, for the programs that this one starts. It also returns when a signal ended
// the command meanwhile. An error says why it cannot be so.
func (a *app) clobberFreed() error {
	debug := os.Getenv("GODEBUG")
	settings := strings.Split(debug, ",")
	for _, setting := range clobbering {
		if !slices.Contains(settings, setting) {
			settings = append(settings, setting)
		}
	}
	want := strings.TrimPrefix(strings.Join(settings, ","), ",")
	if want == debug {
		settings = slices.DeleteFunc(settings, func(s string) bool { return slices.Contains(clobbering[:], s) })
		if len(settings) == 0 {
			return os.Unsetenv("GODEBUG")
		}
		return os.Setenv("GODEBUG", strings.Join(settings, ","))
	}
	path, err := thisProgram()
	if err != nil {
		return err
	}
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GODEBUG=") })
	defer a.signals.watch()
	if !a.signals.leave() {
		return nil
	}
	return syscall.Exec(path, os.Args, append(env, "GODEBUG="+want)) //nolint:gosec // this very program, as it was called
}

// thisProgram is the file that runs. The system calls a process by the name of
// its file, so that is taken where it still is this one, and was not replaced by
// a newer one or removed.
func thisProgram() (string, error) {
	if runtime.GOOS != "linux" {
		return os.Executable()
	}
	const self = "/proc/self/exe"
	path, err := os.Readlink(self)
	if err != nil {
		return "", err
	}
	named, err := os.Stat(path)
	if err != nil {
		return self, nil //nolint:nilerr // removed since: the file is there under this name still
	}
	if running, err := os.Stat(self); err != nil || !os.SameFile(named, running) {
		return self, nil //nolint:nilerr // the same
	}
	return path, nil
}

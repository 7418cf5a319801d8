//go:build unix

package cli

import (
	"context"
	"io/fs"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// endings are the signals that end a program. SIGQUIT is the first to be watched:
// until then, which is while Go initialises packages, it still prints stacks. They
// hold nothing yet.
var endings = []os.Signal{syscall.SIGQUIT, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}

// dieOf ends the process by sig, so that whoever waits for it sees why.
func dieOf(sig os.Signal) {
	s, ok := sig.(syscall.Signal)
	if !ok {
		return
	}
	if s == syscall.SIGQUIT {
		s = syscall.SIGTERM // Go's answer to SIGQUIT is a dump of every stack
	}
	signal.Reset(s)
	_ = syscall.Kill(syscall.Getpid(), s)
	select {} // the signal may reach another thread first
}

// quietly is a way to f on which a write to a reader that went away fails. On
// descriptors 1 and 2 Go would end the process there and then, with its memory
// not wiped; on any other it leaves the error to us.
func quietly(f *os.File) *os.File {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return f
	}
	return os.NewFile(uintptr(fd), f.Name())
}

// spare is how many descriptors a command may open, in its own opinion: two
// streams, two of the runtime's, a vault, its lock, a state file, a template, an
// output and its directory, a terminal, and one to be safe.
const spare = 12

// spareDescriptors says that there is room for the files of a command. Where
// there is not, the runtime would end the process with a dump of its stacks
// before the file that cannot be opened were anybody's error.
func spareDescriptors() error {
	var err error
	var got []int
	for err == nil && len(got) < spare {
		var fd int
		if fd, err = unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 3); err == nil {
			got = append(got, fd)
		}
	}
	for _, fd := range got {
		_ = unix.Close(fd)
	}
	if err != unix.EMFILE && err != unix.ENFILE && err != unix.EINVAL {
		return nil // a closed descriptor 2 is not the point here
	}
	return hinted(failf(exitFailure, "starting: the limit of open files leaves room for %d, and %d are needed", len(got), spare),
		"raise the limit with ulimit -n")
}

// dieOfPipe ends the process as a write to a closed pipe ends others, which is
// what Go does when the descriptor is 1. It returns if the reader is back.
func dieOfPipe(stdout *os.File) { _, _ = stdout.Write([]byte{'\n'}) }

// pollStep is how often a wait for input looks whether it is still wanted.
const pollStep = 100 // milliseconds

// waitReadable returns when f has input or its end, or when ctx ends. Reading
// from a pipe cannot be interrupted; waiting for it can.
func waitReadable(ctx context.Context, f *os.File) error {
	fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := unix.Poll(fds, pollStep)
		if n != 0 && err != unix.EINTR {
			return nil // readable, ended, or an error that the read will report
		}
	}
}

// dupDescriptor returns a file of its own for descriptor n, if whoever started
// the program passed it on. What this process opened itself is closed on exec,
// and is nothing that a user can mean.
func dupDescriptor(n int, name string) (*os.File, error) {
	flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC != 0 {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	fd, err := unix.FcntlInt(uintptr(n), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

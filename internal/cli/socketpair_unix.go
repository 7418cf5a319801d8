//go:build unix

package cli

import (
	"errors"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// socketPair makes a connection: one end for this process, one to give away.
func socketPair() (*net.UnixConn, *os.File, error) {
	syscall.ForkLock.RLock() // where the flag cannot be given at once, no child may come in between
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "connection"), os.NewFile(uintptr(fds[1]), "connection")
	c, err := net.FileConn(ours)
	err = errors.Join(err, ours.Close())
	conn, ok := c.(*net.UnixConn)
	if err == nil && !ok {
		err = errors.New("not a socket")
	}
	if err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return conn, theirs, nil
}

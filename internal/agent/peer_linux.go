package agent

import (
	"net"

	"golang.org/x/sys/unix"
)

// Supported tells whether this system tells who is at the other end of a socket.
const Supported = true

// peer asks the kernel who is at the other end of a socket: the user and the
// process that connected, or that listened.
func peer(c *net.UnixConn) (uid, pid int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, 0, err
	}
	var cred *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return 0, 0, err
	}
	return int(cred.Uid), int(cred.Pid), nil
}

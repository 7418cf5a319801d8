package bastion

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// acknowledge tells the peer's kernel at once that what it sent has come.
//
// OpenSSH's client leaves Nagle's algorithm on until its session begins, and says
// two things in a row that nothing is answered between: that its new keys are in
// use, and that it wants to log in. Its kernel keeps the second back until the
// first is acknowledged, and ours would put that off for 40 ms, in the hope of an
// answer to send it with. The kernel turns back by itself, so that this is asked
// anew after each read.
func acknowledge(c net.Conn) {
	s, ok := c.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { // where it fails, a login is slower
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
	})
}

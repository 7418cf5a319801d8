//go:build !linux

package bastion

import "net"

// acknowledge does nothing: no other system has a way to ask for it.
func acknowledge(net.Conn) {}

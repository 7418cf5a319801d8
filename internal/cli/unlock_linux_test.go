package cli

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// listener is the process that listens on a socket, 0 for none.
func listener(socket string) int {
	c, err := net.DialTimeout("unix", socket, 5*time.Second)
	if err != nil {
		return 0
	}
	defer c.Close()
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0
	}
	pid := 0
	_ = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(cred.Pid)
		}
	})
	return pid
}

// TestAgentEnvironment: what the agent is started with says nothing of the shell
// that started it.
func TestAgentEnvironment(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "x")
	t.Setenv("TACENDA_IDENTITY", "/k")
	a := &app{}
	for _, line := range a.agentEnv() {
		if line == "AWS_SECRET_ACCESS_KEY=x" {
			t.Error("the environment goes along")
		}
	}
	if got := a.agentEnv(); len(got) == 0 {
		t.Error("nothing is left")
	}
}

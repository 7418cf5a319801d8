//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// inGroup puts a command and all that it starts into a group of their own, which
// ends with it: go test alone would leave its tests running.
func inGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

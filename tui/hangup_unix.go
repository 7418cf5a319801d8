//go:build unix

package tui

import (
	"os"
	"os/signal"
	"syscall"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/sys/unix"
)

// mayStop tells whether somebody could bring this process back once it has
// stopped: a shell with job control gives each job a group of its own. In the
// group of the session's leader, as under "ssh host tacenda" or as the only
// program of a terminal, the kernel ignores the stop and the interface would wait
// for ever to be continued.
func mayStop() bool {
	leader, err := unix.Getsid(0)
	return err == nil && leader != unix.Getpgrp()
}

// quitOnHangup ends the program as a command would when its terminal goes away:
// without it the first SIGHUP ends the process with the terminal in raw mode
// and nothing wiped. It is for a local terminal; stop ends it.
func quitOnHangup(p *tea.Program) (stop func()) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	done := make(chan struct{})
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		select {
		case <-hangup:
			p.Quit()
		case <-done:
		}
	}()
	return func() {
		signal.Stop(hangup)
		close(done)
		<-gone
	}
}

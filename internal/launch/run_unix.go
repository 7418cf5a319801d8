//go:build unix

package launch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// forwarded are the signals that are the command's when they are sent to us. Of
// the others some cannot be caught, and some tell a process of its own affairs.
var forwarded = []os.Signal{
	syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM,
}

// Run runs the command to its end and returns its exit code, 128 and the number
// of the signal if one ended it. An error means that there was no command, or
// that what it said could not be written; then the code is the command's too.
func Run(c *Command) (int, error) {
	s, err := openStreams(c)
	if err != nil {
		return 0, err
	}
	defer s.close()
	p, err := prepare(c, s)
	if err != nil {
		return 0, err
	}
	defer p.close()
	r := &running{command: c, streams: s, process: p, signals: make(chan os.Signal, 16)}
	return r.run()
}

// running is a command that is about to run, or runs.
type running struct {
	command *Command
	streams *streams
	process *process
	signals chan os.Signal
}

func (r *running) run() (int, error) {
	for _, sig := range r.watched() {
		if !signal.Ignored(sig) { // nohup, and jobs in the background, mean it
			signal.Notify(r.signals, sig)
		}
	}
	defer signal.Stop(r.signals)
	if r.command.Commit != nil {
		if err := r.command.Commit(); err != nil {
			return 0, err
		}
	}
	if err := r.streams.begin(); err != nil {
		return 0, err
	}
	defer r.streams.restore()
	if err := r.process.execute(); err != nil {
		return 0, err
	}
	r.streams.pump()
	status, err := r.loop()
	if err == nil {
		err = r.finish()
	}
	return code(status), err
}

// watched are the signals to be told of. SIGTSTP is none: the runtime, once it
// has told somebody, never lets it stop the process again.
func (r *running) watched() []os.Signal {
	signals := append([]os.Signal{syscall.SIGWINCH}, forwarded...)
	if r.streams.full {
		signals = append(signals, syscall.SIGCONT)
	}
	return signals
}

// code is what a shell makes of a wait status.
func code(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// loop passes on what happens until the command ends.
func (r *running) loop() (syscall.WaitStatus, error) {
	for {
		select {
		case e := <-r.process.events:
			switch e.kind {
			case hasStarted:
			case hasStopped:
				r.suspend()
			case hasEnded:
				return r.process.reap(e)
			case hasFailed:
				return 0, fmt.Errorf("running %s: %w", r.command.Args[0], e.err)
			}
		case sig := <-r.signals:
			r.signal(sig)
		}
	}
}

// signal does with a signal what the command wants to be done.
func (r *running) signal(sig os.Signal) {
	switch sig {
	case syscall.SIGWINCH:
		if r.streams.resize() && !r.streams.full {
			// It may have looked at the size before this: once more.
			r.process.signal(syscall.SIGWINCH)
		}
	case syscall.SIGCONT:
		r.streams.resume()
	case syscall.SIGINT, syscall.SIGQUIT:
		if r.streams.full || !byKeyboard() {
			r.process.signal(sig.(syscall.Signal))
		}
	default:
		r.process.signal(sig.(syscall.Signal))
	}
}

// byKeyboard tells whether a signal that a keyboard can send surely came from
// there: then the command has it already, as it is of our process group.
func byKeyboard() bool {
	tty, err := os.OpenFile("/dev/tty", os.O_RDONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	defer tty.Close()
	return foreground(tty)
}

// foreground tells whether we are the terminal's process group, or may do as if
// because it controls nobody.
func foreground(tty *os.File) bool {
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err != nil && errors.Is(err, unix.ENOTTY) || err == nil && group == unix.Getpgrp()
}

// resumeWait is how long to wait for the end of a stop that may not have
// happened: nobody would continue us, for example, so the system does not stop us.
const resumeWait = 100 * time.Millisecond

// suspend stops us, because the command has stopped, and continues it when we
// are continued.
func (r *running) suspend() {
	r.streams.settle()
	r.streams.restore()
	drainSignal(r.signals, syscall.SIGCONT)
	_ = unix.Kill(0, unix.SIGTSTP)
	late := time.After(resumeWait)
	for waiting := true; waiting; {
		select {
		case sig := <-r.signals:
			if sig == syscall.SIGCONT {
				waiting = false
			} else {
				r.signal(sig)
			}
		case <-late:
			waiting = false
		}
	}
	r.streams.resume()
	r.process.signalGroup(syscall.SIGCONT)
}

// drainSignal forgets what came of one signal, and keeps the others.
func drainSignal(ch chan os.Signal, gone os.Signal) {
	for range len(ch) {
		if sig := <-ch; sig != gone {
			ch <- sig
		}
	}
}

// finish writes what the command left to be written. Nobody can be sent the
// signals that come now, so they end the waiting.
func (r *running) finish() error {
	r.process.release()
	done := make(chan error, 1)
	go func() { done <- r.streams.finish() }()
	for {
		select {
		case err := <-done:
			return err
		case sig := <-r.signals:
			switch sig {
			case syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT:
				return nil
			}
		}
	}
}

// quietClose closes files of which nothing is expected any more.
func quietClose(files ...io.Closer) {
	for _, f := range files {
		_ = f.Close()
	}
}

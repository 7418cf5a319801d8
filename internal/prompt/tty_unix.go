//go:build linux || darwin || freebsd

package prompt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tacenda/keyring/secret"
)

const (
	// tick is how often a wait for a key looks whether the answer is still wanted. It also tells the escape key from a
	// sequence, whose bytes come together.
	tick = 100 * time.Millisecond
	// pasteOn and pasteOff make the terminal mark what is pasted.
	pasteOn  = "\x1b[?2004h"
	pasteOff = "\x1b[?2004l"
)

// watched are the signals that would end or stop the program with the terminal in our mode.
var watched = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGTSTP, syscall.SIGCONT}

// terminal is the controlling terminal during a question.
type terminal struct {
	fd      int
	before  unix.Termios // as it was found
	mode    mode
	signals chan os.Signal
	label   string // to ask again after a suspension
}

func open() (*terminal, error) {
	// Not blocking: ctrl+c throws away what was typed, also between the moment that there is something and the read,
	// which would then wait for another key. The flag is this open file's alone.
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoTerminal, &os.PathError{Op: "open", Path: "/dev/tty", Err: err})
	}
	t := &terminal{fd: fd, signals: make(chan os.Signal, 16)}
	before, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil || fd >= unix.FD_SETSIZE {
		t.close()
		return nil, errNoTerminal
	}
	t.before = *before
	return t, nil
}

func (t *terminal) close() { _ = unix.Close(t.fd) } // nothing of it is buffered

// begin takes the signals and sets the mode. end must follow, whether it worked or not.
func (t *terminal) begin(m mode) error {
	t.mode = m
	for _, sig := range watched {
		if !signal.Ignored(sig) { // whoever started us means it: nohup, a shell without job control
			signal.Notify(t.signals, sig)
		}
	}
	return t.enter(setTermios)
}

// end puts the terminal back. After a failure what was typed ahead is thrown away: it was meant for us, and the shell
// would take it for commands.
func (t *terminal) end(succeeded bool) {
	t.leave(succeeded)
	signal.Stop(t.signals)
}

// enter sets the mode. What was typed ahead is kept by setTermios and thrown away by setTermiosFlush.
func (t *terminal) enter(request uint) error {
	// From what was found at first: after a suspension a shell may have put back the mode that it stopped us in.
	ours := t.before
	// Signals of the keyboard stay on: they are for the whole pipeline, and the user's own keys send them.
	ours.Lflag |= unix.ISIG
	ours.Iflag |= unix.ICRNL
	ours.Iflag &^= unix.INLCR | unix.IGNCR
	switch t.mode {
	case visible:
		ours.Lflag |= unix.ICANON | unix.ECHO
	case hidden:
		ours.Lflag &^= unix.ICANON | unix.ECHO | unix.ECHONL | unix.IEXTEN
		ours.Iflag &^= unix.ISTRIP // UTF-8
		ours.Cc[unix.VMIN], ours.Cc[unix.VTIME] = 1, 0
	}
	if err := unix.IoctlSetTermios(t.fd, request, &ours); err != nil {
		return fmt.Errorf("preparing the terminal: %w", err)
	}
	if t.marksPastes() {
		return t.write(pasteOn)
	}
	return nil
}

func (t *terminal) leave(keepInput bool) {
	if t.marksPastes() {
		_ = t.write(pasteOff) // on a terminal that went away there is nothing to put back
	}
	request := uint(setTermios)
	if !keepInput {
		request = setTermiosFlush
	}
	_ = unix.IoctlSetTermios(t.fd, request, &t.before) // as above
}

// marksPastes: a dumb terminal would show the request.
func (t *terminal) marksPastes() bool {
	name := os.Getenv("TERM")
	return t.mode == hidden && name != "" && name != "dumb"
}

// ask shows a question, which must be plain text.
func (t *terminal) ask(label string) error {
	t.label = label
	return t.write(label)
}

func (t *terminal) newline() { _ = t.write("\n") } // only looks

func (t *terminal) write(s string) error {
	for p := []byte(s); len(p) > 0; {
		n, err := unix.Write(t.fd, p)
		if errors.Is(err, unix.EAGAIN) { // ctrl+s, or a terminal that is behind
			var set unix.FdSet
			set.Set(t.fd)
			wait := unix.NsecToTimeval(tick.Nanoseconds())
			_, err = unix.Select(t.fd+1, nil, &set, nil, &wait)
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("writing to the terminal: %w", err)
		}
		p = p[max(n, 0):]
	}
	return nil
}

// next waits for a byte, read by way of one.
func (t *terminal) next(ctx context.Context, one *secret.Bytes) (byte, event, error) {
	select {
	case sig := <-t.signals:
		ev, err := t.handle(sig)
		return 0, ev, err
	case <-ctx.Done():
		return 0, paused, ctx.Err()
	default:
	}
	var set unix.FdSet
	set.Set(t.fd)
	wait := unix.NsecToTimeval(tick.Nanoseconds())
	// select and not poll, which does not know terminals on macOS.
	n, err := unix.Select(t.fd+1, &set, nil, nil, &wait)
	switch {
	case errors.Is(err, unix.EINTR), err == nil && n == 0:
		return 0, paused, nil
	case err != nil:
		return 0, paused, fmt.Errorf("waiting for the terminal: %w", err)
	}
	c, err := t.read(one)
	if errors.Is(err, unix.EAGAIN) {
		return 0, paused, nil
	}
	return c, typed, err
}

func (t *terminal) read(one *secret.Bytes) (c byte, err error) {
	err = one.Use(func(p []byte) error {
		defer secret.Wipe(p)
		n, err := unix.Read(t.fd, p)
		switch {
		case errors.Is(err, unix.EIO), err == nil && n == 0: // it went away, or ctrl+d
			return io.EOF
		case err != nil:
			return fmt.Errorf("reading from the terminal: %w", err)
		}
		c = p[0]
		return nil
	})
	return c, err
}

func (t *terminal) handle(sig os.Signal) (event, error) {
	switch sig {
	case syscall.SIGTSTP:
		return restarted, t.suspend()
	case syscall.SIGCONT: // somebody stopped us in a way that cannot be caught
		if err := t.enter(setTermiosFlush); err != nil {
			return restarted, err
		}
		return restarted, t.write("\n" + t.label)
	}
	return paused, ErrInterrupted
}

// suspend stops the program as ctrl+z does, with the terminal as it was, and asks again once it goes on.
func (t *terminal) suspend() error {
	t.newline()
	t.leave(false)
	var woken error
	if canBeContinued() {
		// Not by SIGTSTP: a Go program that once watched for it never stops by it again.
		if err := unix.Kill(unix.Getpid(), unix.SIGSTOP); err != nil {
			return fmt.Errorf("suspending: %w", err)
		}
		for sig := range t.signals { // another thread may take the signal, so that this one still runs
			if sig == syscall.SIGCONT {
				break
			}
			if sig != syscall.SIGTSTP {
				woken = ErrInterrupted
			}
		}
	}
	if err := t.enter(setTermiosFlush); err != nil {
		return err
	}
	if woken != nil {
		return woken
	}
	return t.write(t.label)
}

// canBeContinued tells whether a shell with job control started us: those give each job a process group that is not the
// session leader's. Anywhere else nobody could continue what was stopped, and the kernel itself would not stop it.
func canBeContinued() bool {
	session, err := unix.Getsid(0)
	return err == nil && session != unix.Getpgrp()
}

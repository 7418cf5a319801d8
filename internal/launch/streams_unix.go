//go:build unix

package launch

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// streams are the command's standard input, output and error, and how they are
// joined to ours.
//
// With a terminal at both ends the command gets one of its own, and keys and
// pictures are carried between the two: full. Else its input is ours, and each
// output that is masked goes through a pipe, or where ours is a terminal through
// one that is only written to, so that the command sees one there too.
type streams struct {
	full    bool
	child   [3]*os.File // what the command gets
	theirs  []*os.File  // of these, those that we do not need ourselves
	master  *os.File    // of the full terminal
	input   *os.File    // our terminal
	pumps   []*pump
	cooked  *term.State // of our terminal, nil while it is as we found it
	raw     atomic.Bool
	keys    sync.WaitGroup
	endKeys [2]*os.File // a pipe whose end is the end of reading keys
}

// openStreams makes what the command's streams need.
func openStreams(c *Command) (s *streams, err error) {
	s = &streams{child: [3]*os.File{c.Stdin, c.Stdout, c.Stderr}}
	if c.Mask == nil {
		return s, nil
	}
	defer func() {
		if err != nil {
			s.close()
			err = fmt.Errorf("preparing the command's streams: %w", err)
		}
	}()
	if isTerminal(c.Stdin) && isTerminal(c.Stdout) && foreground(c.Stdin) {
		if err := s.openTerminal(c); err != nil {
			return nil, err
		}
	} else if s.child[1], err = s.output(c, "output", c.Stdout); err != nil {
		return nil, err
	}
	if same(c.Stdout, c.Stderr) {
		s.child[2] = s.child[1] // one stream, so that the order stays
		return s, nil
	}
	s.child[2], err = s.output(c, "error output", c.Stderr)
	return s, err
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// same tells whether two descriptors lead to one place.
func same(a, b *os.File) bool {
	one, err := a.Stat()
	other, err2 := b.Stat()
	return err == nil && err2 == nil && os.SameFile(one, other)
}

// openTerminal gives the command a terminal that is set up as ours is.
func (s *streams) openTerminal(c *Command) error {
	master, slave, err := s.terminal(c.Stdin)
	if err != nil {
		return err
	}
	state, err := term.GetState(int(c.Stdin.Fd()))
	if err == nil {
		err = term.Restore(int(slave.Fd()), state)
	}
	if err != nil {
		return err
	}
	if s.endKeys[0], s.endKeys[1], err = os.Pipe(); err != nil {
		return err
	}
	s.full, s.master, s.input = true, master, c.Stdin
	s.child[0], s.child[1] = slave, slave
	s.add(c, "output", master, c.Stdout, true)
	return nil
}

// terminal opens a pair with the size of ours.
func (s *streams) terminal(ours *os.File) (master, slave *os.File, err error) {
	opened, slave, err := pty.Open()
	if err != nil {
		return nil, nil, err
	}
	s.theirs = append(s.theirs, slave)
	slave.Fd() // makes it one that blocks, which is what programs expect
	master, err = patient(opened)
	if err != nil {
		return nil, nil, err
	}
	copySize(master, ours)
	return master, slave, nil
}

// patient is f as a file whose reads can be given up: the library leaves it one
// that blocks. f is closed.
func patient(f *os.File) (*os.File, error) {
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// copySize gives a terminal the size of ours, if ours has one.
func copySize(master, ours *os.File) {
	size, err := unix.IoctlGetWinsize(int(ours.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return
	}
	// Not by Fd, which would make it block again.
	if raw, err := master.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, size) })
	}
}

// output makes a stream that is read from the command and written to us.
func (s *streams) output(c *Command, name string, to *os.File) (*os.File, error) {
	if !isTerminal(to) {
		r, w, err := pipe()
		if err != nil {
			return nil, err
		}
		s.theirs = append(s.theirs, w)
		s.add(c, name, r, to, false)
		return w, nil
	}
	master, slave, err := s.terminal(to)
	if err != nil {
		return nil, err
	}
	// Ours does what a terminal does with the text.
	if _, err := term.MakeRaw(int(slave.Fd())); err != nil {
		return nil, err
	}
	s.add(c, name, master, to, true)
	return slave, nil
}

func (s *streams) add(c *Command, name string, from, to *os.File, terminal bool) {
	s.pumps = append(s.pumps, &pump{
		name: name, from: from, to: to, terminal: terminal, done: make(chan error, 1), mask: c.Mask(to),
	})
}

// pipe is one whose end for the command blocks, and ours does not.
func pipe() (r, w *os.File, err error) {
	if r, w, err = os.Pipe(); err == nil {
		w.Fd()
	}
	return r, w, err
}

// begin takes our terminal, when the command is about to start.
func (s *streams) begin() error {
	if !s.full {
		return nil
	}
	return s.takeTerminal()
}

func (s *streams) takeTerminal() error {
	state, err := term.MakeRaw(int(s.input.Fd()))
	if err != nil {
		return fmt.Errorf("preparing the terminal: %w", err)
	}
	if s.cooked == nil {
		s.cooked = state
	}
	s.raw.Store(true)
	return nil
}

// restore puts our terminal back.
func (s *streams) restore() {
	s.raw.Store(false)
	if s.cooked != nil {
		_ = term.Restore(int(s.input.Fd()), s.cooked)
		s.cooked = nil
	}
}

// resume takes our terminal again after a stop, unless we were continued in the
// background.
func (s *streams) resume() {
	if s.full && foreground(s.input) {
		_ = s.takeTerminal() // or the command goes on without it
		s.resize()
	}
}

// resize tells the terminals of the command what size ours has, and whether
// there are any.
func (s *streams) resize() bool {
	any := false
	for _, p := range s.pumps {
		if !p.terminal {
			continue
		}
		any = true
		copySize(p.from, p.to)
	}
	return any
}

// pump starts to carry. The command has started.
func (s *streams) pump() {
	quietCloseAll(s.theirs)
	s.theirs = nil
	for _, p := range s.pumps {
		go p.run()
	}
	if s.full {
		s.keys.Go(s.carryKeys)
	}
}

// carryKeys gives what is typed to the command's terminal. What is typed when the
// command has ended is left for the next program.
func (s *streams) carryKeys() {
	buf := make([]byte, 4096)
	for {
		fds := []unix.PollFd{{Fd: int32(s.endKeys[0].Fd()), Events: unix.POLLIN}}
		if s.raw.Load() {
			fds = append(fds, unix.PollFd{Fd: int32(s.input.Fd()), Events: unix.POLLIN})
		}
		// In the background the terminal is not ours to read: look again later.
		n, err := unix.Poll(fds, 100)
		if errors.Is(err, unix.EINTR) || err == nil && n == 0 {
			continue
		}
		if err != nil || fds[0].Revents != 0 {
			return
		}
		n, err = unix.Read(int(s.input.Fd()), buf)
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) {
			continue
		}
		if err != nil || n == 0 {
			return
		}
		if _, err := s.master.Write(buf[:n]); err != nil {
			return
		}
	}
}

// settle waits until what a stopping command said is written: a full-screen
// program puts the screen back. A command that goes on talking is not waited for.
func (s *streams) settle() {
	const step, most = 5 * time.Millisecond, 40
	for calm, i := 0, 0; calm < 2 && i < most; i++ {
		time.Sleep(step)
		calm++
		for _, p := range s.pumps {
			if waiting(p.from) > 0 {
				calm = 0
			}
		}
	}
	for _, p := range s.pumps {
		p.release()
	}
}

// finish carries what is left, after the command has ended.
func (s *streams) finish() error {
	for _, p := range s.pumps {
		p.end()
	}
	var failed []error
	for _, p := range s.pumps {
		failed = append(failed, <-p.done)
	}
	if s.full {
		quietClose(s.endKeys[1])
		quietClose(s.master) // a write that waits there ends
		s.keys.Wait()
	}
	return errors.Join(failed...)
}

// close frees what was made, whatever became of it.
func (s *streams) close() {
	s.restore()
	quietCloseAll(s.theirs)
	for _, p := range s.pumps {
		quietClose(p.from)
	}
	if s.full {
		quietClose(s.endKeys[0], s.endKeys[1])
	}
}

func quietCloseAll(files []*os.File) {
	for _, f := range files {
		quietClose(f)
	}
}

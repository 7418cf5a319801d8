package launch

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"tacenda/internal/launch/stage"
	"tacenda/keyring/secret"
)

// A process is the stage, and then the command. When the command has a terminal
// of its own, the stage stays as the leader of its session, and a second stage
// becomes the command.
type process struct {
	name    string
	stage   *stage.Process
	command int  // its process id
	status  *int // the descriptor where the leader of a session reports, nil without one
	files   []*memoryFile
	events  chan event
	started bool
	ended   bool // and reaped: nobody is there to be sent a signal
}

// prepare gives the stage everything, so that it only needs to be told to go.
func prepare(c *Command, s *streams) (*process, error) {
	st, err := stage.Take()
	if err != nil {
		return nil, fmt.Errorf("starting a process for the command: %w", err)
	}
	p := &process{name: c.Args[0], stage: st, events: make(chan event, 4)}
	if !st.Early {
		_ = secret.RestoreLimits(st.Pid) // what it could not restore is lower than it was, no more
	}
	if err := p.order(c, s); err != nil {
		p.close()
		if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
			err = errors.New("the process that was to become the command has ended")
		}
		return nil, err
	}
	return p, nil
}

// order sends all but the last order.
func (p *process) order(c *Command, s *streams) error {
	o, err := newOrders(p.stage.Orders)
	if err != nil {
		return err
	}
	defer o.buf.Destroy()
	if s.full {
		theirs, err := p.openStatus()
		if err != nil {
			return err
		}
		err = o.pass(stage.Terminal, int(s.child[0].Fd()), theirs)
		_ = unix.Close(theirs)
		if err != nil {
			return err
		}
	}
	for _, f := range c.Files {
		m, err := newMemoryFile(f)
		if err != nil {
			return err
		}
		p.files = append(p.files, m)
	}
	passed := []int{int(s.child[0].Fd()), int(s.child[1].Fd()), int(s.child[2].Fd())}
	for _, m := range p.files {
		passed = append(passed, m.fd)
	}
	if err := o.pass(stage.Streams, passed...); err != nil {
		return err
	}
	for _, m := range p.files {
		o.text(stage.File, m.name)
	}
	for _, fd := range c.Close {
		o.text(stage.Close, strconv.Itoa(fd))
	}
	for _, arg := range c.Args {
		if len(arg) >= maxString {
			return &ExecError{Name: p.name, Err: errTooLong}
		}
		o.text(stage.Argument, arg)
	}
	for _, v := range c.Variables {
		if err := o.variable(v); err != nil {
			if errors.Is(err, errTooLong) {
				err = &ExecError{Name: p.name, Err: err}
			}
			return err
		}
	}
	return o.flush()
}

// openStatus makes the way back from the leader of a session.
func (p *process) openStatus() (theirs int, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	p.status = &pair[0]
	return pair[1], nil
}

// execute gives the last order and returns when the system has obeyed, or not.
func (p *process) execute() error {
	var header [stage.HeaderSize]byte
	stage.PutHeader(header[:], stage.Execute, 0)
	if err := writeAll(p.stage.Orders, header[:]); err != nil {
		return fmt.Errorf("starting the command: %w", err)
	}
	var answer [4]byte
	n, err := readFull(p.stage.Orders, answer[:])
	if err != nil {
		return fmt.Errorf("starting the command: %w", err)
	}
	// The socket is closed when the command is executed. A stage that died says
	// nothing either: then its status tells.
	if n == len(answer) {
		errno := syscall.Errno(stage.ParseError(answer))
		if errno == syscall.E2BIG {
			return &ExecError{Name: p.name, Err: errTooLong}
		}
		return &ExecError{Name: p.name, Err: errno}
	}
	p.started = true
	if p.status == nil {
		p.command = p.stage.Pid
		go p.await()
		return nil
	}
	if e := p.report(); e.kind != hasStarted {
		return fmt.Errorf("starting the command: %w", cmp.Or(e.err, error(unix.ESRCH)))
	}
	go p.listen()
	return nil
}

// await tells when the command ends. It leaves it to be reaped, so that its
// number stays its own while it may be sent signals.
func (p *process) await() {
	for {
		err := unix.Waitid(unix.P_PID, p.stage.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err == nil {
			p.events <- event{kind: hasEnded}
			return
		}
		if !errors.Is(err, unix.EINTR) {
			p.events <- event{kind: hasFailed, err: err}
			return
		}
	}
}

// listen tells what the leader of the session reports, until the command ends.
func (p *process) listen() {
	for {
		e := p.report()
		p.events <- e
		if e.kind == hasEnded || e.kind == hasFailed {
			return
		}
	}
}

// report reads the next word of the session's leader.
func (p *process) report() event {
	var b [stage.ReportSize]byte
	if n, err := readFull(*p.status, b[:]); err != nil || n != len(b) {
		// It went with the terminal, and the command with it.
		return event{kind: hasEnded, status: syscall.WaitStatus(syscall.SIGHUP)}
	}
	kind, number := stage.ParseReport(b)
	switch kind {
	case stage.Started:
		p.command = int(number)
		return event{kind: hasStarted}
	case stage.Stopped:
		return event{kind: hasStopped}
	case stage.Ended:
		return event{kind: hasEnded, status: syscall.WaitStatus(number)}
	}
	return event{kind: hasFailed, err: syscall.Errno(number)}
}

// signal sends the command a signal. It may be gone, which needs no word.
func (p *process) signal(sig syscall.Signal) { _ = unix.Kill(p.command, sig) }

// signalGroup sends a signal to the command that has a terminal of its own, and
// to what it started there.
func (p *process) signalGroup(sig syscall.Signal) { _ = unix.Kill(-p.command, sig) }

// reap is how the command ended. From then on its number may be another's.
func (p *process) reap(e event) (syscall.WaitStatus, error) {
	if p.status != nil {
		return e.status, nil
	}
	p.ended = true
	return wait(p.stage.Pid)
}

// release ends the session of the command: its terminal is closed to all who
// still have it. What was written there before can still be read.
func (p *process) release() {
	if p.status != nil && !p.ended {
		p.ended = true
		_ = unix.Close(*p.status)
		_, _ = wait(p.stage.Pid) // it has said all
	}
}

// close ends the stage, if it did not become a command, and frees what is ours.
func (p *process) close() {
	_ = unix.Close(p.stage.Orders)
	p.release()
	if !p.started && !p.ended {
		p.ended = true
		_, _ = wait(p.stage.Pid)
	}
	for _, m := range p.files {
		m.close()
	}
}

func wait(pid int) (syscall.WaitStatus, error) {
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(pid, &status, 0, nil)
		if !errors.Is(err, syscall.EINTR) {
			return status, err
		}
	}
}

// waiting is how many bytes can be read without waiting.
func waiting(f *os.File) int {
	n := 0
	if raw, err := f.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			n, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ)
			if err != nil {
				n = 0
			}
		}) // a file that was closed has nothing
	}
	return n
}

//go:build unix && !linux

package launch

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"tacenda/keyring/secret"
)

// A process is the command. Here values become strings of this process for the
// time of its start: the system's call takes them so. They are dropped at once,
// which is not to say that they are overwritten.
type process struct {
	cmd    *exec.Cmd
	events chan event
}

// prepare makes the command ready to start.
func prepare(c *Command, s *streams) (*process, error) {
	if len(c.Files) > 0 {
		return nil, errors.New("this system has no files in memory, which --file needs: give the command variables instead")
	}
	cmd := exec.Command(c.Args[0], c.Args[1:]...)
	if cmd.Err != nil {
		return nil, &ExecError{Name: c.Args[0], Err: plainError(cmd.Err)}
	}
	for _, fd := range c.Close {
		unix.CloseOnExec(fd)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.child[0], s.child[1], s.child[2]
	if s.full {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	}
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "TACENDA_") {
			cmd.Env = append(cmd.Env, entry)
		}
	}
	for _, v := range c.Variables {
		value, err := text(v)
		if errors.Is(err, errTooLong) {
			err = &ExecError{Name: c.Args[0], Err: fmt.Errorf("%s: %w", v.Name, err)}
		}
		if err != nil {
			return nil, err
		}
		cmd.Env = append(cmd.Env, v.Name+"="+value)
	}
	return &process{cmd: cmd, events: make(chan event, 1)}, nil
}

// maxValue bounds what becomes a string: more than any system takes.
const maxValue = 1 << 20

func text(v Variable) (string, error) {
	var b strings.Builder
	err := v.Write(limited{&b})
	if errors.Is(err, ErrNUL) {
		err = fmt.Errorf("%s: %w", v.Name, ErrNUL)
	}
	return b.String(), err
}

type limited struct{ b *strings.Builder }

func (l limited) Write(p []byte) (int, error) {
	if l.b.Len()+len(p) > maxValue {
		return 0, errTooLong
	}
	if strings.IndexByte(string(p), 0) >= 0 {
		return 0, ErrNUL
	}
	return l.b.Write(p)
}

// plainError is the system's word, without the name of the call.
func plainError(err error) error {
	if errors.Is(err, exec.ErrNotFound) {
		return os.ErrNotExist
	}
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// execute starts the command.
func (p *process) execute() error {
	err := p.cmd.Start()
	name := p.cmd.Args[0]
	p.cmd.Env = nil
	if errors.Is(err, syscall.E2BIG) {
		return &ExecError{Name: name, Err: errTooLong}
	}
	if err != nil {
		return &ExecError{Name: name, Err: plainError(err)}
	}
	_ = secret.RestoreLimits(p.cmd.Process.Pid)
	go func() {
		err := p.cmd.Wait()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			p.events <- event{kind: hasFailed, err: err}
			return
		}
		status, _ := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
		p.events <- event{kind: hasEnded, status: status}
	}()
	return nil
}

// signal sends the command a signal. It may be gone, which needs no word.
func (p *process) signal(sig syscall.Signal) { _ = p.cmd.Process.Signal(sig) }

// signalGroup sends a signal to the command and to what it started.
func (p *process) signalGroup(sig syscall.Signal) { _ = unix.Kill(-p.cmd.Process.Pid, sig) }

func (p *process) reap(e event) (syscall.WaitStatus, error) { return e.status, nil }
func (p *process) release()                                 {}
func (p *process) close()                                   {}

// waiting is not known here: what the command said is read until it is silent.
func waiting(*os.File) int { return 0 }

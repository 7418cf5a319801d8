// Package launch runs a command with secrets: in its environment, in sealed
// memory files, and masked in what it says.
//
// It promises that values go from guarded memory to the command without ever
// being strings of this process or touching a disk, that the command has the
// terminal, the signals, the limits and the environment that it would have
// without us, less our own variables, and that our terminal is put back on every
// way out. It refuses to know what a vault is, and where values come from: it is
// given functions that write them.
package launch

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// A Command is what to run and what it gets.
type Command struct {
	Args      []string // the first names the program
	Variables []Variable
	// Files are variables whose value is the path of a file in memory.
	Files []Variable
	// Close are descriptors of the caller's that are not for the command.
	Close []int
	// The three streams. Those that are masked are read from the command and
	// written here; the others are the command's own.
	Stdin, Stdout, Stderr *os.File
	// Mask returns what masks a stream on its way to w. Nil leaves all streams to
	// the command.
	Mask func(w io.Writer) Masker
	// Commit is called when the command has been given everything, and is only to
	// start. From then on signals are the command's. Its error is that of Run.
	Commit func() error
}

// A Variable is a name and what writes its value, in as many pieces as it likes.
type Variable struct {
	Name  string
	Write func(w io.Writer) error
}

// A Masker takes values out of a stream. It holds back what may be the beginning
// of one.
type Masker interface {
	io.Writer
	Held() int
	Release() error
	Close() error
}

// An ExecError means that the system did not execute the command.
type ExecError struct {
	Name string // the command's
	Err  error  // the system's, or errTooLong
}

func (e *ExecError) Error() string {
	switch {
	case errors.Is(e.Err, errTooLong):
		return fmt.Sprintf("running %s: %v", e.Name, e.Err)
	case e.NotFound():
		return fmt.Sprintf("running %s: command not found", e.Name)
	}
	return fmt.Sprintf("running %s: %v", e.Name, e.Err)
}

// Unwrap returns the cause.
func (e *ExecError) Unwrap() error { return e.Err }

// NotFound tells whether there is no such command.
func (e *ExecError) NotFound() bool { return errors.Is(e.Err, os.ErrNotExist) }

// errTooLong means that the environment is longer than the system takes. What
// wraps it says which variable, where it is one.
var errTooLong = errors.New("arguments and variables are longer than the system takes")

// ErrNUL means that a value cannot be that of a variable.
var ErrNUL = errors.New("the value contains a NUL byte, which no environment variable can hold")

//go:build !linux && !darwin && !freebsd

package prompt

import (
	"context"

	"tacenda/keyring/secret"
)

// terminal does not exist here: without a way to read a key straight into guarded memory that was tried on this system,
// a passphrase comes from a file.
type terminal struct{}

func open() (*terminal, error) { return nil, errNoTerminal }

func (*terminal) close()           {}
func (*terminal) begin(mode) error { return errNoTerminal }
func (*terminal) end(bool)         {}
func (*terminal) ask(string) error { return errNoTerminal }
func (*terminal) newline()         {}
func (*terminal) next(context.Context, *secret.Bytes) (byte, event, error) {
	return 0, paused, errNoTerminal
}

//go:build !unix

package cli

import "errors"

// clobberFreed needs a process that becomes another program.
func (*app) clobberFreed() error {
	return errors.New("this system cannot start a program in the place of another")
}

//go:build !unix

package launch

import "errors"

// Run is not possible here.
func Run(*Command) (int, error) {
	return 0, errors.New("run works on Linux, macOS and other Unix systems only")
}

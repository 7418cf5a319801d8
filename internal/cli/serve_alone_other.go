//go:build !unix

package cli

import "os"

// holdAlone opens a file, making it when it is not there. That there are two
// servers is noticed here only when both have written.
func holdAlone(path string) (*os.File, bool, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE, 0o600)
	return f, false, err
}

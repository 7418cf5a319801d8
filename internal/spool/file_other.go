//go:build !linux

package spool

import (
	"errors"
	"io/fs"
	"os"
)

// unnamedFile removes the file's name at once where the system allows it for an open file, and otherwise leaves it to
// discard.
func unnamedFile() (*os.File, error) {
	f, err := os.CreateTemp("", ".tacenda-*")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(f.Name()) // Windows refuses: discard does it
	return f, nil
}

func discard(f *os.File) error {
	err := f.Close()
	if rm := os.Remove(f.Name()); rm != nil && !errors.Is(rm, fs.ErrNotExist) {
		err = errors.Join(err, rm)
	}
	return err
}

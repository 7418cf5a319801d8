//go:build !unix

package cli

import (
	"context"
	"io/fs"
	"os"
)

var endings = []os.Signal{os.Interrupt}

// dieOf cannot end a process by a signal here: the exit code says it.
func dieOf(os.Signal) {}

func spareDescriptors() error { return nil }

func dieOfPipe(*os.File) {}

func quietly(f *os.File) *os.File { return f }

// waitReadable cannot wait here without reading.
func waitReadable(ctx context.Context, _ *os.File) error { return ctx.Err() }

func dupDescriptor(_ int, name string) (*os.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

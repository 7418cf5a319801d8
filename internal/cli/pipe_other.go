//go:build !linux

package cli

import "io"

// widen does nothing: only Linux lets a program ask for more room in a pipe.
func (*stream) widen(io.Seeker) {}

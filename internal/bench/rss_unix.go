//go:build unix

package main

import (
	"os"
	"runtime"
	"syscall"
)

// peakKiB is the largest resident set of a process and its children, in KiB.
func peakKiB(s *os.ProcessState) int64 {
	usage, ok := s.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return int64(usage.Maxrss) / 1024 //nolint:unconvert // it is an int32 on 32-bit systems
	}
	return int64(usage.Maxrss) //nolint:unconvert // the same
}

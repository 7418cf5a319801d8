package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// dataSync makes what was written durable, as the engine does.
func dataSync(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }

//go:build !linux

package store

import "os"

// Elsewhere the two kinds of locks that bolt_line_linux.go needs are one, or there
// is only one: everybody takes their chance.

func joinLine(*os.File, bool) bool { return false }

func leaveLine(*os.File) {}

func lineBefore(*os.File, bool) bool { return false }

//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package tui

// Name makes the reader a file for Bubble Tea, whose reads from files can be
// cancelled. On Windows it would read from the console itself, past us.
func (r *secretReader) Name() string { return "terminal" }

//go:build !(linux || darwin || dragonfly || freebsd || netbsd || openbsd)

package tui

import "time"

// canWait tells whether readable knows. Here a key must arrive in one read: a
// lone ESC at the end of one is the escape key.
const canWait = false

func readable(uintptr, time.Duration) bool { return false }

func flushInput(uintptr) {}

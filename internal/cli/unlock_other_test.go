//go:build !linux

package cli

// listener cannot tell here: agents end when their directory goes.
func listener(string) int { return 0 }

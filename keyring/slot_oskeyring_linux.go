package keyring

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
)

// desktop refuses when there is no session bus. The library below would start
// one with dbus-launch: a program from PATH, a daemon that outlives us, and no keyring in it.
func desktop() error {
	if a := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); a != "" && a != "autolaunch:" {
		return nil
	}
	runtime := filepath.Join("/run/user", strconv.Itoa(os.Getuid()))
	for _, name := range []string{"bus", "dbus-session"} {
		if _, err := os.Stat(filepath.Join(runtime, name)); err == nil {
			return nil
		}
	}
	return errors.New("there is no desktop session, so there is no keyring to ask")
}

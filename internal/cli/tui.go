package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// settings are what config.toml says about the interface.
type settings struct {
	IdleLock idleTime `toml:"idle_lock"`
	Mouse    *bool    `toml:"mouse"`
	ASCII    *bool    `toml:"ascii"`
}

// idleTime is a duration as TOML carries it: "10m". Zero turns the lock off.
type idleTime time.Duration

func (t *idleTime) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil || d < 0 {
		return fmt.Errorf("idle_lock must be a time such as \"10m\"")
	}
	*t = idleTime(d)
	return nil
}

// defaultIdleLock is after how much idle time the interface locks itself.
const defaultIdleLock = idleTime(10 * time.Minute)

// readSettings reads $XDG_CONFIG_HOME/tacenda/config.toml; without one
// everything has its default.
func (a *app) readSettings() (settings, error) {
	s := settings{IdleLock: defaultIdleLock}
	dir, err := a.xdg("XDG_CONFIG_HOME", ".config")
	if err != nil {
		return s, nil //nolint:nilerr // no home directory, no settings
	}
	path := filepath.Join(dir, "tacenda", "config.toml")
	data, err := readTrusted(path)
	switch {
	case err == nil:
		return s, decodeSettings(path, data, &s)
	case isNotExist(err):
		return s, nil
	}
	return s, fmt.Errorf("reading %s: %w", path, err)
}

// namesCommands is what `tacenda` says where there is no terminal for the
// interface.
const namesCommands = "commands: init, create, list, resolve and others; tacenda help names them all"

// openInterface opens the terminal interface.
func (a *app) openInterface(_ context.Context) error {
	if _, err := a.readSettings(); err != nil {
		return err
	}
	return hinted(usagef("no command was named"), namesCommands)
}

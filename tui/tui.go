// Package tui is the terminal interface: managing projects and secrets at a
// terminal, on the spot or over SSH.
//
// It keeps what is on the screen and what is being typed. It promises that no
// value is ever drawn, that a value being typed lives in guarded memory only,
// that nothing from outside can steer the terminal, and that the terminal is
// left as it was found. It refuses to know files, keys and engines: who starts
// it hands it functions that open, unlock and create a vault.
//
// The root model (root.go) routes; a screen or dialog is one file,
// screen_<name>.go, with its state, bindings and picture. To add a section,
// write one and list it in sections (root.go); to add a dialog, push it.
package tui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	tea "charm.land/bubbletea/v2"

	"tacenda/keyring/secret"
)

// Config is what an interface needs to run. Place, Open, Unlock and Create are
// required.
type Config struct {
	Name    string // of the vault, as the header shows it
	Place   string // where it is, for the unlock box: a path or a host
	Project string // the project to open first; another one if it is gone
	Missing bool   // there is no vault at the place: begin by creating one
	Keys    []Key  // keys of the user that a new vault could be opened with

	// Open tries what asks nobody: identities, the agent, a keyring. An error
	// that is vault.ErrLocked leads to the passphrase, below what its method
	// Tried() string says, if it has one; any other is shown.
	Open func(ctx context.Context) (Vault, error)
	// Unlock tries a passphrase, which stays the interface's to destroy.
	Unlock func(ctx context.Context, passphrase *secret.Bytes) (Vault, error)
	// Create makes the vault with its first project.
	Create func(ctx context.Context, s Setup) (Vault, error)
	// ReadFile returns a file to be previewed as a template; nil leaves the
	// preview of files out.
	ReadFile func(ctx context.Context, path string) ([]byte, error)
	// CheckTool reads a tool's definition; what is wrong in it comes in the order
	// of its lines. It asks nobody. Nil shows tools as they are written.
	CheckTool func(text string) (Tool, []Problem)
	// CallTool calls a tool with arguments NAME=VALUE, on a vault that Open, Unlock
	// or Create returned. The answer has no value of the project in it any more.
	// Nil leaves trying tools out.
	CallTool func(ctx context.Context, v Vault, project, tool string, args []string) (Answer, error)
	// CheckRecipient reads somebody's public key, age1… or ssh-…, and says what kind
	// it is and its fingerprint, to be compared by people. Nil leaves adding members
	// out.
	CheckRecipient func(text string) (kind, fingerprint string, err error)
	// Ask asks in plain lines, for those who set ACCESSIBLE; nil leaves that out.
	Ask Asker

	Environ  []string // of the terminal: TERM, LANG, NO_COLOR, ACCESSIBLE
	ASCII    bool     // plain glyphs whatever the locale says
	Mouse    bool
	IdleLock time.Duration    // lock after this long without a key; 0 for never
	Now      func() time.Time // nil for time.Now
}

// A Key is an SSH or age key found in one of the usual places.
type Key struct {
	Label string // as people call it: "SSH key ~/.ssh/id_ed25519"
	ID    string // what Create knows it by
}

// Setup is how a new vault is to be opened: by a passphrase or by a key.
type Setup struct {
	Passphrase *secret.Bytes // nil when a key is used; stays the interface's
	Key        string        // the ID of a Key, or empty
	Project    string        // the first project
}

// gcPercent is how much garbage may pile up, in percent of what is in use,
// before it is collected. The interface mostly waits, so that memory is dearer
// than time: each load of 100,000 secrets makes as much garbage as rows.
const gcPercent = 25

// ErrNoTerminal is returned by Run where there is no terminal to draw on.
var ErrNoTerminal = errors.New("this needs a terminal")

// Run shows the interface on in and out until the user leaves it, and wipes
// what was typed. It closes every vault that it got. The terminal is restored
// whatever ends it: a key, a signal, a panic, ctx.
func Run(ctx context.Context, in, out *os.File, cfg Config) error {
	if cfg.Open == nil || cfg.Unlock == nil || cfg.Create == nil {
		return errors.New("starting the interface: Open, Unlock and Create are required")
	}
	if a := lookup(cfg.Environ, "ACCESSIBLE"); a != "" && a != "0" && cfg.Ask != nil {
		return runLines(ctx, out, cfg)
	}
	switch lookup(cfg.Environ, "TERM") {
	case "", "dumb":
		return ErrNoTerminal
	}
	// Bubble Tea would write everything drawn, and everything typed, to files.
	for _, name := range []string{"TEA_TRACE", "TEA_DEBUG"} {
		if err := os.Unsetenv(name); err != nil {
			return fmt.Errorf("starting the interface: %w", err)
		}
	}

	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))

	input, err := newSecretReader(in)
	if err != nil {
		return fmt.Errorf("starting the interface: %w", err)
	}
	defer input.close()
	m := newRoot(ctx, cfg, input)
	m.u.noStop = !mayStop()
	defer m.u.end()
	p := tea.NewProgram(m,
		tea.WithContext(ctx),
		tea.WithInput(input),
		tea.WithOutput(out),
		tea.WithEnvironment(cfg.Environ),
		tea.WithFilter(input.filter(nil)),
	)
	defer quitOnHangup(p)()
	_, err = p.Run()
	m.u.end()
	m.farewell(out, "\n")
	if err != nil && !errors.Is(err, tea.ErrInterrupted) {
		return fmt.Errorf("the interface stopped: %w", err)
	}
	return nil
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tacenda/internal/prompt"
	"tacenda/internal/vault"
	"tacenda/keyring"
	"tacenda/keyring/secret"
	"tacenda/store"
	"tacenda/tui"
)

// settings are what config.toml says about the interface.
type settings struct {
	IdleLock idleTime `toml:"idle_lock"`
	Mouse    *bool    `toml:"mouse"`
	ASCII    *bool    `toml:"ascii"`
}

// idleTime is a duration as TOML carries it: "10m". Zero turns the lock off. It
// is no plain number, which TOML would let somebody write without a unit.
type idleTime struct{ time.Duration }

func (t *idleTime) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil || d < 0 {
		return fmt.Errorf("idle_lock must be a time such as \"10m\"")
	}
	t.Duration = d
	return nil
}

// defaultIdleLock is after how much idle time the interface locks itself.
const defaultIdleLock = 10 * time.Minute

// readSettings reads $XDG_CONFIG_HOME/tacenda/config.toml; without one
// everything has its default.
func (a *app) readSettings() (settings, error) {
	s := settings{IdleLock: idleTime{defaultIdleLock}}
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
func (a *app) openInterface(ctx context.Context) error {
	set, err := a.readSettings()
	if err != nil {
		return err
	}
	if !a.out.terminal() || !a.hasTerminal() {
		return hinted(usagef("no command was named"), namesCommands)
	}
	project, err := a.projectName()
	if err != nil {
		return err
	}
	at, err := a.vaultWhere()
	if err != nil {
		return err
	}
	cfg, err := a.interfaceConfig(ctx, at, project, set)
	if err != nil {
		return err
	}
	if a.guard.Warning != "" {
		a.warn(a.guard.Warning) // stands above the interface, and is there again when it ends
		a.guard.Warning = ""
	}
	a.inInterface = true
	err = tui.Run(ctx, a.sys.Stdin, a.sys.Stdout, cfg)
	a.inInterface = false
	switch {
	case ctx.Err() != nil:
		return ctx.Err() // a signal, which ends the program as it ends others
	case errors.Is(err, tui.ErrNoTerminal):
		return hinted(usagef("the terminal is too plain for the interface"), namesCommands)
	}
	return err
}

// interfaceConfig says how the interface opens, unlocks and creates the vault.
func (a *app) interfaceConfig(ctx context.Context, at place, project string, set settings) (tui.Config, error) {
	cfg := tui.Config{
		Name: strings.TrimSuffix(filepath.Base(at.path), filepath.Ext(at.path)), Place: at.path, Project: project,
		Environ: os.Environ(), ASCII: a.globals.ascii || set.ASCII != nil && *set.ASCII, Mouse: set.Mouse == nil || *set.Mouse,
		IdleLock: set.IdleLock.Duration, ReadFile: readTemplate, Ask: questions{},
		CheckTool: checkTool, CallTool: a.callTool, CheckRecipient: checkRecipient,
		Open: func(ctx context.Context) (tui.Vault, error) { return opened(a.openVault(ctx, forChange)) },
		Unlock: func(ctx context.Context, pass *secret.Bytes) (tui.Vault, error) {
			return opened(a.unlockWith(ctx, at, pass))
		},
		Create: func(ctx context.Context, s tui.Setup) (tui.Vault, error) { return opened(a.createFor(ctx, at, s)) },
	}
	if at.remote != nil {
		return a.remoteInterface(ctx, at, cfg)
	}
	engine, err := store.OpenBolt(at.path, a.boltOptions(forChange))
	switch {
	case errors.Is(err, store.ErrNotFound):
		cfg.Missing = true
		cfg.Keys = a.usualKeys()
		return cfg, a.agreeToPlace(ctx, at) // a person answers before the interface has the terminal
	case err != nil:
		return cfg, err
	}
	defer engine.Close()
	if at.file {
		return cfg, a.trustPlace(ctx, at, engine)
	}
	return cfg, nil
}

// remoteInterface is for a vault behind a server. ssh may ask for a passphrase
// and about a host key, so that it connects before the interface has the
// terminal; after a lock it has to do without questions.
func (a *app) remoteInterface(ctx context.Context, at place, cfg tui.Config) (tui.Config, error) {
	first, err := a.openRemote(ctx, at)
	if err != nil {
		return cfg, err
	}
	cfg.Name = at.remote.host
	cfg.Open = func(ctx context.Context) (tui.Vault, error) {
		if g := first; g != nil {
			first = nil
			return g, nil
		}
		return opened(a.openRemote(ctx, at))
	}
	cfg.Unlock = func(context.Context, *secret.Bytes) (tui.Vault, error) {
		return nil, fmt.Errorf("%w: the server lets in by keys only", vault.ErrLocked)
	}
	return cfg, nil
}

// opened keeps a nil vault from becoming an interface that is not nil.
func opened[V tui.Vault](v V, err error) (tui.Vault, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

// unlockWith opens the vault with what was typed into the interface's box.
func (a *app) unlockWith(ctx context.Context, at place, pass *secret.Bytes) (*vault.Vault, error) {
	engine, err := store.OpenBolt(at.path, a.boltOptions(forChange))
	if err != nil {
		return nil, err
	}
	v, err := vault.Open(ctx, engine, []keyring.Unlocker{keyring.Passphrase(pass, a.globals.allowCostly)}, a.vaultOptions())
	return a.settled(at, v, err)
}

// createFor makes the vault that was set up in the interface.
func (a *app) createFor(ctx context.Context, at place, s tui.Setup) (*vault.Vault, error) {
	var recipients []string
	if s.Key != "" {
		line, err := os.ReadFile(s.Key)
		if err != nil {
			return nil, fmt.Errorf("reading the public key: %w", err)
		}
		recipients = []string{strings.TrimSpace(string(line))}
	}
	return a.createVault(ctx, at, s.Passphrase, recipients, s.Project)
}

// checkRecipient reads a public key for the interface.
func checkRecipient(text string) (kind, fingerprint string, err error) {
	k, canonical, _, err := keyring.ParseRecipient(text)
	if err != nil {
		return "", "", err
	}
	return string(k), keyring.RecipientFingerprint(canonical), nil
}

// usualKeys are the user's SSH keys that a new vault can be made for, by their
// public halves.
func (a *app) usualKeys() []tui.Key {
	var keys []tui.Key
	for _, name := range []string{"id_ed25519.pub", "id_rsa.pub"} {
		path := filepath.Join(a.home(), ".ssh", name)
		line, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if _, _, _, err := keyring.ParseRecipient(strings.TrimSpace(string(line))); err == nil {
			keys = append(keys, tui.Key{Label: "SSH key ~/.ssh/" + strings.TrimSuffix(name, ".pub"), ID: path})
		}
	}
	return keys
}

// questions asks in plain lines, for those who set ACCESSIBLE.
type questions struct{}

func (questions) Line(ctx context.Context, label string) (string, error) {
	return prompt.Line(ctx, label)
}

func (questions) Secret(ctx context.Context, label string, limit int) (*secret.Bytes, error) {
	return prompt.Secret(ctx, label, limit)
}

func (questions) SecretTwice(ctx context.Context, label string, limit int) (*secret.Bytes, error) {
	return prompt.SecretTwice(ctx, label, limit)
}

func (questions) Confirm(ctx context.Context, question string) (bool, error) {
	return prompt.Confirm(ctx, question)
}

// maxPreview is the longest template that the interface shows, in bytes.
const maxPreview = 1 << 20

// readTemplate reads a file for the interface's preview.
func readTemplate(_ context.Context, path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, errors.New("not a regular file"))
	}
	data, err := io.ReadAll(io.LimitReader(f, maxPreview+1))
	if err == nil && len(data) > maxPreview {
		err = fmt.Errorf("longer than %d MiB; resolve --preview shows it", maxPreview>>20)
	}
	return data, err
}

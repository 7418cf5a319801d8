package cli

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tacenda/internal/plain"
)

// globals are the options that every command has.
type globals struct {
	vault          string
	vaultFrom      string // what chose the vault: a flag, a variable, a file or "" for the default place
	project        string
	projectFrom    string
	identities     []string
	passphraseFile string
	owner          string
	acceptRollback bool
	allowMounted   bool
	allowCostly    bool
	lockTimeout    time.Duration
	quiet          bool
	ascii          bool
}

// defaultLockTimeout is long enough for an import of 100,000 secrets in
// another process, and short enough for a person who waits.
const defaultLockTimeout = 5 * time.Second

func (g *globals) register(f *pflag.FlagSet) {
	f.StringVar(&g.vault, "vault", "", "the vault's `WHERE`: a file, or ssh://[user@]host[:port] (TACENDA_VAULT)")
	f.StringVarP(&g.project, "project", "p", "", "work in project `P` (TACENDA_PROJECT)")
	f.StringArrayVar(&g.identities, "identity", nil, "open with this age identity or SSH private key `FILE`; repeatable (TACENDA_IDENTITY)")
	f.StringVar(&g.passphraseFile, "passphrase-file", "", "the first line of `FILE` is the passphrase (TACENDA_PASSPHRASE_FILE)")
	f.StringVar(&g.owner, "owner", "", "refuse a vault of any other owner than `FINGERPRINT` (TACENDA_OWNER)")
	f.BoolVar(&g.acceptRollback, "accept-rollback", false, "accept a vault that is older than what this machine saw")
	f.BoolVar(&g.allowMounted, "allow-mounted", false, "read a vault owned by root, group-readable or behind links")
	f.BoolVar(&g.allowCostly, "allow-costly", false, "run a key derivation of more than 1 GiB or 16 passes")
	f.DurationVar(&g.lockTimeout, "lock-timeout", defaultLockTimeout, "wait `D` for another process to finish writing")
	f.BoolVarP(&g.quiet, "quiet", "q", false, "no notes on standard error")
}

// complete fills what no flag set from the environment and the .tacenda file.
// It runs before every command; commands that need no vault cost nothing here
// but a few lookups.
func (g *globals) complete(a *app, c *cobra.Command) error {
	flags := c.Flags()
	env := func(flag, variable string, to *string, from *string) {
		if flags.Changed(flag) {
			if from != nil {
				*from = "--" + flag
			}
			return
		}
		if v := a.sys.Getenv(variable); v != "" {
			*to = v
			if from != nil {
				*from = variable
			}
		}
	}
	env("vault", "TACENDA_VAULT", &g.vault, &g.vaultFrom)
	env("project", "TACENDA_PROJECT", &g.project, &g.projectFrom)
	env("passphrase-file", "TACENDA_PASSPHRASE_FILE", &g.passphraseFile, nil)
	env("owner", "TACENDA_OWNER", &g.owner, nil)
	var identity string
	env("identity", "TACENDA_IDENTITY", &identity, nil)
	if identity != "" {
		g.identities = []string{identity}
	}
	if err := g.refuseMisplaced(); err != nil {
		return err
	}
	if g.lockTimeout < 0 {
		return usagef("--lock-timeout %s: must not be negative", g.lockTimeout)
	}
	for flag, value := range map[string]string{"vault": g.vault, "project": g.project, "passphrase-file": g.passphraseFile, "owner": g.owner} {
		if value == "" && flags.Changed(flag) {
			return usagef("--%s: must not be empty", flag)
		}
	}
	return g.claimInputs(a)
}

// fingerprint is what --owner may be: SHA-256 of a public key in base64.
func fingerprint(text string) bool {
	sum, err := base64.RawStdEncoding.DecodeString(strings.TrimPrefix(text, "SHA256:"))
	return err == nil && strings.HasPrefix(text, "SHA256:") && len(sum) == sha256.Size
}

// refuseMisplaced refuses private keys where their files belong, and an owner
// that no vault can have.
func (g *globals) refuseMisplaced() error {
	for _, path := range g.identities {
		if err := refuseKeys("--identity", path); err != nil {
			return err
		}
	}
	for _, given := range [...]struct{ option, text string }{
		{"--vault", g.vault}, {"--project", g.project}, {"--passphrase-file", g.passphraseFile}, {"--owner", g.owner},
	} {
		if err := refuseKeys(given.option, given.text); err != nil {
			return err
		}
	}
	if g.owner != "" && !fingerprint(g.owner) {
		return hinted(usagef("--owner: not a fingerprint, which is SHA256: and 43 characters"), "tacenda init prints it, and so does a rotation")
	}
	return nil
}

// claimInputs makes sure that at most one of the options that open the vault
// reads standard input, before anything is read.
func (g *globals) claimInputs(a *app) error {
	for _, path := range g.identities {
		if path == "" {
			return usagef("--identity: must not be empty")
		}
		if err := a.claimStdin("--identity", path); err != nil {
			return err
		}
	}
	return a.claimStdin("--passphrase-file", g.passphraseFile)
}

// isStdin tells whether path is one of the names of standard input.
func isStdin(path string) bool {
	switch path {
	case "-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0":
		return true
	}
	return false
}

// claimStdin says that option is about to read path. Standard input serves one
// option only: with two, each would get what the other left.
func (a *app) claimStdin(option, path string) error {
	if !isStdin(path) {
		return nil
	}
	if a.stdinFor != "" {
		return hinted(usagef("%s and %s cannot both read standard input", a.stdinFor, option),
			"give one of them a file, or /dev/fd/N")
	}
	a.stdinFor = option
	return nil
}

// note tells the user something that -q silences.
func (a *app) note(text string) {
	if !a.globals.quiet && !a.inInterface {
		a.say(text)
	}
}

// warn tells the user something that must not be missed.
func (a *app) warn(text string) {
	if a.inInterface { // it would be written across the picture
		return
	}
	a.say("warning: " + text)
}

// line writes one line to standard error that belongs to an error that follows.
func (a *app) line(text string) { a.say(text) }

// say writes one line to standard error.
func (a *app) say(text string) {
	_, _ = io.WriteString(a.err, a.glyphs(a.err, plain.String(text))+"\n")
}

// jsonFlag adds --json to a command that lists or shows.
func (a *app) jsonFlag(c *cobra.Command) {
	c.Flags().BoolVar(&a.json, "json", false, "print JSON; errors too, on standard error")
}

// report prints an error as its one line, its hint, and as JSON where the
// command was asked for JSON, and returns the code to end with.
func (a *app) report(err error) exitCode {
	if err == nil {
		return exitDone
	}
	if ended := commandExit(0); errors.As(err, &ended) {
		return exitCode(ended)
	}
	code, hint := verdict(err)
	if code == exitFindings {
		return code
	}
	text := plain.String(strings.TrimSpace(a.conceal(err.Error())))
	hint = a.conceal(hint)
	line := "tacenda: " + text + "\n"
	if hint != "" {
		line += "hint: " + plain.String(hint) + "\n"
	}
	_, _ = io.WriteString(a.err, a.glyphs(a.err, line))
	if a.json {
		_ = writeJSON(a.err, struct {
			Error string   `json:"error"`
			Hint  string   `json:"hint"`
			Code  exitCode `json:"code"`
		}{text, hint, code})
	}
	return code
}

// Package cli is the command line, and the only place that joins the others:
// it finds the vault, opens it with what it was given, calls the product and
// turns what comes back into text, JSON and an exit code.
//
// It promises that no value and no passphrase is ever taken as an argument or
// held in a string, that nothing goes to a terminal with a control character
// in it, and that memory is wiped on every way out. It refuses to know how a
// vault is stored or sealed.
package cli

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tacenda/internal/prompt"
	"tacenda/keyring/secret"
)

// A System is what the program gets from whoever starts it.
type System struct {
	Args                  []string            // without the program's name
	Getenv                func(string) string // "" for an unset variable
	Stdin, Stdout, Stderr *os.File
}

// Main runs one command and returns the exit code. It does not return when a
// signal ended the command: then everything is wiped first and the process dies
// of that signal, so that a shell loop stops at ctrl+c as it does for others.
func Main(sys System) int { return int(run(sys, seams{})) }

// seams is what tests of this package replace. Nothing outside of it can: in
// particular no variable makes a shipped program derive its keys cheaply.
type seams struct {
	// cheapKDF makes passphrase slots with the least cost that a vault accepts.
	cheapKDF bool
}

// An app is one run of the program.
type app struct {
	sys      System
	seams    seams
	globals  globals
	out      *stream // results
	err      *stream // everything else
	guard    secret.Status
	signals  *signals
	json     bool           // the command was asked for JSON
	stdinFor string         // the option that standard input serves
	local    *localSettings // of the .tacenda file, once it was looked for
	asks     *bool          // whether there is a terminal to ask on, once it was looked for

	caller *caller // on a server: for whom this runs; nil for who started the process
	judged bool    // whether the caller may run the command was decided

	inInterface bool // the terminal interface has the terminal: nothing else may write or ask there
	unattended  bool // never ask: standard input and output are an agent's, and so may the terminal be
}

// A command is a row of the table: what help needs to know of it, and how to
// make the whole of it. Building all of them with their flags at every start
// would cost more than a resolve does, so only what argv may name is built.
type command struct {
	name  string
	group string
	short string
	build func(*app) *cobra.Command
}

// The groups of the root's help, in its order.
var groups = [...]*cobra.Group{
	{ID: "secrets", Title: "Secrets"},
	{ID: "templates", Title: "Templates"},
	{ID: "vault", Title: "Vault"},
	{ID: "program", Title: "Program"},
}

// commands is the table. A new command is a row here and its cmd_<verb>.go.
func commands() []command {
	return []command{
		{"create", "secrets", "Create a secret", (*app).createCommand},
		{"edit", "secrets", "Change a secret's value, description or flags", (*app).editCommand},
		{"delete", "secrets", "Delete secrets for good", (*app).deleteCommand},
		{"clone", "secrets", "Copy secrets to another project", (*app).cloneCommand},
		{"list", "secrets", "List secrets with their hints", (*app).listCommand},
		{"show", "secrets", "Show what is known of a secret, never its value", (*app).showCommand},
		{"import", "secrets", "Take over the secrets of a file", (*app).importCommand},
		{"export", "secrets", "Write a template with every name", (*app).exportCommand},
		{"project", "secrets", "List, create, rename, delete, duplicate and compare projects", (*app).projectCommand},
		{"tool", "templates", "List, set, show and delete API tools", (*app).toolCommand},
		{"call", "templates", "Call an API tool; its answer shows no value", (*app).callCommand},
		{"instruction", "templates", "List, set, show and delete texts for agents", (*app).instructionCommand},
		{"mcp", "templates", "Offer tools and instructions to an agent", (*app).mcpCommand},
		{"resolve", "templates", "Replace the placeholders of a template by values", (*app).resolveCommand},
		{"run", "templates", "Run a command with secrets in its environment", (*app).runCommand},
		{"refs", "templates", "Show where placeholders are used", (*app).refsCommand},
		{"check", "templates", "Find missing, misspelt, unused and expired secrets", (*app).checkCommand},
		{"redact", "templates", "Replace every value in a stream by its placeholder", (*app).redactCommand},
		{"scan", "templates", "Find values that leaked into files", (*app).scanCommand},
		{"init", "vault", "Create a vault", (*app).initCommand},
		{"key", "vault", "List, add, remove and rotate what opens the vault", (*app).keyCommand},
		{"member", "vault", "List, add and remove people and machines", (*app).memberCommand},
		{"grant", "vault", "Set what a member may do in a project", (*app).grantCommand},
		{"revoke", "vault", "Take from a member what they were granted", (*app).revokeCommand},
		{"backup", "vault", "Write a consistent encrypted copy", (*app).backupCommand},
		{"restore", "vault", "Bring a backup back", (*app).restoreCommand},
		{"verify", "vault", "Check every record", (*app).verifyCommand},
		{"unlock", "vault", "Keep the vault open in the background", (*app).unlockCommand},
		{"lock", "vault", "End what unlock began", (*app).lockCommand},
		{"status", "vault", "Show the vault, the project and whether it is unlocked", (*app).statusCommand},
		{"audit", "vault", "Show who changed what", (*app).auditCommand},
		{"serve", "vault", "Serve the vault over SSH, for a bastion host", (*app).serveCommand},
		{"doctor", "program", "Show what on this machine weakens the vault", (*app).doctorCommand},
		{"demo", "program", "Try everything on a throw-away vault", (*app).demoCommand},
		{"completion", "program", "Print a shell's completion script", (*app).completionCommand},
		{"version", "program", "Print the version", (*app).versionCommand},
		{"help", "program", "Help about any command", (*app).helpCommand},
	}
}

// run is Main with its seams.
func run(sys System, s seams) exitCode {
	// Packages of the standard library write to its logger of their own accord:
	// net/http what a server sent that it did not ask for, and with GODEBUG set
	// every header that goes out. Nothing masks that, and nobody asked for it.
	log.SetOutput(io.Discard)
	ctx, signals := watchSignals(context.Background())
	if err := spareDescriptors(); err != nil {
		a := &app{sys: sys, out: &stream{file: sys.Stdout}, err: &stream{file: sys.Stderr}}
		if named, _, _ := newRoot(a, sys.Args).Find(sys.Args); named.Name() == "run" {
			err = runFailure(err) // its other codes are the command's
		}
		return a.report(err)
	}
	a := &app{sys: sys, seams: s, out: newStream(sys.Stdout), err: newStream(sys.Stderr)}
	a.guard = secret.Protect()
	defer secret.Purge()
	a.signals = signals
	root := newRoot(a, sys.Args)
	err := root.ExecuteContext(ctx)
	sig := signals.received()
	if sig == nil && errors.Is(err, prompt.ErrInterrupted) {
		// By a signal, of which the prompt may have heard first, or by ctrl+c
		// where a terminal sends it as a key and nobody else hears of it.
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
		sig = signals.received()
		sig = cmp.Or(sig, os.Interrupt)
	}
	if a.out.broken {
		secret.Purge()
		dieOfPipe(sys.Stdout)
		return exitFailure // what was lost was lost
	}
	if sig != nil {
		secret.Purge()
		dieOf(sig)
		return exitFailure // where signals do not end processes
	}
	return a.report(cmp.Or(err, a.out.failed))
}

// newRoot returns the root command with those below it that args may name. Nil
// args builds everything, for the manual. Help and suggestions come from the
// table, so that nothing else need exist.
func newRoot(a *app, args []string) *cobra.Command {
	root := &cobra.Command{
		Use:               "tacenda",
		Short:             "A terminal secrets vault",
		Long:              rootLong,
		Example:           rootExample,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              unknownCommand,
	}
	root.SetArgs(args)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return a.flagError(c, err) })
	root.SetHelpFunc(a.help)
	a.globals.register(root.PersistentFlags())
	a.resolveFlag(root, args)
	root.PersistentPreRunE = func(c *cobra.Command, args []string) error {
		if a.caller != nil {
			if err := a.refuseRemote(c, args); err != nil {
				return err
			}
		}
		return a.globals.complete(a, c)
	}
	root.AddGroup(groups[:]...)
	complete := len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd)
	for _, row := range commands() {
		var c *cobra.Command
		switch {
		case args == nil || slices.Contains(args, row.name):
			c = row.build(a)
		case complete: // names to choose from
			c = &cobra.Command{Use: row.name, Run: func(*cobra.Command, []string) {}}
		default:
			continue
		}
		c.Short, c.GroupID = row.short, row.group
		if row.name == "help" {
			root.SetHelpCommand(c)
		}
		root.AddCommand(c)
	}
	return root
}

const rootLong = `Tacenda keeps secrets in an encrypted vault on this machine and puts them where
templates name them: {{API_KEY}} in a file becomes the value when the file is
resolved. A stored value is never shown again.

Without arguments, on a terminal, it opens the terminal interface.`

const rootExample = `  tacenda init
  tacenda create API_KEY -d "billing service"
  echo 'Authorization: Bearer {{API_KEY}}' > request.tmpl
  tacenda --resolve request.tmpl | curl -H @- https://api.example.com/`

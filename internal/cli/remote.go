package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A caller is somebody from elsewhere for whom this process runs a command: a
// member who came in over SSH. They get the vault with their permissions, three
// streams, and nothing of this machine: no path, no environment, no terminal of
// its own, no descriptor, no option that says how the vault is opened.
type caller struct {
	gate    gate
	getenv  func(string) string                          // what their terminal says of itself
	allow   func(netip.AddrPort) error                   // where tools may go
	denied  func(project string, what ...string) error   // for the log that the server signs; nil drops it
	log     *serverLog                                   // of the server
	columns int                                          // of their terminal, 0 without one
	verdict func(command string, code exitCode, e error) // for the server's log; nil drops it
}

// A remoteCommand is what a caller may say: the options of a command that stay
// on their side of the wall, and whether its arguments name things of the vault
// (else each must be "-", their own standard input).
type remoteCommand struct {
	options string // separated by blanks
	names   bool
}

// remoteCommands is the list of what callers may run. What does not stand here
// does not exist for them: a new command or option is closed until somebody has
// thought about what it reaches.
var remoteCommands = map[string]remoteCommand{
	"list":         {"all-projects names json unused expired older", true},
	"show":         {"json", true},
	"create":       {"description llm-safe allow-host expires value-file exact generate charset", true},
	"edit":         {"description llm-safe allow-host expires value-file exact generate charset verify", true},
	"delete":       {"force yes", true},
	"clone":        {"to overwrite", true},
	"resolve":      {"expression escape strict preview reveal instruction", false},
	"refs":         {"json", true},
	"check":        {"json sarif skip", false},
	"redact":       {"", false},
	"project list": {"json", true},
	"tool list":    {"json", true},
	"call":         {"param data include dry-run", true},
	"audit":        {"since secret json head verify", true},
	"version":      {"json", true},
	"help":         {"", true},
}

// remoteGlobals are the options of every command that a caller may use.
var remoteGlobals = []string{"project", "quiet", "help"}

// remoteInputs are options that name a file; a caller has only "-".
var remoteInputs = []string{"value-file", "data"}

// maxRemoteInput bounds a template that a caller's command has to keep until it
// has read it twice, in bytes: its place is a file of the server's.
const maxRemoteInput = 64 << 20

// bounded is the input of a caller that is kept; of who started the process it is
// all that there is.
func (a *app) bounded(in io.Reader) io.Reader {
	if a.caller == nil {
		return in
	}
	return &boundedReader{in, maxRemoteInput}
}

// A boundedReader fails where another would say that the input has ended.
type boundedReader struct {
	from io.Reader
	left int64
}

func (r *boundedReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, usagef("more than %d MiB cannot be kept here; tacenda --vault ssh:// resolves on your own machine", maxRemoteInput>>20)
	}
	n, err := r.from.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	return n, err
}

// runFor runs one command for a caller, on the ends of pipes. Whatever it does,
// it leaves the process as it was.
func runFor(ctx context.Context, c *caller, args []string, in, out, errs *os.File) (code exitCode) {
	getenv := c.getenv
	if getenv == nil {
		getenv = func(string) string { return "" }
	}
	a := &app{
		sys: System{Args: args, Getenv: getenv, Stdin: in, Stdout: out, Stderr: errs},
		out: &stream{file: out, away: true, columns: c.columns}, err: &stream{file: errs, away: true},
		caller: c, local: &localSettings{}, asks: new(bool),
	}
	var err error
	name := unknownToCallers
	defer func() {
		if r := recover(); r != nil {
			// One caller's bug must not end everybody's session. What panicked
			// may hold a value, so nothing of it is told.
			a.line("tacenda: internal error")
			code, err = exitFailure, fmt.Errorf("internal error in %s", firstWord(debug.Stack()))
		}
		if c.verdict != nil {
			c.verdict(name, code, err)
		}
	}()
	if len(args) == 0 {
		err = usagef("no command was named")
		return a.report(err)
	}
	root := newRoot(a, args)
	name = commandName(root, args)
	err = root.ExecuteContext(ctx)
	if code, _ := verdict(err); code == exitUsage && !a.judged {
		if _, open := remoteCommands[name]; !open { // it does not exist, or was not said well
			err = cmp.Or(c.tellDenied("", name), err)
		}
	}
	if err == nil && (a.out.broken || a.out.failed != nil) {
		err = cmp.Or(a.out.failed, errors.New("nobody took the output"))
	}
	return a.report(err)
}

// lent is a vault that is not the command's to close.
type lent struct{ gate }

// Close does nothing: who lent the vault closes it.
func (lent) Close() {}

// firstWord keeps a panic's place and drops its message.
func firstWord(stack []byte) string {
	for line := range strings.Lines(string(stack)) {
		if at := strings.Index(line, "tacenda/"); at >= 0 && !strings.Contains(line, "runFor") && !strings.HasPrefix(line, "\t") {
			name, _, _ := strings.Cut(line[at:], "(")
			return name
		}
	}
	return "the program"
}

// commandName is the command that args name, for a log: never an argument.
func commandName(root *cobra.Command, args []string) string {
	named, _, _ := root.Find(args)
	if named == nil || named == root {
		return unknownToCallers
	}
	return strings.TrimPrefix(named.CommandPath(), "tacenda ")
}

// unknownToCallers is what somebody said who named no command: what they wrote
// instead may be anything.
const unknownToCallers = "unknown command"

// refuseRemote refuses what a caller may not say, and records it. It runs before
// every command.
func (a *app) refuseRemote(c *cobra.Command, args []string) error {
	a.judged = true
	name := strings.TrimPrefix(c.CommandPath(), "tacenda ")
	option, refused := whyNotRemote(c, name, args)
	if refused == nil {
		return nil
	}
	what := name
	if option != "" {
		what += " --" + option
	}
	return cmp.Or(a.caller.tellDenied("", what), refused) // what they wrote is an argument and told to nobody
}

// tellDenied records what the vault itself does not refuse, and so does not tell
// who watches it.
func (c *caller) tellDenied(project string, what ...string) error {
	if c == nil || c.denied == nil {
		return nil
	}
	return c.denied(project, what...)
}

// whyNotRemote is why a caller may not run a command, and the option that it is
// about.
func whyNotRemote(c *cobra.Command, name string, args []string) (option string, refused error) {
	allowed, ok := remoteCommands[name]
	if !ok {
		return "", usagef("%s is not available here", name)
	}
	options := strings.Fields(allowed.options)
	c.Flags().Visit(func(f *pflag.Flag) {
		switch {
		case !slices.Contains(options, f.Name) && !slices.Contains(remoteGlobals, f.Name):
			option, refused = f.Name, usagef("--%s is not available here", f.Name)
		case slices.Contains(remoteInputs, f.Name) && f.Value.String() != "-":
			option, refused = f.Name, usagef("--%s: only - is available here, which is your standard input", f.Name)
		}
	})
	if refused != nil {
		return option, refused
	}
	if name == "refs" && len(args) > 1 {
		return "", usagef("refs: only a NAME is available here")
	}
	if !allowed.names {
		for _, arg := range args {
			if arg != "-" {
				return "", usagef("%s: only - is available here, which is your standard input", name)
			}
		}
	}
	return "", nil
}

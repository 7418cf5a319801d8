package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"tacenda/internal/agent"
	"tacenda/internal/apitool"
	"tacenda/internal/vault"
	"tacenda/keyring"
	"tacenda/store"
)

// An exitCode is what the process ends with. docs/exit-codes.md explains each
// to users, and a test holds the two together.
type exitCode int

const (
	exitDone       exitCode = 0   // done
	exitFailure    exitCode = 1   // any failure without a code of its own
	exitUsage      exitCode = 2   // unknown command, flag or argument, malformed name
	exitLocked     exitCode = 3   // no way to open the vault worked
	exitDenied     exitCode = 4   // permission denied
	exitNotFound   exitCode = 5   // vault, project, secret, tool or file
	exitExists     exitCode = 6   // the name or file is taken
	exitUnresolved exitCode = 7   // a template did not resolve
	exitDamaged    exitCode = 8   // damaged, tampered with, rolled back or from another version
	exitBusy       exitCode = 9   // another process held the vault, or a record changed meanwhile
	exitInUse      exitCode = 10  // references keep it from being deleted
	exitFindings   exitCode = 11  // check, scan, diff or doctor found something
	exitAnswer     exitCode = 12  // call: status 400 or above
	exitRun        exitCode = 125 // run: tacenda itself failed
	exitRunExec    exitCode = 126 // run: the command could not be executed
	exitRunFind    exitCode = 127 // run: the command was not found
)

// exits maps what a layer reports to how the program ends. The first row whose
// error is in the chain decides, so what is more particular stands first: the
// refusal of a vault file wraps the system's "permission denied", and means 1.
var exits = [...]struct {
	err  error
	code exitCode
	hint string
}{
	{errFindings, exitFindings, ""},
	{store.ErrRefused, exitFailure, "tacenda doctor shows what is wrong with the file and how to mend it"},
	{store.ErrNotFound, exitNotFound, "create a vault with: tacenda init"},
	{store.ErrExists, exitExists, "choose another place with --vault"},
	{store.ErrBusy, exitBusy, "try again, or wait longer with --lock-timeout"},
	{store.ErrReadOnly, exitFailure, "the vault can be read here, not changed"},
	{store.ErrNoSpace, exitFailure, "make room and try again"},
	{vault.ErrRollback, exitDamaged, "if you restored an older copy yourself, add --accept-rollback once"},
	{vault.ErrVersion, exitDamaged, "use a newer tacenda"},
	{vault.ErrOwner, exitDamaged, "look at --owner and TACENDA_OWNER: after a rotation the pin must be changed"},
	{store.ErrDamaged, exitDamaged, "tacenda restore FILE brings a backup back"},
	{vault.ErrDamaged, exitDamaged, "tacenda verify lists what is wrong; tacenda restore brings a backup back"},
	{keyring.ErrDamagedSlot, exitDamaged, "tacenda verify lists what is wrong; tacenda restore brings a backup back"},
	{agent.ErrCut, exitFailure, "if it was to change something, look whether it did before you repeat it"},
	{vault.ErrLocked, exitLocked, ""},
	{vault.ErrDenied, exitDenied, ""},
	{apitool.ErrHost, exitDenied, "tacenda edit NAME --allow-host HOST changes where a secret may go"},
	{apitool.ErrUnresolved, exitUnresolved, "look at the value with care for its end: tacenda edit NAME --value-file FILE replaces it"},
	{apitool.ErrArgument, exitUsage, "tacenda tool show TOOL shows its params"},
	{vault.ErrConflict, exitBusy, "look at it again and repeat the change"},
	{vault.ErrInvalid, exitUsage, ""},
	{vault.ErrExists, exitExists, ""},
	{vault.ErrNoProject, exitNotFound, "tacenda project list shows what there is"},
	{vault.ErrNotFound, exitNotFound, ""},
	{fs.ErrExist, exitExists, ""},
	{fs.ErrNotExist, exitNotFound, ""},
	{fs.ErrPermission, exitDenied, ""},
}

// errFindings ends a command that did its work and has something to report:
// exit 11 without an error line, because the findings are the output.
var errFindings = errors.New("findings")

// A commandExit is the code of the command that run ran: the program ends as it
// did, without a word.
type commandExit exitCode //nolint:errname // it is how run ends, and no failure

func (c commandExit) Error() string { return fmt.Sprintf("the command ended with %d", int(c)) }

// A failure is an error that brings its own code or hint, where the ones of
// the table would not do.
type failure struct {
	code exitCode // 0: as the table says for err
	hint string
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// usagef is a mistake in how the program was called: exit 2.
func usagef(format string, args ...any) error {
	return &failure{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// failf is an error with a code that its chain does not tell.
func failf(code exitCode, format string, args ...any) error {
	return &failure{code: code, err: fmt.Errorf(format, args...)}
}

// hinted adds the line that says what to do. An error that has one keeps it.
func hinted(err error, hint string) error {
	if err == nil {
		return nil
	}
	var f *failure
	if errors.As(err, &f) && f.hint != "" {
		return err
	}
	return &failure{hint: hint, err: err}
}

// verdict is how an error ends the program: its code, and the hint to print
// below it ("" for none).
func verdict(err error) (exitCode, string) {
	code, hint := exitDone, ""
	for e := err; e != nil; {
		var f *failure
		if !errors.As(e, &f) {
			break
		}
		if code == exitDone {
			code = f.code
		}
		if hint == "" {
			hint = f.hint
		}
		e = f.err
	}
	if code != exitDone && hint != "" {
		return code, hint
	}
	for _, row := range exits {
		if errors.Is(err, row.err) {
			if code == exitDone {
				code = row.code
			}
			if hint == "" && code == row.code {
				hint = row.hint
			}
			return code, hint
		}
	}
	if code == exitDone {
		code = exitFailure
	}
	return code, hint
}

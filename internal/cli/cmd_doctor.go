package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/clipperhouse/displaywidth"
	"github.com/spf13/cobra"

	"tacenda/internal/doctor"
	"tacenda/internal/plain"
)

// checkJSON is a check as doctor prints it.
type checkJSON struct {
	Check  string        `json:"check"`
	Status doctor.Status `json:"status"`
	Detail string        `json:"detail"`
	Fix    string        `json:"fix"`
}

func (a *app) doctorCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "doctor",
		Long: `Look at this machine for what weakens the vault: memory that cannot be locked, core
dumps, swap, modes and owners of files and directories, network file systems, the
clock, programs that may trace others, files that a killed tacenda left. Each
finding says how to mend it.

It only looks: nothing is changed, and the vault is not opened.

Exit codes: 0 all is well; 11 something was found.`,
		Example: "  tacenda doctor\n  tacenda doctor --identity ~/.ssh/id_ed25519 --json",
		Args:    exactly(0, "no arguments"),
		RunE:    func(*cobra.Command, []string) error { return a.doctor() },
	}
	a.jsonFlag(c)
	return c
}

func (a *app) doctor() error {
	at, err := a.vaultWhere()
	if err != nil {
		return err
	}
	m := doctor.Machine{
		State: a.stateDir(), Locked: a.guard.Locked, Now: time.Now(), Built: buildTime(), Terminal: a.out.terminal(), Getenv: a.sys.Getenv,
	}
	if at.remote == nil { // else the file is another machine's to look at
		if m.Vault, err = filepath.Abs(at.path); err != nil {
			return fmt.Errorf("finding the vault: %w", err)
		}
	}
	if m.Work, err = os.Getwd(); err != nil {
		m.Work = "" // it was removed; then there is nothing in it
	}
	if m.Program, err = os.Executable(); err != nil {
		m.Program = "" // some systems do not say; then it is not examined
	}
	for _, path := range a.globals.identities {
		if _, fd := descriptor(path); !fd && !isStdin(path) {
			m.Identities = append(m.Identities, path)
		}
	}
	checks := doctor.Examine(m)
	if err := a.printChecks(checks); err != nil {
		return err
	}
	for _, c := range checks {
		if c.Status != doctor.OK {
			return errFindings
		}
	}
	return nil
}

// buildTime is when the commit was made that the program was built from; zero
// when the build does not say.
func buildTime() time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return time.Time{}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			t, err := time.Parse(time.RFC3339, s.Value)
			if err == nil {
				return t
			}
		}
	}
	return time.Time{}
}

func (a *app) printChecks(checks []doctor.Check) error {
	if a.json {
		items := make([]checkJSON, len(checks))
		for i, c := range checks {
			items[i] = checkJSON{c.Name, c.Status, c.Detail, c.Fix}
		}
		return writeJSONList(a.out, items)
	}
	widest := 0
	for _, c := range checks {
		widest = max(widest, len(c.Name))
	}
	const status = 6 // columns of the longest status and two blanks
	indent := status + widest + 2
	width := a.out.width() - indent
	var out bytes.Buffer
	for _, c := range checks {
		fmt.Fprintf(&out, "%-*s%-*s  ", status, c.Status, widest, c.Name)
		text := plain.String(c.Detail)
		if c.Fix != "" {
			text += "\nmend: " + plain.String(c.Fix)
		}
		for i, line := range wrap(text, width) {
			if i > 0 {
				out.WriteString(strings.Repeat(" ", indent))
			}
			out.WriteString(line + "\n")
		}
	}
	_, err := io.Copy(a.out, &out)
	return err
}

// wrap breaks lines at blanks, so that none is wider than width where it can be
// helped. A width that is no terminal's, or too narrow to read, breaks nothing.
func wrap(text string, width int) []string {
	const least = 24
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		if width < least {
			lines = append(lines, line)
			continue
		}
		row, used := "", 0
		for word := range strings.FieldsSeq(line) {
			w := displaywidth.String(word)
			if used > 0 && used+1+w > width {
				lines = append(lines, row)
				row, used = "", 0
			}
			if used > 0 {
				row += " "
				used++
			}
			row += word
			used += w
		}
		lines = append(lines, row)
	}
	return lines
}

package cli

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tacenda/internal/agent"
	"tacenda/internal/vault"
	"tacenda/store"
)

// TestExitCodesDocument holds docs/exit-codes.md to the constants: the same
// codes in the same order, none missing.
func TestExitCodesDocument(t *testing.T) {
	page, err := os.ReadFile("../../docs/exit-codes.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []exitCode
	for _, m := range regexp.MustCompile(`(?m)^\| (\d+) \| `).FindAllSubmatch(page, -1) {
		n, err := strconv.Atoi(string(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		documented = append(documented, exitCode(n))
	}
	all := []exitCode{
		exitDone, exitFailure, exitUsage, exitLocked, exitDenied, exitNotFound, exitExists, exitUnresolved,
		exitDamaged, exitBusy, exitInUse, exitFindings, exitAnswer, exitRun, exitRunExec, exitRunFind,
	}
	if diff := cmp.Diff(all, documented); diff != "" {
		t.Errorf("docs/exit-codes.md (+) and exit.go (-) differ:\n%s", diff)
	}
	for _, row := range exits {
		if !strings.Contains(string(page), fmt.Sprintf("| %d | ", row.code)) {
			t.Errorf("%v ends with %d, which docs/exit-codes.md does not know", row.err, row.code)
		}
	}
}

// TestVerdict: what an error says, what a command adds, and which wins.
func TestVerdict(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		code exitCode
		hint string
	}{
		{"plain", errors.New("x"), exitFailure, ""},
		{"usage", usagef("x"), exitUsage, ""},
		{"a server that went away", fmt.Errorf("a: %w", agent.ErrCut), exitFailure, "if it was to change something, look whether it did before you repeat it"},
		{"table", fmt.Errorf("a: %w", vault.ErrNotFound), exitNotFound, ""},
		{"table with hint", fmt.Errorf("a: %w", store.ErrNotFound), exitNotFound, "create a vault with: tacenda init"},
		{"hint over table", hinted(fmt.Errorf("a: %w", store.ErrNotFound), "h"), exitNotFound, "h"},
		{"code and hint", hinted(usagef("x"), "h"), exitUsage, "h"},
		{"first hint stays", hinted(hinted(usagef("x"), "inner"), "outer"), exitUsage, "inner"},
		{"wrapped failure", fmt.Errorf("a: %w", hinted(usagef("x"), "h")), exitUsage, "h"},
		{"code over table", failf(exitUnresolved, "a: %w", vault.ErrNotFound), exitUnresolved, ""},
		{"outer code over inner", &failure{code: exitUnresolved, err: usagef("x")}, exitUnresolved, ""},
		{"refused before permission", fmt.Errorf("%w: %w", store.ErrRefused, os.ErrPermission), exitFailure, exits[1].hint},
		{"permission", fmt.Errorf("a: %w", os.ErrPermission), exitDenied, ""},
		{"missing file", fmt.Errorf("a: %w", os.ErrNotExist), exitNotFound, ""},
		{"findings", errFindings, exitFindings, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, hint := verdict(tt.err)
			if code != tt.code || hint != tt.hint {
				t.Errorf("verdict(%v) = %d, %q; want %d, %q", tt.err, code, hint, tt.code, tt.hint)
			}
		})
	}
}

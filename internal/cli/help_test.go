package cli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"pgregory.net/rapid"
)

// TestEveryCommandIsExplained: what it does in a line and in full, and an
// example that begins with the program and runs it.
func TestEveryCommandIsExplained(t *testing.T) {
	root := newRoot(&app{sys: System{Getenv: func(string) string { return "" }}}, nil)
	seen := 0
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		seen++
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: Short %q", c.CommandPath(), c.Short)
		}
		if c.Long == "" && !c.HasParent() {
			t.Errorf("%s: no Long", c.CommandPath())
		}
		if c.Example == "" && c.Name() != "help" || strings.Contains(c.Example, "\n\n") {
			t.Errorf("%s: Example %q", c.CommandPath(), c.Example)
		}
		for line := range strings.Lines(c.Example) {
			if !strings.HasPrefix(line, "  ") || !strings.Contains(line, "tacenda") && !strings.HasPrefix(line, "  echo") {
				t.Errorf("%s: example %q", c.CommandPath(), line)
			}
		}
		for line := range strings.Lines(c.Long) {
			if len(line) > 84 { // with its newline
				t.Errorf("%s: a line of %d characters: %q", c.CommandPath(), len(line), line)
			}
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(root)
	if seen < len(commands()) {
		t.Errorf("visited %d commands, the table has %d", seen, len(commands()))
	}
}

// TestOnlyWhatIsNamedIsBuilt: a resolve does not pay for the flags of others.
func TestOnlyWhatIsNamedIsBuilt(t *testing.T) {
	a := &app{sys: System{Getenv: func(string) string { return "" }}}
	var names []string
	for _, c := range newRoot(a, []string{"resolve", "list", "x"}).Commands() {
		names = append(names, c.Name())
	}
	if diff := cmp.Diff([]string{"list", "resolve"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"list", "resolve", "restore", "init", "edit", "key"}
	for word, want := range map[string]string{
		"lst": "list", "lsit": "list", "lists": "list", "rsolve": "resolve", "res": "resolve", "restor": "restore",
		"ini": "init", "frobnicate": "", "": "", "k": "", "eidt": "edit", strings.Repeat("x", 1000): "",
	} {
		if got := nearest(word, names); got != want {
			t.Errorf("nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

// TestEditsIsADistance: symmetric, zero only for equals, and never more than
// replacing everything.
func TestEditsIsADistance(t *testing.T) {
	word := rapid.StringMatching(`[a-d]{0,12}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		d := edits(a, b)
		if d != edits(b, a) {
			t.Fatalf("edits(%q, %q) is not symmetric", a, b)
		}
		if (d == 0) != (a == b) || d > max(len(a), len(b)) || d < max(len(a), len(b))-min(len(a), len(b)) {
			t.Fatalf("edits(%q, %q) = %d", a, b, d)
		}
	})
}

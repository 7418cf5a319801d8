package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tacenda/internal/cli"
)

const manual = "../../docs/man"

// TestCurrent: the pages that are committed are those that would be written now.
func TestCurrent(t *testing.T) {
	dir := t.TempDir()
	if err := write(dir); err != nil {
		t.Fatal(err)
	}
	fresh, committed := pages(t, dir), pages(t, manual)
	for name, text := range fresh {
		if committed[name] != text {
			t.Errorf("%s is not what its command says: go run ./internal/mangen docs/man", name)
		}
		delete(committed, name)
	}
	for name := range committed {
		t.Errorf("%s has no command: go run ./internal/mangen docs/man", name)
	}
	if len(fresh) < len(cli.Manual().Commands()) {
		t.Errorf("%d pages for %d commands", len(fresh), len(cli.Manual().Commands()))
	}
}

func pages(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string)
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		// A checkout may have turned the ends of lines round.
		found[e.Name()] = strings.ReplaceAll(string(text), "\r\n", "\n")
	}
	return found
}

// TestEveryCommandExplainsItself: a page without a description or an example is
// no manual.
func TestEveryCommandExplainsItself(t *testing.T) {
	commands := cli.Manual().Commands()
	for len(commands) > 0 {
		c := commands[0]
		commands = append(commands[1:], c.Commands()...)
		if c.Short == "" || c.Long == "" && c.Name() != "list" {
			t.Errorf("%s says not what it does", c.CommandPath())
		}
		if c.Example == "" && !c.HasSubCommands() && !slices.Contains([]string{"help", "version"}, c.Name()) {
			t.Errorf("%s has no example", c.CommandPath())
		}
	}
}

// TestStale: the page of a command that is gone goes too, and nothing else.
func TestStale(t *testing.T) {
	dir := t.TempDir()
	stale, other := filepath.Join(dir, "tacenda-gone.1"), filepath.Join(dir, "README")
	for _, path := range []string{stale, other} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := write(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stale); !os.IsNotExist(err) {
		t.Errorf("the page of a command that is gone stayed: %v", err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}

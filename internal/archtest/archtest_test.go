package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "tacenda"

// systems are those that a release is for: each has files of its own.
var systems = [...]string{"linux", "darwin", "windows"}

// arrows is who may import whom of ours. A package without a row fails the test:
// a new arrow is a decision, and this is where it is written down. Tests may
// import more; what ships may not.
var arrows = map[string][]string{
	"": {"internal/cli"},

	"store":           {},
	"store/storetest": {"store"},

	"keyring/secret":    {},
	"keyring":           {"keyring/secret"},
	"keyring/slottest":  {"keyring", "keyring/secret"},
	"resolver":          {"keyring/secret"},
	"internal/importer": {"keyring/secret"},
	"internal/launch":   {"internal/launch/stage", "keyring/secret"},

	// Whatever it imported, it would have to wait for: see its comment.
	"internal/launch/stage": {},

	"internal/apitool": {"resolver", "keyring/secret"},

	// Each of these knows nothing of ours.
	"internal/doctor":     {},
	"internal/plain":      {},
	"internal/spool":      {},
	"internal/atomicfile": {},
	"internal/archtest":   {},
	"internal/memscan":    {},
	"internal/gitignore":  {},
	"internal/leak":       {}, // it is given values by a function, and keeps none

	"internal/prompt": {"keyring/secret", "internal/plain"},
	"internal/audit":  {"keyring"}, // how a tuple is encoded before it is hashed

	"internal/vault":     {"keyring", "keyring/secret", "store", "resolver", "internal/audit"},
	"internal/vaulttest": {"keyring", "keyring/secret", "store", "internal/vault"},

	"internal/agent": {"keyring", "keyring/secret", "store", "internal/vault"},

	// The server knows who comes in and nothing of what they do; guarded memory is for its own key.
	"internal/bastion": {"keyring/secret"},

	// An agent's requests reach a project through the gate alone, and leave through the tools that it keeps.
	"internal/mcp": {"internal/vault", "internal/apitool", "internal/leak", "resolver", "keyring/secret", "internal/plain"},

	// The interface sees the product's types and no key, no engine, no file.
	"tui": {"internal/vault", "resolver", "keyring/secret", "internal/plain"},

	// The composition root, the only one that picks concrete types.
	"internal/cli": {
		"keyring", "keyring/secret", "store", "resolver", "tui",
		"internal/vault", "internal/audit", "internal/plain", "internal/prompt", "internal/spool", "internal/atomicfile",
		"internal/importer", "internal/doctor", "internal/gitignore", "internal/apitool", "internal/leak", "internal/mcp",
		"internal/agent", "internal/launch", "internal/bastion",
	},
	"internal/mangen": {"internal/cli"},

	// Not in the program: they try and measure what was built.
	"internal/counts":         {},
	"internal/bench":          {"store", "internal/vault", "keyring", "keyring/secret"},
	"internal/bench/argon2id": {},
	"internal/e2e":            {},
	"internal/proof":          {"internal/prooftest"},
	"internal/prooftest":      {},
	"internal/trap":           {},
	"internal/faults":         {},
}

// only is which packages outside of ours have one user, and who that is.
var only = map[string][]string{
	"github.com/awnumar/":              {"keyring/secret"},
	"go.etcd.io/bbolt":                 {"store"},
	"github.com/spf13/cobra/doc":       {"internal/mangen"},
	"github.com/spf13/":                {"internal/cli", "internal/mangen"},
	"charm.land/":                      {"tui"},
	"filippo.io/age":                   {"keyring", "internal/vaulttest", "internal/bench"},
	"github.com/zalando/go-keyring":    {"keyring"},
	"go.yaml.in/yaml/":                 {"internal/importer", "internal/apitool"},
	"os/exec":                          {"internal/cli", "internal/bench", "internal/launch", "internal/proof", "internal/trap", "internal/memscan"},
	"net/http":                         {"internal/apitool", "internal/mcp", "internal/bench"}, // mcp: names of codes and of kinds of body; bench: a server to call
	"github.com/modelcontextprotocol/": {"internal/mcp"},
	"math/rand":                        {"store", "internal/trap"}, // store: spreads the attempts of processes that wait for a lock; trap: a seed gives the same crash again
	"testing":                          {"store/storetest", "keyring/slottest", "internal/vaulttest", "internal/prooftest", "internal/counts"},
}

// never is what a package must not even reach through others, because its
// promise would be empty.
var never = map[string][]string{
	"resolver": {"net/http", "os/exec"},
	"":         {"testing", "github.com/spf13/cobra/doc", "github.com/rogpeppe/go-internal/testscript"},
}

type listed struct {
	ImportPath string
	Doc        string
	Imports    []string
	Deps       []string
}

// list asks the go command about every package of ours on one system.
func list(t *testing.T, goos string) map[string]listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Doc,Imports,Deps", "./...")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	packages := make(map[string]listed)
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		packages[ours(p.ImportPath)] = p
	}
	if len(packages) < 5 {
		t.Fatalf("go list found only %d packages", len(packages))
	}
	return packages
}

// ours is the path below the module, "" for its root.
func ours(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
}

func isOurs(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

func TestArrows(t *testing.T) {
	for _, goos := range systems {
		t.Run(goos, func(t *testing.T) {
			t.Parallel()
			for name, p := range list(t, goos) {
				allowed, known := arrows[name]
				if !known {
					t.Errorf("%q has no row in the table of arrows", name)
				}
				for _, imp := range p.Imports {
					if isOurs(imp) && !slices.Contains(allowed, ours(imp)) {
						t.Errorf("%s must not import %s", p.ImportPath, imp)
					}
					if !isOurs(imp) {
						if problem := outside(name, imp); problem != "" {
							t.Error(problem)
						}
					}
				}
				for _, banned := range never[name] {
					if slices.Contains(p.Deps, banned) {
						t.Errorf("%s must not depend on %s, not even through others", p.ImportPath, banned)
					}
				}
			}
		})
	}
}

// TestRowsAreUsed: what nobody imports is not allowed either, or the tables would
// tell of a tree that is no more, and an arrow could come back unseen.
func TestRowsAreUsed(t *testing.T) {
	imports := map[string][]string{}
	for _, goos := range systems {
		for name, p := range list(t, goos) {
			imports[name] = append(imports[name], p.Imports...)
		}
	}
	for name, allowed := range arrows {
		if _, there := imports[name]; !there {
			t.Errorf("the table of arrows has a row for %q, which is no package", name)
		}
		for _, imp := range allowed {
			if !slices.Contains(imports[name], module+"/"+imp) {
				t.Errorf("%s may import %s and does not", name, imp)
			}
		}
	}
	for prefix, users := range only {
		for _, name := range users {
			if !slices.ContainsFunc(imports[name], func(imp string) bool { return fits(prefix, imp) }) {
				t.Errorf("%s may import %s and does not", name, prefix)
			}
		}
	}
}

// outside holds an import against the longest row of only that fits it, and
// returns what is wrong with it.
func outside(name, imp string) string {
	best := ""
	for prefix := range only {
		if fits(prefix, imp) && len(prefix) > len(best) {
			best = prefix
		}
	}
	if best != "" && !slices.Contains(only[best], name) {
		return fmt.Sprintf("%q must not import %s: only %q may", name, imp, only[best])
	}
	return ""
}

// fits tells whether a row of only is about an import.
func fits(prefix, imp string) bool {
	return imp == prefix || strings.HasSuffix(prefix, "/") && strings.HasPrefix(imp, prefix) || strings.HasPrefix(imp, prefix+"/")
}

// TestOutside proves that a broken rule is noticed.
func TestOutside(t *testing.T) {
	for _, bad := range [][2]string{
		{"tui", "github.com/awnumar/memguard"}, {"internal/vault", "go.etcd.io/bbolt"}, {"internal/cli", "github.com/spf13/cobra/doc"},
		{"keyring", "math/rand/v2"}, {"store", "testing"},
	} {
		if outside(bad[0], bad[1]) == "" {
			t.Errorf("%s may import %s", bad[0], bad[1])
		}
	}
	for _, good := range [][2]string{
		{"store", "go.etcd.io/bbolt"}, {"store", "go.etcd.io/bbolt/errors"}, {"internal/mangen", "github.com/spf13/cobra/doc"},
		{"tui", "charm.land/bubbletea/v2"}, {"resolver", "unicode/utf8"},
	} {
		if problem := outside(good[0], good[1]); problem != "" {
			t.Error(problem)
		}
	}
}

// TestDoc: every package says what it is for.
func TestDoc(t *testing.T) {
	for name, p := range list(t, "linux") {
		if p.Doc == "" {
			t.Errorf("%q has no package comment", name)
		}
	}
}

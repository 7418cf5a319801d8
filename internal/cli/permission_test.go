//go:build unix

package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/rogpeppe/go-internal/testscript"
)

// An attempted command is one that a member may try in a project: P stands for
// its name, SET for something that is different each time.
type attempted struct {
	line  string
	needs string   // "read", "use", "manage", "both" or "owner"
	code  exitCode // of one that is allowed
}

var attemptedCommands = []attempted{
	{"list -p P", "read", exitDone},
	{"list -p P --json", "read", exitDone},
	{"show A -p P", "read", exitDone},
	{"export -p P", "read", exitDone},
	{"refs A -p P", "read", exitDone},
	{"check template -p P", "read", exitFindings},
	{"audit -p P", "read", exitDone},
	{"audit -p P --head", "read", exitDone},
	{"audit -p P --verify", "read", exitDone},
	{"instruction list -p P", "read", exitDone},
	{"instruction show i -p P", "read", exitDone},
	{"tool list -p P", "read", exitDone},
	{"project diff P P", "read", exitDone},
	{"resolve template -p P", "use", exitDone},
	{"resolve -e {{A} -p P --strict", "use", exitUnresolved}, // denied before anything is said of it
	{"redact template -p P", "use", exitDone},
	{"scan template -p P", "use", exitDone},
	{"call t -p P --dry-run", "read", exitDone},
	{"tool show t -p P", "read", exitDone},
	{"tool set t -p P -f tool.yaml", "both", exitDone},
	{"instruction delete i -p P --yes", "both", exitDone},
	{"create NEW_SET -p P --generate", "manage", exitDone},
	{"create HOST_SET -p P --generate --allow-host api.example.com", "both", exitDone},
	{"create MODEL_SET -p P --generate --llm-safe", "both", exitDone},
	{"edit A -p P -d SET", "manage", exitDone},
	{"edit A -p P --generate", "manage", exitDone},
	{"edit A -p P --allow-host SET.example.com", "both", exitDone},
	{"edit A -p P --expires 90d", "manage", exitDone},
	{"delete DEL_SET -p P --yes", "manage", exitDone},
	{"import values.env -p P --overwrite", "manage", exitDone},
	{"clone B -p P --to home --overwrite", "manage", exitDone}, // "home" is theirs to manage, not to use
	{"instruction set i -p P -f template", "both", exitDone},
	{"project create new-SET", "owner", exitDone},
	{"project rename P new-SET", "owner", exitDone},
	{"project duplicate P new-SET", "owner", exitDone},
	{"project delete P --yes", "owner", exitDone},
	{"member add new-SET --recipient RECIPIENT", "owner", exitDone},
	{"member remove them --yes", "owner", exitDone},
	{"grant me secrets:use secrets:manage -p P", "owner", exitDone},
	{"revoke them -p P", "owner", exitDone},
	{"key list", "owner", exitDone},
	{"key rotate", "owner", exitDone},
	{"key add recovery", "owner", exitDone},
	{"verify", "owner", exitDone},
	{"backup copy-SET.db", "owner", exitDone},
}

var permissionSets = []struct {
	name  string
	words string
	holds []string
}{
	{"none", "", nil},
	{"read", "secrets:read", []string{"read"}},
	{"use", "secrets:use", []string{"read", "use"}},
	{"manage", "secrets:manage", []string{"read", "manage"}},
	{"all", "secrets:use secrets:manage", []string{"read", "use", "manage", "both"}},
}

// TestPermissions tries every command with every set of permissions, in a
// member's own project, in another's and in one from which they were revoked, by
// a script that is written here: one line for each, with its exit code.
func TestPermissions(t *testing.T) {
	me, them := newIdentity(t), newIdentity(t)
	stranger := newIdentity(t).Recipient().String()
	var s strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&s, format+"\n", args...) }
	line("new-vault")
	line("env OWNER=$TACENDA_IDENTITY")
	line("exits 0 tacenda member add me --recipient %s", me.Recipient())
	line("exits 0 tacenda member add them --recipient %s", them.Recipient())
	line("chmod 0600 me.key")
	for _, p := range []string{"own", "other", "revoked", "home"} {
		line("exits 0 tacenda project create %s", p)
		line("exits 0 tacenda create A -p %s --generate", p)
		line("exits 0 tacenda create B -p %s --generate", p)
		line("exits 0 tacenda instruction set i -p %s -f template", p)
		line("exits 0 tacenda tool set t -p %s -f tool.yaml", p)
		line("exits 0 tacenda grant them secrets:use -p %s", p)
	}
	line("exits 0 tacenda grant me secrets:use secrets:manage -p revoked")
	line("exits 0 tacenda revoke me -p revoked")
	line("exits 0 tacenda grant me secrets:manage -p home")
	n := 0
	for _, set := range permissionSets {
		line("\n# %s", set.name)
		line("env TACENDA_IDENTITY=$OWNER")
		if set.words != "" {
			line("exits 0 tacenda grant me %s -p own", set.words)
		}
		line("exits 0 tacenda create DEL_%s -p own --generate", strings.ToUpper(set.name))
		line("env TACENDA_IDENTITY=me.key")
		for _, p := range []string{"own", "other", "revoked", "nowhere"} {
			for _, c := range attemptedCommands {
				// Whoever has nothing anywhere, and whoever has all elsewhere, is enough of these.
				if (p != "own" || c.needs == "owner") && set.name != "none" && set.name != "all" ||
					p != "own" && (c.needs == "owner" || (p == "nowhere") != (set.name == "none")) {
					continue
				}
				n++
				tryCommand(line, c, p, set.name, p == "own" && slices.Contains(set.holds, c.needs), p != "own" || set.words == "", stranger)
			}
		}
	}
	// Hosts are set by those who may use a secret, and a clone brings its own along.
	line("exits 0 tacenda edit A -p own --allow-host elsewhere.example.com")
	line("exits 4 tacenda clone A -p own --to home --overwrite")
	line("stderr '^tacenda: permission denied: project home needs secrets:use$'")
	line("env TACENDA_IDENTITY=$OWNER")
	line("exits 0 tacenda verify")
	line("exits 0 tacenda list -p other --names")
	line(`stdout '^A\nB\n$'`)
	fmt.Fprintf(&s, "-- me.key --\n%s\n-- template --\nuse {{A}}\n-- values.env --\nA=imported\n-- tool.yaml --\nmethod: GET\nurl: https://api.example.com/{{A}}\n", me)

	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "permissions.txtar"), []byte(s.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{Dir: dir, RequireExplicitExec: true, Setup: setupScript, Cmds: map[string]func(*testscript.TestScript, bool, []string){
		"exits": exitsWith, "new-vault": newVault,
	}})
	t.Logf("%d commands", n)
}

// tryCommand writes the lines for one command and what must come of it.
func tryCommand(line func(string, ...any), c attempted, project, set string, allowed, hidden bool, stranger string) {
	each := set + "-" + project
	text := c.line
	if strings.Contains(text, "_SET") {
		each = strings.ToUpper(set)
		text = strings.ReplaceAll(text, "SET", each)
	}
	text = strings.ReplaceAll(text, "SET", each)
	text = strings.ReplaceAll(text, "RECIPIENT", stranger)
	words := strings.Fields(text)
	for i, w := range words {
		if w == "P" {
			words[i] = project
		}
	}
	text = strings.Join(words, " ")
	switch {
	case c.needs == "owner":
		line("exits 4 tacenda %s", text)
		line("stderr 'only an owner of the vault may do this'")
	case hidden:
		line("exits 5 tacenda %s", text)
		line("stderr '^tacenda: project %s: not found$'", project)
		line("! stdout .")
	case allowed:
		line("exits %d tacenda %s", c.code, text)
	default:
		line("exits 4 tacenda %s", text)
		line("stderr '^tacenda: permission denied: project %s needs secrets:'", project)
		line("! stdout .")
	}
}

func newIdentity(t *testing.T) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

package faults_test

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tacenda/internal/prooftest"
)

// building is the environment in which releases are built; see .ci/release.
func building(more ...string) []string {
	return append(append(os.Environ(), "CGO_ENABLED=0", "GOEXPERIMENT=runtimesecret", "GOFLAGS=-trimpath -mod=readonly", "GOWORK=off"), more...)
}

func goTool(t *testing.T, dir string, env []string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// copySources copies what a build needs: all but what git and editors keep.
func copySources(t *testing.T, from, to string) {
	t.Helper()
	do(t, filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(from, path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "dist"):
			return filepath.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		case !d.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), data, 0o600)
	}))
}

// TestSupplyChain: every module is what go.sum says, and what is built from it is the
// same bytes wherever it is built, with nothing of the machine and no library of the
// system in it; it says itself what went into it.
func TestSupplyChain(t *testing.T) {
	root := filepath.Dir(goTool(t, ".", building(), "env", "GOMOD"))
	if said := goTool(t, root, building(), "mod", "verify"); said != "all modules verified" {
		t.Errorf("go mod verify: %s", said)
	}
	args := []string{"build", "-buildvcs=false", "-ldflags=-s -w -buildid= -X tacenda/internal/cli.version=1.2.3", "-o"}
	here, there := filepath.Join(t.TempDir(), "tacenda"), filepath.Join(t.TempDir(), "tacenda")
	copied, elsewhere := filepath.Join(t.TempDir(), "copy"), filepath.Join(t.TempDir(), "a", "copy")
	copySources(t, root, copied) // somebody may be editing there
	copySources(t, copied, elsewhere)
	goTool(t, copied, building(), append(args, here, ".")...)
	env := building("HOME="+t.TempDir(), "GOCACHE="+goTool(t, root, building(), "env", "GOCACHE"), "GOMODCACHE="+goTool(t, root, building(), "env", "GOMODCACHE"))
	if *fresh {
		env = append(env, "GOCACHE="+t.TempDir())
	}
	goTool(t, elsewhere, env, append(args, there, ".")...)
	one, err := os.ReadFile(here)
	do(t, err)
	two, err := os.ReadFile(there)
	do(t, err)
	if sha256.Sum256(one) != sha256.Sum256(two) {
		t.Error("two builds of the same sources differ")
	}
	if bytes.Contains(one, []byte(copied)) || bytes.Contains(one, []byte(elsewhere)) {
		t.Error("the program names the directory that it was built in")
	}
	wantStatic(t, here)
	modules := wantBuilt(t, here, filepath.Join(root, "go.sum"))
	out, err := exec.CommandContext(t.Context(), here, "version", "--json").Output()
	do(t, err)
	if !strings.Contains(string(out), `"version":"1.2.3"`) || !strings.Contains(string(out), `"runtime_secret":true`) {
		t.Errorf("it says of itself %s", out)
	}
	prooftest.Cases(t, 2, "builds, the same bytes")
	prooftest.Cases(t, modules, "modules as go.sum has them")
}

// wantStatic fails for a program that the system's linker would have to load for.
func wantStatic(t *testing.T, path string) {
	t.Helper()
	f, err := elf.Open(path)
	do(t, err)
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("it is not static: %v", p.Type)
		}
	}
}

// wantBuilt holds what a program says of its build against go.sum, and returns how
// many modules went into it.
func wantBuilt(t *testing.T, path, sums string) int {
	t.Helper()
	info, err := buildinfo.ReadFile(path)
	do(t, err)
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if settings["-trimpath"] != "true" || settings["CGO_ENABLED"] != "0" || !strings.Contains(info.GoVersion+settings["GOEXPERIMENT"], "runtimesecret") {
		t.Errorf("built with %s, %v", info.GoVersion, settings)
	}
	text, err := os.ReadFile(sums)
	do(t, err)
	for _, m := range info.Deps {
		if m.Replace != nil || m.Sum == "" || !strings.Contains(string(text), m.Path+" "+m.Version+" "+m.Sum+"\n") {
			t.Errorf("%s %s is not as go.sum has it", m.Path, m.Version)
		}
	}
	return len(info.Deps)
}

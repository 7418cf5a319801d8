package gitignore_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tacenda/internal/gitignore"
)

// lines are the patterns that cases are made of.
var lines = []string{
	"a", "b", "*.txt", "!a.txt", "/a", "a/", "/a/", "a/b", "/a/b", "a/*", "!a/b", "**/b", "a/**", "a/**/c", "**", "*", "!*/", "!*.txt", "/*", "!/a",
	"b.txt ", `b.txt\ `, `a\ `, `\#a`, "#a", `\!a`, "!!a", "?", "?.txt", "[ab]", "[!a]", "[^a].txt", "[a-b].*", "[]a]", "[!]a]*", "[a", "a[", `[\]]`, "[[:alpha:]]",
	"[[:digit:]]*", "[[:nope:]]", "[[:alpha:]", "*a*", "a*b*", "**a", "a**", "a**b", "**/a/**", "/**/c", "a/**/", "**/", "/", "", " ", "\ta", "a\r", `a\`, `\a`, `*\`, "b/../a", "a//b",
	"./a", "c/**/**/a", "a/b/**", "!a/b/c", "x y", "[x] y", "é", "?é", "*.TXT", "[a-", "[--a]", "[b-a]", "dir/", "*/c", "*/b/", "a?b", "a[/]b", "a[!x]b",
}

// paths are the files of the tree; what has no file is not in it.
var paths = []string{
	"a/a", "a/b/c/a", "a/b/c/b.txt", "a/b/a.txt", "a/c/c", "a/x.txt", "b", "a.txt", "b.txt", "b.txt ", "c/a", "c/b", "c/d/a", "#a", "!a", "x y", "dir/dir/x", "dir/a b", "é", "1a", "]", "ab", "axb", `a\b`, "-",
	"c/[a", "c/ ",
}

// TestAgainstGit holds random files of patterns, at the top and below, against git.
func TestAgainstGit(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not there to compare with")
	}
	root := t.TempDir()
	env := append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "HOME="+root, "XDG_CONFIG_HOME="+root)
	env = slices.DeleteFunc(env, func(s string) bool { return strings.HasPrefix(s, "GIT_DIR=") })
	run := func(stdin []byte, args ...string) []byte {
		cmd := exec.Command(git, args...)
		cmd.Dir, cmd.Env, cmd.Stdin = root, env, bytes.NewReader(stdin)
		out, err := cmd.Output()
		var exit *exec.ExitError
		if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) { // 1: nothing is ignored
			t.Fatalf("git %v: %v", args, err)
		}
		return out
	}
	run(nil, "init", "-q")
	for _, p := range paths {
		file := filepath.Join(root, filepath.FromSlash(p))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files := []string{".gitignore", "a/.gitignore", "a/b/.gitignore", "c/.gitignore"}
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 160 {
		var told strings.Builder
		for j, f := range files {
			var text string
			if i < len(lines) && j == 0 {
				text = lines[i] // each alone
			} else if i >= len(lines) {
				for range r.IntN(5 - j) {
					text += lines[r.IntN(len(lines))] + "\n"
				}
			}
			fmt.Fprintf(&told, "%s: %q\n", f, text)
			if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(f)), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		listed := run(nil, "ls-files", "-z", "--others", "--exclude-per-directory=.gitignore")
		want := strings.Split(strings.TrimSuffix(string(listed), "\x00"), "\x00")
		if len(listed) == 0 {
			want = nil
		}
		slices.Sort(want)
		got := walk(t, root)
		if !slices.Equal(got, want) {
			t.Errorf("%sours %q\ngit  %q", told.String(), got, want)
		}
	}
}

// walk lists the files that are not ignored.
func walk(t *testing.T, root string) (files []string) {
	t.Helper()
	rules := map[string]*gitignore.Rules{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		above := rules[filepath.Dir(path)]
		if d.Name() == ".git" {
			return fs.SkipDir
		}
		if rel != "." && above.Ignored(rel, d.IsDir()) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !d.IsDir() {
			files = append(files, rel)
			return nil
		}
		text, err := os.ReadFile(filepath.Join(path, ".gitignore"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if rel == "." {
			rel = ""
		}
		rules[path] = above.Below(rel, text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	return files
}

// TestLinear: patterns that make others run for years.
func TestLinear(t *testing.T) {
	text := strings.Repeat("*a", 200) + "b\n" + strings.Repeat("**/a/", 200) + "b\n"
	r := (*gitignore.Rules)(nil).Below("", []byte(text))
	if r.Ignored(strings.Repeat("a/", 400)+strings.Repeat("a", 4000), false) {
		t.Error("ignored")
	}
}

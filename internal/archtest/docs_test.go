package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	// place is a path below one of our directories; <kind> and * stand for any name.
	place = regexp.MustCompile(`(?:^|[\s` + "`" + `(/])((?:internal|keyring|store|resolver|tui|docs)/[\w./<>*-]*)`)
	name  = regexp.MustCompile(`<\w+>`)
)

const top = "../.."

// pages are the texts of the documentation, by their paths.
func pages(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/decisions/*.md"} {
		found, err := filepath.Glob(filepath.Join(top, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, page := range found {
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			out[page] = string(text)
		}
	}
	return out
}

// TestLinks: what the documentation points to in this repository is there.
func TestLinks(t *testing.T) {
	links := 0
	for page, text := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target == "" || strings.Contains(target, "://") {
				continue
			}
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), target)); err != nil {
				t.Errorf("%s points to %s, which is not there", page, target)
			}
		}
	}
	if links == 0 {
		t.Error("no links found: the pattern is wrong")
	}
}

// TestPlaces: the files and directories of the sources that the documentation names are there.
func TestPlaces(t *testing.T) {
	places := 0
	for page, text := range pages(t) {
		if filepath.Base(page) == "CHANGELOG.md" {
			continue // tells of what was
		}
		for _, m := range place.FindAllStringSubmatch(text, -1) {
			places++
			path := strings.TrimRight(m[1], ".")
			found, err := filepath.Glob(filepath.Join(top, name.ReplaceAllString(path, "*")))
			if err != nil || len(found) == 0 {
				t.Errorf("%s names %s, which is not there (%v)", page, path, err)
			}
		}
	}
	if places == 0 {
		t.Error("no places found: the pattern is wrong")
	}
}

// TestTree: the tree in docs/architecture.md has a line for each package, and for nothing else.
func TestTree(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(top, "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, tree, _ := strings.Cut(string(text), "\n## The tree\n")
	tree, _, _ = strings.Cut(tree, "\n## ")
	drawn := map[string]bool{}
	above := ""
	for line := range strings.Lines(tree) {
		entry, ok := strings.CutPrefix(line, "    ")
		if !ok || strings.TrimSpace(entry) == "" {
			continue
		}
		path := strings.Fields(entry)[0]
		if strings.HasPrefix(entry, " ") {
			path = above + path
		} else {
			above = path
		}
		if found, err := filepath.Glob(filepath.Join(top, path)); err != nil || len(found) == 0 {
			t.Errorf("the tree has %s, which is not there (%v)", path, err)
		}
		if dir, ok := strings.CutSuffix(path, "/"); ok {
			drawn[dir] = true
		}
	}
	for name := range list(t, "linux") {
		if name != "" && !drawn[name] {
			t.Errorf("docs/architecture.md: the tree has no line for %s", name)
		}
	}
}

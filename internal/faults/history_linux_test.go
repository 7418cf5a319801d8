package faults_test

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A history is what taking all steps once led to: the contents and the files
// before the first and after each.
type history struct {
	world
	contents []string
	files    []files
}

func takeSteps(t testing.TB) history {
	t.Helper()
	h := history{world: newWorld(t, t.TempDir()), contents: []string{""}, files: []files{{}}}
	for n, s := range steps {
		if err := s.do(t.Context(), h.world); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		got, err := h.world.contents(t.Context())
		if err != nil {
			t.Fatalf("after %s: %v", s.name, err)
		}
		if quiet := s.name == "back up" || s.name == "compact"; (got == h.contents[n]) != quiet {
			t.Fatalf("%s: the contents do not tell whether it happened:\n%s", s.name, got)
		}
		h.contents = append(h.contents, got)
		h.files = append(h.files, read(t, h.dir))
	}
	return h
}

// wantStep checks the world after the steps up to acked were acknowledged and the
// next one may have happened. It returns what is wrong.
func (h history) wantStep(ctx context.Context, w world, acked int) error {
	got, err := w.contents(ctx)
	if err != nil {
		return err
	}
	if got != h.contents[acked] && (acked == len(steps) || got != h.contents[acked+1]) {
		return fmt.Errorf("the contents are neither those of step %d (%s) nor of the next:\n%s", acked, h.name(acked), got)
	}
	return nil
}

func (h history) name(n int) string {
	if n == 0 {
		return "nothing"
	}
	return steps[n-1].name
}

// files are the files below a directory, by their names.
type files map[string][]byte

func read(t testing.TB, dir string) files {
	t.Helper()
	all := files{}
	do(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err == nil {
			all[name], err = os.ReadFile(path)
		}
		return err
	}))
	return all
}

func (f files) write(dir string) error {
	for _, name := range slices.Sorted(maps.Keys(f)) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, f[name], 0o600); err != nil {
			return err
		}
	}
	return nil
}

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// place is a private directory with one file of content "old".
func place(t *testing.T) (dir, path string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "out")
	put(t, path, "old")
	return dir, path
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// holds checks a file's content and that its directory has these names in it and no others.
func holds(t *testing.T, path, content string, names ...string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if string(got) != content || (content != "") != (err == nil) {
		t.Errorf("%s holds %q, %v; want %q", path, got, err, content)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		found = append(found, e.Name())
	}
	slices.Sort(names)
	if !slices.Equal(found, names) {
		t.Errorf("the directory holds %q, want %q", found, names)
	}
}

// quiet fails the test when there is something to warn of.
func quiet(t *testing.T) func(string) {
	return func(s string) { t.Errorf("warned: %s", s) }
}

func create(t *testing.T, path string, o Options) *File {
	t.Helper()
	if o.Warn == nil {
		o.Warn = quiet(t)
	}
	f, err := Create(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func write(t *testing.T, f *File, content string) {
	t.Helper()
	if _, err := f.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
}

func commit(t *testing.T, f *File) {
	t.Helper()
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
}

func TestCommit(t *testing.T) {
	for _, name := range []string{"out", "new"} {
		dir, _ := place(t)
		path := filepath.Join(dir, name)
		f := create(t, path, Options{})
		write(t, f, "first ")
		before, _ := os.ReadFile(path)
		write(t, f, "second")
		if after, _ := os.ReadFile(path); string(after) != string(before) {
			t.Errorf("%s: the target changed before Commit: %q", name, after)
		}
		commit(t, f)
		if name == "out" {
			holds(t, path, "first second", "out")
		} else {
			holds(t, path, "first second", "new", "out")
		}
		if err := f.Close(); err != nil {
			t.Errorf("Close after Commit: %v", err)
		}
	}
}

func TestClose(t *testing.T) {
	_, path := place(t)
	for _, step := range []string{"created", "written", "synced"} {
		f := create(t, path, Options{})
		if step != "created" {
			write(t, f, "new")
		}
		if step == "synced" {
			if err := f.Sync(); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if err := f.Close(); err != nil {
				t.Errorf("%s: %v", step, err)
			}
		}
		holds(t, path, "old", "out")
		if _, err := f.Write([]byte("x")); !errors.Is(err, errClosed) {
			t.Errorf("%s: Write after Close: %v", step, err)
		}
		if err := f.Sync(); !errors.Is(err, errClosed) {
			t.Errorf("%s: Sync after Close: %v", step, err)
		}
		if err := f.Commit(); !errors.Is(err, errClosed) {
			t.Errorf("%s: Commit after Close: %v", step, err)
		}
	}
}

// TestSync is how several files are written so that all of them or none change.
func TestSync(t *testing.T) {
	_, path := place(t)
	f := create(t, path, Options{})
	write(t, f, "new")
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("more")); !errors.Is(err, errClosed) {
		t.Errorf("Write after Sync: %v", err)
	}
	if got, _ := os.ReadFile(path); string(got) != "old" {
		t.Errorf("the target changed before Commit: %q", got)
	}
	commit(t, f)
	holds(t, path, "new", "out")
	if err := f.Commit(); !errors.Is(err, errClosed) {
		t.Errorf("a second Commit: %v", err)
	}
}

func TestRefused(t *testing.T) {
	dir, path := place(t)
	sub := filepath.Join(dir, "sub")
	if err := os.Mkdir(sub, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		o    Options
		want string
		is   error
	}{
		{path: sub, want: "it is a directory"},
		{path: ".", want: "it is a directory"},
		{path: "..", want: "it is a directory"},
		{path: string(filepath.Separator), want: "it is a directory"},
		{path: "", want: "it is a directory"},
		{path: filepath.Join(dir, "none", "out"), is: fs.ErrNotExist},
		{path: filepath.Join(path, "out"), want: "not a directory"},
		{path: path, o: Options{Mode: fs.ModeSetuid | 0o755}, want: "read, write and execute bits only"},
	} {
		c.o.Warn = quiet(t)
		f, err := Create(c.path, c.o)
		if f != nil || err == nil || !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%q: %v", c.path, err)
		}
	}
	if f, err := Create(path, Options{}); f != nil || err == nil {
		t.Error("without Warn")
	}
	holds(t, path, "old", "out", "sub")
}

// TestDirectoryInTheWay lets the last step fail.
func TestDirectoryInTheWay(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	f := create(t, path, Options{Warn: func(string) {}})
	write(t, f, "new")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); err == nil || !strings.HasPrefix(err.Error(), "writing "+path+": ") {
		t.Errorf("%v", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	holds(t, path, "", "out")
}

// TestRelative writes to a path without a directory.
func TestRelative(t *testing.T) {
	dir, path := place(t)
	t.Chdir(dir)
	f := create(t, "out", Options{})
	write(t, f, "new")
	commit(t, f)
	holds(t, path, "new", "out")
}

// TestRemoveAll is how a process ends that does not wait for who writes.
func TestRemoveAll(t *testing.T) {
	dir, path := place(t)
	t.Cleanup(func() { temporaries.ended = false })
	var left []*File
	for _, step := range []string{"created", "written", "synced"} {
		f := create(t, path, Options{})
		if step != "created" {
			write(t, f, "new")
		}
		if step == "synced" {
			if err := f.Sync(); err != nil {
				t.Fatal(err)
			}
		}
		left = append(left, f)
	}
	done := create(t, filepath.Join(dir, "done"), Options{})
	write(t, done, "done")
	commit(t, done)

	for range 2 {
		RemoveAll()
		holds(t, path, "old", "done", "out")
	}
	for _, f := range left {
		if err := f.Commit(); !errors.Is(err, errEnded) {
			t.Errorf("Commit afterwards: %v", err)
		}
		if err := f.Close(); err != nil {
			t.Errorf("Close afterwards: %v", err)
		}
	}
	if f, err := Create(path, Options{Warn: quiet(t)}); f != nil || !errors.Is(err, errEnded) {
		t.Errorf("Create afterwards: %v", err)
	}
	holds(t, path, "old", "done", "out")
	if len(temporaries.open) != 0 {
		t.Errorf("%d files are still known", len(temporaries.open))
	}
}

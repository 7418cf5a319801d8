//go:build unix

package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

// TestMode has the file private while it is written, whatever it becomes, and whatever the umask.
func TestMode(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o077, 0o777} {
		for _, want := range []fs.FileMode{0, 0o600, 0o400, 0o640, 0o644, 0o777} {
			dir, path := place(t)
			if err := os.Chmod(path, 0o666); err != nil {
				t.Fatal(err)
			}
			before := syscall.Umask(umask)
			var warnings []string
			f, err := Create(path, Options{Mode: want, Warn: func(s string) { warnings = append(warnings, s) }})
			syscall.Umask(before)
			if err != nil {
				t.Fatal(err)
			}
			write(t, f, "new")
			if got := mode(t, filepath.Join(dir, f.temp)); got != 0o600 {
				t.Errorf("umask %04o: %04o while it is written", umask, got)
			}
			commit(t, f)
			_ = f.Close()
			if want == 0 {
				want = 0o600
			}
			if got := mode(t, path); got != want {
				t.Errorf("umask %04o: %04o, want %04o", umask, got, want)
			}
			said := fmt.Sprintf("mode %04o lets others read or change %s", want, path)
			if want&0o077 == 0 && len(warnings) > 0 || want&0o077 != 0 && (len(warnings) != 1 || warnings[0] != said) {
				t.Errorf("mode %04o: warned %q", want, warnings)
			}
		}
	}
}

func TestWarnDirectory(t *testing.T) {
	for mode, warns := range map[fs.FileMode]bool{
		0o700: false, 0o755: false, 0o770: true, 0o707: true, 0o777: true, 0o777 | fs.ModeSticky: true,
	} {
		dir, path := place(t)
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		var warnings []string
		f := create(t, path, Options{Warn: func(s string) { warnings = append(warnings, s) }})
		write(t, f, "new")
		commit(t, f)
		holds(t, path, "new", "out")
		want := "others can write to the directory " + dir + ", and so put another file in place of " + path
		if warns != (len(warnings) == 1) || warns && warnings[0] != want {
			t.Errorf("%v: warned %q", mode, warnings)
		}
	}
}

func TestLinkRefused(t *testing.T) {
	dir, path := place(t)
	link := filepath.Join(dir, "link")
	for _, to := range []string{"out", path, "none", "link", "/dev/null"} {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
		f, err := Create(link, Options{Warn: quiet(t)})
		if f != nil || err == nil || !strings.Contains(err.Error(), "it is a symbolic link") {
			t.Errorf("to %s: %v", to, err)
		}
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
	}
	holds(t, path, "old", "out")
}

func TestFollow(t *testing.T) {
	dir, path := place(t)
	other, _ := place(t)
	for link, to := range map[string]string{
		"direct": "out", "absolute": path, "chain": "absolute", "away": filepath.Join(other, "back"), "dangling": filepath.Join(other, "none"),
	} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join("..", filepath.Base(dir), "out"), filepath.Join(other, "back")); err != nil {
		t.Fatal(err)
	}
	// Both directories have one parent, so that ".." leads from one to the other.
	if filepath.Dir(dir) != filepath.Dir(other) {
		t.Fatalf("%s and %s", dir, other)
	}
	for link, target := range map[string]string{
		"direct": path, "absolute": path, "chain": path, "away": path, "dangling": filepath.Join(other, "none"), "out": path,
	} {
		f := create(t, filepath.Join(dir, link), Options{Follow: true})
		write(t, f, "through "+link)
		commit(t, f)
		if got, err := os.ReadFile(target); err != nil || string(got) != "through "+link {
			t.Errorf("%s: the target holds %q, %v", link, got, err)
		}
		if info, err := os.Lstat(target); err != nil || !info.Mode().IsRegular() {
			t.Errorf("%s: the target is %v, %v", link, info.Mode(), err)
		}
	}
	holds(t, path, "through "+lastThrough(t, path), "out", "direct", "absolute", "chain", "away", "dangling")
}

func lastThrough(t *testing.T, path string) string {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(string(got), "through ")
}

func TestFollowForEver(t *testing.T) {
	dir, _ := place(t)
	link := filepath.Join(dir, "link")
	if err := os.Symlink("link", link); err != nil {
		t.Fatal(err)
	}
	if f, err := Create(link, Options{Follow: true, Warn: quiet(t)}); f != nil || err == nil || !strings.Contains(err.Error(), "more than 40 symbolic links") {
		t.Errorf("%v", err)
	}
}

// TestLinkAfterwards is an attack: somebody who can write to the directory puts a link where the file will be.
func TestLinkAfterwards(t *testing.T) {
	dir, path := place(t)
	victim := filepath.Join(t.TempDir(), "victim")
	put(t, victim, "precious")
	f := create(t, path, Options{})
	write(t, f, "new")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, path); err != nil {
		t.Fatal(err)
	}
	commit(t, f)
	holds(t, victim, "precious", "victim")
	holds(t, path, "new", "out")
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		t.Errorf("%v, %v in %s", info.Mode(), err, dir)
	}
}

// TestDirectorySwapped is an attack: the directory is moved away and a link to another put in its place.
func TestDirectorySwapped(t *testing.T) {
	dir, path := place(t)
	elsewhere, other := place(t)
	f := create(t, path, Options{})
	write(t, f, "new")
	if err := os.Rename(dir, dir+".moved"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir + ".moved") })
	if err := os.Symlink(elsewhere, dir); err != nil {
		t.Fatal(err)
	}
	commit(t, f)
	holds(t, other, "old", "out")
	holds(t, filepath.Join(dir+".moved", "out"), "new", "out")
}

// fifo makes a FIFO and returns what its reader gets.
func fifo(t *testing.T, path string) <-chan string {
	t.Helper()
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	go func() {
		data, err := os.ReadFile(path)
		if err != nil {
			data = []byte(err.Error())
		}
		got <- string(data)
	}()
	return got
}

func TestFIFO(t *testing.T) {
	for _, follow := range []bool{false, true} {
		dir, _ := place(t)
		path := filepath.Join(dir, "fifo")
		got := fifo(t, path)
		f := create(t, path, Options{Follow: follow})
		write(t, f, "values")
		if err := f.Sync(); err != nil {
			t.Error(err)
		}
		commit(t, f)
		if s := <-got; s != "values" {
			t.Errorf("the reader got %q", s)
		}
		if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
			t.Errorf("the FIFO became %v, %v", info.Mode(), err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestFIFOLeft(t *testing.T) {
	dir, _ := place(t)
	path := filepath.Join(dir, "fifo")
	got := fifo(t, path)
	f := create(t, path, Options{})
	for range 2 {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if s := <-got; s != "" {
		t.Errorf("the reader got %q", s)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("Close removed the FIFO: %v", err)
	}
}

func TestForeignFIFO(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a FIFO to another user")
	}
	dir, _ := place(t)
	path := filepath.Join(dir, "fifo")
	got := fifo(t, path)
	if err := os.Chown(path, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if f, err := Create(path, Options{Warn: quiet(t)}); f != nil || err == nil || !strings.Contains(err.Error(), "it belongs to another user") {
		t.Fatalf("%v", err)
	}
	if s := <-got; s != "" {
		t.Errorf("the reader got %q", s)
	}
	var warnings []string
	if err := os.Chown(dir, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	create(t, filepath.Join(dir, "out"), Options{Warn: func(s string) { warnings = append(warnings, s) }})
	if len(warnings) != 1 || warnings[0] != "the directory "+dir+" belongs to another user, who can replace files in it" {
		t.Errorf("warned %q", warnings)
	}
}

func TestDevice(t *testing.T) {
	f := create(t, "/dev/null", Options{})
	write(t, f, "values")
	commit(t, f)
	if runtime.GOOS == "linux" {
		f = create(t, "/dev/full", Options{})
		if _, err := f.Write([]byte("x")); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%v", err)
		}
	}
}

// TestPipeByLink writes to a pipe that has a name only in /proc, as /dev/stdout does.
func TestPipeByLink(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("no /proc")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	path := fmt.Sprintf("/proc/self/fd/%d", w.Fd())
	if f, err := Create(path, Options{Warn: quiet(t)}); f != nil || err == nil || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("%v", err)
	}
	f := create(t, path, Options{Follow: true})
	_ = w.Close()
	write(t, f, "values")
	commit(t, f)
	if got, err := io.ReadAll(r); err != nil || string(got) != "values" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestSocket(t *testing.T) {
	t.Chdir(t.TempDir()) // a socket's path is short
	l, err := net.Listen("unix", "s")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if f, err := Create("s", Options{Warn: quiet(t)}); f != nil || err == nil || !strings.Contains(err.Error(), "neither a file, a FIFO nor a device") {
		t.Errorf("%v", err)
	}
}

func TestUnwritable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir, path := place(t)
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	if f, err := Create(path, Options{Warn: quiet(t)}); f != nil || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("%v", err)
	}
	holds(t, path, "old", "out")
}

// TestFileLimit lets the file grow past what is allowed, which ends as a full disk does.
func TestFileLimit(t *testing.T) {
	_, path := place(t)
	f := create(t, path, Options{})
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 4096, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	_, err := f.Write(make([]byte, 8192))
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, syscall.EFBIG) {
		t.Errorf("%v", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	holds(t, path, "old", "out")
}

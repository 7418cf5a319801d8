package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"tacenda/internal/prooftest"
	"tacenda/store"
)

// TestPowerLoss takes the power away at every moment: what a process does to its
// files is recorded with strace, and images of the disk are made from what had
// been flushed and some of what had not. In each of them the vault must be whole,
// hold the last change that was acknowledged or the one after it, and get rid of
// what a scrub was to remove.

func TestPowerLoss(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed")
	}
	images := 3 // at each moment
	if s := os.Getenv("STORE_TEST_IMAGES"); s != "" {
		if images, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	path := place(t)
	log := filepath.Join(t.TempDir(), "log")
	run := child(t, "steps", path)
	cmd := exec.CommandContext(t.Context(), strace, append([]string{"-f", "-xx", "-s", "100000000", "-o", log, "-e", "signal=none", "-e",
		"trace=openat,close,pwrite64,ftruncate,fdatasync,fsync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,write"}, run.Args...)...)
	cmd.Env = run.Env
	if out, err := cmd.CombinedOutput(); err != nil {
		if bytes.Contains(out, []byte("ptrace")) {
			t.Skipf("strace may not trace here: %s", out)
		}
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(log)
	do(t, err)
	d := &disk{t: t, dir: filepath.Dir(path), images: images, random: rand.New(rand.NewPCG(3, 4)), open: map[string]any{}, names: map[string]*inode{}, flushed: map[string]*inode{}}
	for _, call := range calls(string(text)) {
		d.call(call)
	}
	if d.acked != powerSteps || d.moments < 4*powerSteps {
		t.Errorf("%d steps and %d moments were recorded: the test tests nothing", d.acked, d.moments)
	}
	prooftest.Cases(t, d.made, "crash images")
	prooftest.Cases(t, d.moments, "moments")
}

// A syscallLine is one line of the record.
type syscallLine struct {
	name string
	args []string
	ret  string
}

var (
	callPattern = regexp.MustCompile(`^(\w+)\((.*)\) += (-?\d+)`)
	argPattern  = regexp.MustCompile(`"((?:\\x[0-9a-f]{2})*)"|[^, ]+`)
)

// calls splits a record, joining calls that another thread's interrupted.
func calls(log string) (list []syscallLine) {
	begun := map[string]string{}
	for line := range strings.Lines(log) {
		pid, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		text = strings.TrimSpace(text)
		if first, ok := strings.CutSuffix(text, " <unfinished ...>"); ok {
			begun[pid] = first
			continue
		}
		if _, rest, ok := strings.Cut(text, " resumed>"); ok && strings.HasPrefix(text, "<... ") {
			text = begun[pid] + rest
		}
		m := callPattern.FindStringSubmatch(text)
		if m == nil || strings.HasPrefix(m[3], "-") {
			continue
		}
		list = append(list, syscallLine{m[1], argPattern.FindAllString(m[2], -1), m[3]})
	}
	return list
}

func unquote(arg string) []byte {
	b := make([]byte, 0, len(arg)/4)
	for at := strings.Index(arg, `\x`); at >= 0 && at+4 <= len(arg); at += 4 {
		if arg[at] != '\\' {
			break
		}
		n, _ := strconv.ParseUint(arg[at+2:at+4], 16, 8)
		b = append(b, byte(n))
	}
	return b
}

// An inode is a file: what is on the disk, and what was done to it since.
type inode struct {
	flushed []byte
	pending []piece
}

// piece writes data at a place; with no data it sets the length.
type piece struct {
	at   int64
	data []byte
}

func (c piece) apply(b []byte) []byte {
	if end := c.at + int64(len(c.data)); c.data == nil && int64(len(b)) > c.at {
		return b[:c.at]
	} else if int64(len(b)) < end {
		b = append(b, make([]byte, end-int64(len(b)))...)
	}
	copy(b[c.at:], c.data)
	return b
}

// A disk follows the calls. A directory's changes reach it in their order, some
// time before the directory is flushed; a file's in any.
type disk struct {
	t             *testing.T
	dir           string
	images        int
	random        *rand.Rand
	open          map[string]any // *inode, or the disk itself for the directory
	names         map[string]*inode
	flushed       map[string]*inode // the directory on the disk
	pending       []func(map[string]*inode)
	acked         uint64
	moments, made int
}

func (d *disk) name(arg string) (string, bool) {
	path := string(unquote(arg))
	return filepath.Base(path), filepath.Dir(path) == d.dir
}

// change does something to the directory.
func (d *disk) change(fn func(names map[string]*inode)) {
	fn(d.names)
	d.pending = append(d.pending, fn)
}

func (d *disk) call(c syscallLine) {
	switch c.name {
	case "openat":
		d.opened(c)
	case "close":
		delete(d.open, c.args[0])
	case "write":
		if c.args[0] == "1" {
			if _, err := fmt.Sscanf(string(unquote(c.args[1])), "step %d", &d.acked); err != nil {
				d.t.Fatalf("the writer said %q", unquote(c.args[1]))
			}
		}
	case "pwrite64", "ftruncate":
		f, ok := d.open[c.args[0]].(*inode)
		if !ok {
			return
		}
		at, err := strconv.ParseInt(c.args[len(c.args)-1], 10, 64)
		do(d.t, err)
		ch := piece{at: at}
		if c.name == "pwrite64" {
			ch.data = unquote(c.args[1])
		}
		f.pending = append(f.pending, ch)
	case "fdatasync", "fsync":
		d.sync(d.open[c.args[0]])
	case "unlink", "unlinkat":
		if name, ours := d.name(c.args[len(c.args)-1-len(c.args)/3]); ours {
			d.change(func(names map[string]*inode) { delete(names, name) })
		}
	case "rename", "renameat", "renameat2":
		var from, to string
		for _, arg := range c.args {
			if name, ours := d.name(arg); ours && from == "" {
				from = name
			} else if ours {
				to = name
			}
		}
		d.change(func(names map[string]*inode) {
			names[to] = names[from]
			delete(names, from)
		})
	case "link", "linkat":
		d.t.Fatal("a call that the test does not know:", c.name)
	}
}

func (d *disk) opened(c syscallLine) {
	name, ours := d.name(c.args[1])
	switch {
	case string(unquote(c.args[1])) == d.dir:
		d.open[c.ret] = d
	case ours && strings.Contains(c.args[2], "O_CREAT"):
		f := &inode{}
		d.change(func(names map[string]*inode) { names[name] = f })
		d.open[c.ret] = f
	case ours:
		d.open[c.ret] = d.names[name]
	default:
		delete(d.open, c.ret)
	}
}

// sync is a moment to lose power at; then what was flushed is on the disk.
func (d *disk) sync(what any) {
	d.moments++
	for range d.images {
		d.lose()
	}
	switch f := what.(type) {
	case *inode:
		for _, c := range f.pending {
			f.flushed = c.apply(f.flushed)
		}
		f.pending = nil
	case *disk:
		d.flushed, d.pending = maps.Clone(d.names), nil
	}
}

// lose makes an image of the disk and checks what is on it.
func (d *disk) lose() {
	t := d.t
	d.made++
	names := maps.Clone(d.flushed)
	for _, fn := range d.pending[:d.random.IntN(len(d.pending)+1)] {
		fn(names)
	}
	path := inMemory(t)
	defer os.RemoveAll(filepath.Dir(path))
	for name, f := range names {
		do(t, os.WriteFile(filepath.Join(filepath.Dir(path), name), d.crashed(f), 0o600))
	}
	b, err := store.OpenBolt(path, store.BoltOptions{})
	if errors.Is(err, store.ErrNotFound) && d.acked == 0 {
		return
	}
	if err != nil {
		t.Fatalf("after step %d, moment %d: %v", d.acked, d.moments, err)
	}
	x, y := uint64(0), uint64(0)
	do(t, b.View(t.Context(), func(tx store.Tx) (err error) {
		if x, err = counter(tx, "x"); err != nil {
			return err
		}
		y, err = counter(tx, "y")
		return err
	}))
	if x != y || x != d.acked && x != d.acked+1 {
		t.Fatalf("after step %d, moment %d: x = %d, y = %d", d.acked, d.moments, x, y)
	}
	do(t, store.CheckStructure(path))
	do(t, b.Update(t.Context(), func(tx store.Tx) error { return tx.Put([]byte("another"), []byte("change")) }))
	do(t, store.CheckStructure(path))
	wantNames(t, filepath.Dir(path), "vault.db")
	for n := uint64(1); scrubs(x) && n+4 <= x; n++ { // replaced by the step four later
		wantTraces(t, path, stepValue(n), false)
	}
	if t.Failed() {
		t.Fatalf("after step %d, moment %d", d.acked, d.moments)
	}
}

// crashed returns what is left of a file: some of what was not flushed, or the
// beginning of it, or all of it torn into sectors.
func (d *disk) crashed(f *inode) []byte {
	b := bytes.Clone(f.flushed)
	pending := f.pending
	switch d.random.IntN(3) {
	case 0:
		for _, i := range d.random.Perm(len(pending)) {
			if d.random.IntN(2) == 0 {
				b = pending[i].apply(b)
			}
		}
	case 1:
		for _, c := range pending[:d.random.IntN(len(pending)+1)] {
			b = c.apply(b)
		}
	case 2:
		for _, c := range pending {
			for len(c.data) > 512 {
				if d.random.IntN(2) == 0 {
					b = piece{c.at, c.data[:512]}.apply(b)
				}
				c = piece{c.at + 512, c.data[512:]}
			}
			b = c.apply(b)
		}
	}
	return b
}

package faults_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode"

	"tacenda/internal/prooftest"
)

// load reads a corpus: a list of cases, each with a name of its own and its reason.
func load[T any](t *testing.T, path string, named func(T) (name, why string)) []T {
	t.Helper()
	data, err := os.ReadFile(path)
	do(t, err)
	var all []T
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	seen := map[string]bool{}
	for _, x := range all {
		name, why := named(x)
		if name == "" || why == "" || seen[name] {
			t.Errorf("%s: %q needs a reason and a name of its own", path, name)
		}
		seen[name] = true
	}
	if len(all) == 0 {
		t.Fatalf("%s is empty: it proves nothing", path)
	}
	return all
}

// A hostile text is what somebody may call a thing, who wants the terminal of
// somebody else. The corpus is the interface's too.
type hostileText struct {
	Name string `json:"name"`
	Text string `json:"text"`
	Hex  string `json:"hex"` // what JSON cannot carry, instead of text
	Want string `json:"want"`
	Why  string `json:"why"`
}

// steers returns the first character of what a program said that could do more to
// a terminal than show itself.
func steers(text string) string {
	if i := strings.IndexFunc(text, func(r rune) bool {
		return r != '\n' && !unicode.IsPrint(r) || r == unicode.ReplacementChar || unicode.Is(unicode.Cf, r)
	}); i >= 0 {
		return fmt.Sprintf("%.20q", text[i:])
	}
	return ""
}

// TestHostileText gives the program texts that steer terminals, wherever it takes a
// text, and looks at all that it prints. Values are not looked at: whoever asks for
// one gets its bytes.
func TestHostileText(t *testing.T) {
	u := newUser(t)
	ran, tried := 0, 0
	texts := load(t, filepath.Join("..", "..", "tui", "testdata", "hostile.json"), func(h hostileText) (string, string) { return h.Name, h.Why })
	for i, h := range texts {
		if !*whole && i%5 > 0 {
			continue
		}
		tried++
		raw, err := hex.DecodeString(h.Hex)
		do(t, err)
		text := strings.ReplaceAll(h.Text+string(raw), "\x00", "") // no argument can have it
		if len(text) > 4000 {
			text = text[:4000]
		}
		file := strings.ReplaceAll(text, "/", "_")
		if len(file) > 200 {
			file = file[:200]
		}
		for _, args := range [][]string{
			{text}, {"show", text}, {"list", "--filter", text}, {"list", "-p", text}, {"create", text, "--value-file", "-"},
			{"create", "NEW", "--value-file", "-", "-d", text}, {"edit", "ONE", "-d", text}, {"show", "ONE"}, {"show", "ONE", "--json"}, {"list"}, {"list", "--json"},
			{"project", "create", text}, {"resolve", "-"}, {"resolve", file}, {"import", file}, {"import", "-", "--format", "env"}, {"check", file}, {"refs", text},
			{"delete", text, "--yes"}, {"--vault", file, "list"}, {"key", "add", "recipient", text}, {"verify", file}, {"--" + text}, {"audit"},
		} {
			e := u.run(nil, "{{"+text+"}}\n"+text, args...)
			ran++
			if e.hung {
				t.Errorf("%s: %.80q hangs", h.Name, args)
			}
			if bad := steers(e.out + e.err); bad != "" && args[0] != "resolve" || steers(e.err) != "" {
				t.Errorf("%s (%s): %.80q prints %s: %.300q", h.Name, h.Why, args, bad, e.out+e.err)
			}
			if e.code < 0 || e.code == 2 && strings.HasPrefix(e.err, "panic") {
				t.Errorf("%s: %.80q ends with %d: %.300q", h.Name, args, e.code, e.err)
			}
		}
	}
	u.must("", "edit", "ONE", "-d", "")
	u.wantVault("hostile texts")
	prooftest.Cases(t, tried, "texts")
	prooftest.Cases(t, ran, "runs of the program")
}

// A hostile import is a file, or what makes one, and the code that it ends with.
type hostileImport struct {
	Name   string `json:"name"`
	Why    string `json:"why"`
	Format string `json:"format"`
	Text   string `json:"text"`
	Bytes  []byte `json:"bytes"` // what JSON cannot carry, after text
	Repeat string `json:"repeat"`
	Times  int    `json:"times"`
	End    string `json:"end"`
	Code   int    `json:"code"`
}

// TestHostileImports imports files that want memory, time, or names and values that
// are not what they seem: each ends with its code, and nothing is stored.
func TestHostileImports(t *testing.T) {
	u := newUser(t)
	before := u.must("", "list", "--names")
	all := load(t, "testdata/imports.json", func(h hostileImport) (string, string) { return h.Name, h.Why })
	for _, h := range all {
		path := filepath.Join(u.dir, "import")
		do(t, os.WriteFile(path, []byte(h.Text+string(h.Bytes)+strings.Repeat(h.Repeat, h.Times)+h.End), 0o644))
		e := u.run(nil, "", "import", path, "--format", h.Format)
		if e.hung || e.code != h.Code || !message.MatchString(e.err) {
			t.Errorf("%s (%s): exit code %d, want %d, hung %t: %.300q", h.Name, h.Why, e.code, h.Code, e.hung, e.err)
		}
		if strings.Contains(e.out+e.err, "CaNaRy") {
			t.Errorf("%s: the message has a value in it: %.300q", h.Name, e.err)
		}
		if after := u.must("", "list", "--names"); after != before {
			t.Errorf("%s: something was stored: %q", h.Name, after)
		}
	}
	u.wantVault("hostile imports")
	prooftest.Cases(t, len(all), "files")
}

// TestHostileBackups restores what is no backup of the vault, or not the whole of
// one: nothing changes.
func TestHostileBackups(t *testing.T) {
	u := newUser(t)
	good := filepath.Join(u.dir, "good.db")
	u.must("", "backup", good)
	whole, err := os.ReadFile(good)
	do(t, err)
	other := newUser(t)
	other.must("", "backup", filepath.Join(other.dir, "other.db"))
	foreign, err := os.ReadFile(filepath.Join(other.dir, "other.db"))
	do(t, err)
	path := filepath.Join(u.dir, "bad.db")
	write := func(data []byte) func() error {
		return func() error { return os.WriteFile(path, data, 0o600) }
	}
	flipped := func(at int) []byte {
		b := append([]byte(nil), whole...)
		b[at] ^= 0x10
		return b
	}
	cases := []struct {
		why  string
		make func() error
	}{
		{"empty: a copy that was never finished", write(nil)},
		{"cut after the first page", write(whole[:4096])},
		{"cut in the middle", write(whole[:len(whole)/2])},
		{"zeros of the same length", write(make([]byte, len(whole)))},
		{"an archive, which nothing here unpacks", write(append([]byte("PK\x03\x04../../../etc/passwd"), make([]byte, 5000)...))},
		{"another person's vault", write(foreign)},
		{"a flip in both meta pages", write(func() []byte { b := flipped(40); b[4096+40] ^= 1; return b }())},
		{"a symbolic link to the backup, which may lead elsewhere the next moment", func() error { return os.Symlink(good, path) }},
		{"a FIFO, which would wait for ever", func() error { return syscall.Mkfifo(path, 0o600) }},
		{"a directory", func() error { return os.Mkdir(path, 0o700) }},
		{"a device without end", func() error { return os.Symlink("/dev/zero", path) }},
		{"the vault itself by a hard link", func() error { return os.Link(filepath.Join(u.dir, "v", "vault.db"), path) }},
	}
	for _, c := range cases {
		do(t, os.RemoveAll(path))
		do(t, c.make())
		if os.Geteuid() == 0 {
			do(t, os.Lchown(path, nobody, nobody))
		}
		e := u.run(nil, "", "restore", path, "--yes")
		if e.hung || e.code < 1 || e.code > 12 || !message.MatchString(e.err) {
			t.Errorf("%s: exit code %d, hung %t: %.300q", c.why, e.code, e.hung, e.err)
		}
		do(t, os.RemoveAll(path))
		u.wantVault(c.why)
	}
	prooftest.Cases(t, len(cases), "backups")
}

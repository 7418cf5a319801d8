package faults_test

import (
	"bytes"
	"crypto/sha256"
	bytesof "encoding/binary"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tacenda/internal/prooftest"
	"tacenda/store"
)

// rewritten is a vault's file with its header record changed.
func rewritten(t *testing.T, path string, header func([]byte) []byte) []byte {
	t.Helper()
	e, err := store.OpenBolt(path, store.BoltOptions{})
	do(t, err)
	do(t, e.Update(t.Context(), func(tx store.Tx) error {
		old, err := tx.Get([]byte{0})
		if err != nil {
			return err
		}
		return tx.Put([]byte{0}, header(bytes.Clone(old)))
	}))
	do(t, e.Close())
	data, err := os.ReadFile(path)
	do(t, err)
	return data
}

// laterEngine gives both meta pages of a file another version, with the checksum
// that belongs to it; store/bolt_page.go draws them.
func laterEngine(data []byte) []byte {
	data = bytes.Clone(data)
	for _, at := range []int{16, 4096 + 16} {
		meta := data[at:]
		bytesof.NativeEndian.PutUint32(meta[4:], 3)
		h := fnv.New64a()
		h.Write(meta[:56])
		bytesof.NativeEndian.PutUint64(meta[56:], h.Sum64())
	}
	return data
}

// TestNewerFormats: a vault of a format that this program does not know is refused by
// every command, says why, and keeps every byte that it has.
func TestNewerFormats(t *testing.T) {
	u := newUser(t)
	path := filepath.Join(u.dir, "v", "vault.db")
	ours, err := os.ReadFile(path)
	do(t, err)
	backup := filepath.Join(u.dir, "backup.db")
	version := func(to ...byte) []byte { // {1: magic, 2: version, 3: vault id}
		other := filepath.Join(t.TempDir(), "vault.db")
		do(t, os.WriteFile(other, ours, 0o600))
		return rewritten(t, other, func(h []byte) []byte {
			i := bytes.IndexByte(h, 2) + 1
			return append(append(bytes.Clone(h[:i]), to...), h[i+1:]...)
		})
	}
	formats := map[string][]byte{
		"the next format":  version(2),
		"one far off":      version(0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
		"a later bbolt":    laterEngine(ours),
		"a format of none": version(0),
	}
	do(t, os.WriteFile(filepath.Join(u.dir, "in.env"), []byte("A=1\n"), 0o644))
	tried := 0
	for name, data := range formats {
		u.put(path, data)
		for _, args := range [][]string{
			{"list"}, {"show", "ONE"}, {"create", "NEW", "--value-file", "-"}, {"edit", "ONE", "--value-file", "-"}, {"delete", "ONE", "--yes"}, {"clone", "ONE", "--to", "other"},
			{"import", "in.env"}, {"export"}, {"resolve", "-"}, {"run", "--", "true"}, {"call", "nothing"}, {"tool", "set", "x", "-f", "-"}, {"instruction", "list"}, {"mcp"},
			{"project", "create", "new"}, {"project", "list"}, {"refs", "ONE"}, {"redact"}, {"key", "list"}, {"key", "rotate"}, {"member", "list"}, {"grant", "ann", "secrets:use"},
			{"backup", "copy.db"}, {"verify"}, {"audit"}, {"serve", "--listen", "127.0.0.1:0", "--identity", "key.txt"}, {"unlock"},
		} {
			e := u.run(nil, "url: http://127.0.0.1:1/{{ONE}}\n", args...)
			refused := e.code == 8 || e.code == 125 && args[0] == "run"
			if e.hung || !refused || !message.MatchString(e.err) || strings.HasPrefix(name, "the next") && !strings.Contains(e.err, "use a newer tacenda") {
				t.Errorf("%s: %q: exit code %d, hung %t: %q", name, args, e.code, e.hung, e.err)
			}
			tried++
		}
		now, err := os.ReadFile(path)
		do(t, err)
		if sha256.Sum256(now) != sha256.Sum256(data) {
			t.Errorf("%s: the file was written to", name)
		}
		// Nor is it taken for a backup, whatever is in the vault's place.
		u.put(path, ours)
		u.put(backup, data)
		for _, args := range [][]string{{"restore", backup, "--yes"}, {"verify", backup}} {
			if e := u.run(nil, "", args...); e.hung || e.code != 8 {
				t.Errorf("%s: %q: exit code %d: %q", name, args, e.code, e.err)
			}
			tried++
		}
		u.wantVault(name)
	}
	left, err := filepath.Glob(filepath.Join(u.dir, "v", "*"))
	if err != nil || len(left) != 1 {
		t.Errorf("beside the vault are %v, %v", left, err)
	}
	prooftest.Cases(t, len(formats), "formats")
	prooftest.Cases(t, tried, "commands that refused them")
}

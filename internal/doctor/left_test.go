package doctor

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestLeftFiles: what a killed writer left is named with the command that removes
// it, wherever it may be; what is still being written, and what only looks alike,
// is not.
func TestLeftFiles(t *testing.T) {
	state, work := t.TempDir(), t.TempDir()
	m := Machine{Vault: filepath.Join(work, "vault.db"), State: state, Work: work, Now: time.Now()}
	put := func(dir, name string, age time.Duration) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, m.Now.Add(-age)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const name = ".tacenda-ABCDEFGHIJKLMNOPQRSTUVWXY"
	put(work, name+"2", time.Second)
	put(work, ".tacenda", time.Hour)
	put(work, name, time.Hour)
	put(work, name+"22", time.Hour)
	if err := os.Mkdir(filepath.Join(work, name+"3"), 0o700); err != nil {
		t.Fatal(err)
	}
	want(t, m.leftFiles(), OK, "none in "+work+", "+state)

	first := put(work, name+"4", time.Hour)
	want(t, m.leftFiles(), Warn, "was killed left "+first, "rm "+first)
	for _, last := range "567" {
		put(state, name+string(last), time.Hour)
	}
	want(t, m.leftFiles(), Warn, first, ", and others")
	m = Machine{Work: filepath.Join(work, "none"), Now: m.Now}
	want(t, m.leftFiles(), OK)
}

package e2e_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tacenda/internal/prooftest"
	"tacenda/store"
)

// traces are the files under the home directory that hold a text, as it is or
// encoded.
func (h *home) traces(text []byte) []string {
	h.t.Helper()
	forms := [][]byte{text, []byte(hex.EncodeToString(text)), []byte(base64.StdEncoding.EncodeToString(text))}
	var found []string
	err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, f := range forms {
			if bytes.Contains(data, f) {
				found = append(found, path)
			}
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return found
}

// sealed are all records of the vault.
func (h *home) sealed() map[string][]byte {
	h.t.Helper()
	e, err := store.OpenBolt(h.vault, store.BoltOptions{})
	if err != nil {
		h.t.Fatal(err)
	}
	out := map[string][]byte{}
	err = e.View(h.t.Context(), func(tx store.Tx) error {
		return tx.Range(nil, func(k, v []byte) error { out[string(k)] = bytes.Clone(v); return nil })
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// TestNothingInClear searches everything that the program wrote for names,
// descriptions and values.
func TestNothingInClear(t *testing.T) {
	h := newHome(t)
	value := needle(t)
	h.run("", "project", "create", "a-project-of-its-own")
	h.run(string(value), "create", "A_NAME_THAT_IS_FOUND_NOWHERE", "--value-file", "-", "-d", "a description that is found nowhere", "-p", "a-project-of-its-own")
	h.run(string(value)+"2", "edit", "A_NAME_THAT_IS_FOUND_NOWHERE", "--value-file", "-", "-p", "a-project-of-its-own")
	h.run("", "clone", "A_NAME_THAT_IS_FOUND_NOWHERE", "-p", "a-project-of-its-own", "--to", "default")
	for what, text := range map[string][]byte{
		"the value": value, "the name": []byte("A_NAME_THAT_IS_FOUND_NOWHERE"),
		"the description": []byte("a description that"), "the project": []byte("a-project-of-its-own"), "the hint": value[:4],
	} {
		if files := h.traces(text); what != "the hint" && len(files) > 0 {
			t.Errorf("%s stands in %v", what, files)
		}
	}
}

// isSealed tells by its engine key whether a record is ciphertext: an index page
// rightly holds the digests of what stayed. See docs/format.md.
func isSealed(key string) bool {
	return key[0] == 0x10 && strings.IndexByte("nsvtie", key[25]) >= 0
}

// TestNoResidue searches the file for sealed records that an edit and a delete
// took out of it.
func TestNoResidue(t *testing.T) {
	h := newHome(t)
	for i := range 20 {
		h.run(fmt.Sprintf("%s%d", needle(t), i), "create", fmt.Sprintf("KEY_%d", i), "--value-file", "-")
	}
	before := h.sealed()
	h.run("another value", "edit", "KEY_3", "--value-file", "-")
	h.run("", "delete", "KEY_4", "KEY_5", "--yes")
	after := h.sealed()
	gone := 0
	for key, record := range before {
		if bytes.Equal(after[key], record) || !isSealed(key) {
			continue
		}
		gone++
		if files := h.traces(record[len(record)-64 : len(record)-32]); len(files) > 0 {
			t.Errorf("the old record %x still stands in %v", key, files)
		}
	}
	if gone < 6 { // two records of the edit, four of the deletes
		t.Errorf("only %d records changed", gone)
	}
	h.run("", "key", "rotate")
	for key, record := range after {
		if !isSealed(key) {
			continue
		}
		if files := h.traces(record[len(record)-64 : len(record)-32]); len(files) > 0 {
			t.Errorf("after a rotation the old record %x still stands in %v", key, files)
		}
	}
}

// TestKilledAtAnyMoment kills writers and then finds every acknowledged secret,
// and no damage. TACENDA_KILLS raises the number.
func TestKilledAtAnyMoment(t *testing.T) {
	kills := 25
	if n, err := strconv.Atoi(os.Getenv("TACENDA_KILLS")); err == nil {
		kills = n
	}
	h := newHome(t)
	random := rand.New(rand.NewPCG(1, 2))
	acknowledged := map[string]bool{}
	for i := range kills {
		cmd := h.command("create", fmt.Sprintf("KEY_%d", i), "--value-file", "-")
		cmd.Stdin = strings.NewReader(fmt.Sprintf("value %d", i))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(random.IntN(12_000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
		if cmd.Wait() == nil {
			acknowledged[fmt.Sprintf("KEY_%d", i)] = true
		}
		timer.Stop()
	}
	t.Logf("%d of %d were acknowledged before the kill", len(acknowledged), kills)
	h.run("", "verify")
	for name := range acknowledged {
		want := "value " + strings.TrimPrefix(name, "KEY_")
		if got := h.run("{{"+name+"}}", "resolve", "-"); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	h.run("last", "create", "LAST", "--value-file", "-")
	left, err := filepath.Glob(h.vault + ".tmp-*")
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
	prooftest.Cases(t, kills, "kills of the program")
}

// TestManyAtOnce lets readers and writers run side by side: no write is lost,
// no reader sees half of one.
func TestManyAtOnce(t *testing.T) {
	h := newHome(t)
	h.run("0", "create", "PAIR_A", "--value-file", "-")
	h.run("0", "create", "PAIR_B", "--value-file", "-")
	var group sync.WaitGroup
	problems := make(chan error, 100)
	start := func(cmd *exec.Cmd, check func(out string) error) {
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Start(); err != nil {
			problems <- err
			return
		}
		group.Go(func() {
			err := cmd.Wait()
			if err != nil {
				err = fmt.Errorf("%w: %s", err, errs.String())
			} else if check != nil {
				err = check(out.String())
			}
			if err != nil {
				problems <- err
			}
		})
	}
	const each = 12
	for i := range each {
		write := h.command("create", fmt.Sprintf("NEW_%d", i), "--value-file", "-", "--lock-timeout", "60s")
		write.Stdin = strings.NewReader("value")
		start(write, nil)
		both := h.command("import", "-", "--format", "env", "--overwrite", "--lock-timeout", "60s")
		both.Stdin = strings.NewReader(fmt.Sprintf("PAIR_A=%d\nPAIR_B=%d\n", i, i))
		start(both, nil)
		read := h.command("resolve", "-", "--lock-timeout", "60s")
		read.Stdin = strings.NewReader("{{PAIR_A}} {{PAIR_B}}")
		start(read, func(out string) error {
			a, b, _ := strings.Cut(out, " ")
			if a != b || a == "" {
				return fmt.Errorf("a reader saw half of a change: %q", out)
			}
			return nil
		})
	}
	group.Wait()
	close(problems)
	for err := range problems {
		t.Error(err)
	}
	names := h.run("", "list", "--names")
	for i := range each {
		if !strings.Contains(names, fmt.Sprintf("NEW_%d\n", i)) {
			t.Errorf("NEW_%d is lost", i)
		}
	}
	h.run("", "verify")
	prooftest.Cases(t, 3*each, "processes at once")
}

package e2e_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"tacenda/store"
)

// TestMemoryAfterImport stops the program when its work is done: nothing of a
// value may be left, whatever escapes it was written with. YAML is left out: its
// library makes strings, as docs/threat-model.md says.
func TestMemoryAfterImport(t *testing.T) {
	for format, file := range map[string][2]string{
		"env":  {"# a comment\nexport API_KEY=\"a\\n", "\"\nOTHER=b\n"},
		"json": {`{"api": {"key": "a\n`, `"}, "other": 1}`},
	} {
		t.Run(format, func(t *testing.T) {
			h, value := newHome(t), needle(t)
			r, w := fullPipe(t)
			cmd := h.command("import", "-", "--format", format)
			cmd.Stdin = io.MultiReader(strings.NewReader(file[0]), bytes.NewReader(value), strings.NewReader(file[1]))
			cmd.Stderr, cmd.Stdout = w, w
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the import to be stored", func() bool {
				out, err := h.try("", "list", "--names")
				return err == nil && strings.Contains(out, "OTHER")
			})
			settle(t, cmd.Process.Pid)
			report := scan(t, cmd.Process.Pid, value)
			w.Close()
			if _, err := io.Copy(io.Discard, r); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Fatal(err)
			}
			if !report.Clean() {
				t.Errorf("after import: %v", report)
			}
			if got := h.run("{{API_KEY}}", "resolve", "-"); got != "a\n"+string(value) {
				t.Error("the value was stored as something else")
			}
		})
	}
}

// TestMemoryWhileImportWaits finds the value where it must be, in guarded memory,
// and nowhere else.
func TestMemoryWhileImportWaits(t *testing.T) {
	h, value := newHome(t), needle(t)
	e, err := store.OpenBolt(h.vault, store.BoltOptions{})
	if err != nil {
		t.Fatal(err)
	}
	cmd := h.command("import", "-", "--format", "json", "--lock-timeout", "60s")
	cmd.Stdin = io.MultiReader(strings.NewReader(`{"api_key": "`), bytes.NewReader(value), strings.NewReader(`"}`))
	err = e.Update(t.Context(), func(store.Tx) error {
		if err := cmd.Start(); err != nil {
			return err
		}
		settle(t, cmd.Process.Pid)
		report := scan(t, cmd.Process.Pid, value)
		if outside := unguarded(t, cmd.Process.Pid, report); len(outside) > 0 {
			t.Errorf("while import waits, outside guarded memory: %v\n%v", outside, report)
		}
		if report.Clean() {
			t.Error("the value is nowhere: the program did not wait, or the scan is blind")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

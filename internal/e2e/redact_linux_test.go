package e2e_test

import (
	"bufio"
	"encoding/base64"
	"io"
	"testing"
)

// TestMemoryOfRedact looks into a redact that has masked values and waits for
// more: nothing of them may be left in it, although all of them passed through.
func TestMemoryOfRedact(t *testing.T) {
	h, value := newHome(t), needle(t)
	h.run(string(value), "create", "API_KEY", "--value-file", "-")
	cmd := h.command("redact")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for range 50 {
		for _, form := range [][]byte{value, []byte(base64.RawStdEncoding.EncodeToString(value))} {
			if _, err := in.Write(append(append([]byte("key: "), form...), ".\n"...)); err != nil {
				t.Fatal(err)
			}
			if line, err := lines.ReadString('\n'); err != nil || line != "key: {{API_KEY}}.\n" {
				t.Fatalf("%q, %v", line, err)
			}
		}
	}
	settle(t, cmd.Process.Pid)
	report := scan(t, cmd.Process.Pid, value)
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	// A stream is copied by way of vector registers: one piece of 16 bytes, which
	// is five windows, may be left of that.
	if len(report.Copies) > 0 || report.Distinct() > 5 {
		t.Error(report)
	}
	t.Log(report.Distinct(), "windows")
}

package faults_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tacenda/internal/prooftest"
)

// aloud is what a value looks like where somebody let it out.
func aloud(value string) map[string]string {
	quoted, _ := json.Marshal(value) // a string can be encoded
	return map[string]string{
		"plain": value, "hex": hex.EncodeToString([]byte(value)), "URL": url.QueryEscape(value), "JSON": strings.Trim(string(quoted), `"`),
		// Two bytes at the end may share a character with what follows.
		"base64": base64.StdEncoding.EncodeToString([]byte(value))[:len(value)/3*4],
	}
}

// TestNoCommandShowsAValue runs every command that is not there to let a value out,
// and many that fail, in a vault whose values are known, and looks for them in what
// is said and in every file that is left.
func TestNoCommandShowsAValue(t *testing.T) {
	u := newUser(t)
	values := []string{"CaNaRy-4f\"7c\\1e&9b 2d-CaNaRy", "CaNaRy\nsecond line <of> it\n-CaNaRy"}
	u.must(values[0], "create", "SHOWN", "--value-file", "-")
	u.must(values[1], "create", "LINES", "--value-file", "-")
	u.must("url: http://127.0.0.1:1/?k={{SHOWN}}\nheaders: {X-Key: '{{LINES}}'}\n", "tool", "set", "nowhere", "-f", "-")
	u.must("Say {{SHOWN}}\n", "instruction", "set", "say", "-f", "-")
	u.must("", "project", "create", "other")
	ran := 0
	try := func(stdin string, args ...string) {
		e := u.run(nil, stdin, args...)
		ran++
		for _, v := range values {
			for form, text := range aloud(v) {
				if strings.Contains(e.out+e.err, text) {
					t.Errorf("%q shows a value, %s", args, form)
				}
			}
		}
		if e.hung || e.code < 0 {
			t.Errorf("%q: exit code %d, hung %t", args, e.code, e.hung)
		}
	}
	for _, args := range [][]string{
		{}, {"list"}, {"list", "--json"}, {"list", "--names"}, {"show", "SHOWN"}, {"show", "SHOWN", "--json"}, {"show", "LINES"}, {"show", values[0]},
		{"resolve", "--preview", "-e", "{{SHOWN}} {{LINES}}"}, {"resolve", "-e", "{{SHOWN}}{{MISSING}}"}, {"resolve", "-e", "{{SHOWN|json|nothing}}"},
		{"resolve", "-e", "{{SHOWN}}", "-o", "/nowhere/at/all"}, {"resolve", "--strict", "--instruction", "say"}, {"resolve", "-e", "{{LINES|url"},
		{"call", "nowhere"}, {"call", "nowhere", "--dry-run"}, {"tool", "show", "nowhere"}, {"tool", "list"}, {"instruction", "show", "say"},
		{"run", "--", "sh", "-c", "echo \"$SHOWN\"; echo \"$LINES\" >&2"}, {"run", "--", "/nowhere"}, {"run", "--only", "MISSING", "--", "true"},
		{"refs", "SHOWN"}, {"check"}, {"check", "--json"}, {"scan", "."}, {"export"}, {"project", "diff", "default", "other"}, {"clone", "SHOWN", "--to", "other"},
		{"create", "SHOWN", "--value-file", "-"}, {"create", values[0], "--value-file", "-"}, {"edit", "SHOWN", "--value-file", "-", "--verify", "nowhere"},
		{"edit", "SHOWN", "-d", "said"}, {"edit", "MISSING", "--value-file", "-"}, {"import", "-", "--format", "env"}, {"import", "-", "--format", "json"}, {"import", "-", "--format", "yaml"},
		{"audit"}, {"audit", "--json"}, {"audit", "--verify"}, {"verify"}, {"status"}, {"status", "--json"}, {"doctor"}, {"key", "list"}, {"member", "list"},
		{"backup", "copy.db"}, {"delete", "LINES", "--yes"}, {"key", "rotate"}, {"unlock", "--ttl", values[0]}, {"serve", "--listen", values[0]}, {"mcp"}, {"version"},
	} {
		try(values[0]+"\n", args...)
	}
	redacted := u.run(nil, "a "+values[0]+" b", "redact")
	if redacted.code != 0 || redacted.out != "a {{SHOWN}} b" {
		t.Errorf("redact: exit code %d, %q", redacted.code, redacted.out)
	}
	files := 0
	do(t, filepath.WalkDir(u.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		files++
		for _, v := range values {
			for form, text := range aloud(v) {
				if bytes.Contains(data, []byte(text)) {
					t.Errorf("a value is in %s, %s", path, form)
				}
			}
		}
		return err
	}))
	prooftest.Cases(t, ran, "commands")
	prooftest.Cases(t, files, "files searched")
}

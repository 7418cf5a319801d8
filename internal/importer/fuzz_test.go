package importer

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// quoteEnv writes a value as a double-quoted .env value.
func quoteEnv(v string) string {
	return `"` + strings.NewReplacer("\\", `\\`, "\"", `\"`, "$", `\$`, "\n", `\n`, "\t", `\t`).Replace(v) + `"`
}

// storable tells whether a .env file can hold v at all.
func storable(v string) bool {
	return v != "" && len(v) <= maxValue && utf8.ValidString(v) && !strings.Contains(v, "\x00")
}

func FuzzEnv(f *testing.F) {
	for _, s := range []string{
		"A=1\n", "export A='x y' # c\r\n", "A=\"a\\n\\t\\\"\\\\\\$\"", "A=\"-----BEGIN\nx\n\"\nB=2", "\ufeffA=#x", "A=1\nA=2", "A='", "a b", "= ", "A=\"\\q\"", "A=x\ry", "A=\x00", "A=\xff",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		// Whatever it accepts means the same when it is written out in full.
		if got, err := parse(t, string(in), Env, options()); err == nil {
			var s strings.Builder
			for _, e := range got {
				s.WriteString("export " + e[0] + "=" + quoteEnv(e[1]) + "\n")
			}
			again, err := parse(t, s.String(), Env, options())
			if err != nil {
				t.Fatalf("what was accepted is refused when quoted: %v", err)
			}
			if d := cmp.Diff(got, again); d != "" {
				t.Fatalf("(-read +quoted)\n%s", d)
			}
		}
		// Whatever can be a value survives both kinds of quotes.
		v := string(in)
		if !storable(v) {
			return
		}
		lines := []string{"A=" + quoteEnv(v) + "\n"}
		if !strings.Contains(v, "'") {
			lines = append(lines, "A='"+v+"'\n")
		}
		for _, l := range lines {
			got, err := parse(t, l, Env, options())
			if err != nil {
				t.Fatalf("%q: %v", l, err)
			}
			if d := cmp.Diff([][2]string{{"A", v}}, got); d != "" {
				t.Fatalf("(-want +got)\n%s", d)
			}
		}
	})
}

// FuzzJSON holds the scanner against encoding/json: it accepts nothing that is no
// JSON, reads what the library reads, and calls nothing a mistake of syntax that
// the library accepts.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"a":"1"}`, `{"a":{"b":1.5e-3,"c":null},"d":true}`, `{"a":"\u00e9\ud83d\udd11\n\/"}`, `{"a":[1]}`, `{"a":"\ud800"}`, `{"a":1,"a":2}`, `{"a":01}`, `{"a":"`, "\ufeff{}", `{"a":-}`, `{"a" "b"}`, `{"a":1}x`, `[1]`, "{\"a\":\"\xff\"}", `{"a":"x\u0000"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := parse(t, string(in), JSON, options())
		body := bytes.TrimPrefix(in, []byte("\ufeff"))
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		var want map[string]any
		valid := json.Valid(body) && d.Decode(&want) == nil && want != nil
		if err != nil {
			var p *parseError
			if valid && utf8.Valid(in) && errors.As(err, &p) && p.syntax {
				t.Fatalf("encoding/json accepts it, we say %v", err)
			}
			return
		}
		if !valid {
			t.Fatalf("accepted %q, which encoding/json refuses", in)
		}
		flat := make(map[string]string)
		flatten(t, flat, nil, want)
		have := make(map[string]string)
		for _, e := range got {
			have[e[0]] = e[1]
		}
		if d := cmp.Diff(flat, have); d != "" {
			t.Fatalf("(-encoding/json +importer)\n%s", d)
		}
	})
}

// flatten is the naming rule, written a second time.
func flatten(t *testing.T, out map[string]string, path []string, v any) {
	name := strings.ToUpper(strings.Join(path, "_"))
	switch v := v.(type) {
	case map[string]any:
		for k, w := range v {
			flatten(t, out, append(path[:len(path):len(path)], k), w)
		}
	case string:
		out[name] = v
	case json.Number:
		out[name] = v.String()
	case bool:
		out[name] = strconv.FormatBool(v)
	case nil:
		out[name] = "null"
	default:
		t.Fatalf("a %T was accepted", v)
	}
}

func FuzzYAML(f *testing.F) {
	for _, s := range []string{
		"a: 1\n", "a:\n  b: 'x'\n  c: |\n    y\n", "a: &x 1\nb: *x\n", "{a: {b: c}}", "- a", "a: !x y", "<<: {a: 1}", "? [a]\n: b", "---\na: 1\n---\nb: 2", "a: \"\\L\"", "\ufeffa: 1", "a: \"", "%YAML 9.9\n--- x",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := parse(t, string(in), YAML, options())
		if err == nil {
			for _, e := range got {
				if !validName.MatchString(e[0]) || e[1] == "" {
					t.Fatalf("accepted %q", e)
				}
			}
		}
		// A JSON string is a YAML one: any value survives it.
		v := string(in)
		if !storable(v) {
			return
		}
		q, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		// YAML allows DEL and most of C1 in no form but an escape.
		for _, r := range v {
			if r >= 0x7f && r <= 0x9f || r == 0xfffe || r == 0xffff || r == 0xfeff {
				return
			}
		}
		got, err = parse(t, "a: "+string(q)+"\n", YAML, options())
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		if d := cmp.Diff([][2]string{{"A", v}}, got); d != "" {
			t.Fatalf("(-want +got)\n%s", d)
		}
	})
}

package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tacenda/keyring/secret"
)

// What a vault allows; errName and errValue stand for its sentinel.
var (
	validName = regexp.MustCompile(`^[A-Z_][A-Z0-9_]{0,254}$`)
	errName   = errors.New("bad name")
	errValue  = errors.New("empty or too large")
)

const maxValue = 1 << 20

func options() Options {
	return Options{
		CheckName: func(s string) error {
			if !validName.MatchString(s) {
				return errName
			}
			return nil
		},
		CheckValue: func(n int) error {
			if n == 0 || n > maxValue {
				return errValue
			}
			return nil
		},
	}
}

// parse returns the entries as pairs, in the file's order.
func parse(t testing.TB, in string, format Format, o Options) ([][2]string, error) {
	t.Helper()
	buf, err := guarded([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse(buf, format, o)
	if err != nil {
		if buf.Use(func([]byte) error { return nil }) == nil {
			t.Errorf("a refused input was not wiped")
		}
		return nil, err
	}
	defer f.Close()
	got := [][2]string{}
	for _, e := range f.Entries {
		err := e.Value.Use(func(p []byte) error {
			if len(p) != e.Value.Len() {
				t.Errorf("%s: %d bytes, Len says %d", e.Name, len(p), e.Value.Len())
			}
			got = append(got, [2]string{e.Name, string(p)})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return got, nil
}

// guarded is the input as the command line hands it over.
func guarded(p []byte) (*secret.Bytes, error) {
	return secret.ReadAll(strings.NewReader(string(p)), MaxInput)
}

func TestAccepts(t *testing.T) {
	for _, tt := range []struct {
		name   string
		format Format
		in     string
		want   [][2]string
	}{
		{"plain", Env, "A=1\nB_2=two words\n", [][2]string{{"A", "1"}, {"B_2", "two words"}}},
		{"no final newline", Env, "A=1", [][2]string{{"A", "1"}}},
		{"export", Env, "export A=1\nexport\t B=2\n", [][2]string{{"A", "1"}, {"B", "2"}}},
		{"blank lines and comments", Env, "\n  # A=0\n\t\nA=1 # one\n#B=2", [][2]string{{"A", "1"}}},
		{"a comment needs a blank", Env, "A=x#y\nB=#z\nC='x' # it's\n", [][2]string{{"A", "x#y"}, {"B", "#z"}, {"C", "x"}}},
		{"blanks around =", Env, "  A =  1\t \n", [][2]string{{"A", "1"}}},
		{"single quotes are raw", Env, `A='a\n$B"#{{X}}'`, [][2]string{{"A", `a\n$B"#{{X}}`}}},
		{"double quotes", Env, `A="a\n\t\"\\\$b # c"`, [][2]string{{"A", "a\n\t\"\\$b # c"}}},
		{"no interpolation", Env, "A=$HOME\nB=\"${A}\"\nC=`id`\n", [][2]string{{"A", "$HOME"}, {"B", "${A}"}, {"C", "`id`"}}},
		{"several lines", Env, "A=\"-----\nline\n\"\nB='x\ny'\nC=1", [][2]string{{"A", "-----\nline\n"}, {"B", "x\ny"}, {"C", "1"}}},
		{"CRLF", Env, "A=1\r\nB=\"2\"\r\n\r\n# c\r\nC=3\r", [][2]string{{"A", "1"}, {"B", "2"}, {"C", "3"}}},
		{"a byte order mark", Env, "\ufeffA=1", [][2]string{{"A", "1"}}},
		{"= in a value", Env, "A=a=b==\n", [][2]string{{"A", "a=b=="}}},
		{"quotes inside a bare value", Env, `A=it's"q"`, [][2]string{{"A", `it's"q"`}}},
		{"unicode", Env, "A=grüße 🔑", [][2]string{{"A", "grüße 🔑"}}},
		{"nothing", Env, "# nothing\n", [][2]string{}},

		{"flat", JSON, `{"A":"1","b":"two"}`, [][2]string{{"A", "1"}, {"B", "two"}}},
		{"nested", JSON, `{"db":{"user":"u","pool":{"Max":10}}, "x":{}}`, [][2]string{{"DB_USER", "u"}, {"DB_POOL_MAX", "10"}}},
		{"scalars as written", JSON, `{"a":1.50,"b":-0e+7,"c":true,"d":null,"e":12345678901234567890}`,
			[][2]string{{"A", "1.50"}, {"B", "-0e+7"}, {"C", "true"}, {"D", "null"}, {"E", "12345678901234567890"}}},
		{"escapes", JSON, `{"a":"\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\udd11"}`, [][2]string{{"A", "\"\\/\b\f\n\r\tAé🔑"}}},
		{"NUL by escape", JSON, `{"a":"x\u0000y"}`, [][2]string{{"A", "x\x00y"}}},
		{"space, CRLF, BOM", JSON, "\ufeff {\r\n\t\"a\" : \"1\" }\n", [][2]string{{"A", "1"}}},
		{"no members", JSON, `{}`, [][2]string{}},
		{"escaped key", JSON, `{"\u0061":"1"}`, [][2]string{{"A", "1"}}},

		{"flat", YAML, "a: 1\nB: two words\n", [][2]string{{"A", "1"}, {"B", "two words"}}},
		{"nested", YAML, "db:\n  user: u\n  pool: {max: 10}\n", [][2]string{{"DB_USER", "u"}, {"DB_POOL_MAX", "10"}}},
		{"scalars as written", YAML, "a: 0x1F\nb: 010\nc: yes\nd: 1_000\ne: ~\nf: 2026-01-02\ng: 1.50\n",
			[][2]string{{"A", "0x1F"}, {"B", "010"}, {"C", "yes"}, {"D", "1_000"}, {"E", "~"}, {"F", "2026-01-02"}, {"G", "1.50"}}},
		{"quotes", YAML, `a: 'it''s'` + "\n" + `b: "x\ty\u00e9"`, [][2]string{{"A", "it's"}, {"B", "x\tyé"}}},
		{"blocks", YAML, "a: |\n  one\n  two\nb: >-\n  one\n  two\n", [][2]string{{"A", "one\ntwo\n"}, {"B", "one two"}}},
		{"own tags", YAML, "a: !!str 12\nb: !!binary aGk=\n", [][2]string{{"A", "12"}, {"B", "aGk="}}},
		{"an anchor nobody uses", YAML, "a: &x 1\n", [][2]string{{"A", "1"}}},
		{"a document mark, CRLF, BOM", YAML, "\ufeff---\r\na: 1\r\n...\r\n", [][2]string{{"A", "1"}}},
		{"nothing", YAML, "# nothing\n", [][2]string{}},
		{"nothing after a mark", YAML, "---\n", [][2]string{}},
		{"JSON is YAML", YAML, `{"db": {"user": "u"}}`, [][2]string{{"DB_USER", "u"}}},
	} {
		t.Run(string(tt.format)+" "+tt.name, func(t *testing.T) {
			got, err := parse(t, tt.in, tt.format, options())
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

// canary stands wherever a value, or what may be one, stands: no error shows it.
const canary = "sk-live-9fQ2"

func TestRefuses(t *testing.T) {
	deepJSON := strings.Repeat(`{"a":`, maxDepth+1) + `"` + canary + `"` + strings.Repeat("}", maxDepth+1)
	deepYAML := "x: " + strings.Repeat(`{a: `, maxDepth+1) + canary + strings.Repeat("}", maxDepth+1)
	for _, tt := range []struct {
		name   string
		format Format
		in     string
		want   string // the error, or how it begins
		cause  error
	}{
		{"no =", Env, "A=1\n" + canary + "\n", "line 2, column 13: no = here", nil},
		{"export alone", Env, "export A\n", "line 1, column 9: no = here", nil},
		{"the middle of a PEM", Env, "A=x\n" + canary + "==\n", "line 2, column 1: the name is not one of a secret", errName},
		{"lower case", Env, "a=" + canary, "line 1, column 1: the name is not one of a secret", errName},
		{"no name", Env, "=" + canary, "line 1, column 1: the name is not one of a secret", errName},
		{"name too long", Env, strings.Repeat("A", 256) + "=" + canary, "line 1, column 1: the name is not", errName},
		{"empty", Env, "B=1\nA=\n", "line 2, column 1: A: the value cannot be stored", errValue},
		{"empty before a comment", Env, "A= # " + canary, "line 1, column 1: A: the value cannot be stored", errValue},
		{"empty quotes", Env, `A=""`, "line 1, column 1: A: the value cannot be stored", errValue},
		{"too large", Env, "A=" + strings.Repeat("x", maxValue+1), "line 1, column 1: A: the value cannot be stored", errValue},
		{"twice", Env, "A=1\n\nA=" + canary, "line 3, column 1: A: the name is already that of line 1", nil},
		{"open single quote", Env, "A='" + canary + "\nB=2\n", "line 1, column 3: A: this single quote is never closed", nil},
		{"open double quote", Env, "A=\"" + canary + "\\\"\n", "line 1, column 3: A: this double quote is never closed", nil},
		{"backslash at the end", Env, `A="` + canary + `\`, `line 1, column 17: A: only \n`, nil},
		{"unknown escape", Env, `A="x\q` + canary + `"`, `line 1, column 6: A: only \n`, nil},
		{"after a quote", Env, "A='x'" + canary, "line 1, column 6: A: text after the closing quote", nil},
		{"a comment needs a blank after a quote", Env, "A='x'#" + canary, "line 1, column 6: A: text after the closing quote", nil},
		{"a lone carriage return", Env, "A=" + canary + "\rB=2\n", "line 1, column 15: A: a carriage return", nil},
		{"NUL", Env, "A=1\nB=" + canary + "\x00\n", "line 2, column 15: a NUL byte", nil},
		{"not UTF-8", Env, "A=1\nB=é\xff\n", "line 2, column 5: a byte that is not UTF-8", nil},
		{"UTF-16", Env, "\xff\xfeA\x00=\x001\x00", "line 1, column 1: the file is UTF-16", nil},

		{"no object", JSON, `"` + canary + `"`, "line 1, column 1: an import is one JSON object", nil},
		{"nothing", JSON, " \n", "line 2, column 1: an import is one JSON object", nil},
		{"a list at the root", JSON, `["` + canary + `"]`, "line 1, column 1: an import is one JSON object", nil},
		{"a list", JSON, `{"a":{"b":["` + canary + `"]}}`, "line 1, column 11: A_B: a list cannot", nil},
		{"two objects", JSON, "{}\n{}", "line 2, column 1: something follows", nil},
		{"no colon", JSON, `{"` + canary + `","a":1}`, "line 1, column 16: expected a colon", nil},
		{"no comma", JSON, `{"a":"1" "` + canary + `"}`, "line 1, column 10: expected a comma", nil},
		{"trailing comma", JSON, `{"a":"1",}`, "line 1, column 10: expected a key", nil},
		{"bare key", JSON, `{` + canary + `:1}`, "line 1, column 2: expected a key", nil},
		{"bare value", JSON, `{"a":` + canary + `}`, "line 1, column 6: A: expected a value", nil},
		{"leading zero", JSON, `{"a":01}`, "line 1, column 6: A: expected a value", nil},
		{"plus", JSON, `{"a":+1}`, "line 1, column 6: A: expected a value", nil},
		{"open string", JSON, `{"a":"` + canary, "line 1, column 6: A: this string is never closed", nil},
		{"open key", JSON, `{"` + canary, "line 1, column 2: this string is never closed", nil},
		{"line break in a string", JSON, "{\"a\":\"" + canary + "\n\"}", "line 1, column 6: A: a control character", nil},
		{"escape", JSON, `{"a":"` + canary + `\q"}`, "line 1, column 20: A: an escape that JSON", nil},
		{"short \\u", JSON, `{"a":"\u12"}`, "line 1, column 8: A: \\u needs four", nil},
		{"half a pair", JSON, `{"a":"\ud83dx"}`, "line 1, column 8: A: half of a surrogate pair", nil},
		{"wrong half of a pair", JSON, `{"a":"\ud83d\u0041"}`, "line 1, column 8: A: half of a surrogate pair", nil},
		{"name", JSON, `{"my-key":"` + canary + `"}`, "line 1, column 2: MY-KEY: the name is not", errName},
		{"dotless i is no I", JSON, `{"ap\u0131":"` + canary + `"}`, `line 1, column 2: "AP\u0131": the name is not`, errName},
		{"an escape sequence in a key", JSON, `{"\u001b[2J":"` + canary + `"}`, `line 1, column 2: "\x1b[2J": the name is not`, errName},
		{"long key", JSON, `{"` + strings.Repeat("k", 300) + `":"` + canary + `"}`, `line 1, column 2: "` + strings.Repeat("K", 80) + `"...: the name is not`, errName},
		{"colliding", JSON, "{\"a\":{\"b\":\"1\"},\n\"A_B\":\"" + canary + "\"}", "line 2, column 1: A_B: the name is already that of line 1", nil},
		{"same key", JSON, `{"a":{"b":1},"a":{"c":"` + canary + `"}}`, "line 1, column 14: a: the key stands twice", nil},
		{"empty", JSON, `{"a":""}`, "line 1, column 2: A: the value cannot be stored", errValue},
		{"deep", JSON, deepJSON, "line 1, column", nil},
		{"half an object", JSON, `{"a":"` + canary + `"`, "line 1, column 20: expected a comma", nil},
		{"NUL", JSON, "{\"a\":\"" + canary + "\x00\"}", "line 1, column 19: a NUL byte", nil},

		{"no mapping", YAML, canary, "line 1, column 1: an import is a mapping", nil},
		{"a list at the root", YAML, "- " + canary, "line 1, column 1: an import is a mapping", nil},
		{"a list", YAML, "a:\n  b:\n  - " + canary, "line 3, column 3: A_B: a list cannot", nil},
		{"two documents", YAML, "a: 1\n---\nb: " + canary, "line 2, column 1: a second document", nil},
		{"name", YAML, "my.key: " + canary, "line 1, column 1: MY.KEY: the name is not", errName},
		{"empty", YAML, "a:\nb: 1", "line 1, column 1: A: the value cannot be stored", errValue},
		{"colliding", YAML, "a_b: 1\na: {b: " + canary + "}", "line 2, column 5: A_B: the name is already that of line 1", nil},
		{"same key", YAML, "a: 1\na: " + canary, "line 2, column 1: a: the key stands twice", nil},
		{"alias", YAML, "a: &x " + canary + "\nb: *x", "line 2, column 4: B: aliases", nil},
		{"a value that looks like an alias", YAML, "a: *" + canary, "the file has an alias without its anchor", nil},
		{"merge key", YAML, "a: &x {y: " + canary + "}\nb: {<<: *x}", "line 2, column 5: merge keys", nil},
		{"an alias for a key", YAML, "a: &x " + canary + "\n*x : 1", "line 2, column 1: a key must be plain text", nil},
		{"a mapping for a key", YAML, "? {" + canary + ": 1}\n: 2", "line 1, column 3: a key must be plain text", nil},
		{"a foreign tag", YAML, "a: !vault " + canary, "line 1, column 4: A: the meaning of its tag", nil},
		{"a foreign tag on a mapping", YAML, "a: !x {b: " + canary + "}", "line 1, column 4: A: the meaning of its tag", nil},
		{"syntax", YAML, "a: 1\nb: \"" + canary + "\n", "line 2: found unexpected end of stream", nil},
		{"a tab", YAML, "a:\n\tb: " + canary, "line 2: found character that cannot start any token", nil},
		{"bomb", YAML, "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n", "line 1, column 4: A: a list cannot", nil},
		{"a cycle", YAML, "a: &a {b: *a}\n", "line 1, column 11: A_B: aliases", nil},
		{"deep", YAML, deepYAML, "line 1, column", nil},
		{"very deep", YAML, "x: " + strings.Repeat("[", 20000) + canary, "the file is not YAML: exceeded max depth", nil},
		{"too long", YAML, "a: 1\n#" + strings.Repeat("x", maxYAML), "the file has 8388614 bytes", nil},
		{"unknown format", "toml", "a = 1", `unknown format "toml"`, nil},
	} {
		t.Run(string(tt.format)+" "+tt.name, func(t *testing.T) {
			got, err := parse(t, tt.in, tt.format, options())
			if err == nil {
				t.Fatalf("accepted as %q", got)
			}
			if !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got  %s\nwant %s...", err, tt.want)
			}
			if strings.Contains(strings.ToLower(err.Error()), strings.ToLower(canary)) {
				t.Errorf("the error shows a value: %s", err)
			}
			if strings.Contains(err.Error(), "\n") || len(err.Error()) > 300 {
				t.Errorf("not a line: %q", err)
			}
			if tt.cause != nil && !errors.Is(err, tt.cause) {
				t.Errorf("%v does not wrap %v", err, tt.cause)
			}
		})
	}
}

func TestPrefix(t *testing.T) {
	o := options()
	o.Prefix = "APP_"
	for format, in := range map[Format]string{Env: "A=1", JSON: `{"a":"1"}`, YAML: "a: 1"} {
		got, err := parse(t, in, format, o)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([][2]string{{"APP_A", "1"}}, got); d != "" {
			t.Errorf("%s (-want +got)\n%s", format, d)
		}
	}
}

func TestChecksAreRequired(t *testing.T) {
	if _, err := parse(t, "A=1", Env, Options{}); err == nil {
		t.Error("Parse went on without its checks")
	}
}

// TestMany is what an import of 100,000 secrets asks of this package: one guarded
// buffer, and values that outlive the parsing until Close.
func TestMany(t *testing.T) {
	const n = 100_000
	var env, js strings.Builder
	js.WriteByte('{')
	for i := range n {
		fmt.Fprintf(&env, "KEY_%d=\"value\\n%d\"\n", i, i)
		fmt.Fprintf(&js, `"key_%d":"value\n%d",`, i, i)
	}
	js.WriteString(`"last":"1"}`)
	for format, in := range map[Format]string{Env: env.String() + "LAST=1\n", JSON: js.String()} {
		buf, err := guarded([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		f, err := Parse(buf, format, options())
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Entries) != n+1 {
			t.Fatalf("%s: %d entries, want %d", format, len(f.Entries), n+1)
		}
		e := f.Entries[n-1]
		_ = e.Value.Use(func(p []byte) error {
			if want := fmt.Sprintf("value\n%d", n-1); string(p) != want || e.Line < 1 {
				t.Errorf("%s: %s is %q, want %q", format, e.Name, p, want)
			}
			return nil
		})
		f.Close()
		if err := e.Value.Use(func([]byte) error { return nil }); !errors.Is(err, secret.ErrDestroyed) {
			t.Errorf("%s: a value outlived Close: %v", format, err)
		}
	}
}

func TestTooManyEntries(t *testing.T) {
	var s strings.Builder
	for i := range maxEntries + 1 {
		fmt.Fprintf(&s, "K%d=1\n", i)
	}
	_, err := parse(t, s.String(), Env, options())
	if err == nil || !strings.Contains(err.Error(), "more than 262144 secrets") {
		t.Errorf("got %v", err)
	}
}

func TestFormatOf(t *testing.T) {
	for file, want := range map[string]Format{
		".env": Env, "dir/prod.env": Env, ".env.local": Env, "a.JSON": JSON, "a.yaml": YAML, "x/a.yml": YAML,
		"a.txt": "", "env": "", "-": "", "": "", "json": "",
	} {
		got, ok := FormatOf(file)
		if ok != (want != "") || ok && got != want {
			t.Errorf("FormatOf(%q) = %q, %v; want %q", file, got, ok, want)
		}
	}
}

func TestValueIsNeverPrinted(t *testing.T) {
	buf, err := guarded([]byte("A=" + canary))
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse(buf, Env, options())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	j, err := json.Marshal(f.Entries)
	if err != nil {
		t.Fatal(err)
	}
	if s := fmt.Sprintf("%v %+v %#v %s %q ", f.Entries, f.Entries, f.Entries[0], f.Entries[0].Value, f.Entries[0].Value) + string(j); strings.Contains(s, canary) {
		t.Errorf("the value shows in %s", s)
	}
}

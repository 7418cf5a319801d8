package resolver

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"math/rand/v2"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// awkward are values that filters get wrong.
var awkward = []string{
	"", "plain", "it's", `"quoted"`, `back\slash`, "line\nend", "crlf\r\n", "tab\t", " space ", "\x00", "a\x00b", "\x1b[31m", "\x7f",
	"\u0080\u0085\u009f\u00a0", "\u2028\u2029", "\ufeff", "\ufffe\uffff", "\ufffd", "é中🔑", "\xff", "\xed\xa0\x80", "a\xc3", "\xf0\x9f\x94",
	"<a href='x'>&amp;]]></a>", "$(id) `id` $HOME ~ * ? ! # % {{A}}", "-n", `\`, "'", "''", `'\''`, "a/b?c=d&e+f", "%41", `\u0041`, "---", "? :", "-----BEGIN KEY-----\nAAAA\n-----END KEY-----\n",
	strings.Repeat("'\"<&\x01é", 3000),
}

// filtered sends a value through filters as a template does. Errors other than a value that does not fit are fatal.
func filtered(t testing.TB, value []byte, chain string) (out []byte, fits bool) {
	t.Helper()
	tmpl, err := Scan(strings.NewReader("{{V|"+chain+"}}"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	err = tmpl.Resolve(&b, lookup{"V": value})
	var misfit *Error
	if errors.As(err, &misfit) {
		if b.Len() > 0 {
			t.Errorf("%q was written before the error", b.Bytes())
		}
		return nil, false
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), true
}

// fuzzFilter checks that every value which a filter carries comes out of decode, and that it carries all it should.
func fuzzFilter(f *testing.F, filter string, carries func([]byte) bool, decode func(*testing.T, []byte) map[string]string) {
	for _, v := range awkward {
		f.Add([]byte(v))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		out, fits := filtered(t, value, filter)
		if fits != carries(value) {
			t.Fatalf("fits: %v", fits)
		}
		if !fits {
			return
		}
		for parser, got := range decode(t, out) {
			same(t, parser, string(value), got)
		}
	})
}

func always([]byte) bool { return true }

func FuzzJSON(f *testing.F) {
	fuzzFilter(f, "json", func(v []byte) bool { return strings.ToValidUTF8(string(v), "") == string(v) }, func(t *testing.T, out []byte) map[string]string {
		quoted := []byte(`"` + string(out) + `"`)
		var fromJSON, fromYAML, inFlow string
		if err := json.Unmarshal(quoted, &fromJSON); err != nil {
			t.Errorf("JSON %q: %v", quoted, err)
		}
		if err := yaml.Unmarshal(quoted, &fromYAML); err != nil {
			t.Errorf("YAML %q: %v", quoted, err)
		}
		flow := struct{ K []string }{}
		if err := yaml.Unmarshal(fmt.Appendf(nil, "k: [%s, x]\n", quoted), &flow); err != nil || len(flow.K) != 2 {
			t.Errorf("YAML flow %q: %v", quoted, err)
		} else {
			inFlow = flow.K[0]
		}
		return map[string]string{"JSON": fromJSON, "YAML": fromYAML, "YAML flow": inFlow}
	})
}

func FuzzURL(f *testing.F) {
	fuzzFilter(f, "url", always, func(t *testing.T, out []byte) map[string]string {
		query, err := url.QueryUnescape(string(out))
		if err != nil {
			t.Error(err)
		}
		path, err := url.PathUnescape(string(out))
		if err != nil {
			t.Error(err)
		}
		u, err := url.Parse("https://host/" + string(out) + "/x?k=" + string(out) + "&l=m")
		if err != nil {
			t.Fatal(err)
		}
		return map[string]string{"query": query, "path": path, "query of URL": u.Query().Get("k"), "path of URL": strings.TrimSuffix(u.Path[1:], "/x")}
	})
}

func FuzzXML(f *testing.F) {
	// encoding/xml replaces what XML forbids, so a value that comes through it unchanged is one that XML can carry.
	carries := func(v []byte) bool {
		var b bytes.Buffer
		err := xml.EscapeText(&b, v)
		return err == nil && !strings.Contains(strings.ReplaceAll(b.String(), "\ufffd", ""), "\ufffd") &&
			strings.Count(b.String(), "\ufffd") == strings.Count(string(v), "\ufffd")
	}
	fuzzFilter(f, "xml", carries, func(t *testing.T, out []byte) map[string]string {
		doc := fmt.Sprintf(`<r a="%s" b='%s'>%s</r>`, out, out, out)
		var got struct {
			A    string `xml:"a,attr"`
			B    string `xml:"b,attr"`
			Text string `xml:",chardata"`
		}
		if err := xml.Unmarshal([]byte(doc), &got); err != nil {
			t.Errorf("%q: %v", doc, err)
		}
		return map[string]string{"double quotes": got.A, "single quotes": got.B, "text": got.Text, "HTML": html.UnescapeString(string(out))}
	})
}

func FuzzBase64(f *testing.F) {
	fuzzFilter(f, "base64", always, func(t *testing.T, out []byte) map[string]string {
		got, err := base64.StdEncoding.DecodeString(string(out))
		if err != nil {
			t.Error(err)
		}
		return map[string]string{"base64": string(got)}
	})
}

// shellWords lets a real shell read words and returns what it understood.
func shellWords(t testing.TB, words []string) []string {
	t.Helper()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh on this machine")
	}
	// A NUL ends each word, because no word can hold one. The script goes in by standard input: arguments are limited.
	cmd := exec.Command(sh)
	cmd.Stdin = strings.NewReader("printf '%s\\0' " + strings.Join(words, " "))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("sh: %v, %s", err, stderr.Bytes())
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

func noNULInside(v []byte) bool { return !bytes.Contains(v, []byte{0}) }

func FuzzShell(f *testing.F) {
	fuzzFilter(f, "sh", noNULInside, func(t *testing.T, out []byte) map[string]string {
		return map[string]string{"sh": strings.Join(shellWords(t, []string{string(out)}), "\x00")}
	})
}

// TestShellWords gives one shell many words at once, so that it can be many.
func TestShellWords(t *testing.T) {
	const alphabet = "'\"\\$`!*?~#&;|<>(){}[] \t\n=%-abcé\xff\x01"
	rnd := rand.New(rand.NewPCG(1, 2))
	var values, words []string
	for range 1000 {
		value := make([]byte, rnd.IntN(20))
		for i := range value {
			value[i] = alphabet[rnd.IntN(len(alphabet))]
		}
		word, fits := filtered(t, value, "sh")
		if !fits {
			t.Fatalf("%q does not fit", value)
		}
		values, words = append(values, string(value)), append(words, string(word))
	}
	same(t, "what sh read", values, shellWords(t, words))
}

// decoders undo filters. The one for sh understands only what the filter writes; FuzzShell holds that to a shell.
var decoders = map[Filter]func(string) (string, error){
	JSON: func(s string) (string, error) {
		var fromJSON, fromYAML string
		err := errors.Join(json.Unmarshal([]byte(`"`+s+`"`), &fromJSON), yaml.Unmarshal([]byte(`"`+s+`"`), &fromYAML))
		if err == nil && fromJSON != fromYAML {
			err = fmt.Errorf("YAML reads %q where JSON reads %q", fromYAML, fromJSON)
		}
		return fromJSON, err
	},
	Shell: func(s string) (string, error) {
		inner, ok := strings.CutPrefix(s, "'")
		inner, ok2 := strings.CutSuffix(inner, "'")
		if !ok || !ok2 {
			return "", errors.New("not quoted")
		}
		return strings.ReplaceAll(inner, `'\''`, "'"), nil
	},
	URL: url.QueryUnescape,
	XML: func(s string) (string, error) {
		var got struct {
			A string `xml:"a,attr"`
		}
		err := xml.Unmarshal([]byte(`<r a="`+s+`"/>`), &got)
		return got.A, err
	},
	Base64: func(s string) (string, error) { b, err := base64.StdEncoding.DecodeString(s); return string(b), err },
}

// FuzzChain sends a value through several filters with so little room that every step of every encoder is interrupted,
// and undoes them in reverse.
func FuzzChain(f *testing.F) {
	for i, v := range awkward {
		f.Add([]byte(v), []byte{byte(i), byte(i + 1), byte(i / 2)}, byte(i))
	}
	for room := range byte(17) { // sh cuts characters where its room ends, and json must put them together
		f.Add([]byte(strings.Repeat("é中🔑\u0085", 20)), []byte{1, 0}, room)
	}
	f.Fuzz(func(t *testing.T, value, filters []byte, room byte) {
		var chain []Filter
		for _, c := range filters[:min(len(filters), 4)] { // four: sh makes three bytes of each quote, every time
			chain = append(chain, Filters()[int(c)%len(Filters())])
		}
		if lacks(value, needsOf(chain)) != 0 {
			t.Skip("no chain carries this")
		}
		var b bytes.Buffer
		out := output{w: &b, buf: make([]byte, maxUnit+int(room)%17)}
		for i := range out.stages {
			out.stages[i].buf = make([]byte, 2*maxUnit+int(room)%5)
		}
		for range 2 { // the second time with what the first left behind
			b.Reset()
			if err := errors.Join(out.encode(chain, value), out.flush()); err != nil {
				t.Fatal(err)
			}
			got := b.String()
			for i := len(chain) - 1; i >= 0; i-- {
				var err error
				if got, err = decoders[chain[i]](got); err != nil {
					t.Fatalf("%v: %v", chain[i], err)
				}
			}
			same(t, fmt.Sprint(chain), string(value), got)
		}
	})
}

func TestParseFilter(t *testing.T) {
	for _, f := range Filters() {
		got, err := ParseFilter(f.String())
		if got != f || err != nil {
			t.Errorf("%v: %v, %v", f, got, err)
		}
	}
	if len(Filters()) != len(filterTable)-1 {
		t.Error("Filters and the table differ")
	}
	for _, name := range []string{"", "JSON", "json ", "none", "shell"} {
		got, err := ParseFilter(name)
		want := fmt.Sprintf("unknown filter %q: use json, sh, url, xml or base64", name)
		if got != None || err == nil || err.Error() != want {
			t.Errorf("%q: %v, %v", name, got, err)
		}
	}
}

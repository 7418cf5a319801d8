package apitool

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// source is values in a map, for requests that go nowhere.
type mapSource map[string]string

func (m mapSource) Use(name string, fn func([]byte) error) error {
	value, ok := m[name]
	if !ok {
		return errors.New("internal error: " + name + " was not asked for")
	}
	return fn([]byte(value))
}

// built is a request, filled in but not sent.
func built(t *Tool, args map[string]any, values mapSource) (*request, []byte, error) {
	checked, err := t.arguments(args)
	if err != nil {
		return nil, nil, err
	}
	req, err := t.build(&renderer{args: checked, hole: valueHole(values)}, nil)
	if err != nil {
		return nil, nil, err
	}
	defer req.content.wipe()
	var body bytes.Buffer
	_, err = body.ReadFrom(req.Body)
	return req, body.Bytes(), err
}

func valueHole(m mapSource) func(*sink, *piece) error { return values{m}.hole }

const argTool = `method: POST
url: https://h.example/a/${s}/b-${s}/${e}/c?x=${s}&y={{V}}&z=${n}
headers: {X-Arg: "<${o}>", X-Num: "${i}", Authorization: "Bearer {{V}}"}
query: {"q&=": "a&b=${o}", r: "${b}", s: "{{V}}"}
body:
  text: "${s}"
  mixed: "\"${s}\" and ${i} {{V}}"
  list: ["${o}", "${i}", "${n}", "${b}", "${e}", fixed]
  o: "${o}"
params:
  - {name: s, required: true}
  - {name: o}
  - {name: i, type: integer, required: true}
  - {name: n, type: number, required: true}
  - {name: b, type: boolean, required: true}
  - {name: e, type: enum(up|down), required: true}
`

// anyText draws what arguments are made of by somebody who wants something else to be sent.
func anyText() *rapid.Generator[string] {
	return rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"", ".", "..", "../..", "..\\..", "/", "//evil.example/", "a/../../b", "%2e%2e", "%2F", "a?b=c", "a#b", "a&b=c", "a;b", "a b", "a+b", "{{V}}", "{{V|json}}", "${i}",
		"\"", "\\", "\",\"admin\":true,\"x\":\"", "\r\nX-Evil: 1", "\n", "\x00", "\x7f", "\u0085", "\u2028", "@evil.example", ":80", "é😀", "null", "1e9", "]}", "\ufeff",
	}), rapid.StringMatching(`[./\\%2eEfF&=?#"{}$\r\n]{0,12}`))
}

// TestArguments is the property that matters most: whatever arguments say, the request is the one that the definition
// draws, and whoever reads it back gets the arguments.
func TestArguments(t *testing.T) {
	tool := must(t, argTool)
	values := mapSource{"V": `v"a\l/u&e {{V}}`}
	sent, refusedArgs := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		args := map[string]any{
			"s": anyText().Draw(t, "s"), "i": rapid.Int64().Draw(t, "i"), "n": rapid.Float64Range(-1e300, 1e300).Draw(t, "n"),
			"b": rapid.Bool().Draw(t, "b"), "e": rapid.SampledFrom([]string{"up", "down"}).Draw(t, "e"),
		}
		o, given := anyText().Draw(t, "o"), rapid.Bool().Draw(t, "given")
		if given {
			args["o"] = o
		}
		req, body, err := built(tool, args, values)
		if err != nil {
			refusedArgs++
			if !errors.Is(err, ErrArgument) {
				t.Fatal(err)
			}
			return
		}
		sent++
		checkRequest(t, req, args, given, o)
		checkBody(t, body, args, given, o)
	})
	if sent == 0 || refusedArgs == 0 {
		t.Errorf("%d sent, %d refused: the generator is wrong", sent, refusedArgs)
	}
}

func checkRequest(t *rapid.T, req *request, args map[string]any, given bool, o string) {
	s, _ := args["s"].(string)
	u, err := url.Parse(req.URL.String())
	if err != nil {
		t.Fatal(err)
	}
	if u.Scheme != "https" || u.Host != "h.example" || req.Host != "h.example" || u.User != nil || u.Fragment != "" {
		t.Fatalf("goes to %s", u)
	}
	var segments []string
	for part := range strings.SplitSeq(u.EscapedPath(), "/") {
		part, err := url.PathUnescape(part)
		if err != nil {
			t.Fatal(err)
		}
		segments = append(segments, part)
	}
	e, _ := args["e"].(string)
	if diff := cmp.Diff([]string{"", "a", s, "b-" + s, e, "c"}, segments); diff != "" {
		t.Fatal(diff)
	}
	if resolved := u.ResolveReference(&url.URL{Path: "."}); !strings.HasPrefix(resolved.Path, "/a/") {
		t.Fatalf("a parser makes %s of it", resolved)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		t.Fatal(err)
	}
	value := `v"a\l/u&e {{V}}`
	number, _ := number(args["n"])
	want := url.Values{"x": {s}, "y": {value}, "z": {number}, "r": {map[bool]string{true: "true", false: "false"}[args["b"] == true]}, "s": {value}}
	headers := 5 // with User-Agent, Content-Type and Accept-Encoding
	if given {
		want["q&="] = []string{"a&b=" + o}
		headers++
		if got := req.Header.Get("X-Arg"); got != "<"+o+">" {
			t.Fatalf("the header is %q", got)
		}
	}
	if diff := cmp.Diff(want, query); diff != "" {
		t.Fatal(diff)
	}
	if len(req.Header) != headers || req.Header.Get("Authorization") != "Bearer "+value {
		t.Fatalf("headers: %v", req.Header)
	}
	for name, fields := range req.Header {
		if len(fields) != 1 || strings.ContainsAny(fields[0], "\r\n\x00") {
			t.Fatalf("%s: %q", name, fields)
		}
	}
}

func checkBody(t *rapid.T, body []byte, args map[string]any, given bool, o string) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var got any
	if err := d.Decode(&got); err != nil || d.More() {
		t.Fatalf("%s: %v", body, err)
	}
	s, _ := args["s"].(string)
	i, _ := number(args["i"])
	n, _ := number(args["n"])
	list := []any{json.Number(i), json.Number(n), args["b"], args["e"], "fixed"}
	want := map[string]any{"text": s, "mixed": `"` + s + `" and ` + i + ` v"a\l/u&e {{V}}`}
	if given {
		list = append([]any{o}, list...)
		want["o"] = o
	}
	want["list"] = list
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Fatalf("%s\n%s", body, diff)
	}
}

// FuzzJSONBody holds bodies that are JSON as text against the real parser: arguments inside strings and alone.
func FuzzJSONBody(f *testing.F) {
	tool := must(f, "method: POST\nurl: https://h/\nheaders: {Content-Type: application/json}\n"+
		`body: '{"a": "x${s}y", "b": ${s}, "c": [${i}, "${i}", {{V}}], "d": "{{W}}{{W|base64}}"}'`+
		"\nparams: [{name: s, required: true}, {name: i, type: integer, required: true}]\n")
	f.Add("x", "1", "w")
	f.Add(`","z":"`, "-0.5e+7", "\"\\\x01")
	f.Add("é\u2028", "01", "\u0085")
	f.Add("\\", "1}", "\xff")
	f.Add("", "-507e757", "")
	f.Fuzz(func(t *testing.T, s, bare, w string) {
		var parsed any
		scalar := json.Unmarshal([]byte(bare), &parsed) == nil && strings.TrimSpace(bare) == bare
		switch parsed.(type) {
		case float64, bool, nil:
		default:
			scalar = false
		}
		args := map[string]any{"s": s, "i": 12}
		_, body, err := built(tool, args, mapSource{"V": bare, "W": w})
		if errors.Is(err, ErrArgument) && strings.ToValidUTF8(s, "") != s {
			return
		}
		if errors.Is(err, ErrUnresolved) && (!scalar || strings.ToValidUTF8(w, "") != w || len(bare) > 300) {
			return
		}
		if err != nil {
			t.Fatalf("%q: %v", bare, err)
		}
		if !scalar && !json.Valid([]byte(bare)) {
			t.Fatalf("%q was taken for a scalar", bare)
		}
		var got map[string]any
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber() // -507e757 is one
		if err := d.Decode(&got); err != nil || d.More() {
			t.Fatalf("%s: %v", body, err)
		}
		if len(got) != 4 || got["a"] != "x"+s+"y" || got["b"] != s {
			t.Fatalf("%s", body)
		}
		if d, _ := got["d"].(string); !strings.HasPrefix(d, w) {
			t.Fatalf("%q", d)
		}
	})
}

// FuzzForm holds forms against the real parser.
func FuzzForm(f *testing.F) {
	tool := must(f, "method: POST\nurl: https://h/\nheaders: {Content-Type: application/x-www-form-urlencoded}\n"+
		"body: |\n  grant=x&a=${s}&secret={{V}}&b64={{V|base64}}\nparams: [{name: s, required: true}]\n")
	f.Add("x", "y")
	f.Add("a&b=c", "%26;+ \x00")
	f.Fuzz(func(t *testing.T, s, v string) {
		_, body, err := built(tool, map[string]any{"s": s}, mapSource{"V": v})
		if errors.Is(err, ErrArgument) && strings.ToValidUTF8(s, "") != s {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := url.ParseQuery(string(body))
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 4 || got.Get("a") != s || got.Get("secret") != v || got.Get("grant") != "x" {
			t.Fatalf("%s: %v", body, got)
		}
	})
}

func TestParseArgs(t *testing.T) {
	tool := must(t, argTool)
	got, err := ParseArgs(tool, []string{"s=a=b", "i=-12345678901234567890", "n=1e5", "b=true", "e=up"})
	want := map[string]any{"s": "a=b", "i": json.Number("-12345678901234567890"), "n": json.Number("1e5"), "b": true, "e": "up"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for pair, why := range map[string]string{
		"s": "an argument is written name=value", "x=1": `wrong argument: "x" is not known, there are s, o, i, n, b, e`, "i=1.5": "i: it must be a whole number", "i=": "whole number",
		"i=0x10": "whole number", "i= 1": "whole number", "i=01": "whole number", "i=\"1\"": "whole number", "n=NaN": "n: it must be a number", "n=1\n": "it must be a number", "b=yes": "b: it must be true or false", "e=left": "e: it must be one of up, down", "s=\xff": "s: it is not UTF-8",
	} {
		_, err := ParseArgs(tool, []string{pair})
		if !errors.Is(err, ErrArgument) || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v", pair, err)
		}
	}
	if _, err := ParseArgs(tool, []string{"s=a", "s=b"}); !errors.Is(err, ErrArgument) {
		t.Error(err)
	}
	for _, args := range []map[string]any{{}, {"s": "a", "i": 1, "n": 1, "b": true}, {"s": 1, "i": 1, "n": 1, "b": true, "e": "up"}, {"s": "a", "i": "1", "n": 1, "b": true, "e": "up"}, {"s": "a", "i": 1.5, "n": 1, "b": true, "e": "up"}} {
		if _, _, err := built(tool, args, mapSource{"V": "v"}); !errors.Is(err, ErrArgument) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestSchema(t *testing.T) {
	tool := must(t, "url: https://h/?a=${a}&b=${b}&c=${c}&d=${d}\nparams: [{name: a, description: A, required: true}, {name: b, type: integer, default: 3}, {name: c, type: enum(x|y), default: x}, {name: d, type: boolean, default: false}]\n")
	want := `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"a":{"type":"string","description":"A"},"b":{"type":"integer","default":3},"c":{"type":"string","enum":["x","y"],"default":"x"},"d":{"type":"boolean","default":false}},"required":["a"],"additionalProperties":false}`
	if diff := cmp.Diff(want, string(tool.Schema())); diff != "" {
		t.Error(diff)
	}
}

// TestValues: a value that does not fit where it goes is refused by name, and what is said of it says nothing of it.
func TestValues(t *testing.T) {
	for _, test := range []struct{ tool, value, want string }{
		{"url: https://h/\nheaders: {A: '{{SECRET}}'}", "a\r\nb", "header A: a value does not fit: {{SECRET}}: the value holds a line end"},
		{"url: https://h/\nheaders: {A: '{{SECRET}}'}", "a\n", "{{SECRET}}"},
		{"url: https://h/\nheaders: {A: '{{SECRET}}'}", "a\x00", "{{SECRET}}"},
		{"url: https://h/\nheaders: {A: '{{SECRET}}'}", "a\x1b[2J", "{{SECRET}}"},
		{"url: https://h/{{SECRET}}", "..", "url: a value does not fit: {{SECRET}}: it would change the path"},
		{"url: https://h/{{SECRET}}", "../x", "{{SECRET}}"},
		{"url: https://h/{{SECRET|base64}}", "???>>>", "{{SECRET}}: with this filter"},
		{"url: https://h/?a={{SECRET|json}}", "\"", "{{SECRET}}: with this filter"},
		{"url: https://h/\nmethod: POST\nbody: {a: '{{SECRET}}'}", "\xff", "{{SECRET}}: the value is not UTF-8"},
		{"url: https://h/\nmethod: POST\nbody: {a: '{{SECRET|sh}}'}", "\"", "{{SECRET}}: with this filter"},
		{"url: https://h/\nmethod: POST\nheaders: {Content-Type: application/json}\nbody: '{{SECRET}}'", "secret", "is no number, true, false or null"},
		{"url: https://h/\nmethod: POST\nheaders: {Content-Type: application/json}\nbody: '[{{SECRET}}]'", "1,2", "is no number"},
	} {
		_, _, err := built(must(t, test.tool), nil, mapSource{"SECRET": test.value})
		if !errors.Is(err, ErrUnresolved) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), test.value) {
			t.Errorf("%s: %v", test.tool, err)
		}
	}
}

// TestLong: a request has an end, however often its definition repeats an argument.
func TestLong(t *testing.T) {
	tool := must(t, "method: POST\nurl: https://h/\nparams: [{name: a, required: true}]\nbody: {a: '"+strings.Repeat("${a}", 100)+"'}")
	_, _, err := built(tool, map[string]any{"a": strings.Repeat("x", maxArgument)}, nil)
	if !errors.Is(err, ErrArgument) || !strings.Contains(err.Error(), "longer than") {
		t.Error(err)
	}
}

func TestAllowed(t *testing.T) {
	for _, test := range []struct {
		url   string
		hosts []string
		want  bool
	}{
		{"https://api.example.com/", []string{"api.example.com"}, true},
		{"https://API.example.com/", []string{"x.org", "api.example.com:443"}, true},
		{"https://api.example.com:8443/", []string{"api.example.com:443"}, false},
		{"https://api.example.com:8443/", []string{"api.example.com"}, true},
		{"https://api.example.com.evil.org/", []string{"api.example.com"}, false},
		{"https://evil-api.example.com/", []string{"api.example.com", "example.com"}, false},
		{"https://[::1]:8443/", []string{"[::1]:8443"}, true},
		{"https://[0:0::1]/", []string{"[::1]"}, true},
		{"https://[::1]:8444/", []string{"[::1]:8443"}, false},
	} {
		if got := must(t, "url: "+test.url).dest.allowed(test.hosts); got != test.want {
			t.Errorf("%s, %v: %v", test.url, test.hosts, got)
		}
	}
}

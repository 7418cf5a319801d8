package apitool

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// must parses a definition that is in order.
func must(t testing.TB, text string) *Tool {
	t.Helper()
	tool, problems := Parse("t.yaml", []byte(text))
	if tool == nil {
		t.Fatalf("%s\n%v", text, problems)
	}
	return tool
}

const everything = `# a comment with {{COMMENT}} in it
description: Create an issue
method: post
url: https://API.example.com:8443/repos/${repo}/issues?v={{KEY}}
headers:
  Authorization: Bearer {{TOKEN}}
  X-Trace: ${trace}
  X-Version: 2.10
query:
  state: ${state}
  per_page: 10
body:
  title: ${title}
  text: "by ${title}, {{NAME}}"
  count: "${count}"
  labels: [a, "${label}", 0x10, 010, .5, no, ~, true]
  nested: {deep: {{'{{TOKEN}}'}: 1}}
params:
  - name: repo
    description: which one
    type: string
    required: true
  - {name: trace}
  - {name: state, type: enum(open|closed), default: open}
  - {name: title, type: string, required: true}
  - {name: count, type: integer, default: 3}
  - name: label
timeout: 90s
tls: {ca_file: /etc/ca.pem, server_name: api.internal, min_version: 1.3}
`

func TestParse(t *testing.T) {
	definition := strings.Replace(everything, "  nested: {deep: {{'{{TOKEN}}'}: 1}}\n", "", 1)
	tool := must(t, definition)
	got, err := json.Marshal(struct {
		*Tool
		Names []string
	}{tool, tool.Placeholders()})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"Description":"Create an issue","Method":"POST","URL":"https://API.example.com:8443/repos/${repo}/issues?v={{KEY}}",` +
		`"Headers":[{"Name":"Authorization","Value":"Bearer {{TOKEN}}"},{"Name":"X-Trace","Value":"${trace}"},{"Name":"X-Version","Value":"2.10"}],` +
		`"Query":[{"Name":"state","Value":"${state}"},{"Name":"per_page","Value":"10"}],` +
		`"Body":{"title":"${title}","text":"by ${title}, {{NAME}}","count":"${count}","labels":["a","${label}",16,10,0.5,"no",null,true]},` +
		`"Params":[{"Name":"repo","Description":"which one","Type":"string","Required":true,"Default":null,"Enum":null},` +
		`{"Name":"trace","Description":"","Type":"string","Required":false,"Default":null,"Enum":null},` +
		`{"Name":"state","Description":"","Type":"enum(open|closed)","Required":false,"Default":"open","Enum":["open","closed"]},` +
		`{"Name":"title","Description":"","Type":"string","Required":true,"Default":null,"Enum":null},` +
		`{"Name":"count","Description":"","Type":"integer","Required":false,"Default":3,"Enum":null},` +
		`{"Name":"label","Description":"","Type":"string","Required":false,"Default":null,"Enum":null}],` +
		`"Timeout":90000000000,"TLS":{"CAFile":"/etc/ca.pem","ServerName":"api.internal","MinVersion":"1.3"},"AllowPlain":false,"Names":["KEY","NAME","TOKEN"]}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	host, port := tool.Host()
	if host != "api.example.com" || port != "8443" || tool.ReadOnly() {
		t.Error(host, port)
	}
	// The same in JSON is the same tool.
	text := `{"description":"Create an issue","method":"post","url":"https://API.example.com:8443/repos/${repo}/issues?v={{KEY}}",
	"headers":{"Authorization":"Bearer {{TOKEN}}","X-Trace":"${trace}","X-Version":"2.10"},"query":{"state":"${state}","per_page":10},
	"body":{"title":"${title}","text":"by ${title}, {{NAME}}","count":"${count}","labels":["a","${label}",16,10,0.5,"no",null,true]},
	"params":[{"name":"repo","description":"which one","type":"string","required":true},{"name":"trace"},{"name":"state","type":"enum(open,closed)","default":"open"},
	{"name":"title","type":"string","required":true},{"name":"count","type":"integer","default":3},{"name":"label"}],
	"timeout":"90s","tls":{"ca_file":"/etc/ca.pem","server_name":"api.internal","min_version":1.3}}`
	fromJSON, err := json.Marshal(struct {
		*Tool
		Names []string
	}{must(t, text), tool.Placeholders()})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(fromJSON)); diff != "" {
		t.Error(diff)
	}
}

// TestProblems holds each mistake to its place and its words.
func TestProblems(t *testing.T) {
	const ok = "url: https://h.example/\n"
	post := "method: POST\n" + ok
	for _, test := range []struct{ text, want string }{
		{"", "1:1: the definition is empty"},
		{"# nothing\n", "1:1: the definition is empty"},
		{"- a\n", "1:1: a definition is a mapping"},
		{"description: x\n", "1:1: url is missing"},
		{ok + "uri: x\n", `2:1: "uri" is no key of a definition`},
		{ok + ok, `2:1: "url" stands twice`},
		{ok + "---\n" + ok, "second document"},
		{ok + "body: &a {x: 1}\n", "2:7: anchors (&)"},
		{ok + "headers: {A: &b x, B: *b}\n", "anchors (&)"},
		{ok + "body: !x y\n", "2:7: tags (!)"},
		{ok + "body: !!str y\n", "2:7: tags (!)"},
		{post + "body: {<<: {a: 1}}\n", "3:8: merge keys"},
		{ok + "body: {a: 1\n", "not YAML"},
		{"url: \"https://h\xff/\"\n", "1:16: the text is not UTF-8"},
		{"url: ftp://h/\n", "1:6: url begins with https:// or http://"},
		{"url: '{{S}}://h/'\n", "1:6: url begins with"},
		{"url: https://{{H}}/\n", "1:6: url: host and port are literal"},
		{"url: https://h:{{P}}/\n", "host and port are literal"},
		{"url: https://${h}.example/\n", "host and port are literal"},
		{"url: https://u:p@h/\n", "a user or password"},
		{"url: https://h:0/\n", "the port is a number"},
		{"url: https://h:65536/\n", "the port is a number"},
		{"url: 'https://h:/'\n", "the port is a number"},
		{"url: https://h:0443/\n", "the port is a number"},
		{"url: https:///x\n", "the host is missing"},
		{"url: https://h./x\n", "is no host name"},
		{"url: https://h\\x/\n", "is no host name"},
		{"url: https://h%2ex/\n", "is no host name"},
		{"url: https://bücher.example/\n", "in their ASCII form"},
		{"url: https://0x7f.1/\n", "neither a host name nor"},
		{"url: https://2130706433/\n", "neither a host name nor"},
		{"url: https://127.1/\n", "neither a host name nor"},
		{"url: https://0x7f000001/\n", "neither a host name nor"},
		{"url: https://[::1%25eth0]/\n", "no IPv6 address"},
		{"url: https://[::1\n", "IPv6"},
		{"url: http://h.example/\n", "say allow_plain"},
		{"url: http://127.0.0.1.example/\n", "say allow_plain"},
		{"url: http://localhost.example/\n", "say allow_plain"},
		{"url: http://127.0.0.1/\ntls: {min_version: '1.2'}\n", "tls is for https"},
		{"url: https://h/#x\n", "a fragment"},
		{"url: https://h/a b\n", "write %20"},
		{"url: https://h/{id}\n", "write %7B"},
		{"url: 'https://h/{{ ID }}'\n", "write %7B, or {{NAME}} for a secret, in capitals and without blanks"},
		{"url: https://h/é\n", "write %C3"},
		{"url: https://h/%zz\n", "write %25"},
		{"url: https://h/a/../b\n", "a way up or down"},
		{"url: https://h/%2e%2E/b\n", "a way up or down"},
		{"url: https://h/a%2f..%2Fb\n", "a way up or down"},
		{"url: https://h/${id}\n", "1:6: url: ${id} is not among params"},
		{"url: https://h/${id\n", "without its closing brace"},
		{"url: https://h/${a b}\n", `${"a b"} is no argument`},
		{"url: https://h/${a}\nparams: [{name: a}]\n", "1:6: url: ${a} may be missing"},
		{"url: https://h/?${a}=x\nparams: [{name: a, required: true}]\n", "names of parameters are literal"},
		{"url: https://h/?x&{{A}}=x\n", "names of parameters are literal"},
		{ok + "method: GE T\n", "2:9: \"GE T\" is no method"},
		{ok + "method: TRACE\n", "not for tools"},
		{ok + "headers: {A: {{M}}}\n", "2:14: put a text that begins with {{ in quotes"},
		{ok + "headers:\n  A: {{M}} x\n", "not YAML"},
		{ok + "description: 5\n", "2:14: description is a text, not a number; put it in quotes"},
		{ok + "description: \"a\\nb\"\n", "one line"},
		{ok + "description: \"a\\eb\"\n", "one line"},
		{ok + "allow_plain: yes\n", "2:14: allow_plain is true or false"},
		{ok + "timeout: 30\n", "2:10: timeout is a length of time"},
		{ok + "timeout: 25h\n", "at most 24h"},
		{ok + "timeout: -1s\n", "more than nothing"},
		{ok + "tls: {verify: false}\n", `2:7: "verify" is no key of tls: there are ca_file, min_version, server_name`},
		{ok + "tls: {min_version: 1.1}\n", "2:20: tls.min_version is 1.2 or 1.3"},
		{ok + "tls: {ca_file: ca.pem}\n", "the whole path"},
		{ok + "tls: {server_name: '{{A}}'}\n", "tls.server_name"},
		{ok + "headers: [a]\n", "headers is a mapping, not a list"},
		{ok + "headers: {Host: x}\n", "2:11: the header Host is not for a definition"},
		{ok + "headers: {content-length: 1}\n", "the header content-length"},
		{ok + "headers: {Transfer-Encoding: chunked}\n", "not for a definition"},
		{ok + "headers: {Accept-Encoding: br}\n", "not for a definition"},
		{ok + "headers: {'A B': x}\n", "is no header's name"},
		{ok + "headers: {'{{A}}': x}\n", "is no header's name"},
		{ok + "headers: {'${a}': x}\n", "is no header's name"},
		{ok + "headers: {\"A\\r\\nB\": x}\n", "is no header's name"},
		{ok + "headers: {A: x, a: y}\n", "stands twice"},
		{ok + "headers: {A: \"x\\r\\nB: y\"}\n", "one line without control characters"},
		{ok + "headers: {A: [x]}\n", "is a text, a number, true or false, not a list"},
		{ok + "headers: {A: }\n", "not nothing"},
		{ok + "query: {'${a}': x}\n", "names are literal"},
		{ok + "query: {'{{A}}': x}\n", "names are literal"},
		{ok + "query: {a: {b: c}}\n", "not a mapping"},
		{post + "body: [1]\n", "3:7: body is a mapping"},
		{post + "body: {'${a}': 1}\n", "3:8: body: keys are literal"},
		{post + "body: {'{{A}}': 1}\n", "keys are literal"},
		{post + "headers: {Content-Type: text/plain}\nbody: {a: 1}\n", "4:7: a mapping is sent as JSON"},
		{post + "headers: {Content-Type: '{{A}}'}\nbody: x\n", "Content-Type of a request with a body is literal"},
		{post + "headers: {Content-Type: ';'}\nbody: x\n", "no media type"},
		{post + "body: hello ${a}\nparams: [{name: a, required: true}]\n", "${a} is a string, which only JSON and forms"},
		{post + "headers: {Content-Type: application/json}\nbody: '{\"a\": ${a}'\nparams: [{name: a, required: true}]\n", "this is no JSON"},
		{post + "headers: {Content-Type: application/json}\nbody: '{\"${a}\": 1}'\nparams: [{name: a, required: true}]\n", "keys are literal"},
		{post + "headers: {Content-Type: application/json}\nbody: '{\"a\": 1${a}}'\nparams: [{name: a, required: true}]\n", "this is no JSON"},
		{post + "headers: {Content-Type: application/json}\nbody: '{\"a\": \"\\${a}\"}'\nparams: [{name: a, required: true}]\n", "this is no JSON"},
		{post + "headers: {Content-Type: application/json}\nbody: '{\"a\": \"\\u000${a}\"}'\nparams: [{name: a, required: true}]\n", "this is no JSON"},
		{post + "headers: {Content-Type: application/json}\nbody: '{\"a\": {{A}}{{B}}}'\n", "this is no JSON"},
		{post + "headers: {Content-Type: application/json}\nbody: '[${a}]'\nparams: [{name: a}]\n", "may be missing"},
		{post + "headers: {Content-Type: application/x-www-form-urlencoded}\nbody: '{{A}}=b'\n", "names of parameters are literal"},
		{post + "headers: {Content-Type: application/x-www-form-urlencoded}\nbody: 'a=b c'\n", "write %20"},
		{ok + "params: {a: 1}\n", "params is a list"},
		{ok + "params: [a]\n", "a parameter is a mapping"},
		{ok + "params: [{type: string}]\n", "needs a name"},
		{ok + "params: [{name: '1a'}]\n", "is no name"},
		{ok + "params: [{name: a}, {name: a}]\n", "2:28: there is a parameter a already"},
		{ok + "params: [{name: a, enum: [b]}]\n", `"enum" is no key of a parameter`},
		{ok + "params: [{name: a, type: str}]\n", "is no type"},
		{ok + "params: [{name: a, type: enum()}]\n", "an enum has"},
		{ok + "params: [{name: a, type: enum(x||y)}]\n", "an enum has"},
		{ok + "params: [{name: a, type: enum(x|x)}]\n", "stands twice"},
		{ok + "params: [{name: a, type: 'enum(x|\"y\")'}]\n", "enum value"},
		{ok + "params: [{name: a, required: true, default: b}]\n", "has no default"},
		{ok + "params: [{name: a, type: integer, default: 1.5}]\n", "default: it must be a whole number"},
		{ok + "params: [{name: a, type: boolean, default: 'true'}]\n", "default: it must be true or false"},
		{ok + "params: [{name: a, type: enum(x|y), default: z}]\n", "default: it must be one of x, y"},
		{ok + "params: [{name: a, default: [1]}]\n", "not a list"},
		{ok + `headers: {A: "\x7b{SECRET}}"}` + "\n", "written with escapes"},
		{ok + "headers: {A: \"{{SEC\\\n    RET}}\"}\n", "written with escapes"},
		{`{"url": "https://h/", "headers": {"A": "\u007b{SECRET}}"}}`, "written with escapes"},
		{`{"url": "https://h/", "url": "https://g/"}`, `1:23: "url" stands twice`},
		{post + "body: " + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "\n", "nested too deeply"},
		{`{"url": "https://h/", "method": "POST", "body": ` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "}", "nested too deeply"},
		{"url: https://h/\nheaders: {A: 'é', Bé: x}\n", `2:20: "Bé" is no header's name`},
	} {
		tool, problems := Parse("t.yaml", []byte(test.text))
		if tool != nil {
			t.Errorf("%q was taken", test.text)
			continue
		}
		var all []string
		for _, p := range problems {
			if s := p.String(); strings.Contains(s, test.want) && strings.HasPrefix(s, "t.yaml:") {
				all = nil
				break
			}
			all = append(all, p.String())
		}
		if all != nil || len(problems) == 0 {
			t.Errorf("%q: %q, want %q", test.text, all, test.want)
		}
	}
	_, problems := Parse("t.json", []byte("{\n \"url\": [}"))
	if len(problems) != 1 || !strings.HasPrefix(problems[0].String(), "t.json:2:10: not JSON") {
		t.Error(problems)
	}
}

// TestCharset: a body is UTF-8 whatever its header says, which is worth a word.
func TestCharset(t *testing.T) {
	for charset, warned := range map[string]bool{"utf-16": true, "UTF-7": true, "UTF-8": false, "us-ascii": false} {
		tool, problems := Parse("t.yaml", []byte("url: https://h/\nmethod: POST\nheaders: {Content-Type: application/json; charset="+charset+"}\nbody: '{}'\n"))
		if tool == nil || warned != (len(problems) == 1 && strings.Contains(problems[0].String(), "warning: the header Content-Type says charset=")) {
			t.Errorf("%s: %v", charset, problems)
		}
	}
}

// TestAccepted are definitions at the edge of what is refused.
func TestAccepted(t *testing.T) {
	for _, text := range []string{
		"url: https://h\n", "url: HTTPS://h?a=b\n", "url: http://127.0.0.1:8080/\n", "url: http://[::1]:8080/x\n", "url: http://localhost/\n",
		"url: http://127.9.9.9/\n", "url: http://h.example/\nallow_plain: true\n", "url: https://h/...//a/%2F\n", "url: https://h_1.x/\n",
		"url: https://h/\nheaders: {A: '$${x}'}\n", "url: https://h/\nheaders: {A: '{{\\NAME}}'}\n", "\ufeffurl: https://h/\n",
		"{url: https://h/, method: GET}", "{\"url\": \"https://h/\",}", "url: https://h/\nmethod: PROPFIND\n",
		"url: https://h/\ndescription: >\n  folded\n  text\n", "url: https://h/\nparams: [{name: per-page, type: \"enum(1, 2)\", default: 1}]\n",
		"{\t\"url\":\t\"https://h/\",\n\t\"description\": \"\\ud83d\\ude00 \\/\"}",
	} {
		must(t, text)
	}
	tool := must(t, "url: https://h/\nheaders: {A: '$${x} {{\\NAME}} {{\\\\NAME}}'}\n")
	text, err := tool.Preview(nil, nil)
	if err != nil || !strings.Contains(text, "A: ${x} {{NAME}} {{\\NAME}}\n") {
		t.Errorf("%q, %v", text, err)
	}
	if got := must(t, "{\"url\":\"https://h/\",\"description\":\"\\ud83d\\ude00\"}").Description; got != "😀" {
		t.Error(got)
	}
}

func TestCheck(t *testing.T) {
	text := "# {{COMMENT}}\nurl: https://h/{{API_KEY}}\nheaders:\n  A: '{{API_KEI}} {{ API_KEY }} {{api_key}} {{other}}'\n"
	tool, problems := Check("f.yaml", []byte(text), []string{"API_KEY"})
	var got []string
	for _, p := range problems {
		got = append(got, p.String())
	}
	want := []string{
		"f.yaml:4:7: warning: {{API_KEI}}: no such secret; did you mean {{API_KEY}}?",
		"f.yaml:4:19: warning: {{ API_KEY }}: write it without white space: {{API_KEY}}",
		"f.yaml:4:33: warning: {{api_key}}: names are in capitals: {{API_KEY}}",
	}
	if diff := cmp.Diff(want, got); diff != "" || tool == nil {
		t.Error(diff)
	}
}

// TestDocs: every definition in docs/tools.md is in order, and what it says of arguments and keys is what is there.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/tools.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(page), "```")
	found := 0
	for i := 1; i < len(blocks); i += 2 {
		lang, text, _ := strings.Cut(blocks[i], "\n")
		switch lang {
		case "yaml", "json":
			found++
			if _, problems := Check("docs/tools.md", []byte(text), []string{"API_TOKEN", "SLACK_TOKEN", "CLIENT_ID", "CLIENT_SECRET"}); len(problems) > 0 {
				t.Errorf("%s\n%v", text, problems)
			}
		}
	}
	if found < 4 {
		t.Errorf("%d examples", found)
	}
	for _, k := range keys {
		if !strings.Contains(string(page), "| `"+k.name+"` |") || !strings.Contains(keyNames(), k.name) {
			t.Errorf("the table of keys lacks %s", k.name)
		}
	}
	for name := range refused {
		if !strings.Contains(strings.ToLower(string(page)), "`"+name+"`") {
			t.Errorf("the refused header %s is not listed", name)
		}
	}
}

// TestLarge: what is large and made to take long is read, or refused, all the same. At the full size of 1 MiB each takes
// seconds at most; an eighth of it is enough to notice what grows with the square of the text.
func TestLarge(t *testing.T) {
	begin := "method: POST\nurl: https://h/\nbody:\n"
	fill := func(s string) string { return strings.Repeat(s, MaxText/8/len(s)) }
	for _, text := range []string{
		begin + " a:\n" + fill("  - 1\n"), begin + " a: [" + fill("1,") + "1]\n", begin + " a: \"" + fill("{{A}}") + "\"\n", begin + " a: [" + fill("'{{',") + "1]\n",
		begin + " a: '" + fill("${b}") + "'\n", begin + " a: [" + fill("'${b}',") + "1]\n", "url: https://h/" + fill("a/"), "url: https://h/?" + fill("a=b&"), fill("["), fill("{a: "), fill("- "), fill("? "), fill("# x\n"), fill("a: b\n"),
		`{"url":"https://h/","body":[` + fill("[") + "]}", `{"url":"https://h/","method":"POST","body":{"a":[` + fill("1,") + "1]}}", fill("{{\\A}}"), begin + " a: [" + fill("'{{\\A}}',") + "1]\n", fill("&a *a "), fill("\u2028"),
		"url: https://h/\nheaders: {" + fill("a: b, ") + "}", "url: https://h/\nparams: [" + fill("{name: a},") + "]",
	} {
		if tool, problems := Check("f", []byte(text), nil); tool == nil && len(problems) == 0 {
			t.Errorf("%.60q: neither a tool nor a problem", text)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{everything, "url: https://h/${a}?b=${a}\nparams: [{name: a, required: true}]", `{"url":"http://[::1]/"}`, "url: &a *a", "? a\n: b", "{{", "url: 'https://h/'\nbody: |\n  ${a}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		tool, problems := Check("f", text, []string{"A"})
		wrong := 0
		for _, p := range problems {
			if p.Line < 1 || p.Column < 1 || p.Line > strings.Count(string(text), "\n")+1 {
				t.Fatalf("%v is not in the text", p)
			}
			if !p.Warning {
				wrong++
			}
		}
		if (tool == nil) != (wrong > 0) {
			t.Fatalf("%v, %v", tool, problems)
		}
		if tool == nil {
			return
		}
		if !json.Valid(tool.Schema()) {
			t.Fatal("the schema is no JSON")
		}
		if b, err := json.Marshal(tool.Body); err != nil || !json.Valid(b) {
			t.Fatal("the body is no JSON")
		}
		args := map[string]any{}
		for _, p := range tool.Params {
			args[p.Name] = sample(p)
		}
		preview, err := tool.Preview(args, func(name string) string { return "hint" })
		if err == nil && !strings.HasPrefix(preview, tool.Method+" "+tool.dest.scheme+"://") {
			t.Fatal(preview)
		}
		again, problems := Parse("g.txt", text)
		if again == nil {
			t.Fatalf("read once and not twice: %v", problems)
		}
	})
}

// sample is an argument of a parameter's type.
func sample(p Param) any {
	switch p.kind() {
	case "integer":
		return 7
	case "number":
		return 1.5
	case "boolean":
		return true
	case "enum":
		return p.Enum[0]
	}
	return "x/../{{A}}\n"
}

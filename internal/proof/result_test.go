package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// said is what go test -json says of five tests: one that reports, one that does
// not, one with two parts, one that is skipped and one that fails.
const said = `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:12: PROOF 1200 crash images\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:13: PROOF 34 crash images\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:14: PROOF 5 moments\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestQuiet","Output":"    a_test.go:20: nothing to say\n"}
{"Action":"pass","Package":"p","Test":"TestQuiet"}
{"Action":"run","Package":"p","Test":"TestParts/one"}
{"Action":"pass","Package":"p","Test":"TestParts/one"}
{"Action":"output","Package":"p","Test":"TestParts/two","Output":"    a_test.go:30: only root can\n"}
{"Action":"skip","Package":"p","Test":"TestParts/two"}
{"Action":"pass","Package":"p","Test":"TestParts"}
{"Action":"output","Package":"p","Test":"TestSkipped","Output":"    a_test.go:40: strace is not installed\n"}
{"Action":"skip","Package":"p","Test":"TestSkipped"}
{"Action":"output","Package":"p","Test":"TestBad","Output":"    a_test.go:50: PROOF 7 cases\n"}
{"Action":"output","Package":"p","Test":"TestBad","Output":"    a_test.go:51: value lost\n"}
{"Action":"fail","Package":"p","Test":"TestBad"}
{"Action":"run","Package":"p","Test":"TestCut"}
not JSON
{"Action":"fail","Package":"p"}
`

func TestJudge(t *testing.T) {
	logs, other := collect(strings.NewReader(said))
	if other != "not JSON\n" {
		t.Errorf("other output %q", other)
	}
	for _, c := range []struct {
		tests          []string
		each           string
		counts, result string
		failed         bool
	}{
		{[]string{"TestA"}, "", "1,234 crash images, 5 moments", "held", false},
		{[]string{"TestQuiet"}, "", "none", "FAILED: TestQuiet passed, but reported no cases", true},
		{[]string{"TestQuiet", "TestParts"}, "test", "2 tests", "held; skipped: TestParts/two: only root can", false},
		{[]string{"TestParts/one"}, "search", "1 search", "held", false},
		{[]string{"TestSkipped"}, "", "none", "skipped: TestSkipped: strace is not installed", false},
		{[]string{"TestA", "TestSkipped"}, "", "1,234 crash images, 5 moments", "held; skipped: TestSkipped: strace is not installed", false},
		{[]string{"TestBad"}, "", "none", "FAILED: TestBad: value lost", true},
		{[]string{"TestA", "TestGone"}, "", "1,234 crash images, 5 moments", "FAILED: TestGone did not run", true},
		{[]string{"TestCut"}, "", "none", "FAILED: TestCut: it did not end", true},
	} {
		r := judge(proof{tests: c.tests, each: c.each}, logs, "")
		if r.counts() != c.counts || r.word() != c.result || r.failed != c.failed {
			t.Errorf("%v: %s, %s, failed %t", c.tests, r.counts(), r.word(), r.failed)
		}
	}
	if r := judge(proof{tests: []string{"TestA"}}, nil, "it does not compile"); !r.failed || r.word() != "FAILED: it does not compile" {
		t.Errorf("a package that does not compile: %s", r.word())
	}
}

func TestTrouble(t *testing.T) {
	for text, want := range map[string]string{
		"# p [p.test]\np/a_test.go:3:7: undefined: x\np/a_test.go:4:1: more\nexit status 1": "p/a_test.go:3:7: undefined: x",
		"go: no such tool\nexit status 2": "exit status 2",
	} {
		if got := trouble(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// TestTable: every proof has a name of its own and says what it is, and its tests are there.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	sources := map[string]string{}
	for _, p := range proofs() {
		if p.name == "" || p.group == "" || p.what == "" || len(p.tests) == 0 || seen[p.name] {
			t.Errorf("%+v is not whole, or there twice", p)
		}
		seen[p.name] = true
		if sources[p.pkg] == "" {
			files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(p.pkg), "*_test.go"))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				text, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				sources[p.pkg] += string(text)
			}
		}
		for _, test := range p.tests {
			top, _, _ := strings.Cut(test, "/")
			kind := "(t *testing.T)"
			if strings.HasPrefix(top, "Fuzz") {
				kind = "(f *testing.F)" // its seeds are run
			}
			if !strings.Contains(sources[p.pkg], "func "+top+kind) {
				t.Errorf("%s: there is no %s in %s", p.name, top, p.pkg)
			}
		}
	}
}

func TestPlan(t *testing.T) {
	list := proofs()
	jobs := plan(list, setting{quick: true})
	seen := map[int]bool{}
	for _, j := range jobs {
		for _, i := range j.proofs {
			if seen[i] || list[i].pkg != j.pkg {
				t.Errorf("proof %s is in the wrong run", list[i].name)
			}
			seen[i] = true
		}
	}
	if len(seen) != len(list) || len(jobs) >= len(list) {
		t.Errorf("%d of %d proofs in %d runs", len(seen), len(list), len(jobs))
	}
	if j := (job{proofs: []int{0, 1}}); j.pattern([]proof{{tests: []string{"TestA/x", "TestB"}}, {tests: []string{"TestA/y"}}}) != "^(TestA|TestB)$" {
		t.Error("a test is in the pattern twice")
	}
}

func TestInsert(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doc.md")
	if err := os.WriteFile(path, []byte("before\n"+beginMark+"\nold\n"+endMark+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := insert(path, "| new |\n"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if want := "before\n" + beginMark + "\n| new |\n" + endMark + "\nafter\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v", got, err)
	}
	if err := os.WriteFile(path, []byte("no markers"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := insert(path, "x"); err == nil {
		t.Error("a file without markers was written to")
	}
}

func TestChoose(t *testing.T) {
	all := []proof{{name: "power"}, {name: "power-engine"}, {name: "long", long: true}}
	names := func(s setting) (out []string) {
		for _, p := range choose(all, s) {
			out = append(out, p.name)
		}
		return out
	}
	for _, c := range []struct {
		s    setting
		want []string
	}{
		{setting{}, []string{"power", "power-engine", "long"}},
		{setting{quick: true}, []string{"power", "power-engine"}},
		{setting{quick: true, only: "long"}, []string{"long"}},
		{setting{only: "power"}, []string{"power", "power-engine"}},
	} {
		if got := names(c.s); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.s, got, c.want)
		}
	}
}

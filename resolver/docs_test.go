package resolver

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocs holds docs/templates.md to what the program does.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile("../docs/templates.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	refuses := map[need]string{0: "nothing", noNUL: "a value with NUL", isUTF8: "a value that is not UTF-8", isXML: "a value with characters that XML forbids"}
	var rows, names []string
	for _, f := range Filters() {
		row := filterTable[f]
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |\n", row.name, row.does, refuses[row.needs]))
		names = append(names, fmt.Sprintf("%q", row.name))
	}
	table := "| filter | makes | refuses |\n|---|---|---|\n" + strings.Join(rows, "") + "\n"
	for what, text := range map[string]string{
		"table of filters":   table,
		"grammar of filters": "filter      = " + strings.Join(names, " | ") + " ;",
		"limit of names":     fmt.Sprintf("(* at most %d bytes *)", maxName),
		"limit of filters":   fmt.Sprintf("(* at most %d *)", maxFilters),
		"limit of literals":  "(* at most 4,096 bytes *)",
		"limit of lists":     "up to 1,000 of them",
	} {
		if !strings.Contains(page, text) {
			t.Errorf("the %s is not there, or not this:\n%s", what, text)
		}
	}
	if maxPlaceholder != 4096 || maxListed != 1000 {
		t.Error("the page has other limits")
	}
	documentedCases(t, page)
}

// documentedCases resolves the examples of the page's first table whose result is text.
func documentedCases(t *testing.T, page string) {
	t.Helper()
	rows := regexp.MustCompile("(?m)^\\| `([^`]+)` \\| `([^`]+)` \\|").FindAllStringSubmatch(page, -1)
	if len(rows) < 2 {
		t.Fatalf("%d examples", len(rows))
	}
	for _, row := range rows {
		var out strings.Builder
		if err := scan(t, row[1]).Resolve(&out, lookup{}); err != nil {
			t.Fatal(err)
		}
		same(t, row[1], row[2], out.String())
	}
	for _, template := range []string{"{{ A }}", "{{a}}", "{{.A}}", "{A}"} {
		if !strings.Contains(page, "`"+template+"`") {
			t.Errorf("%s is not on the page", template)
		}
		same(t, template, template, string(resolveAs(t, strings.NewReader(template))))
	}
}

package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"
)

// The table in a document stands between these.
const (
	beginMark = "<!-- proof: begin -->"
	endMark   = "<!-- proof: end -->"
)

// A place is what the proofs ran on.
type place struct {
	when       time.Time
	commit     string
	goVersion  string
	kernel     string
	processor  string
	processors int
	fileSystem string // of the directory for temporary files
	memory     string
	root       bool
	took       time.Duration
	setting    setting
}

func (p place) String() string {
	who := "not root"
	if p.root {
		who = "root"
	}
	how := "go run ./internal/proof"
	if p.setting.quick {
		how += " -quick"
	}
	if p.setting.only != "" {
		how += " -only " + p.setting.only
	}
	how += " -soak " + p.setting.soak.String()
	return fmt.Sprintf("Run on %s by `%s` in %s, commit %s. %s, %s, %d of its processors, %s of memory, temporary files on %s, as %s; %s.",
		p.when.UTC().Format("2006-01-02 15:04 UTC"), how, p.took.Round(time.Second), p.commit, p.kernel, p.processor, p.processors, p.memory, p.fileSystem, who, p.goVersion)
}

// render is the table in Markdown, with what it was made on above it.
func render(where place, results []result) string {
	var b strings.Builder
	fmt.Fprintln(&b, where)
	held, failed, skipped := 0, 0, 0
	for _, r := range results {
		switch {
		case r.failed:
			failed++
		case r.passed == 0:
			skipped++
		default:
			held++
		}
	}
	fmt.Fprintf(&b, "%d proofs held, %d failed, %d were skipped.\n\n", held, failed, skipped)
	b.WriteString("| Fault or attack | Test | Cases | Result |\n|---|---|---|---|\n")
	group := ""
	for _, r := range results {
		if r.proof.group != group {
			group = r.proof.group
			fmt.Fprintf(&b, "| **%s** | | | |\n", group)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.proof.what, r.proof.where(), r.counts(), cell(r.word()))
	}
	return b.String()
}

// where names a proof and its tests, the first few of many: -list shows them all.
func (p proof) where() string {
	const most = 3
	names := make([]string, 0, most)
	for _, t := range p.tests {
		if len(names) == most-1 && len(p.tests) > most {
			break
		}
		names = append(names, "`"+t+"`")
	}
	text := "**" + p.name + "**, `" + p.pkg + "`: " + strings.Join(names, ", ")
	if n := len(p.tests) - len(names); n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// cell makes a text safe inside a table.
func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ", "<", "&lt;").Replace(text)
}

// insert puts the table between the two markers of a file.
func insert(path, table string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := bytes.Cut(text, []byte(beginMark))
	_, after, found2 := bytes.Cut(rest, []byte(endMark))
	if !found || !found2 {
		return fmt.Errorf("%s has no line %s and after it %s", path, beginMark, endMark)
	}
	return os.WriteFile(path, []byte(string(before)+beginMark+"\n"+table+endMark+string(after)), 0o644)
}

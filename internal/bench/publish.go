package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A table is what one group found.
type table struct {
	about  string
	header []string
	rows   [][]string
}

// markdown is the table as the document has it.
func (t table) markdown() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s:\n\n", strings.ToUpper(t.about[:1])+t.about[1:])
	line := func(cells []string) {
		fmt.Fprintf(&s, "| %s |\n", strings.Join(cells, " | "))
	}
	line(t.header)
	line(slices.Repeat([]string{"---"}, len(t.header)))
	for _, r := range t.rows {
		line(r)
	}
	return s.String()
}

// publish prints what a group found. With -write it also takes the place of
// what stood between the group's marks in the document, so that a group can be
// measured anew by itself.
func (b *bench) publish(group string, t table) error {
	text := t.markdown()
	fmt.Fprintf(b.out, "\n%s\n", text)
	if b.options.write == "" {
		return nil
	}
	path := filepath.Join(b.options.write, "performance.md")
	doc, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	begin, end := fmt.Sprintf("<!-- bench %s -->\n", group), "<!-- end -->"
	before, rest, found := bytes.Cut(doc, []byte(begin))
	_, after, closed := bytes.Cut(rest, []byte(end))
	if !found || !closed {
		return fmt.Errorf("%s has no place for %q: %q and %q", path, group, strings.TrimSpace(begin), end)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s%s%s%s%s", before, begin, text, end, after)
	return os.WriteFile(path, out.Bytes(), 0o644)
}

// draw writes a curve into docs/plots, with -write.
func (b *bench) draw(name string, p plot) error {
	if b.options.write == "" {
		return nil
	}
	dir := filepath.Join(b.options.write, "plots")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+".svg"), p.svg(), 0o644)
}

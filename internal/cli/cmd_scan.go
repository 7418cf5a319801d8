package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"tacenda/internal/gitignore"
	"tacenda/internal/leak"
	"tacenda/internal/plain"
	"tacenda/keyring/secret"
)

// leakJSON is one place where a value stands.
type leakJSON struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Offset   int64  `json:"offset"`
	Length   int    `json:"length"`
	Name     string `json:"name"`
	Encoding string `json:"encoding"`
}

func (a *app) scanCommand() *cobra.Command {
	var binary, all bool
	c := &cobra.Command{
		Use: "scan PATH...",
		Long: `Find values of the project in files: as they are, in base64, percent-encoded,
JSON-escaped and in hex. It prints FILE:LINE:COLUMN: NAME (encoding) for each,
and never a piece of a value. A PATH that is a directory stands for the files
below it, without binary files, links, .git and what .gitignore files leave out;
a file that is named is searched in any case, and - is standard input.

Values shorter than 6 bytes are not searched for, and their names are said.
Compressed files are searched as they are; in UTF-16 no value is found, which is
said.

Exit codes: 0 nothing found; 4 no permission to use secrets, or to read a file;
5 no such file; 11 something was found. A file that cannot be read does not end
the scan.`,
		Example: "  tacenda scan .\n  tacenda -p web scan --binary --json dist/ deploy.log",
		Args:    atLeast(1, "one PATH or more"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.scan(c.Context(), args, binary, all)
		},
	}
	a.jsonFlag(c)
	c.Flags().BoolVar(&binary, "binary", false, "search binary files below directories too")
	c.Flags().BoolVar(&all, "no-ignore", false, "search what .gitignore files leave out too")
	return c
}

func (a *app) scan(ctx context.Context, paths []string, binary, all bool) error {
	if err := a.claimPaths(paths); err != nil {
		return err
	}
	finder, done, err := a.openFinder(ctx)
	if err != nil {
		return err
	}
	defer done()
	s := &leakScan{a: a, finder: finder, binary: binary, all: all}
	for _, path := range paths {
		if err := s.path(ctx, path); err != nil {
			return err
		}
	}
	if s.passedOver > 0 {
		a.note(fmt.Sprintf("binary files not searched: %d (--binary searches them)", s.passedOver))
	}
	if a.json {
		if err := writeJSONList(a.out, s.found); err != nil {
			return err
		}
	}
	return s.result()
}

// A leakScan is the work of one scan, once the finder is made.
type leakScan struct {
	a           *app
	finder      *leak.Finder
	binary, all bool

	places     int
	found      []leakJSON // the places, for JSON
	passedOver int        // binary files
	failures   []error    // one for each file that could not be read
}

// result says what could not be read, and how the scan ends: by what it found,
// else by the last failure.
func (s *leakScan) result() error {
	var last error
	said := s.failures
	if n := len(said); n > 0 && s.places == 0 {
		said, last = said[:n-1], said[n-1]
	}
	for _, err := range said {
		s.a.line(err.Error())
	}
	if s.places > 0 {
		return errFindings
	}
	return last
}

// path scans one argument. Its error ends the scan.
func (s *leakScan) path(ctx context.Context, path string) error {
	info, err := os.Stat(path)
	if isStdin(path) || err != nil || !info.IsDir() {
		return s.file(ctx, path, true)
	}
	rules, top, err := s.rulesAbove(path)
	if err != nil {
		return err
	}
	return s.dir(ctx, path, top, rules)
}

// dir scans a directory in the order of its names. The rules count from the top
// of the repository, where the directory is rel.
func (s *leakScan) dir(ctx context.Context, path, rel string, rules *gitignore.Rules) error {
	entries, err := os.ReadDir(path) // sorted; with an error, what could be read
	if err != nil {
		s.failures = append(s.failures, plainPathError(err))
	}
	rules = s.rulesIn(path, rel, rules)
	for _, entry := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		name := entry.Name()
		below := joinSlash(rel, name)
		var err error
		switch {
		case name == ".git", rules.Ignored(below, entry.IsDir()):
		case entry.IsDir():
			err = s.dir(ctx, filepath.Join(path, name), below, rules)
		case entry.Type().IsRegular():
			err = s.file(ctx, filepath.Join(path, name), s.binary)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func joinSlash(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// maxIgnore is how much of a .gitignore file counts: nobody writes as much.
const maxIgnore = 1 << 20

// rulesIn adds the patterns of a directory. A .gitignore that is no regular file
// or cannot be read leaves nothing out.
func (s *leakScan) rulesIn(path, rel string, rules *gitignore.Rules) *gitignore.Rules {
	name := filepath.Join(path, ".gitignore")
	if info, err := os.Lstat(name); s.all || err != nil || !info.Mode().IsRegular() {
		return rules
	}
	f, err := os.Open(name)
	if err != nil {
		return rules
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxIgnore))
	if err != nil {
		return rules
	}
	return rules.Below(rel, text)
}

// rulesAbove reads the patterns between the top of the repository that path is
// in, if any, and path, and returns what path is called from there.
func (s *leakScan) rulesAbove(path string) (rules *gitignore.Rules, rel string, err error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, "", fmt.Errorf("scanning %s: %w", path, err)
	}
	top := abs
	for {
		if _, err := os.Lstat(filepath.Join(top, ".git")); err == nil {
			break
		}
		above := filepath.Dir(top)
		if above == top {
			return nil, "", nil // no repository
		}
		top = above
	}
	if top == abs {
		return nil, "", nil
	}
	rel, err = filepath.Rel(top, abs)
	if err != nil {
		return nil, "", fmt.Errorf("scanning %s: %w", path, err)
	}
	rel = filepath.ToSlash(rel)
	dir := ""
	for name := range strings.SplitSeq(rel, "/") {
		rules = s.rulesIn(filepath.Join(top, filepath.FromSlash(dir)), dir, rules)
		dir = joinSlash(dir, name)
	}
	return rules, rel, nil
}

// file scans one file. Only what ends the scan is an error.
func (s *leakScan) file(ctx context.Context, path string, binary bool) error {
	in, err := s.a.openInput(ctx, path)
	if err != nil {
		s.failures = append(s.failures, err)
		return nil
	}
	defer in.Close()
	head := make([]byte, textProbe)
	defer secret.Wipe(head)
	n, err := io.ReadFull(in, head)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		s.failures = append(s.failures, plainPathError(err))
		return nil
	case !binary && bytes.IndexByte(head[:n], 0) >= 0:
		s.passedOver++
		return nil
	}
	if isStdin(path) {
		path = "-"
	}
	if utf16Mark(head[:n]) {
		s.a.warn(path + noUTF16)
	}
	// Places are written as they are found: there may be millions.
	text := bufio.NewWriter(s.a.out)
	err = s.finder.Scan(io.MultiReader(bytes.NewReader(head[:n]), in), func(m leak.Match) error {
		s.places++
		if s.a.json {
			s.found = append(s.found, leakJSON{path, m.Line, m.Column, m.Offset, m.Len, m.Name, m.Encoding})
			return nil
		}
		_, err := fmt.Fprintf(text, "%s:%d:%d: %s (%s)\n", plain.String(path), m.Line, m.Column, m.Name, m.Encoding)
		return err
	})
	if failed := text.Flush(); failed != nil {
		return failed
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		s.failures = append(s.failures, plainPathError(err))
	}
	return nil
}

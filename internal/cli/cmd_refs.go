package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tacenda/internal/vault"
	"tacenda/resolver"
)

// refJSON is one place where a secret is used.
type refJSON struct {
	Secret string `json:"secret"`
	useJSON
}

func (a *app) refsCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "refs [NAME] [PATH...]",
		Long: `Show where placeholders are used: in tools, in instructions and in files. A PATH
that is a directory stands for the text files below it; without one it is the
working directory. A first argument that is a valid name is the NAME: write
./README for a path.`,
		Example: "  tacenda refs\n  tacenda refs API_KEY deploy/ config.tmpl",
		RunE:    func(c *cobra.Command, args []string) error { return a.refs(c.Context(), args) },
	}
	a.jsonFlag(c)
	return c
}

func (a *app) refs(ctx context.Context, args []string) error {
	name := ""
	if len(args) > 0 && vault.CheckSecretName(args[0]) == nil {
		name, args = args[0], args[1:]
	}
	if len(args) == 0 && a.caller == nil {
		args = []string{"."}
	}
	if err := a.claimPaths(args); err != nil {
		return err
	}
	project, v, err := a.openProject(ctx, forReading)
	if err != nil {
		return err
	}
	defer v.Close()
	used, err := v.References(ctx, project)
	if err != nil {
		return err
	}
	refs := []refJSON{}
	for _, secret := range slices.Sorted(maps.Keys(used)) {
		for _, r := range used[secret] {
			if name == "" || secret == name {
				refs = append(refs, refJSON{secret, toUseJSON(r)})
			}
		}
	}
	err = a.walkTemplates(ctx, args, nil, func(file string, o resolver.Occurrence) error {
		if o.Name != "" && (name == "" || o.Name == name) {
			refs = append(refs, refJSON{o.Name, useJSON{"file", file, fmt.Sprintf("%d:%d", o.Line, o.Column)}})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return a.printRefs(refs)
}

func (a *app) printRefs(refs []refJSON) error {
	if a.json {
		return writeJSONList(a.out, refs)
	}
	var b strings.Builder
	for _, r := range refs {
		fmt.Fprintf(&b, "%s: %s\n", r.useJSON, r.Secret)
	}
	if len(refs) == 0 {
		a.note("no placeholder found")
	}
	_, err := io.WriteString(a.out, b.String())
	return err
}

// claimPaths says that PATH arguments may read standard input.
func (a *app) claimPaths(paths []string) error {
	for _, path := range paths {
		if path == "" {
			return usagef("a PATH must not be empty")
		}
		if err := a.claimStdin("PATH", path); err != nil {
			return err
		}
	}
	return nil
}

// skippedDirs are what version control and package managers keep beside the
// files that people write.
var skippedDirs = [...]string{".git", ".hg", ".svn", ".jj", "node_modules"}

// walkTemplates calls fn for every placeholder and near miss in the files, in
// order. A directory stands for the text files below it, without links.
func (a *app) walkTemplates(ctx context.Context, paths []string, known func(string) bool, fn func(file string, o resolver.Occurrence) error) error {
	one := func(path string, all bool) error {
		return a.walkFile(ctx, path, all, resolver.Options{File: path, Known: known}, func(o resolver.Occurrence) error { return fn(path, o) })
	}
	for _, path := range paths {
		if isStdin(path) {
			if err := one(path, true); err != nil {
				return err
			}
			continue
		}
		if a.caller != nil {
			return usagef("only - is available here, which is your standard input")
		}
		info, err := os.Stat(path)
		if err != nil || !info.IsDir() {
			if err := one(path, true); err != nil {
				return err
			}
			continue
		}
		// A directory that is named counts whatever it is called, and with the separator
		// also where a link leads there: WalkDir itself looks behind none.
		root := path + string(filepath.Separator)
		err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err = errors.Join(err, ctx.Err()); err != nil {
				return plainPathError(err)
			}
			switch {
			case d.IsDir() && path != root && slices.Contains(skippedDirs[:], d.Name()):
				return fs.SkipDir
			case !d.Type().IsRegular():
				return nil
			}
			return one(path, false)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// textProbe is how much of a file is looked at to tell text from the rest; git
// looks at as much.
const textProbe = 8000

// wideTemplate tells whether a file is UTF-16 with what looks like a placeholder:
// no picture, but a template that somebody saved in the wrong way.
func wideTemplate(head []byte) bool {
	return utf16Mark(head) && (bytes.Contains(head, []byte("{\x00{\x00")) || bytes.Contains(head, []byte("\x00{\x00{")))
}

// walkFile reads one file. Unless all is set, one that is not text is passed
// over: nobody names an image to look for placeholders in it.
func (a *app) walkFile(ctx context.Context, path string, all bool, o resolver.Options, fn func(resolver.Occurrence) error) error {
	in, err := a.openInput(ctx, path)
	if err != nil {
		return err
	}
	defer in.Close()
	r := bufio.NewReaderSize(in, textProbe)
	if !all {
		head, _ := r.Peek(textProbe)
		if bytes.IndexByte(head, 0) >= 0 && !wideTemplate(head) {
			return nil
		}
	}
	return resolver.Walk(r, o, fn)
}

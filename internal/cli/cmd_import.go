package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"tacenda/internal/importer"
	"tacenda/internal/vault"
	"tacenda/keyring/secret"
)

// importFlags are what an import takes and what it does with names that exist.
type importFlags struct {
	format    string
	prefix    string
	dryRun    bool
	overwrite bool
	skip      bool
	skipEmpty bool
}

func (a *app) importCommand() *cobra.Command {
	var f importFlags
	c := &cobra.Command{
		Use: "import FILE|-",
		Long: `Take over the secrets of a .env, JSON or YAML file: all of them, or none.

.env lines may begin with export and end with a comment; 'single quotes' are raw,
"double quotes" know \n \t \" \\ and \$, and nothing is interpolated. In JSON and
YAML nested keys are joined by _ and raised to capitals, scalars are taken as
written; lists, aliases and names that collide are errors.

The file stays where it is: remove it when the import is done.

Exit codes: 1 the file is not in its format; 2 a name or a value that cannot be
stored; 6 a name exists, unless --overwrite or --skip-existing.`,
		Example: `  tacenda import .env
  tacenda -p web import secrets.yaml --prefix WEB_ --dry-run
  printenv | tacenda import - --format env --skip-existing`,
		Args: exactly(1, "one FILE, or - for standard input"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.importFile(c, args[0], f)
		},
	}
	fl := c.Flags()
	fl.StringVar(&f.format, "format", "", "read the file as `FORMAT`: env, json or yaml (else by its name)")
	fl.StringVar(&f.prefix, "prefix", "", "put `PREFIX` before every name")
	fl.BoolVar(&f.dryRun, "dry-run", false, "say what would happen, and change nothing")
	fl.BoolVar(&f.overwrite, "overwrite", false, "give secrets that exist the file's values")
	fl.BoolVar(&f.skip, "skip-existing", false, "leave secrets that exist as they are")
	fl.BoolVar(&f.skipEmpty, "skip-empty", false, "leave out names whose value is empty")
	return c
}

// mode is what happens to names that exist.
func (f *importFlags) mode() vault.ImportMode {
	switch {
	case f.overwrite:
		return vault.ImportOverwrite
	case f.skip:
		return vault.ImportSkip
	}
	return vault.ImportStrict
}

// check refuses options that contradict each other, before anything is read.
func (f *importFlags) check(a *app, c *cobra.Command, file string) (importer.Format, error) {
	if f.overwrite && f.skip {
		return "", usagef("--overwrite and --skip-existing exclude each other")
	}
	if c.Flags().Changed("prefix") {
		// What may begin a name is what may be one.
		if err := vault.CheckSecretName(f.prefix); err != nil {
			return "", usagef("--prefix: capitals, digits and _ only, not beginning with a digit")
		}
	}
	if err := a.claimStdin("FILE", file); err != nil {
		return "", err
	}
	if !c.Flags().Changed("format") {
		format, ok := importer.FormatOf(file)
		if !ok {
			return "", hinted(usagef("import: the name does not tell the format of %s", file), "add --format env, json or yaml")
		}
		return format, nil
	}
	switch format := importer.Format(f.format); format {
	case importer.Env, importer.JSON, importer.YAML:
		return format, nil
	}
	return "", usagef("--format %q: env, json or yaml", f.format)
}

func (a *app) importFile(c *cobra.Command, file string, f importFlags) error {
	ctx := c.Context()
	format, err := f.check(a, c, file)
	if err != nil {
		return err
	}
	project, err := a.projectName()
	if err != nil {
		return err
	}
	// The file is read before the vault is opened: nobody types a passphrase to
	// learn of a comma.
	parsed, err := a.readImport(ctx, file, format, f)
	if err != nil {
		return err
	}
	defer parsed.Close()
	if len(parsed.Entries) == 0 {
		a.note("nothing to import in " + file)
		return nil
	}
	acc := forChange
	if f.dryRun {
		acc = forReading
	}
	v, err := a.openVault(ctx, acc)
	if err != nil {
		return err
	}
	defer v.Close()
	if f.dryRun {
		return a.dryImport(ctx, v, project, parsed, f.mode())
	}
	p := a.progress("importing")
	drafts := make([]vault.Draft, len(parsed.Entries))
	done := 0
	for i, e := range parsed.Entries {
		drafts[i] = vault.Draft{Name: e.Name, Value: countedValue{e.Value, func() {
			done++
			p.step(done, len(drafts))
		}}}
	}
	result, err := v.ImportSecrets(ctx, project, drafts, f.mode())
	parsed.Close() // now, not when whoever reads the note below has read it
	p.end()
	if err != nil {
		return importHint(err)
	}
	a.note(importSummary("imported", project, result))
	return nil
}

// readImport reads and parses a file; no value of it leaves guarded memory.
func (a *app) readImport(ctx context.Context, file string, format importer.Format, f importFlags) (*importer.File, error) {
	in, err := a.openInput(ctx, file)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	defer in.Close()
	text, err := secret.ReadAll(in, importer.MaxInput)
	if errors.Is(err, secret.ErrTooLarge) {
		return nil, usagef("import: %s has more than %d bytes", file, importer.MaxInput)
	}
	if err != nil {
		return nil, fmt.Errorf("import: reading %s: %w", file, err)
	}
	parsed, err := importer.Parse(text, format, importer.Options{
		Prefix: f.prefix, CheckName: vault.CheckSecretName, CheckValue: vault.CheckValue, SkipEmpty: f.skipEmpty,
	})
	if err != nil {
		err = fmt.Errorf("import: %s: %w", file, err)
		if errors.Is(err, importer.ErrEmpty) {
			err = hinted(err, "nothing was stored; remove the line, or leave empty values out with --skip-empty")
		}
		return nil, err
	}
	if len(parsed.Empty) > 0 {
		a.note("skipped, as they are empty: " + strings.Join(parsed.Empty, ", "))
	}
	return parsed, nil
}

// A countedValue tells when it is read, which an import does once for each.
type countedValue struct {
	vault.Value
	read func()
}

// Use counts, and is the value's own.
func (c countedValue) Use(fn func(value []byte) error) error {
	c.read()
	return c.Value.Use(fn)
}

func importHint(err error) error {
	if errors.Is(err, vault.ErrExists) {
		return hinted(err, "nothing was stored; --overwrite replaces their values, --skip-existing leaves them")
	}
	return err
}

// dryImport says name by name what an import would do, and ends as it would.
func (a *app) dryImport(ctx context.Context, v gate, project string, parsed *importer.File, mode vault.ImportMode) error {
	secrets, err := v.Secrets(ctx, project)
	if err != nil {
		return err
	}
	exists := make(map[string]bool, len(secrets))
	for _, s := range secrets {
		exists[s.Name] = true
	}
	var result vault.ImportResult
	var taken []string
	var out bytes.Buffer
	for _, e := range parsed.Entries {
		what := "create"
		switch {
		case !exists[e.Name]:
			result.Created = append(result.Created, e.Name)
		case mode == vault.ImportOverwrite:
			what = "overwrite"
			result.Overwritten = append(result.Overwritten, e.Name)
		case mode == vault.ImportSkip:
			what = "skip"
			result.Skipped = append(result.Skipped, e.Name)
		default:
			what = "exists"
			taken = append(taken, e.Name)
		}
		out.WriteString(what + "\t" + e.Name + "\n")
	}
	if _, err := io.Copy(a.out, &out); err != nil {
		return err
	}
	if taken != nil {
		return importHint(&vault.ExistsError{Project: project, Names: taken})
	}
	a.note(importSummary("would import", project, result))
	return nil
}

func importSummary(verb, project string, r vault.ImportResult) string {
	parts := []string{fmt.Sprintf("%d new", len(r.Created))}
	if n := len(r.Overwritten); n > 0 {
		parts = append(parts, fmt.Sprintf("%d overwritten", n))
	}
	if n := len(r.Skipped); n > 0 {
		parts = append(parts, fmt.Sprintf("%d skipped", n))
	}
	return fmt.Sprintf("%s into project %s: %s", verb, project, strings.Join(parts, ", "))
}

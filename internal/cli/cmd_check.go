package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tacenda/internal/plain"
	"tacenda/resolver"
)

// The kinds of findings.
const (
	findMissing = "missing"
	findNear    = "near-miss"
	findUnused  = "unused"
	findExpired = "expired"
)

// findingKinds explains each kind, for --skip and for SARIF.
var findingKinds = [...]struct{ kind, text string }{
	{findMissing, "A placeholder names a secret that the project does not have."},
	{findNear, "Something looks like a placeholder and is none."},
	{findUnused, "A secret is used nowhere."},
	{findExpired, "A secret should have been replaced by now."},
}

// A finding is one thing that check found. One that is no place in a file has
// neither file nor line.
type finding struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"` // of the secret, "" for a near miss
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Text   string `json:"text"` // what stands there
	Why    string `json:"why"`
}

func (f finding) String() string {
	if f.File == "" {
		return fmt.Sprintf("%s: %s: %s", f.Kind, f.Name, f.Why)
	}
	return fmt.Sprintf("%s:%d:%d: %s: %s: %s", plain.String(f.File), f.Line, f.Column, f.Kind, plain.String(f.Text), plain.String(f.Why))
}

func (a *app) checkCommand() *cobra.Command {
	var sarif bool
	var skip []string
	c := &cobra.Command{
		Use: "check [PATH|-...]",
		Long: `Compare templates with the project, without opening a value: placeholders that
name no secret, near misses that pass through unchanged, secrets that nothing
uses, and secrets that have expired. A PATH that is a directory stands for the
text files below it; without one it is the working directory.

Exit codes: 0 nothing found; 5 no such file; 11 something was found.`,
		Example: "  tacenda check deploy/\n  tacenda check app.tmpl --skip unused\n  tacenda check --sarif > tacenda.sarif",
		RunE: func(c *cobra.Command, args []string) error {
			return a.check(c.Context(), args, sarif, skip)
		},
	}
	a.jsonFlag(c)
	c.Flags().BoolVar(&sarif, "sarif", false, "print SARIF 2.1.0, for code scanning")
	c.Flags().StringSliceVar(&skip, "skip", nil, "leave out these `KINDS`: missing, near-miss, unused, expired")
	return c
}

func (a *app) check(ctx context.Context, paths []string, sarif bool, skip []string) error {
	if sarif && a.json {
		return usagef("--sarif and --json exclude each other")
	}
	for _, kind := range skip {
		if !slices.ContainsFunc(findingKinds[:], func(k struct{ kind, text string }) bool { return k.kind == kind }) {
			return usagef("--skip %q: missing, near-miss, unused or expired", kind)
		}
	}
	if len(paths) == 0 {
		paths = []string{"."}
	}
	if err := a.claimPaths(paths); err != nil {
		return err
	}
	found, err := a.findings(ctx, paths)
	if err != nil {
		return err
	}
	found = slices.DeleteFunc(found, func(f finding) bool { return slices.Contains(skip, f.Kind) })
	switch {
	case sarif:
		err = writeSARIF(a.out, found)
	case a.json:
		err = writeJSONList(a.out, found)
	default:
		var b strings.Builder
		for _, f := range found {
			b.WriteString(f.String() + "\n")
		}
		_, err = io.WriteString(a.out, b.String())
	}
	if err == nil && len(found) > 0 {
		err = errFindings
	}
	return err
}

// findings compares the files with the project: first what is in the files, in
// their order, then what the project has and nothing uses.
func (a *app) findings(ctx context.Context, paths []string) ([]finding, error) {
	project, err := a.projectName()
	if err != nil {
		return nil, err
	}
	v, err := a.openVault(ctx, forReading)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	secrets, err := v.Secrets(ctx, project)
	if err != nil {
		return nil, err
	}
	used, err := v.References(ctx, project)
	if err != nil {
		return nil, err
	}
	var names []string
	inUse := map[string]bool{}
	for _, s := range secrets {
		names = append(names, s.Name)
		inUse[s.Name] = len(used[s.Name]) > 0
	}
	known := func(name string) bool { _, ok := slices.BinarySearch(names, name); return ok }
	var found []finding
	err = a.walkTemplates(ctx, paths, known, func(file string, o resolver.Occurrence) error {
		if o.Name != "" && known(o.Name) {
			inUse[o.Name] = true
		} else if o.Name != "" {
			found = append(found, finding{findMissing, o.Name, file, o.Line, o.Column, o.Text, missingWhy(project, o.Name, names)})
		}
		if o.Why != "" {
			found = append(found, finding{findNear, "", file, o.Line, o.Column, o.Text, o.Why})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	now := time.Now()
	for _, s := range secrets {
		if !inUse[s.Name] {
			found = append(found, finding{Kind: findUnused, Name: s.Name, Why: "no tool, no instruction and none of the files uses it"})
		}
		if s.Expired(now) {
			found = append(found, finding{Kind: findExpired, Name: s.Name, Why: "since " + s.Expires.UTC().Format(time.DateOnly)})
		}
	}
	return found, nil
}

func missingWhy(project, name string, names []string) string {
	why := fmt.Sprintf("project %s has no such secret", project)
	if near := resolver.Suggest(name, names); near != "" {
		why += fmt.Sprintf(", did you mean {{%s}}?", near)
	}
	return why
}

// sarifLevel is how a code scanner shows a finding.
func sarifLevel(kind string) string {
	switch kind {
	case findMissing:
		return "error"
	case findUnused:
		return "note"
	}
	return "warning"
}

// writeSARIF writes findings as SARIF 2.1.0 (OASIS), the exchange format of
// code scanners.
func writeSARIF(w io.Writer, found []finding) error {
	type m = map[string]any
	rules := []m{}
	for _, k := range findingKinds {
		rules = append(rules, m{"id": k.kind, "shortDescription": m{"text": k.text}, "defaultConfiguration": m{"level": sarifLevel(k.kind)}})
	}
	results := []m{}
	for _, f := range found {
		message := fmt.Sprintf("%s: %s", cmp.Or(f.Text, f.Name), f.Why)
		result := m{"ruleId": f.Kind, "level": sarifLevel(f.Kind), "message": m{"text": message}}
		if f.File != "" {
			result["locations"] = []m{{"physicalLocation": m{
				"artifactLocation": m{"uri": fileURI(f.File)},
				"region":           m{"startLine": f.Line, "startColumn": f.Column},
			}}}
		}
		results = append(results, result)
	}
	driver := m{"name": "tacenda", "version": versionInfo().Version, "rules": rules}
	return writeJSON(w, m{
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json",
		"version": "2.1.0",
		"runs":    []m{{"tool": m{"driver": driver}, "results": results}},
	})
}

package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tacenda/internal/plain"
	"tacenda/internal/vault"
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

// A finding is one thing that check found. One that stands nowhere has neither
// source nor line.
type finding struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`   // of the secret, "" for a near miss
	Source string `json:"source"` // tool, instruction or file
	File   string `json:"file"`   // its path, or the name of the tool or instruction
	Line   int    `json:"line"`   // from 1
	Column int    `json:"column"` // from 1, in bytes
	Text   string `json:"text"`   // what stands there
	Why    string `json:"why"`
}

func (f finding) String() string {
	if f.Source == "" {
		return fmt.Sprintf("%s: %s: %s", f.Kind, f.Name, f.Why)
	}
	at := useJSON{f.Source, f.File, fmt.Sprintf("%d:%d", f.Line, f.Column)}
	what := plain.String(f.Why)
	if f.Text != "" { // there is none where the whole file is meant
		what = plain.String(f.Text) + ": " + what
	}
	return fmt.Sprintf("%s: %s: %s", at, f.Kind, what)
}

func (a *app) checkCommand() *cobra.Command {
	var sarif bool
	var skip []string
	c := &cobra.Command{
		Use: "check [PATH|-...]",
		Long: `Compare templates, tools and instructions with the project, without opening a
value: placeholders that name no secret, near misses that pass through
unchanged, secrets that nothing uses, and secrets that have expired. A PATH
that is a directory stands for the text files below it; without one it is the
working directory.

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
	if len(paths) == 0 && a.caller == nil {
		paths = []string{"."}
	}
	if err := a.claimPaths(paths); err != nil {
		return err
	}
	project, err := a.projectName()
	if err != nil {
		return err
	}
	found, err := a.findings(ctx, project, paths)
	if err != nil {
		return err
	}
	found = slices.DeleteFunc(found, func(f finding) bool { return slices.Contains(skip, f.Kind) })
	switch {
	case sarif:
		err = writeSARIF(a.out, project, found)
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

// findings compares tools, instructions and files with the project: first what
// stands in them, in their order, then what the project has and nothing uses.
func (a *app) findings(ctx context.Context, project string, paths []string) ([]finding, error) {
	v, err := a.openVault(ctx, forReading)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	l, err := newLint(ctx, v, project, time.Now())
	if err != nil {
		return nil, err
	}
	for _, k := range [...]vault.TextKind{vault.Tool, vault.Instruction} {
		texts, err := v.Texts(ctx, project, k)
		if err != nil {
			return nil, err
		}
		for _, t := range texts {
			if err := l.text(t); err != nil {
				return nil, err
			}
		}
	}
	err = a.walkTemplates(ctx, paths, l.known, func(file string, o resolver.Occurrence) error {
		l.occurrence("file", file, o)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return l.end(), nil
}

// A lint is what check knows of the project, and what it has found.
type lint struct {
	project string
	secrets []vault.Secret
	names   []string // of the secrets, sorted
	expired map[string]string
	used    map[string]bool
	found   []finding
}

func newLint(ctx context.Context, v gate, project string, now time.Time) (*lint, error) {
	secrets, err := v.Secrets(ctx, project)
	if err != nil {
		return nil, err
	}
	l := &lint{project: project, secrets: secrets, names: namesOf(secrets), expired: map[string]string{}, used: map[string]bool{}}
	for _, s := range secrets {
		if s.Expired(now) {
			l.expired[s.Name] = "since " + s.Expires.UTC().Format(time.DateOnly)
		}
	}
	return l, nil
}

func (l *lint) known(name string) bool {
	_, ok := slices.BinarySearch(l.names, name)
	return ok
}

// text looks at a tool or an instruction.
func (l *lint) text(t vault.Text) error {
	o := resolver.Options{File: t.Kind.String() + " " + t.Name, Known: l.known}
	return resolver.Walk(strings.NewReader(t.Text), o, func(o resolver.Occurrence) error {
		l.occurrence(t.Kind.String(), t.Name, o)
		return nil
	})
}

// occurrence looks at one placeholder or near miss.
func (l *lint) occurrence(source, file string, o resolver.Occurrence) {
	add := func(kind, name, why string) {
		l.found = append(l.found, finding{kind, name, source, file, o.Line, o.Column, o.Text, why})
	}
	switch {
	case o.Name == "":
	case !l.known(o.Name):
		add(findMissing, o.Name, missingWhy(l.project, o.Name, l.names))
	default:
		l.used[o.Name] = true
		if why := l.expired[o.Name]; why != "" {
			add(findExpired, o.Name, why)
		}
	}
	if o.Why != "" {
		add(findNear, "", o.Why)
	}
}

// end adds what stands nowhere.
func (l *lint) end() []finding {
	for _, s := range l.secrets {
		if l.used[s.Name] {
			continue
		}
		l.found = append(l.found, finding{Kind: findUnused, Name: s.Name, Why: "no tool, no instruction and none of the files uses it"})
		if why := l.expired[s.Name]; why != "" {
			l.found = append(l.found, finding{Kind: findExpired, Name: s.Name, Why: why})
		}
	}
	return l.found
}

func missingWhy(project, name string, names []string) string {
	why := fmt.Sprintf("project %s has no such secret", project)
	if near := resolver.Suggest(name, names); near != "" {
		why += fmt.Sprintf(", did you mean {{%s}}?", near)
	}
	return why
}

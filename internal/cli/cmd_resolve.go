package cli

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"tacenda/internal/spool"
	"tacenda/internal/vault"
	"tacenda/resolver"
)

// resolveFlags are the options of resolve.
type resolveFlags struct {
	short   string // the value of the root's --resolve
	out     string
	outDir  string
	text    string
	follow  bool
	escape  string
	strict  bool
	preview bool
	reveal  bool
	mode    string

	instruction string
}

func (f *resolveFlags) register(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVarP(&f.out, "output", "o", "", "write to `FILE`, replaced as a whole or not at all; - is standard output")
	fl.StringVar(&f.outDir, "out-dir", "", "write each FILE to `DIR` without its .tmpl, all or none")
	fl.StringVarP(&f.text, "expression", "e", "", "resolve `TEXT` instead of a file")
	fl.BoolVar(&f.follow, "follow", false, "write through a symbolic link")
	fl.StringVar(&f.escape, "escape", "", "`FILTER` for placeholders without one: json, sh, url, xml or base64")
	fl.StringVar(&f.instruction, "instruction", "", "resolve the instruction `NAME` for a model, instead of a file")
	fl.BoolVar(&f.strict, "strict", false, "near misses, expired secrets and, for a model, unsafe ones are errors")
	fl.BoolVar(&f.preview, "preview", false, "hints in place of values; nothing is decrypted")
	fl.BoolVar(&f.reveal, "reveal", false, "write values to a terminal")
	fl.StringVar(&f.mode, "mode", "", "permissions of what is written, in `OCTAL` (default 0600)")
}

// resolveFlag adds --resolve to the root, where it stands for the command. The
// options of the command come with it, so that it is the same in every way.
func (a *app) resolveFlag(root *cobra.Command, args []string) {
	var f resolveFlags
	root.Flags().StringVar(&f.short, "resolve", "", "the same as tacenda resolve `FILE|-`")
	root.Flags().BoolVar(&a.globals.ascii, "ascii", false, "plain glyphs in the terminal interface")
	short := slices.ContainsFunc(args, func(arg string) bool {
		return arg == "--resolve" || strings.HasPrefix(arg, "--resolve=")
	})
	if short {
		f.register(root)
		root.Args = cobra.ArbitraryArgs
	}
	root.RunE = func(c *cobra.Command, args []string) error {
		if short {
			return a.resolve(c, append([]string{f.short}, args...), &f)
		}
		return a.openInterface(c.Context())
	}
}

func (a *app) resolveCommand() *cobra.Command {
	var f resolveFlags
	c := &cobra.Command{
		Use: "resolve FILE|-...",
		Long: `Replace every placeholder of a template by its value: {{NAME}}, or {{NAME|json}}
with a filter (json, sh, url, xml, base64) that fits it to where it lands.
Everything else passes through byte for byte.

All or nothing: when a name is missing nothing is written, and every place is
listed. A file is written with mode 0600 and replaced as a whole. A terminal
gets hints in place of values (exit 7), unless --reveal.

With --instruction the text is one that the project keeps, and a model will read
what comes out: a WARNING names each secret that is not marked safe for the
model (tacenda edit NAME --llm-safe), and --strict refuses them.

Exit codes: 2 wrong options; 3 the vault did not open; 4 no permission; 5 no
such template, instruction, project or directory; 7 a name is missing or
misfits.`,
		Example: `  tacenda resolve config.tmpl -o config.yaml
  tacenda resolve - < request.tmpl | curl -H @- https://api.example.com/
  tacenda resolve -e 'postgres://app:{{DB_PASSWORD|url}}@db/app' | psql
  tacenda resolve deploy/*.tmpl --out-dir /run/app
  tacenda resolve --instruction billing-runbook --strict | agent`,
		RunE: func(c *cobra.Command, args []string) error { return a.resolve(c, args, &f) },
	}
	f.register(c)
	return c
}

// check refuses options that contradict each other, before anything is read.
func (f *resolveFlags) check(a *app, c *cobra.Command, files []string) (mode fs.FileMode, escape resolver.Filter, err error) {
	given := c.Flags().Changed
	toFile := f.out != "" && f.out != "-" || f.outDir != ""
	if err := f.checkText(given, files); err != nil {
		return 0, 0, err
	}
	switch {
	case given("output") && f.out == "", given("out-dir") && f.outDir == "":
		err = usagef("-o and --out-dir must not be empty")
	case f.out != "" && f.outDir != "":
		err = usagef("-o and --out-dir exclude each other")
	case len(files) > 1 && f.outDir == "":
		err = usagef("several files need --out-dir DIR")
	case f.outDir != "" && given("expression"):
		err = usagef("--out-dir needs files")
	case f.preview && f.reveal:
		err = usagef("--preview and --reveal exclude each other")
	case (given("mode") || f.follow) && !toFile:
		err = usagef("--mode and --follow go with -o or --out-dir")
	}
	if err != nil {
		return 0, 0, err
	}
	if f.out == "-" {
		f.out = "" // standard output, which is where everything goes anyhow
	}
	if given("mode") {
		n, err := strconv.ParseUint(f.mode, 8, 32)
		if err != nil || n == 0 || n > 0o777 {
			return 0, 0, usagef("--mode %q: octal permissions such as 0640", f.mode)
		}
		mode = fs.FileMode(n)
	}
	if given("escape") {
		if escape, err = resolver.ParseFilter(f.escape); err != nil {
			return 0, 0, usagef("--escape: %v", err)
		}
	}
	for _, file := range files {
		if isStdin(file) && f.outDir != "" {
			return 0, 0, usagef("--out-dir needs files, not standard input")
		}
		if err := a.claimStdin("FILE", file); err != nil {
			return 0, 0, err
		}
	}
	return mode, escape, nil
}

// checkText refuses more than one way of saying what to resolve, and none.
func (f *resolveFlags) checkText(given func(option string) bool, files []string) error {
	switch text, kept := given("expression"), given("instruction"); {
	case kept && (text || f.outDir != ""):
		return usagef("--instruction goes with neither -e nor --out-dir")
	case kept && len(files) > 0:
		return usagef("--instruction NAME takes the place of FILE")
	case kept:
		return vault.CheckName(vault.Instruction.String(), f.instruction)
	case text && len(files) > 0:
		return usagef("-e TEXT takes the place of FILE")
	case !text && len(files) == 0:
		return usagef("resolve needs a FILE, - for standard input, -e TEXT or --instruction NAME")
	}
	return nil
}

// A source is one template: where its bytes are, what messages call it, and
// what scanning it found.
type source struct {
	name     string
	file     fs.FileInfo // nil when it is not a file
	input    io.ReadSeeker
	close    func() error
	template *resolver.Template
}

func (a *app) resolve(c *cobra.Command, files []string, f *resolveFlags) error {
	mode, escape, err := f.check(a, c, files)
	if err != nil {
		return err
	}
	toTerminal := f.out == "" && f.outDir == "" && a.out.terminal()
	refused := toTerminal && !f.reveal && !f.preview
	sources, err := a.openTemplates(c, files, f)
	defer func() {
		for _, s := range sources {
			_ = s.close()
		}
	}()
	if err != nil {
		return err
	}
	targets, err := f.targets(files)
	if err != nil {
		return err
	}
	if f.out != "" {
		targets = []string{f.out}
	}
	if err := refuseOverTemplate(sources, targets); err != nil {
		return err
	}
	if err := a.refuseOverKeys(targets...); err != nil {
		return err
	}
	project, v, err := a.openProject(c.Context(), forReading)
	if err != nil {
		return err
	}
	defer v.Close()
	forModel := c.Flags().Changed("instruction")
	if forModel {
		t, err := v.Text(c.Context(), project, vault.Instruction, f.instruction)
		if err != nil {
			return err
		}
		sources = []*source{textSource("instruction "+t.Name, t.Text)}
	}
	r := &resolving{a: a, v: v, project: project, sources: sources, flags: f, escape: escape, mode: mode, targets: targets, forModel: forModel, opens: !f.preview && !refused}
	if err := r.scan(c.Context()); err != nil {
		return err
	}
	if f.preview || refused {
		err := r.preview(c.Context(), toTerminal)
		if err == nil && refused {
			err = errTerminal()
		}
		return err
	}
	return r.write(c.Context())
}

// openTemplates opens what the arguments name. The caller closes what it
// returns, also beside an error.
func (a *app) openTemplates(c *cobra.Command, files []string, f *resolveFlags) ([]*source, error) {
	if c.Flags().Changed("expression") {
		return []*source{textSource("-e", f.text)}, nil
	}
	var sources []*source
	for _, file := range files {
		s, err := a.openTemplate(c.Context(), file)
		if err != nil {
			return sources, err
		}
		sources = append(sources, s)
	}
	return sources, nil
}

func textSource(name, text string) *source {
	return &source{name: name, input: strings.NewReader(text), close: func() error { return nil }}
}

// openTemplate opens a template so that it can be read twice: a regular file
// as it is, anything else through a spool, read to its end before the vault is
// opened.
func (a *app) openTemplate(ctx context.Context, path string) (*source, error) {
	in, err := a.openInput(ctx, path)
	if err != nil {
		return nil, err
	}
	name := path
	if isStdin(path) {
		name = "-"
	}
	if info, err := in.file.Stat(); err == nil && info.Mode().IsRegular() {
		return &source{name: name, file: info, input: in.file, close: in.Close}, nil
	}
	defer in.Close()
	s, err := spool.New(a.bounded(in))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return &source{name: name, input: s, close: s.Close}, nil
}

// A resolving is the work of one resolve, once the vault is open.
type resolving struct {
	a       *app
	v       gate
	project string
	sources []*source
	flags   *resolveFlags
	escape  resolver.Filter
	mode    fs.FileMode
	targets []string

	forModel bool // a model will read what comes out
	opens    bool // values: a preview needs none, and no permission to use them

	names  []string // that the templates use, each once
	have   []string // of the project; loaded when a message needs them
	loaded bool
}

// scan finds the placeholders of every template and what looks like one.
func (r *resolving) scan(ctx context.Context) error {
	seen := map[string]bool{}
	var failed error
	known := func(name string) bool {
		have, err := r.projectNames(ctx)
		if err != nil {
			failed = err
		}
		_, ok := slices.BinarySearch(have, name)
		return ok
	}
	total := 0
	for _, s := range r.sources {
		t, err := resolver.Scan(s.input, resolver.Options{File: s.name, Escape: r.escape, Known: known})
		if err == nil {
			err = failed
		}
		if err != nil {
			return fmt.Errorf("resolving %s: %w", s.name, plainPathError(err))
		}
		s.template = t
		near := t.NearMisses()
		if near.Total > 0 && total == 0 {
			if err := r.mayUse(ctx); err != nil {
				return err
			}
		}
		r.a.problems(near, !r.flags.strict)
		total += near.Total
		for _, name := range t.Names() {
			if !seen[name] {
				seen[name] = true
				r.names = append(r.names, name)
			}
		}
	}
	if r.flags.strict && total > 0 {
		return r.refuseNear(ctx, total)
	}
	return nil
}

// projectNames are the names of the project's secrets, sorted.
func (r *resolving) projectNames(ctx context.Context) ([]string, error) {
	if r.loaded {
		return r.have, nil
	}
	secrets, err := r.v.Secrets(ctx, r.project)
	if err != nil {
		return nil, err
	}
	r.loaded = true
	r.have = namesOf(secrets)
	return r.have, nil
}

// missing lists every place of every name that the project lacks. outcome says
// what that means for the output.
func (r *resolving) missing(ctx context.Context, outcome string) error {
	have, err := r.projectNames(ctx)
	if err != nil {
		return err
	}
	total, err := r.listMissing(have)
	if err != nil {
		return err
	}
	what := "1 placeholder names a secret"
	if total != 1 {
		what = fmt.Sprintf("%d placeholders name secrets", total)
	}
	return hinted(failf(exitUnresolved, "resolving: %s that project %s does not have%s", what, r.project, outcome),
		"create what is missing with tacenda create, or choose the project with --project")
}

// problems lists what is wrong with a template, one place a line. Notes can be
// silenced, errors cannot.
func (a *app) problems(p resolver.Problems, note bool) {
	say := a.line
	if note {
		say = a.note
	}
	for _, one := range p.First {
		say(one.String())
	}
	if more := p.Total - len(p.First); more > 0 {
		say(fmt.Sprintf("and %d more", more))
	}
}

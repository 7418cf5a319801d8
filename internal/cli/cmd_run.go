package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tacenda/internal/launch"
	"tacenda/internal/leak"
	"tacenda/internal/vault"
	"tacenda/resolver"
)

// runFlags are what a command gets.
type runFlags struct {
	envFile string
	only    []string
	files   []string
	noMask  bool
}

func (a *app) runCommand() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use: "run [flags] -- CMD [ARG...]",
		Long: `Run a command with secrets in its environment: those that a template .env names,
those of --only, or all of the project under their own names (but for those that
are called PATH, LD_PRELOAD and the like, which must be named).

  DATABASE_URL=postgres://app:{{DB_PASSWORD|url}}@db/app
  LOG_LEVEL=debug

--file gives the command, in a variable, the path of a resolved template that is
in memory only and cannot be changed (Linux). With --only= the command gets no
variables but these.

What the command says is masked: each value of the project, as it is or encoded,
becomes its {{NAME}}. The command has a terminal where this program has one, its
signals, its directory, and the environment without TACENDA_ variables. --no-mask
leaves its output alone. Processes that it leaves behind can write for a second.

Exit codes: the command's own, or 128 and the number of the signal that ended it;
125 tacenda itself failed; 126 the command could not be executed; 127 it was not
found; 2 wrong options; 7 a template did not resolve.`,
		Example: `  tacenda run -- npm start
  tacenda run --env-file app.env -- ./server
  tacenda run --only DB_PASSWORD -- sh -c 'PGPASSWORD=$DB_PASSWORD psql'
  tacenda run --only= --file CONF=app.conf.tmpl -- sh -c 'server -c "$CONF"'`,
		Args: runArguments,
		RunE: func(c *cobra.Command, args []string) error { return runFailure(a.run(c, args, &f)) },
	}
	fl := c.Flags()
	fl.StringVar(&f.envFile, "env-file", "", "variables from `FILE`, whose values may hold placeholders")
	fl.StringSliceVar(&f.only, "only", nil, "only the secrets `A,B`, under their names")
	fl.StringArrayVar(&f.files, "file", nil, "in the variable, the path of the resolved template (`NAME=TEMPLATE`, repeatable)")
	fl.BoolVar(&f.noMask, "no-mask", false, "leave the command's output as it is")
	return c
}

// runArguments wants the command behind --, so that none of its options is ever
// taken for one of ours.
func runArguments(c *cobra.Command, args []string) error {
	switch dash := c.ArgsLenAtDash(); {
	case dash < 0 && len(args) > 0:
		return hinted(usagef("run: the command stands behind --"), "tacenda run [options] -- "+args[0]+" …")
	case dash > 0:
		return usagef("run: %q stands before --, where only options do", args[0])
	case len(args) == 0:
		return usagef("run needs a command: tacenda run [options] -- CMD [ARG...]")
	}
	return nil
}

// runFailure gives an error the code that it has in run: whatever went wrong on
// our side is 125, so that it cannot be taken for the command's, except what the
// user called or wrote wrongly.
func runFailure(err error) error {
	var exec *launch.ExecError
	var ended commandExit
	switch {
	case err == nil, errors.As(err, &ended):
		return err
	case errors.As(err, &exec) && exec.NotFound():
		return failf(exitRunFind, "%w", err)
	case errors.As(err, &exec):
		return failf(exitRunExec, "%w", err)
	case errors.Is(err, launch.ErrNUL):
		return failf(exitUnresolved, "%w", err)
	}
	code, hint := verdict(err)
	if code != exitUsage && code != exitUnresolved {
		code = exitRun
	}
	return &failure{code: code, hint: hint, err: err}
}

// A runner is the work of one run.
type runner struct {
	a       *app
	v       gate
	project string
	flags   *runFlags
	env     *envTemplate
	files   []*source // templates of --file
	paths   []string  // the variables that get their paths
	only    []string  // secrets that are given by their names
	have    []string  // the project's, sorted
	used    []string  // secrets that the command gets
}

func (a *app) run(c *cobra.Command, args []string, f *runFlags) error {
	ctx := c.Context()
	r := &runner{a: a, flags: f, env: &envTemplate{}}
	defer r.close()
	if err := r.read(ctx, c); err != nil {
		return err
	}
	var err error
	if r.project, err = a.projectName(); err != nil {
		return err
	}
	if r.v, err = a.openVault(ctx, forReading); err != nil {
		return err
	}
	if err := r.plan(ctx, c.Flags().Changed("only")); err != nil {
		return err
	}
	names := r.used
	if !f.noMask {
		names = r.have
	}
	values, err := r.v.Values(ctx, r.project, names)
	if err != nil {
		return err
	}
	defer values.Close()
	if _, here := r.v.(*vault.Vault); here {
		r.v.Close() // its values open by themselves: no other key stays in memory
	}
	r.warnExpired(values.Secrets())
	cmd, finder, err := r.command(args, values)
	if err != nil {
		return err
	}
	if finder != nil {
		defer finder.Close()
	}
	cmd.Commit = func() error {
		if !a.signals.handOver() {
			return ctx.Err()
		}
		if f.noMask { // nothing is needed any more
			values.Close()
			r.close()
		}
		return nil
	}
	return r.start(cmd)
}

// close frees what was opened, whatever became of it.
func (r *runner) close() {
	r.env.close()
	for _, s := range r.files {
		_ = s.close() // it was read
	}
	if r.v != nil {
		r.v.Close()
	}
}

// read takes in the templates, before the vault is opened.
func (r *runner) read(ctx context.Context, c *cobra.Command) error {
	var templates []string
	for _, pair := range r.flags.files {
		name, template, ok := strings.Cut(pair, "=")
		switch {
		case !ok || template == "":
			return usagef("--file %q: NAME=TEMPLATE", pair)
		case checkVariable(name) != nil:
			return usagef("--file: %q cannot name a variable", name)
		case hidden(name):
			return usagef("--file: variables that begin with TACENDA_ are not passed on")
		case slices.Contains(r.paths, name):
			return usagef("--file: %s is given twice", name)
		}
		r.paths = append(r.paths, name)
		templates = append(templates, template)
	}
	// More than that the system does not pass at once.
	if len(templates) > maxRunFiles {
		return usagef("--file: at most %d files", maxRunFiles)
	}
	if c.Flags().Changed("env-file") {
		if err := r.a.claimStdin("--env-file", r.flags.envFile); err != nil {
			return err
		}
	}
	for _, t := range templates {
		if err := r.a.claimStdin("--file", t); err != nil {
			return err
		}
	}
	if c.Flags().Changed("env-file") {
		var err error
		if r.env, err = r.a.readEnvTemplate(ctx, r.flags.envFile); err != nil {
			r.env = &envTemplate{}
			return err
		}
	}
	for _, t := range templates {
		s, err := r.a.openTemplate(ctx, t)
		if err != nil {
			return err
		}
		r.files = append(r.files, s)
	}
	return nil
}

// maxRunFiles is how many descriptors go with one message, less three streams.
const maxRunFiles = 250

// plan finds what the command gets, and everything that is missing.
func (r *runner) plan(ctx context.Context, only bool) error {
	secrets, err := r.v.Secrets(ctx, r.project)
	if err != nil {
		return err
	}
	r.have = namesOf(secrets)
	switch {
	case only:
		r.only = r.flags.only
	case r.flags.envFile == "":
		r.only = r.harmless()
	}
	var unknown []string
	for _, name := range r.only {
		if err := vault.CheckSecretName(name); err != nil {
			return usagef("--only: %w", err)
		}
		if _, ok := slices.BinarySearch(r.have, name); !ok {
			unknown = append(unknown, name)
		}
	}
	if unknown != nil {
		return &vault.MissingError{Project: r.project, Names: unknown}
	}
	missing := 0
	used := slices.Clone(r.only)
	for _, s := range slices.Concat(r.env.sources, r.files) {
		n, err := r.scan(s)
		if err != nil {
			return err
		}
		missing += n
		used = append(used, s.template.Names()...)
	}
	if missing > 0 {
		return hinted(failf(exitUnresolved, "resolving: placeholders whose secret project %s does not have: %d; the command was not started", r.project, missing),
			"create what is missing with tacenda create, or choose the project with --project")
	}
	slices.Sort(used)
	r.used = slices.Compact(used)
	return nil
}

// scan finds the placeholders of a template, says what looks like one, and
// counts those without a secret.
func (r *runner) scan(s *source) (int, error) {
	known := func(name string) bool {
		_, ok := slices.BinarySearch(r.have, name)
		return ok
	}
	var err error
	if s.template, err = resolver.Scan(s.input, resolver.Options{File: s.name, Known: known}); err != nil {
		return 0, fmt.Errorf("resolving %s: %w", s.name, plainPathError(err))
	}
	r.a.problems(r.env.place(s, s.template.NearMisses()), true)
	problems, err := s.template.Missing(r.have)
	if err != nil {
		return 0, fmt.Errorf("resolving %s: %w", s.name, err)
	}
	r.a.problems(r.env.place(s, problems), false)
	return problems.Total, nil
}

// warnExpired names the expired secrets that the command gets.
func (r *runner) warnExpired(secrets []vault.Secret) {
	given := slices.DeleteFunc(slices.Clone(secrets), func(s vault.Secret) bool {
		_, ok := slices.BinarySearch(r.used, s.Name)
		return !ok
	})
	r.a.warnExpired(given)
}

// command puts together what is run. The finder, which masks, is nil without one.
func (r *runner) command(args []string, values vault.Values) (*launch.Command, *leak.Finder, error) {
	a := r.a
	cmd := &launch.Command{Args: args, Stdin: a.sys.Stdin, Stdout: a.out.file, Stderr: a.err.file, Close: r.passed()}
	if !r.flags.noMask {
		finder, err := leak.New(r.have, values)
		if err != nil {
			return nil, nil, err
		}
		r.noteSkipped(finder.Skipped())
		cmd.Mask = func(w io.Writer) launch.Masker { return finder.Masker(w) }
		return cmd, finder, r.fill(cmd, values)
	}
	return cmd, nil, r.fill(cmd, values)
}

// noteSkipped names what is too short to be masked.
func (r *runner) noteSkipped(names []string) {
	if len(names) > 0 {
		r.a.note(fmt.Sprintf("not masked, as they have fewer than %d bytes: %s", leak.MinValue, someNames(names)))
	}
}

// fill adds the variables and files. What the file of variables says goes before
// a secret of the same name.
func (r *runner) fill(cmd *launch.Command, values vault.Values) error {
	taken := map[string]bool{}
	add := func(list *[]launch.Variable, name string, write func(io.Writer) error) {
		if hidden(name) {
			r.a.note(name + " is not passed on: variables that begin with TACENDA_ are this program's")
			return
		}
		if !taken[name] {
			taken[name] = true
			*list = append(*list, launch.Variable{Name: name, Write: write})
		}
	}
	for i, s := range r.files {
		add(&cmd.Files, r.paths[i], func(w io.Writer) error { return r.resolve(s, w, values) })
	}
	for i, s := range r.env.sources {
		add(&cmd.Variables, r.env.names[i], func(w io.Writer) error { return r.resolve(s, w, values) })
	}
	for _, name := range r.only {
		add(&cmd.Variables, name, func(w io.Writer) error {
			return values.Use(name, func(value []byte) error {
				_, err := w.Write(value)
				return err
			})
		})
	}
	return nil
}

// resolve writes a template, and lists the places where a value does not fit.
func (r *runner) resolve(s *source, w io.Writer, values resolver.Values) error {
	err := s.template.Resolve(w, values)
	var unresolved *resolver.Error
	switch {
	case errors.As(err, &unresolved):
		r.a.problems(r.env.place(s, unresolved.Problems), false)
		return failf(exitUnresolved, "resolving %s: placeholders that do not fit: %d; the command was not started", s.name, unresolved.Problems.Total)
	case errors.Is(err, resolver.ErrChanged):
		return &failure{code: exitUnresolved, err: fmt.Errorf("resolving %s: %w", s.name, err)}
	}
	return err
}

// start runs the command. It is nobody's but its own from when it starts:
// signals go there, and this program ends as it does.
func (r *runner) start(cmd *launch.Command) error {
	if r.a.stdinFor != "" {
		// Standard input held what another option was given; whatever is left of it,
		// or can be read again, is not the command's.
		null, err := os.Open(os.DevNull)
		if err != nil {
			return err
		}
		defer null.Close()
		cmd.Stdin = null
	}
	code, err := launch.Run(cmd)
	if err == nil && code != 0 {
		return commandExit(code)
	}
	return err
}

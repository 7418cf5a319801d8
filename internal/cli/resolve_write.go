package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"tacenda/internal/atomicfile"
	"tacenda/internal/vault"
	"tacenda/resolver"
)

// targets are the files that --out-dir writes, beside their sources.
func (f *resolveFlags) targets(files []string) ([]string, error) {
	if f.outDir == "" {
		return nil, nil
	}
	var targets []string
	from := map[string]string{}
	for _, file := range files {
		base := strings.TrimSuffix(filepath.Base(file), ".tmpl")
		if base == "" || base == "." || base == ".." || base == string(filepath.Separator) {
			return nil, usagef("--out-dir: %q leaves no file name", file)
		}
		if other, taken := from[base]; taken {
			return nil, usagef("--out-dir: %s and %s would both become %s", other, file, base)
		}
		from[base] = file
		targets = append(targets, filepath.Join(f.outDir, base))
	}
	return targets, nil
}

// write resolves every template to where it belongs: all of them, or none.
func (r *resolving) write(ctx context.Context) error {
	values, err := r.v.Values(ctx, r.project, r.names)
	var missing *vault.MissingError
	if errors.As(err, &missing) {
		return r.missing(ctx, "; nothing was written")
	}
	if err != nil {
		return err
	}
	defer values.Close()
	if err := r.expired(values.Secrets()); err != nil {
		return err
	}
	if r.targets == nil && r.flags.out == "" {
		out := &stoppingWriter{ctx, r.a.out}
		return r.explain(r.sources[0], r.sources[0].template.Resolve(out, values))
	}
	return r.toFiles(ctx, func(s *source, w io.Writer) error { return s.template.Resolve(w, values) })
}

// toFiles writes each source to its target. Every file is complete on the disk
// before the first replaces what was there.
func (r *resolving) toFiles(ctx context.Context, fill func(*source, io.Writer) error) error {
	targets := r.targets
	if targets == nil {
		targets = []string{r.flags.out}
	}
	var files []*atomicfile.File
	defer func() {
		for _, f := range files {
			_ = f.Close()
		}
	}()
	for i, s := range r.sources {
		f, err := atomicfile.Create(targets[i], atomicfile.Options{Mode: r.mode, Follow: r.flags.follow, Warn: r.a.warn})
		if err != nil {
			return err
		}
		files = append(files, f)
		if err := r.explain(s, fill(s, &stoppingWriter{ctx, f})); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for i, f := range files {
		if err := f.Commit(); err != nil {
			if i > 0 {
				err = fmt.Errorf("%w (%d of %d files were replaced before)", err, i, len(files))
			}
			return err
		}
	}
	return nil
}

// explain lists the places of a template that did not resolve.
func (r *resolving) explain(s *source, err error) error {
	var unresolved *resolver.Error
	switch {
	case errors.As(err, &unresolved):
		r.a.problems(unresolved.Problems, false)
		return failf(exitUnresolved, "resolving %s: %d placeholders do not fit; nothing was written", s.name, unresolved.Problems.Total)
	case errors.Is(err, resolver.ErrChanged):
		return &failure{code: exitUnresolved, err: fmt.Errorf("resolving %s: %w", s.name, err)}
	case err != nil:
		return fmt.Errorf("resolving %s: %w", s.name, err)
	}
	return nil
}

// preview writes the templates with hints, opening no value.
func (r *resolving) preview(ctx context.Context, toTerminal bool) error {
	hints := map[string]string{}
	var used []vault.Secret
	for _, name := range r.names {
		s, err := r.v.Secret(ctx, r.project, name)
		switch {
		case err == nil:
			hints[name] = s.Hint
			used = append(used, s)
		case !errors.As(err, new(*vault.MissingError)):
			return err
		}
	}
	if len(r.names) == 0 { // the project must exist all the same
		if _, err := r.projectNames(ctx); err != nil {
			return err
		}
	}
	out := io.Writer(r.a.out)
	if toTerminal {
		// The text around the placeholders is somebody's file: on a screen it
		// must not be more than text.
		screen := &plainWriter{to: r.a.out}
		defer screen.flush()
		out = screen
	}
	hint := func(name string) (string, bool) { h, ok := hints[name]; return h, ok }
	ascii := toTerminal && !r.a.utf8Terminal()
	fill := func(s *source, w io.Writer) error { return s.template.Preview(w, hint, ascii) }
	var err error
	if r.targets != nil || r.flags.out != "" {
		err = r.toFiles(ctx, fill)
	} else {
		err = r.explain(r.sources[0], fill(r.sources[0], out))
	}
	if err == nil {
		err = r.expired(used)
	}
	if err == nil && len(used) < len(r.names) {
		err = r.missing(ctx, "")
	}
	return err
}

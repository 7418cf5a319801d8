package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
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

// refuseOverTemplate refuses targets that are one of the templates, by whatever
// name: a template that became its own result is lost, and holds values where
// nobody expects them.
func refuseOverTemplate(sources []*source, targets []string) error {
	for _, target := range targets {
		info, err := os.Stat(target)
		if err != nil {
			continue // there is nothing yet, or what is wrong is said by the step that writes
		}
		for _, s := range sources {
			if s.file != nil && os.SameFile(info, s.file) {
				return hinted(usagef("resolving %s: the output %s is the template itself", s.name, target), "write to another file")
			}
		}
	}
	return nil
}

// refuseOverKeys refuses to write in place of the vault or of what opens it: every
// secret would be lost with it.
func (a *app) refuseOverKeys(targets ...string) error {
	kept := map[string]string{a.globals.passphraseFile: "the passphrase file"}
	for _, identity := range a.globals.identities {
		kept[identity] = "the identity that opens the vault"
	}
	if at, err := a.vaultWhere(); err == nil && at.remote == nil { // what is wrong is said when it is opened
		kept[at.path] = "the vault itself"
	}
	for _, target := range targets {
		info, err := os.Stat(target)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		for file, what := range kept {
			if sameFile(target, file) {
				return hinted(usagef("writing %s: it is %s", target, what), "write to another file")
			}
		}
	}
	return nil
}

// errTerminal is how a resolve ends that would have shown values on a screen.
func errTerminal() error {
	return hinted(failf(exitUnresolved, "a terminal is shown hints, not values"), "write a file with -o FILE, pipe it, or add --reveal")
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
	if err := r.doubts(values.Secrets()); err != nil {
		return err
	}
	if r.targets == nil {
		out := &stoppingWriter{ctx, r.a.out}
		r.a.out.widen(r.sources[0].input)
		return r.explain(r.sources[0], r.sources[0].template.Resolve(out, values))
	}
	return r.toFiles(ctx, func(s *source, w io.Writer) error { return s.template.Resolve(w, values) })
}

// toFiles writes each source to its target. Every file is complete on the disk
// before the first replaces what was there.
func (r *resolving) toFiles(ctx context.Context, fill func(*source, io.Writer) error) error {
	var files []*atomicfile.File
	defer func() {
		for _, f := range files {
			_ = f.Close()
		}
	}()
	for i, s := range r.sources {
		f, err := atomicfile.Create(r.targets[i], atomicfile.Options{Mode: r.mode, Follow: r.flags.follow, Warn: r.a.warn})
		if err != nil {
			return err
		}
		files = append(files, f)
		if err := r.explain(s, r.fillFile(ctx, s, f, fill)); err != nil {
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

// fillFile writes one source. Who names a terminal as a file gets what standard
// output would get there, but for the hints: those are shown when asked for.
func (r *resolving) fillFile(ctx context.Context, s *source, f *atomicfile.File, fill func(*source, io.Writer) error) error {
	to := &stoppingWriter{ctx, f}
	switch {
	case !f.Terminal() || r.flags.reveal:
		return fill(s, to)
	case r.flags.preview:
		screen := &plainWriter{to: to}
		defer screen.flush()
		return fill(s, screen)
	}
	return errTerminal()
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
			if r.forModel && !s.LLMSafe {
				hints[name] += ", not safe for the model"
			}
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
	if err := r.unsafe(used); err != nil {
		return err
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
	if r.targets != nil {
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

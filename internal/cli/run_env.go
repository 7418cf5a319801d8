package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"tacenda/internal/importer"
	"tacenda/keyring/secret"
	"tacenda/resolver"
)

// An envTemplate is a file of variables whose values may hold placeholders. Each
// value is a template of its own, resolved after the file was read: no value of a
// secret is ever read as part of the file.
type envTemplate struct {
	file    *importer.File
	names   []string
	sources []*source // one for each name
	lines   []int     // where the name stands
	places  []resolver.Occurrence
}

// errVariable is the refusal of a name that no shell would take.
var errVariable = errors.New("not the name of a variable: letters, digits and _, not a digit first")

// checkVariable tells whether a name can be that of a variable.
func checkVariable(name string) error {
	for i, c := range []byte(name) {
		if c != '_' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (i == 0 || c < '0' || c > '9') {
			return errVariable
		}
	}
	if name == "" {
		return errVariable
	}
	return nil
}

// hidden tells whether a variable is ours, and not for commands.
func hidden(name string) bool { return strings.HasPrefix(name, "TACENDA_") }

// readEnvTemplate reads a file of variables.
func (a *app) readEnvTemplate(ctx context.Context, path string) (*envTemplate, error) {
	in, err := a.openInput(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("--env-file: %w", err)
	}
	defer in.Close()
	// It may hold values in clear beside its placeholders.
	text, err := secret.ReadAll(in, importer.MaxInput)
	if errors.Is(err, secret.ErrTooLarge) {
		return nil, usagef("--env-file: %s has more than %d bytes", path, importer.MaxInput)
	}
	if err != nil {
		return nil, fmt.Errorf("--env-file: reading %s: %w", path, err)
	}
	name := path
	if isStdin(path) {
		name = "-"
	}
	e := &envTemplate{}
	if e.places, err = occurrences(text); err == nil {
		e.file, err = importer.Parse(text, importer.Env, importer.Options{
			CheckName: checkVariable, CheckValue: func(int) error { return nil },
		})
	}
	if err != nil {
		text.Destroy()
		if errors.Is(err, errVariable) {
			at, _, _ := strings.Cut(err.Error(), ": ")
			return nil, failf(exitUnresolved, "--env-file: %s: %s: %w", name, at, errVariable)
		}
		return nil, failf(exitUnresolved, "--env-file: %s: %w", name, err)
	}
	for _, entry := range e.file.Entries {
		e.names = append(e.names, entry.Name)
		e.lines = append(e.lines, entry.Line)
		e.sources = append(e.sources, &source{name: name, input: &valueReader{value: entry.Value}})
	}
	return e, nil
}

// occurrences are the placeholders and near misses of the file as it is written.
func occurrences(text *secret.Bytes) ([]resolver.Occurrence, error) {
	var all []resolver.Occurrence
	err := text.Use(func(p []byte) error {
		r := &textReader{p: p}
		// Every lower-case name counts, as it is not known yet which names there are.
		o := resolver.Options{Known: func(string) bool { return true }}
		return resolver.Walk(r, o, func(o resolver.Occurrence) error {
			all = append(all, o)
			return nil
		})
	})
	return all, err
}

// place says where in the file the problems of a value are, which know only
// their place in the value. What stands in the file for the n-th time since the
// variable's name is what stands in the value for the n-th time.
func (e *envTemplate) place(s *source, p resolver.Problems) resolver.Problems {
	for i, own := range e.sources {
		if own != s {
			continue
		}
		var places []resolver.Occurrence
		for _, o := range e.places {
			if o.Line >= e.lines[i] && (i+1 == len(e.lines) || o.Line < e.lines[i+1]) {
				places = append(places, o)
			}
		}
		for j := range p.First {
			problem := &p.First[j]
			for k, o := range places {
				if o.Text == problem.Text {
					problem.Line, problem.Column = o.Line, o.Column
					places = append(places[:k:k], places[k+1:]...)
					break
				}
			}
		}
	}
	return p
}

func (e *envTemplate) close() {
	if e.file != nil {
		e.file.Close()
	}
}

// A textReader reads guarded bytes within the function that was given them.
type textReader struct{ p []byte }

func (r *textReader) Read(p []byte) (int, error) {
	if len(r.p) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.p)
	r.p = r.p[n:]
	return n, nil
}

// A valueReader reads the value of an entry, again and again.
type valueReader struct {
	value importer.Value
	at    int64
}

func (r *valueReader) Read(p []byte) (int, error) {
	n := 0
	err := r.value.Use(func(value []byte) error {
		if r.at >= int64(len(value)) {
			return io.EOF
		}
		n = copy(p, value[r.at:])
		return nil
	})
	r.at += int64(n)
	return n, err
}

func (r *valueReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += int64(r.value.Len())
	}
	if offset < 0 {
		return 0, errors.New("seeking before the beginning of a value")
	}
	r.at = offset
	return offset, nil
}

// passed are the descriptors that the caller passed to this program, for options
// of its own. The command must not have them too: a key can be read twice.
func (r *runner) passed() []int {
	var fds []int
	for _, path := range append([]string{r.a.globals.passphraseFile, r.flags.envFile}, r.a.globals.identities...) {
		if n, ok := descriptor(path); ok {
			fds = append(fds, n)
		}
	}
	for _, pair := range r.flags.files {
		_, template, _ := strings.Cut(pair, "=")
		if n, ok := descriptor(template); ok {
			fds = append(fds, n)
		}
	}
	return fds
}

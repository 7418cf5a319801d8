package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"tacenda/internal/apitool"
	"tacenda/internal/leak"
	"tacenda/internal/vault"
	"tacenda/keyring/secret"
	"tacenda/resolver"
)

// toolVault is what a call asks of the vault.
type toolVault interface {
	Text(ctx context.Context, project string, k vault.TextKind, name string) (vault.Text, error)
	Secrets(ctx context.Context, project string) ([]vault.Secret, error)
	Values(ctx context.Context, project string, names []string) (vault.Values, error)
}

// A toolCall is one call of a tool of the project: from a command, or from the
// interface.
type toolCall struct {
	a       *app
	v       toolVault
	project string
	name    string
	pairs   []string // NAME=VALUE
	data    []byte   // nil for the tool's own body
	trial   *trial   // nil for the values that are stored
}

// A trial is a value that is tried before it is stored.
type trial struct {
	name  string
	value *secret.Bytes
	hosts *[]string // nil for those that are stored
}

// prepare reads the tool and its arguments.
func (k *toolCall) prepare(ctx context.Context) (*apitool.Tool, map[string]any, error) {
	text, err := k.v.Text(ctx, k.project, vault.Tool, k.name)
	if err != nil {
		return nil, nil, err
	}
	t, err := parseTool(text)
	if err != nil {
		return nil, nil, err
	}
	args, err := apitool.ParseArgs(t, k.pairs)
	if err != nil {
		err = k.failed(err)
	}
	return t, args, err
}

// failed says of which tool the call failed. A host that a secret may not go to
// is a denial like any other.
func (k *toolCall) failed(err error) error {
	if errors.Is(err, apitool.ErrHost) {
		err = errors.Join(err, k.a.caller.tellDenied(k.project, "call "+k.name))
	}
	named := fmt.Errorf("calling %s: %w", k.name, err)
	if errors.Is(err, apitool.ErrArgument) {
		return hinted(named, "tacenda tool show "+k.name+" shows its params")
	}
	return named
}

// missing is the error for placeholders that the project lacks.
func (k *toolCall) missing(t *apitool.Tool, secrets []vault.Secret) error {
	have := namesOf(secrets)
	var lacking []string
	for _, name := range t.Placeholders() {
		if slices.Contains(have, name) {
			continue
		}
		if other := resolver.Suggest(name, have); other != "" {
			name += " (did you mean " + other + "?)"
		}
		lacking = append(lacking, name)
	}
	if len(lacking) == 0 {
		return nil
	}
	return hinted(failf(exitUnresolved, "calling %s: project %s has no %s", k.name, k.project, strings.Join(lacking, ", ")),
		"create what is missing with tacenda create")
}

// do makes the call. Closing the answer's body ends it.
func (k *toolCall) do(ctx context.Context) (*apitool.Answer, error) {
	t, args, err := k.prepare(ctx)
	if err != nil {
		return nil, err
	}
	secrets, err := k.v.Secrets(ctx, k.project)
	if err != nil {
		return nil, err
	}
	if err := k.missing(t, secrets); err != nil {
		return nil, err
	}
	k.warnExpired(t, secrets)
	open, err := k.open(ctx, t, secrets)
	if err != nil {
		return nil, err
	}
	caller := &apitool.Caller{Secrets: open.own, Hosts: k.hosts(secrets), Mask: open.finder}
	if k.a.caller != nil { // on a server, for somebody who is not on it
		caller.AllowAddr, caller.NoFiles = k.a.caller.allow, true
	}
	answer, err := caller.CallData(ctx, t, args, k.data)
	if err == nil && open.all.failed() != nil { // after the headers were masked, or rather were not
		_ = answer.Body.Close()
		err = open.all.failed()
	}
	if err != nil {
		open.close()
		return nil, k.failed(err)
	}
	answer.Body = &maskedBody{answer.Body, open}
	return answer, nil
}

func (k *toolCall) warnExpired(t *apitool.Tool, secrets []vault.Secret) {
	used := t.Placeholders()
	k.a.warnExpired(slices.DeleteFunc(slices.Clone(secrets), func(s vault.Secret) bool { return !slices.Contains(used, s.Name) }))
}

// hosts are the hosts to which secrets are bound.
func (k *toolCall) hosts(secrets []vault.Secret) map[string][]string {
	hosts := make(map[string][]string, len(secrets))
	for _, s := range secrets {
		hosts[s.Name] = s.AllowedHosts
	}
	if k.trial != nil && k.trial.hosts != nil {
		hosts[k.trial.name] = *k.trial.hosts
	}
	return hosts
}

// callValues are what a call has of the vault while it lasts: the values of the
// tool, and those of the whole project, which no answer may show.
type callValues struct {
	own    apitool.Source
	all    *watched
	finder *leak.Finder
	close  func()
}

func (k *toolCall) open(ctx context.Context, t *apitool.Tool, secrets []vault.Secret) (*callValues, error) {
	names := namesOf(secrets)
	own, err := k.v.Values(ctx, k.project, t.Placeholders())
	if err != nil {
		return nil, err
	}
	all, err := k.v.Values(ctx, k.project, names)
	if err != nil {
		own.Close()
		return nil, err
	}
	o := &callValues{own: own, all: &watched{source: all}}
	if k.trial != nil {
		o.own = &trying{own, k.trial}
		o.all.source = &trying{all, k.trial}
		names = append(names, storedName(k.trial.name))
	}
	if o.finder, err = leak.New(names, o.all); err != nil {
		own.Close()
		all.Close()
		return nil, err
	}
	o.close = func() {
		o.finder.Close()
		own.Close()
		all.Close()
	}
	if short := o.finder.Skipped(); len(short) > 0 {
		k.a.note("too short to be found in an answer, less than " + number(leak.MinValue, "byte") + ": " + strings.Join(short[:min(len(short), 10)], ", "))
	}
	return o, nil
}

// trying is a project's values with one of them replaced by that which is
// tried. The stored one is kept under another name, so that it is masked too.
type trying struct {
	vault.Values
	trial *trial
}

func storedName(name string) string { return name + " as stored" }

// Use implements leak.Source.
func (t *trying) Use(name string, fn func(value []byte) error) error {
	switch name {
	case t.trial.name:
		return t.trial.value.Use(fn)
	case storedName(t.trial.name):
		return t.Values.Use(t.trial.name, fn)
	}
	return t.Values.Use(name, fn)
}

// verifyValue calls a tool with a value that is not stored yet. It fails where
// the API does not take it.
func (a *app) verifyValue(ctx context.Context, v gate, project, tool string, tried *trial) error {
	if _, err := v.Secret(ctx, project, tried.name); err != nil {
		return err
	}
	k := &toolCall{a: a, v: v, project: project, name: tool, trial: tried}
	t, _, err := k.prepare(ctx)
	if err != nil {
		return err
	}
	if !slices.Contains(t.Placeholders(), tried.name) {
		return usagef("--verify %s: the tool does not use {{%s}}, and would prove nothing", tool, tried.name)
	}
	answer, err := k.do(ctx)
	if err != nil {
		return fmt.Errorf("%w; the old value of %s stays", err, tried.name)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.Code >= 400 {
		return failf(exitAnswer, "calling %s with the new value: the API answered %s; the old value of %s stays", tool, answer.Status, tried.name)
	}
	a.note(fmt.Sprintf("calling %s with the new value: the API answered %s", tool, answer.Status))
	return nil
}

// watched remembers that a value did not open: the finder cannot have masked
// what may be that value, and nothing of the answer is shown any more.
type watched struct {
	source leak.Source
	mu     sync.Mutex
	err    error
}

// Use implements leak.Source.
func (w *watched) Use(name string, fn func(value []byte) error) error {
	err := w.source.Use(name, fn)
	if err != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.err = cmp.Or(w.err, fmt.Errorf("masking the answer: %w", err))
	}
	return err
}

func (w *watched) failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// maskedBody is the body of an answer. Closing it closes what the call had open.
type maskedBody struct {
	io.ReadCloser
	values *callValues
}

func (b *maskedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if failed := b.values.all.failed(); failed != nil {
		secret.Wipe(p[:n])
		return 0, failed
	}
	return n, err
}

// maskedAgain masks what is made of an answer on its way to w.
func maskedAgain(answer *apitool.Answer, w io.Writer) io.WriteCloser {
	return answer.Body.(*maskedBody).values.finder.Masker(w)
}

func (b *maskedBody) Close() error {
	err := b.ReadCloser.Close()
	if b.values.close != nil {
		b.values.close()
		b.values.close = nil
	}
	return err
}

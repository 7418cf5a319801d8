package tui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/keyring/secret"
	"tacenda/store"
)

// typed answers the questions of a visit, and keeps them.
type typed struct {
	answers []string
	out     *bytes.Buffer
}

func (a *typed) next(label string) (string, error) {
	a.out.WriteString(label + ":\n")
	if len(a.answers) == 0 {
		return "", io.EOF
	}
	s := a.answers[0]
	a.answers = a.answers[1:]
	return s, nil
}

func (a *typed) Line(_ context.Context, label string) (string, error) { return a.next(label) }

func (a *typed) Secret(_ context.Context, label string, _ int) (*secret.Bytes, error) {
	s, err := a.next(label)
	if err != nil {
		return nil, err
	}
	return secret.Move([]byte(s))
}

func (a *typed) SecretTwice(ctx context.Context, label string, n int) (*secret.Bytes, error) {
	return a.Secret(ctx, label, n)
}

func (a *typed) Confirm(_ context.Context, q string) (bool, error) {
	s, err := a.next(q)
	return s == "y", err
}

// visit runs the plain lines with answers, on the vault of the drawings.
func visit(t *testing.T, missing bool, answers ...string) (*stage, string) {
	t.Helper()
	s := &stage{TB: t, now: noon, engine: vaulttest.Shared(store.NewMem()), key: vaulttest.NewKey(t)}
	if !missing {
		s.v = vaulttest.On(t, s.engine, s.key, vault.Options{Now: s.clock})
		s.fill()
	}
	var out bytes.Buffer
	err := runLines(context.Background(), &out, Config{
		Name: "acme", Place: "/home/alice/vault.db", Project: "api-gateway", Missing: missing, Now: s.clock,
		Ask:  &typed{answers, &out},
		Open: func(context.Context) (Vault, error) { return nil, &vault.LockedError{} },
		Unlock: func(ctx context.Context, p *secret.Bytes) (Vault, error) {
			v, err := s.unlock(ctx, p)
			if err != nil {
				return nil, err
			}
			return referring{v}, nil
		},
		Create: func(_ context.Context, setup Setup) (Vault, error) {
			s.v = vaulttest.On(t, s.engine, s.key, vault.Options{Now: s.clock})
			return s.open(context.Background(), s.key.Openers(t)...)
		},
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, r := range out.String() {
		if r < ' ' && r != '\n' {
			t.Fatalf("%q in what is read out", r)
		}
	}
	return s, out.String()
}

func TestLines(t *testing.T) {
	s, out := visit(t, false,
		"wrong", stagePassphrase,
		"1",
		"3", "new_one", "a value with some length", "about it",
		"2", "new_one",
		"4", "new_one", "", "",
		"4", "new_one", "another value for it", "",
		"5", "new_one", "3", "y",
		"6", "NEW_ONE", "y",
		"6", "STRIPE_API_KEY", "stripe",
		"6", "STRIPE_API_KEY", "STRIPE_API_KEY",
		"7",
		"9", "fresh",
		"8", "1",
		"nonsense", "2", "MISSING", "",
		"10", "never asked",
	)
	for _, want := range []string{
		"Passphrase for /home/alice/vault.db:", "Error: wrong passphrase", "Tacenda, vault acme, project api-gateway.",
		"1 list secrets", "10 leave", "DATABASE_URL, hint post••••prod, primary Postgres, read-write", "12 secrets.",
		"Created NEW_ONE, hint a va••••ngth.", "NEW_ONE, version 1, hint", "description: about it", "used in no places",
		"Nothing changed.", "Saved NEW_ONE, version 2, hint anot••••r it.", "3 web, no secrets", "Cloned NEW_ONE to web.",
		"Deleted NEW_ONE.", "used by tool curl-charge header Authorization", "Nothing was deleted.", "Deleted STRIPE_API_KEY.",
		"deleted STRIPE_API_KEY", "Created project fresh.", "project fresh.", `Error: "nonsense" is no number from 1 to 10`, "Error: ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not read out:\n%s", want, out)
		}
	}
	if strings.Contains(out, "value for it") || strings.Contains(out, "never asked") {
		t.Errorf("too much is read out:\n%s", out)
	}
	if got := s.value("web", "NEW_ONE"); got != "another value for it" {
		t.Fatalf("cloned %q", got)
	}
}

func TestLinesFirstRun(t *testing.T) {
	_, out := visit(t, true, "a long passphrase", "1")
	for _, want := range []string{"There is no vault at /home/alice/vault.db yet.", "project default.", "no secrets."} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not read out:\n%s", want, out)
		}
	}
}

// Where there is no terminal for an interface, there is none.
func TestRunRefuses(t *testing.T) {
	cfg := Config{
		Open:   func(context.Context) (Vault, error) { return nil, errors.New("must not be called") },
		Unlock: func(context.Context, *secret.Bytes) (Vault, error) { return nil, nil },
		Create: func(context.Context, Setup) (Vault, error) { return nil, nil },
	}
	for _, environ := range [][]string{nil, {"TERM="}, {"TERM=dumb"}, {"TERM=xterm", "TERM=dumb"}} {
		cfg.Environ = environ
		if err := Run(context.Background(), os.Stdin, os.Stdout, cfg); !errors.Is(err, ErrNoTerminal) {
			t.Errorf("with %q: %v", environ, err)
		}
	}
	if err := Run(context.Background(), os.Stdin, os.Stdout, Config{}); err == nil {
		t.Error("an empty configuration is accepted")
	}
}

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
	b, err := a.Secret(ctx, label, n)
	a.out.WriteString(label + " again:\n")
	return b, err
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
		Ask:       &typed{answers, &out},
		CheckTool: checkTool, CheckRecipient: readRecipient,
		CallTool: func(_ context.Context, _ Vault, project, tool string, args []string) (Answer, error) {
			return Answer{Status: "HTTP/1.1 200 OK", Body: `{"called":"` + project + " " + tool + " " + strings.Join(args, " ") + `"}` + "\x1b[2J", Cut: true}, nil
		},
		ReadFile: func(_ context.Context, path string) ([]byte, error) {
			if path != "tool.yaml" {
				return nil, errors.New("no such file")
			}
			return []byte("url: https://api.example.com/{{GITHUB_TOKEN}}\n"), nil
		},
		Open: func(context.Context) (Vault, error) { return nil, &vault.LockedError{} },
		Unlock: func(ctx context.Context, p *secret.Bytes) (Vault, error) {
			return s.unlock(ctx, p)
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
		"10",
		"12", "fresh",
		"11", "1",
		"nonsense", "2", "MISSING", "",
		"13", "never asked",
	)
	for _, want := range []string{
		"Passphrase for /home/alice/vault.db:", "Error: wrong passphrase", "Tacenda, vault acme, project api-gateway, owner.",
		"1 list secrets", "13 leave", "DATABASE_URL, hint post••••prod, primary Postgres, read-write", "12 secrets.",
		"Created NEW_ONE, hint a va••••ngth.", "NEW_ONE, version 1, hint", "description: about it", "used in no places",
		"Nothing changed.", "Saved NEW_ONE, version 2, hint anot••••r it.", "3 web, no secrets", "Cloned NEW_ONE to web.",
		"Deleted NEW_ONE.", "used by tool curl-charge line 5", "Nothing was deleted.", "Deleted STRIPE_API_KEY.",
		"The value can never be viewed once it is stored.\nValue:\nValue again:\n", "An empty answer keeps the value.\nNew value:\nNew value again:\n",
		"deleted STRIPE_API_KEY", "Created project fresh.", "project fresh, owner.", `Error: "nonsense" is no number from 1 to 13`, "Error: ",
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

func TestLinesTexts(t *testing.T) {
	s, out := visit(t, false, stagePassphrase,
		"7", "1",
		"7", "2", "curl-charge",
		"7", "3", "from-file", "tool.yaml",
		"7", "3", "refund",
		"7", "3", "typed", "", "bogus: 1", ".",
		"7", "4", "typed", // there is none
		"7", "4", "from-file", "nothing",
		"7", "4", "from-file", "", "url: https://api.example.com/", ".",
		"7", "4", "from-file", "", ".",
		"7", "5", "send-mail", "n",
		"7", "5", "send-mail", "y",
		"7", "6", "curl-charge", "100", "", "y",
		"7", "6", "refund", "n",
		"8", "1",
		"8", "4", "billing-runbook", "", "Use {{STRIPE_API_KEY}}.", ".", "n",
		"8", "4", "billing-runbook", "", "Use {{STRIPE_API_KEY}} {{GONE}}.", ".", "y",
		"8", "",
		"13",
	)
	for _, want := range []string{
		"curl-charge, POST api.stripe.com/v1/charges, charges a card, 2 secrets", "4 tools.", "6:   Idempotency-Key: \"[REQ_ID missing]\"",
		"5:   Authorization: Bearer [sk_l****9xQ2]", "Warning: line 6: REQ_ID: unknown in this project",
		"Saved from-file, version 1.", "refund: already exists", "not saved: line 1: there is no key", "Error: no such file",
		"Saved from-file, version 2.", "Nothing changed.", "Nothing was deleted.", "Deleted send-mail.",
		"amount, integer, required:", "Call POST https://api.stripe.com/v1/charges?", "HTTP/1.1 200 OK", `{"called":"api-gateway curl-charge amount=100"}[2J`, "There was more",
		"billing-runbook, Billing runbook, 1 secret", "2 instructions.", "WARNING: the model will see the value of STRIPE_API_KEY",
		"Saved billing-runbook, version 2.", "Saved billing-runbook, version 3.", "STRIPE_API_KEY is marked as safe for the model.",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not read out:\n%s", want, out)
		}
	}
	if strings.Count(out, "is marked as safe") != 1 || strings.Count(out, "HTTP/1.1 200") != 1 {
		t.Errorf("too much was done:\n%s", out)
	}
	if got := s.stored(vault.Instruction, "billing-runbook"); got != "Use {{STRIPE_API_KEY}} {{GONE}}.\n" {
		t.Fatalf("stored %q", got)
	}
}

func TestLinesFirstRun(t *testing.T) {
	_, out := visit(t, true, "a long passphrase", "1")
	for _, want := range []string{"There is no vault at /home/alice/vault.db yet.", "project default, owner.", "no secrets."} {
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

func TestLinesMembers(t *testing.T) {
	s, out := visit(t, false, stagePassphrase,
		"9", "1",
		"9", "2", "Dana", danasKey+" dana@laptop", "n",
		"9", "2", "dana", "AGE-SECRET-KEY-1"+canary,
		"9", "2", "dana", danasKey, "y",
		"9", "2", "dana", cisKey, "y", // the name is taken
		"9", "3", "dana", "use", "n",
		"9", "3", "dana", "read, manage", "y", "n",
		"9", "3", "dana", "read manage", "y", "y",
		"9", "3", "dana", "",
		"9", "3", "dana", "everything",
		"9", "3", "nobody",
		"9", "4", "dave",
		"9", "4", "bob", "n",
		"9", "4", "bob", "y",
		"9", "5", "bob", "n",
		"9", "5", "ci-runner", "y",
		"9", "",
		"13",
	)
	for _, want := range []string{
		"Tacenda, vault acme, project api-gateway, owner.", "9 members", "test key, owner, key age SHA256:", "bob, key ssh-ed25519 " + bobsPrint,
		"bob has secrets:read secrets:manage, server only in web", "5 people and keys.",
		"Ask dana, by another way than the key came", "Here it is ssh-ed25519 key SHA256:", "Added dana, who has no grants yet.",
		"this is a private key", "already exists",
		"dana has nothing in api-gateway.", "use: resolve, run, call", "dana has secrets:read secrets:use in api-gateway.",
		"This takes keys away", "dana has secrets:read secrets:manage, server only in api-gateway.", "dana could have read these",
		"change GITHUB_TOKEN of api-gateway", "12 secrets to change.", "Nothing changed.", "Error: there is no member nobody",
		"Error: dave has nothing in api-gateway", "bob has nothing in api-gateway any more.", "Removed ci-runner.",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not read out:\n%s", want, out)
		}
	}
	if strings.Contains(out, canary) || strings.Contains(out, "Removed bob") {
		t.Errorf("too much is read out or done:\n%s", out)
	}
	for member, want := range map[string]string{"dana": "api-gateway: secrets:read secrets:manage, server only; ", "ci-runner": "nobody", "bob": "billing: secrets:read; web: secrets:read secrets:manage, server only; "} {
		if got := s.granted(member); got != want {
			t.Errorf("%s has %q, not %q", member, got, want)
		}
	}
}

// What is not permitted says why, in the list and when it is chosen.
func TestLinesOfReader(t *testing.T) {
	var out bytes.Buffer
	s := newDrawn(t, 80, 24, asMember("rita", mayRead))
	cfg := s.u.cfg
	cfg.Ask = &typed{strings.Fields("1 3 6 7 3 7 6 9 1 9 2 9 5 12 13"), &out}
	s.check(runLines(context.Background(), &out, cfg))
	for _, want := range []string{
		"project api-gateway, read.", "3 create a secret (needs secrets:manage)", "6 delete a secret (needs secrets:manage)",
		"3 create a tool (needs secrets:manage)", "6 try a tool (needs secrets:use)", "rita, key age SHA256:", "rita has secrets:read in api-gateway",
		"2 add a member (needs an owner)", "12 create a project (needs an owner)", "Error: needs secrets:manage", "Error: needs secrets:use", "Error: needs an owner",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not read out:\n%s", want, out.String())
		}
	}
	if n := strings.Count(out.String(), "Error: needs "); n != 7 {
		t.Errorf("%d refusals:\n%s", n, out.String())
	}
}

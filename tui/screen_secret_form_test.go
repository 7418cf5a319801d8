package tui

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"tacenda/internal/vault"
	"tacenda/keyring/secret"
)

func TestCreate(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("n")
	s.sees("New secret · api-gateway")
	s.text("new-key")
	s.sees("│NEW_KEY")
	s.keys("tab")
	s.text("the value of it all")
	s.sees("************  19 bytes")
	s.lacks("the value")
	s.keys("enter") // goes on, and does not submit
	s.sees("New secret")
	s.text("a description")
	s.keys("enter")
	s.sees("New secret")
	s.keys("ctrl+s")
	s.sees("created NEW_KEY", "> NEW_KEY", "4/13", "a description")
	if got := s.value("api-gateway", "NEW_KEY"); got != "the value of it all" {
		t.Fatalf("stored %q", got)
	}
}

// A value keeps every byte: newlines typed and pasted, tabs, NUL, control
// characters, invalid UTF-8.
func TestValueKeepsEveryByte(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("n")
	s.text("PEM")
	s.keys("tab")
	s.text("typed")
	s.keys("alt+enter")
	s.paste("line 1\nline 2\ttab \x00 \x01\xff end")
	s.sees("3 lines")
	s.keys("ctrl+j")
	s.text("last")
	s.keys("ctrl+s")
	s.sees("created PEM")
	if got, want := s.value("api-gateway", "PEM"), "typed\nline 1\nline 2\ttab \x00 \x01\xff end\nlast"; got != want {
		t.Fatalf("stored %q, want %q", got, want)
	}
}

func TestNameIsCheckedWhileTyped(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("n")
	s.text("stripe api key")
	s.sees("│STRIPE_API_KEY", "STRIPE_API_KEY exists: edit it")
	s.keys("ctrl+u")
	s.text("1abc")
	s.sees("must not start with a digit")
	s.keys("ctrl+u")
	s.text("a$b")
	s.sees("only A-Z, 0-9 and _")
	s.keys("ctrl+s")
	s.sees("the name cannot be used")
	s.keys("ctrl+u ctrl+s")
	s.sees("it needs a name")
	s.text("GOOD")
	s.keys("ctrl+s")
	s.sees("it needs a value")
	s.text("now the value has the focus")
	s.keys("ctrl+s")
	s.sees("created GOOD")
}

func TestGenerate(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("n")
	s.text("RANDOM")
	s.keys("tab ctrl+g")
	s.sees("************  32 bytes", "generated 32 random")
	s.keys("ctrl+s")
	first := s.value("api-gateway", "RANDOM")
	if len(first) != 32 || strings.Trim(first, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != "" {
		t.Fatalf("generated %q", first)
	}
}

// Letters and digits must come equally often. A chi-squared test over 62
// cells: 126.3 is the value that chance exceeds once in a million runs.
func TestRandomTextIsEven(t *testing.T) {
	const n = 62_000
	b, err := randomText(n)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Destroy()
	counts := map[byte]int{}
	_ = b.Use(func(p []byte) error {
		for _, c := range p {
			counts[c]++
		}
		return nil
	})
	chi, want := 0.0, float64(n)/62
	for _, c := range counts {
		chi += (float64(c) - want) * (float64(c) - want) / want
	}
	if len(counts) != 62 || chi > 126.3 {
		t.Fatalf("%d characters, chi squared %.1f", len(counts), chi)
	}
}

func TestMoreOptions(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("n")
	s.text("BOUND")
	s.keys("tab")
	s.text("a value with some length")
	s.keys("tab tab")
	s.lacks("safe for the model")
	s.keys("enter") // unfolds and goes in
	s.sees("[ ] safe for the model", "Hosts")
	s.keys("space tab")
	s.text("API.stripe.com bad/host")
	s.sees("[x] safe for the model", "write HOST or HOST:PORT")
	s.keys("ctrl+w")
	s.text("api.example:8443")
	s.keys("ctrl+s")
	s.sees("created BOUND", "may see it", "api.stripe.com", "api.exa…e:8443")
	got, err := s.v.Secret(context.Background(), "api-gateway", "BOUND")
	s.check(err)
	if !got.LLMSafe || strings.Join(got.AllowedHosts, " ") != "api.stripe.com api.example:8443" {
		t.Fatalf("stored %+v", got)
	}
}

func TestEdit(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("j e")
	s.sees("Edit GITHUB_TOKEN · v1", "it never changes", "(unchanged)  current hint ghp_••••9Qz1")
	s.keys("tab") // from the value to the description
	s.text(", rotated")
	s.keys("ctrl+s")
	s.sees("saved GITHUB_TOKEN", "release bot, rotated", "v2")
	if got := s.value("api-gateway", "GITHUB_TOKEN"); got != drawn[1].value {
		t.Fatal("an empty field changed the value")
	}
	s.keys("e")
	s.text("a new value for the token")
	s.keys("ctrl+s")
	s.sees("saved GITHUB_TOKEN", "a ne••••oken", "v3")
	if got := s.value("api-gateway", "GITHUB_TOKEN"); got != "a new value for the token" {
		t.Fatalf("stored %q", got)
	}
}

func TestEditTellsWhereItIsUsed(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("/")
	s.text("live key")
	s.keys("enter e")
	s.sees("Used in 3 places: the next use gets the new value")
}

func TestConflict(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("e")
	s.text("mine, which is longer")
	about := "theirs"
	s.now = s.now.Add(time.Minute)
	_, err := s.v.EditSecret(context.Background(), "api-gateway", "DATABASE_URL", vault.Edit{Description: &about})
	s.check(err)
	s.keys("ctrl+s")
	s.sees("test key saved v2 at 12:01. ctrl+s overwrites it, esc", "************  21 bytes")
	s.keys("ctrl+s") // too soon: it was meant for what was there before
	s.sees("saved v2")
	s.wait(deafTime)
	s.keys("ctrl+s")
	s.sees("saved DATABASE_URL", "v3")
	if got := s.value("api-gateway", "DATABASE_URL"); got != "mine, which is longer" {
		t.Fatalf("stored %q", got)
	}
}

func TestDiscard(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("n esc")
	s.lacks("New secret") // nothing to lose
	s.keys("n")
	s.text("ABC")
	s.keys("esc")
	s.sees("Discard changes?")
	s.keys("enter") // means no
	s.sees("│ABC")
	s.keys("esc y")
	s.lacks("New secret", "Discard")
	s.keys("n")
	s.text("ABC")
	s.keys("ctrl+c")
	s.sees("Discard changes?")
	s.keys("ctrl+c")
	if !s.quit {
		t.Fatal("a second ctrl+c does not quit")
	}
}

// refusing is a vault that takes no new secret.
type refusing struct {
	Vault
	with error
}

func (r refusing) CreateSecret(context.Context, string, vault.Draft) (vault.Secret, error) {
	return vault.Secret{}, r.with
}

func TestSaveFails(t *testing.T) {
	s := newDrawn(t, 80, 24, with(func(v Vault) Vault { return refusing{v, errors.New("writing the vault: no space left")} }))
	s.keys("n")
	s.text("KEPT")
	s.keys("tab")
	s.text("twenty bytes or more")
	s.keys("ctrl+s")
	s.sees("not saved: writing the vault: no space left", "│KEPT", "************  20 bytes")
	form := s.u.stack[0].(*secretForm)
	if got := form.value.text(); got != "twenty bytes or more" {
		t.Fatalf("the form kept %q", got)
	}
	s.keys("esc y")
	if form.value.text() != "" {
		t.Fatal("the value outlived the form")
	}
}

func TestNameTakenMeanwhile(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("n")
	s.text("RACE")
	s.keys("tab")
	s.text("twenty bytes or more")
	s.put("api-gateway", "RACE", "the other's value", "")
	s.keys("ctrl+s")
	s.sees("RACE was created meanwhile", "************  20 bytes")
	if got := s.value("api-gateway", "RACE"); got != "the other's value" {
		t.Fatalf("overwrote: %q", got)
	}
}

// Every value that was typed is in guarded memory that is gone afterwards,
// whichever way the form ends.
func TestNoValueOutlivesItsForm(t *testing.T) {
	for name, end := range map[string]string{"save": "ctrl+s", "cancel": "esc y", "quit": "ctrl+c ctrl+c"} {
		t.Run(name, func(t *testing.T) {
			s := newDrawn(t, 80, 24)
			s.keys("n")
			s.text("GONE")
			s.keys("tab")
			s.text("a value to be gone")
			e := s.u.stack[0].(*secretForm).value
			s.keys(end)
			if !e.empty() {
				t.Fatal("the value is still there")
			}
		})
	}
}

func TestSuspendWipesTheValue(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("n")
	s.text("SLEEPER")
	s.keys("tab")
	s.text("a value to be gone")
	s.keys("ctrl+z")
	s.sees("│SLEEPER", "it was wiped: type it again")
	s.lacks("18 bytes")
}

var _ vault.Value = (*secret.Bytes)(nil)

// A name that tools refer to already is named when it is created.
func TestSecretFormMends(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("n")
	s.text("req-i")
	s.lacks("Also mends")
	s.text("d")
	s.sees("Also mends tool curl-charge, line 6")
}

// Saving a form in which nothing was changed makes no new version: it would get in
// the way of somebody else's.
func TestEditNothing(t *testing.T) {
	s := newDrawn(t, 80, 24)
	before := len(s.events())
	s.keys("e ctrl+s")
	s.sees("nothing was changed")
	s.lacks("Edit DATABASE_URL")
	s.keys("2 e ctrl+s")
	s.sees("nothing was changed")
	s.lacks("Edit curl-charge")
	if n := len(s.events()) - before; n != 0 {
		t.Errorf("%d changes", n)
	}
}

// A new value that a lock wiped is not taken for saved with the rest.
func TestEditWipedValue(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("e")
	s.text("a new value")
	s.keys("tab")
	s.text("!")
	_ = s.m.lock("")
	s.wait(deafTime)
	s.keys("enter ctrl+s")
	s.sees("the new value was wiped: type it again", "Edit DATABASE_URL")
	s.keys("ctrl+s")
	s.sees("saved DATABASE_URL")
	if got := s.value("api-gateway", "DATABASE_URL"); got != drawn[0].value {
		t.Errorf("the value is %q", got)
	}
}

// events are those of the project of the drawings, as another process sees them.
func (s *stage) events() []vault.Event {
	s.Helper()
	all, err := s.v.Events(context.Background(), "api-gateway")
	s.check(err)
	return all
}

// taken is a vault in which somebody else is always quicker.
type taken struct{ Vault }

func (taken) CreateSecret(context.Context, string, vault.Draft) (vault.Secret, error) {
	return vault.Secret{}, vault.ErrExists
}

// The focus that goes to the name by itself, because it was taken meanwhile, does
// not draw there what was being typed as the value.
func TestNameTakenWhileTyping(t *testing.T) {
	s := newDrawn(t, 80, 24, with(func(v Vault) Vault { return taken{v} }))
	s.keys("n")
	s.text("QUICK")
	s.keys("tab")
	s.text("first half ")
	s.keys("ctrl+s")
	s.sees("QUICK was created meanwhile")
	s.text("hunter2")
	s.lacks("HUNTER2")
	s.wait(deafTime)
	s.text("_B")
	s.sees("│QUICK_B", "************  11 bytes")
}

package tui

import (
	"context"
	"errors"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

func TestSecretsList(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.sees("acme / api-gateway / Secrets", "> DATABASE_URL", "post••••prod", "12 secrets · sorted by name", "1/12")
	s.keys("j j j")
	s.sees("> OPENAI_API_KEY", "4/12", "shared by 3 tools")
	s.keys("G")
	s.sees("> VAULT_PEER_CA", "12/12")
	s.keys("up up home")
	s.sees("> DATABASE_URL")
	s.keys("ctrl+d pgdown")
	s.sees("> VAULT_PEER_CA")
}

// What another process changes is there within a second, and the selection
// stays at its secret.
func TestLiveRefresh(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("j j")
	s.put("api-gateway", "AAA_FIRST", "a value of some length", "")
	s.lacks("AAA_FIRST")
	s.wait(time.Second)
	s.sees("AAA_FIRST", "> JWT_SIGNING_KEY", "4/13")
	s.check(s.v.DeleteSecrets(context.Background(), "api-gateway", []string{"JWT_SIGNING_KEY"}))
	s.wait(time.Second)
	s.lacks("JWT_SIGNING_KEY")
	s.sees("> OPENAI_API_KEY", "4/12")
	s.check(s.v.CreateProject(context.Background(), "another"))
	s.wait(time.Second)
	s.sees("another")
}

func TestProjectGoneMeanwhile(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.check(s.v.DeleteProject(context.Background(), "api-gateway"))
	s.wait(2 * time.Second)
	s.sees("acme / billing / Secrets", "STRIPE_API_KEY")
}

func TestFilterSecrets(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("/")
	s.text("key s")
	s.sees("/ key s", "> JWT_SIGNING_KEY", "STRIPE_API_KEY")
	s.lacks("TWILIO")
	s.keys("down enter")
	s.sees("4 of 12 secrets", "filter: key s", "> OPENAI_API_KEY")
	s.keys("j j") // the list has the keys again
	s.sees("> STRIPE_API_KEY")
	s.keys("esc")
	s.sees("12 secrets · sorted", "> STRIPE_API_KEY")
	s.keys("/")
	s.text("zzz")
	s.sees("Nothing matches “zzz”", "clear the filter")
	s.keys("esc")
	s.sees("12 secrets", "STRIPE_API_KEY")
	s.keys("/")
	s.paste("github")
	s.sees("/ github", "> GITHUB_TOKEN")
}

func TestSort(t *testing.T) {
	s := newDrawn(t, 140, 40)
	s.keys("s")
	s.sees("sorted by last update", "> DATABASE_URL", "12/12")
	if _, y := s.place("VAULT_PEER_CA"); y != 3 {
		t.Fatalf("the newest is in line %d:\n%s", y, s.frame())
	}
	s.keys("s")
	s.sees("sorted by most used")
	if _, y := s.place("STRIPE_API_KEY"); y != 3 {
		t.Fatalf("the most used is in line %d:\n%s", y, s.frame())
	}
	s.keys("/")
	s.text("key")
	if _, y := s.place("STRIPE_API_KEY"); y != 3 {
		t.Fatalf("filtering lost the order:\n%s", s.frame())
	}
	s.keys("esc s")
	s.sees("sorted by name")
}

func TestPreviewModes(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.sees("─ Preview ─")
	s.keys("v")
	s.lacks("─ Preview ─")
	s.keys("v")
	s.sees("▸ Preview", "IN A TEMPLATE")
	s.lacks("▸ Secrets")
	s.keys("esc")
	s.sees("▸ Secrets", "─ Preview ─")
	s.keys("tab")
	s.sees("▸ Preview")
	s.keys("tab")
	s.sees("▸ acme")
	s.keys("tab")
	s.sees("▸ Secrets")
	s.keys("shift+tab")
	s.sees("▸ acme")

	narrow := newDrawn(t, 48, 16)
	narrow.lacks("Preview")
	narrow.keys("v")
	narrow.sees("▸ Preview", "post••••prod")
	narrow.keys("v")
	narrow.sees("▸ Secrets")
}

func TestCopyPlaceholder(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("j y")
	s.sees("copied {{GITHUB_TOKEN}}")
	if len(s.noted) != 1 || s.noted[0] != "{{GITHUB_TOKEN}}" {
		t.Fatalf("the clipboard got %q", s.noted)
	}
	s.wait(toastTime)
	s.sees("12 secrets")
}

func TestPasteOutsideAField(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.paste("q\nd\ny\nsk_live_canary")
	s.sees("pasted text ignored", "> DATABASE_URL")
	s.lacks("canary")
	if s.quit {
		t.Fatal("pasted text was taken for keys")
	}
}

func TestMouseOnTheList(t *testing.T) {
	s := newDrawn(t, 80, 24)
	x, y := s.place("SENDGRID_API_KEY")
	s.click(x, y)
	s.sees("> SENDGRID_API_KEY")
	s.lacks("Copy {{NAME}}")
	s.click(x, y)
	s.sees("╔═ SENDGRID_API_KEY", "Copy {{NAME}}")
	s.click(1, 1) // outside: closes
	s.lacks("Copy {{NAME}}")
	_, y = s.place("TWILIO_SID")
	x, _ = s.place("⋮")
	s.click(x, y)
	s.sees("╔═ TWILIO_SID", "Copy {{NAME}}")
	s.click(s.place("Edit…"))
	s.sees("Edit TWILIO_SID")
	s.click(s.place("[ cancel"))
	s.lacks("Edit TWILIO_SID")
	s.click(s.place("web"))
	s.sees("acme / web / Secrets", "No secrets in web yet")
	s.click(s.place("5 Activity"))
	s.sees("acme / web / Activity")
}

func TestWheel(t *testing.T) {
	s := newDrawn(t, 80, 10)
	x, y := s.place("GITHUB_TOKEN")
	s.send(tea.MouseWheelMsg{X: x, Y: y, Button: tea.MouseWheelDown})
	s.lacks("GITHUB_TOKEN")
	s.sees("> OPENAI_API_KEY", "4/12") // the selection stays in sight
}

// failing is a vault whose reads fail while broken is set.
type failing struct {
	Vault
	broken *error
}

func (f failing) Secrets(ctx context.Context, project string) ([]vault.Secret, error) {
	if *f.broken != nil {
		return nil, *f.broken
	}
	return f.Vault.Secrets(ctx, project)
}

func TestLoadFails(t *testing.T) {
	broken := errors.New("reading the vault: the disk \x1b[31mis gone")
	s := newDrawn(t, 80, 24, with(func(v Vault) Vault { return failing{v, &broken} }))
	s.sees("The secrets could not be read: reading the vault: the", "try again")
	broken = nil
	s.keys("r")
	s.sees("> DATABASE_URL")
	broken = errors.New("reading the vault: the disk is gone")
	s.keys("r")
	s.sees("not up to date: reading the vault: the disk is gone", "> DATABASE_URL") // the old rows stay
	broken = nil
	s.keys("r")
	s.sees("12 secrets")
}

// reading is a vault that its user may only read.
type reading struct{ Vault }

func (r reading) Projects(ctx context.Context) ([]vault.Project, error) {
	ps, err := r.Vault.Projects(ctx)
	for i := range ps {
		ps[i].Permissions = []string{"secrets:read"}
	}
	return ps, err
}

func TestNoPermission(t *testing.T) {
	s := newDrawn(t, 80, 24, with(func(v Vault) Vault { return reading{v} }))
	s.keys("n")
	s.sees("! needs secrets:manage", "read")
	s.lacks("New secret")
	s.keys("enter")
	s.sees("Edit…", "needs secrets:manage", "Delete…")
	s.keys("down enter")
	s.sees("Edit…") // still there: the action cannot run
	s.keys("esc d")
	s.lacks("cannot be undone")
}

func TestNoProjects(t *testing.T) {
	s := newStage(t, 80, 24)
	s.check(s.v.DeleteProject(context.Background(), "default"))
	s.wait(2 * time.Second)
	s.sees("No projects yet", "make the first one")
	s.keys("n")
	s.sees("there is no project yet: p makes one")
	s.keys("p n")
	s.text("first")
	s.keys("enter")
	s.sees("acme / first / Secrets", "No secrets in first yet")
}

func TestHintThatDoesNotFit(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.put("api-gateway", "AA_WIDE", "密密密密密密密密密密密密密密密密", "")
	s.wait(time.Second)
	s.keys("g")
	s.sees("> AA_WIDE           •••••••••••• ⋮") // no part of it in the list
	s.keys("v v")
	s.sees("hint     密密密密••••密密密密")
	s.checkFrame()
}

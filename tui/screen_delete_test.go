package tui

import (
	"context"
	"errors"
	"testing"
	"time"

	"tacenda/internal/vault"
)

func TestDelete(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("d")
	s.sees("Delete DATABASE_URL?", "Nothing that this vault knows of refers to it", "This cannot be undone.")
	s.keys("enter") // means no
	s.lacks("Delete DATABASE_URL?")
	s.sees("DATABASE_URL")
	s.keys("d y")
	s.sees("deleted DATABASE_URL", "> GITHUB_TOKEN", "11 secrets"[:0])
	s.lacks("  DATABASE_URL")
	if _, err := s.v.Secret(context.Background(), "api-gateway", "DATABASE_URL"); !errors.Is(err, vault.ErrNotFound) {
		t.Fatalf("it is still there: %v", err)
	}
}

// Something refers to it: the name must be typed, and nothing else deletes.
func TestDeleteWithReferences(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("/")
	s.text("live key")
	s.keys("enter d")
	s.sees("Delete STRIPE_API_KEY?", "! 3 references will break:", "tool", "curl-charge", "line 5",
		"instruction", "billing-runbook", "line 6", "The one in billing stays.")
	s.keys("y enter")
	s.sees("type the whole name first", "Delete STRIPE_API_KEY?")
	s.keys("ctrl+u")
	s.paste("STRIPE_API_KEY")
	s.sees("type the name: pasting does not count")
	s.keys("enter")
	s.sees("Delete STRIPE_API_KEY?")
	s.text("stripe-api-ke")
	s.keys("enter")
	s.sees("Delete STRIPE_API_KEY?")
	s.text("y")
	s.keys("enter")
	s.sees("deleted STRIPE_API_KEY")
	if _, err := s.v.Secret(context.Background(), "billing", "STRIPE_API_KEY"); err != nil {
		t.Fatalf("the clone went too: %v", err)
	}
}

func TestDeleteFails(t *testing.T) {
	s := newDrawn(t, 80, 24, with(func(v Vault) Vault { return keeping{v} }))
	s.keys("d y")
	s.sees("not deleted: writing the vault: busy", "Delete DATABASE_URL?")
	s.keys("esc")
	s.sees("12 secrets")
}

type keeping struct{ Vault }

func (keeping) DeleteSecrets(context.Context, string, []string) error {
	return errors.New("writing the vault: busy")
}

func TestDeletedMeanwhile(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("d")
	s.check(s.v.DeleteSecrets(context.Background(), "api-gateway", []string{"DATABASE_URL"}))
	s.keys("y")
	s.sees("DATABASE_URL was not there any more")
	s.wait(time.Second)
	s.lacks("  DATABASE_URL")
}

func TestMenu(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("j enter")
	s.sees("╔═ GITHUB_TOKEN", "> Copy {{NAME}}", "Edit…", "Clone to project…", "Used by", "Delete…")
	s.keys("down down enter")
	s.sees("Clone GITHUB_TOKEN to…")
	s.keys("esc m")
	s.keys("d")
	s.sees("Delete GITHUB_TOKEN?")
	s.keys("esc m up") // stays at the first
	s.keys("enter")
	s.sees("copied {{GITHUB_TOKEN}}")
}

func TestUsedBy(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("u")
	s.sees("No tool and no instruction", "tacenda refs DATABASE_URL")
	s.keys("esc /")
	s.text("live key")
	s.keys("enter u")
	s.sees("curl-charge", "refund", "billing-runbook")
}

func TestClone(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("c")
	s.sees("Clone DATABASE_URL to…", "> billing", "name is free", "web")
	s.text("we")
	s.sees("> web")
	s.lacks("> billing")
	s.keys("enter")
	s.sees("Clone to web?")
	s.keys("esc")
	s.sees("> web")
	s.keys("enter enter")
	s.sees("cloned DATABASE_URL to web")
	if got := s.value("web", "DATABASE_URL"); got != drawn[0].value {
		t.Fatalf("cloned %q", got)
	}
	s.keys("c")
	s.sees("! name exists")
	s.text("web")
	s.keys("enter")
	s.sees("web has a DATABASE_URL already")
	s.lacks("Clone to web?")
}

func TestCloneTargetTakenMeanwhile(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("c enter")
	s.sees("Clone to billing?")
	s.put("billing", "DATABASE_URL", "another one altogether", "")
	s.keys("enter")
	s.sees("billing got a DATABASE_URL meanwhile", "! name exists")
	if got := s.value("billing", "DATABASE_URL"); got != "another one altogether" {
		t.Fatalf("overwrote: %q", got)
	}
}

// losing is a vault in which the user may no longer write.
type losing struct{ Vault }

func (losing) CloneSecrets(context.Context, string, []string, string, bool) error {
	return vault.ErrDenied
}

func TestCloneTargetLostMeanwhile(t *testing.T) {
	s := newDrawn(t, 80, 24, with(func(v Vault) Vault { return losing{v} }))
	s.keys("c enter enter")
	s.sees("Clone DATABASE_URL to…", "you may no longer create secrets in billing")
}

func TestCloneWithoutATarget(t *testing.T) {
	s := newStage(t, 80, 24)
	s.put("default", "LONELY", "a value with some length", "")
	s.wait(time.Second)
	s.keys("c")
	s.sees("There is no other project")
	s.keys("enter esc")
	s.lacks("There is no other project")
	s.keys("c p")
	s.sees("Projects", "n new")
	s.lacks("There is no other project")
}

// What began to refer to a secret while its deletion was asked wants the name
// typed, as what referred to it before.
func TestDeleteUsedMeanwhile(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("d")
	s.sees("Delete DATABASE_URL?", "[ delete y ]")
	s.setText(vault.Instruction, "late", "{{DATABASE_URL}}")
	s.wait(time.Second)
	s.sees("1 reference will break", "Type the name")
	s.wait(deafTime)
	s.keys("y enter")
	s.sees("Delete DATABASE_URL?", "type the whole name first")
	s.value("api-gateway", "DATABASE_URL")
}

package tui

import (
	"context"
	"errors"
	"testing"
	"time"
)

// A project that goes away while it is open is said to be gone, and a key that was
// meant for it does nothing in the one that takes its place.
func TestProjectGone(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.put("billing", "DATABASE_URL", "postgres://billing", "")
	s.check(s.v.RenameProject(context.Background(), "api-gateway", "gateway"))
	s.wait(time.Second)
	s.sees("acme / billing / Secrets", "x api-gateway is not there any more: this is billing")
	s.keys("d y")
	s.sees("api-gateway is not there any more")
	s.lacks("Delete DATABASE_URL?")
	s.wait(deafTime)
	s.keys("j")
	s.lacks("not there any more")
	s.value("billing", "DATABASE_URL")

	// One that is deleted here is no surprise.
	s.keys("p d")
	s.text("billing")
	s.keys("enter")
	s.sees("deleted billing", "acme / gateway / Secrets")
}

// blind is a vault whose stamps cannot be read while gone is set.
type blind struct {
	Vault
	gone *bool
}

func (v blind) Stamp(ctx context.Context, project string) (uint64, error) {
	if *v.gone {
		return 0, errors.New("no vault there")
	}
	return v.Vault.Stamp(ctx, project)
}

// What could not be read for a while is read again by itself, also when nothing
// changed meanwhile.
func TestReadableAgain(t *testing.T) {
	gone := false
	s := newDrawn(t, 80, 24, with(func(v Vault) Vault { return blind{v, &gone} }))
	gone = true
	s.wait(2 * time.Second)
	s.sees("! not up to date: no vault there; r tries again")
	gone = false
	s.wait(time.Second)
	s.lacks("not up to date")
	s.sees("12 secrets")
}

// A load that was overtaken by a later one does not bring old rows back.
func TestLoadOvertaken(t *testing.T) {
	s := newDrawn(t, 80, 24)
	slow := s.u.load()() // what it read, not yet brought
	s.put("api-gateway", "AAA_NEW", "a new value of some length", "")
	s.keys("r")
	s.sees("AAA_NEW")
	s.send(slow)
	s.sees("AAA_NEW")
}

// The list of projects stays at the same project when others come and go.
func TestProjectsStay(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("p G")
	s.sees(">   web")
	s.check(s.v.CreateProject(context.Background(), "aaa"))
	s.check(s.v.DeleteProject(context.Background(), "billing"))
	s.check(s.v.CreateProject(context.Background(), "zzz"))
	s.wait(time.Second)
	s.sees(">   web", "aaa", "zzz")
}

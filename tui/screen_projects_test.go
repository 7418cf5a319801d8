package tui

import (
	"context"
	"testing"
)

func TestProjects(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("p")
	s.sees("Projects", "> * api-gateway", "12 secrets", "billing", "1 secret ", "no secrets")
	s.keys("down enter")
	s.sees("acme / billing / Secrets", "STRIPE_API_KEY", "test key")
	s.keys("p /")
	s.text("we")
	s.keys("enter")
	s.sees(">   web")
	s.lacks("api-gateway  ")
	s.keys("enter")
	s.sees("acme / web / Secrets", "No secrets in web yet.", "n         create one")
}

func TestProjectCreateRenameDuplicateDelete(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("p n")
	s.text("Billing")
	s.sees("│billing", "billing exists")
	s.keys("enter")
	s.sees("billing exists", "New project")
	s.text("-eu")
	s.keys("enter")
	s.sees("acme / billing-eu / Secrets", "created billing-eu")

	s.keys("p e")
	s.sees("Rename billing-eu", "│billing-eu")
	s.keys("ctrl+u")
	s.text("billing-us")
	s.keys("enter")
	s.sees("acme / billing-us / Secrets", "renamed billing-eu to billing-us")

	s.keys("p g c")
	s.sees("Duplicate api-gateway")
	s.text("copy")
	s.keys("enter")
	s.sees("duplicated api-gateway as copy", "acme / billing-us")
	if got := s.value("copy", "GITHUB_TOKEN"); got != drawn[1].value {
		t.Fatalf("duplicated %q", got)
	}

	s.keys("p g d")
	s.sees("Delete api-gateway?", "12 secrets", "This cannot be undone")
	s.paste("api-gateway")
	s.keys("enter")
	s.sees("type the whole name first")
	s.text("api-gateway")
	s.keys("enter")
	s.sees("deleted api-gateway")
	ps, err := s.v.Projects(context.Background())
	s.check(err)
	if len(ps) != 4 || ps[0].Name != "billing" {
		t.Fatalf("projects are %+v", ps)
	}
}

func TestSidebar(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("shift+tab")
	s.sees("▸ acme", "*1 Secrets")
	s.keys("g down")
	s.sees(">  billing")
	s.keys("enter")
	s.sees("acme / billing / Secrets", "▸ Secrets")
	s.keys("5")
	s.sees("/ Activity", ">5 Activity")
	s.keys("1")
	s.sees("/ Secrets")
}

// Many projects: the open one is in sight, and the sections too.
func TestSidebarWithManyProjects(t *testing.T) {
	s := newDrawn(t, 80, 24)
	for i := range 40 {
		s.check(s.v.CreateProject(context.Background(), "p-"+number(i)))
	}
	s.keys("r p G enter")
	s.sees("* web", ">1 Secrets", "5 Activity")
	s.checkFrame()
	s.keys("shift+tab g")
	s.sees(">  api-gateway"[:0], "api-gateway")
	s.checkFrame()
}

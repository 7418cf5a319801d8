package tui

import (
	"context"
	"strings"
	"testing"
)

// bye is what stands on the ordinary screen after the interface was left.
func (s *stage) bye() string {
	s.Helper()
	if !s.quit {
		s.Fatal("the interface is still there")
	}
	s.u.end()
	var b strings.Builder
	s.m.farewell(&b, "\n")
	return b.String()
}

// Leaving with the list of what to change still open does not lose it: nowhere
// else does it stand.
func TestLeaveAfterRevoke(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("4 j d enter y")
	s.sees("Change 12 secrets now")
	s.keys("ctrl+c")
	got := s.bye()
	for _, want := range []string{"bob could have read these", "\n  api-gateway  DATABASE_URL\n", "\n  api-gateway  VAULT_PEER_CA\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in what is left:\n%s", want, got)
		}
	}

	// Whoever closed the list has read it, and finds it by name for as long as the
	// interface is open.
	s = newDrawn(t, 80, 24)
	s.keys("4 j d enter y")
	s.wait(deafTime)
	s.keys("esc :")
	s.text("to change after bob")
	s.keys("enter")
	s.sees("Change 12 secrets now")
	s.keys("esc q")
	if got := s.bye(); got != "" {
		t.Errorf("left behind %q", got)
	}
}

// Work whose end nobody heard of, because the program was left in between, tells
// what it did.
func TestLeaveDuringRevoke(t *testing.T) {
	var s *stage
	during := func(context.Context) {
		s.keys("ctrl+c")
		s.sees("! it is not done yet, and leaving undoes it: once more to leave all the same")
		s.keys("x ctrl+c")
		s.sees("once more to leave")
		s.keys("ctrl+c")
	}
	s = newDrawn(t, 80, 24, with(func(v Vault) Vault { return slowly{v, func(ctx context.Context) { during(ctx) }} }))
	s.keys("4 j d enter y")
	if got := s.bye(); !strings.Contains(got, "api-gateway  DATABASE_URL") {
		t.Errorf("left behind %q", got)
	}
}

// A locked screen names no secret, also when it is left.
func TestLeaveLockedAfterRevoke(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("4 j d enter y")
	_ = s.m.lock("")
	s.wait(deafTime)
	s.keys("esc")
	got := s.bye()
	if !strings.Contains(got, "12 secrets are to be changed after a revoke") || strings.Contains(got, "DATABASE_URL") || strings.Contains(got, "bob") {
		t.Errorf("left behind %q", got)
	}
}

// A form that nobody sees behind the lock is not thrown away by one key.
func TestLeaveLockedWithForm(t *testing.T) {
	for _, key := range []string{"esc", "ctrl+c"} {
		s := newDrawn(t, 80, 24)
		s.keys("n")
		s.text("HALF")
		_ = s.m.lock("")
		s.wait(deafTime)
		s.keys(key)
		s.sees("a form with changes is open behind this: once more to leave all the same")
		s.keys("enter")
		s.sees("New secret", "HALF")
		s.keys("esc y L")
		s.wait(deafTime)
		s.keys(key)
		if !s.quit {
			t.Errorf("%s does not leave where nothing is lost", key)
		}
	}
	s := newDrawn(t, 80, 24)
	s.keys("n")
	s.text("HALF")
	_ = s.m.lock("")
	s.wait(deafTime)
	s.keys("esc esc")
	if !s.quit {
		t.Error("the second key does not leave")
	}
}

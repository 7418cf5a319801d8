package tui

import (
	"context"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
	"tacenda/keyring/secret"
)

// typedAhead types a key in the middle of something, for which the reader would
// wait: into the field that has the focus, or as a key.
func (s *stage) typedAhead(key string) {
	s.Helper()
	if e := s.m.entry; e != nil {
		e.add([]byte(key))
		s.send(changedMsg{})
		return
	}
	s.send(tea.KeyPressMsg{Code: rune(key[0]), Text: key})
}

// meanwhile lets something happen while a passphrase is tried.
func meanwhile(do func(s *stage)) stageOption {
	return func(s *stage, c *Config) {
		locked(s, c)
		unlock := c.Unlock
		c.Unlock = func(ctx context.Context, p *secret.Bytes) (Vault, error) {
			do(s)
			return unlock(ctx, p)
		}
	}
}

// slowRows lets something happen while the rows are read.
type slowRows struct {
	Vault
	during func()
}

func (v slowRows) Secrets(ctx context.Context, project string) ([]vault.Secret, error) {
	v.during()
	return v.Vault.Secrets(ctx, project)
}

const aheadSaid = "what was typed before this was shown is ignored"

// A run of keys that began before the workspace was there does nothing in it, to
// its end; what is typed after a pause does.
func TestAhead(t *testing.T) {
	for _, c := range []struct {
		name string
		opt  stageOption
	}{
		{"while the passphrase is tried", meanwhile(func(s *stage) { s.typedAhead("/") })},
		{"while the rows are read", func(s *stage, c *Config) {
			locked(s, c)
			with(func(v Vault) Vault { return slowRows{v, func() { s.typedAhead("/") }} })(s, c)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newDrawn(t, 80, 24, c.opt)
			s.text("correct horse")
			s.keys("enter")
			s.sees("> DATABASE_URL", aheadSaid)
			for _, k := range []string{"d", "y", "n", "enter", "q"} {
				s.wait(deafTime - time.Millisecond)
				s.keys(k)
			}
			s.paste("x")
			s.lacks("Delete DATABASE_URL", "New secret", "Copy placeholder")
			if s.quit {
				t.Fatal("it was left by a key typed ahead")
			}
			s.wait(deafTime)
			s.keys("d")
			s.sees("Delete DATABASE_URL")
		})
	}
}

// Whoever waits for the workspace is not made to wait for its keys, and ctrl+c
// always leaves.
func TestNotAhead(t *testing.T) {
	s := newDrawn(t, 80, 24, locked)
	s.text("correct horse")
	s.keys("enter d")
	s.sees("Delete DATABASE_URL")
	s.lacks(aheadSaid)

	// What the box got long before is not a run that goes on, but it is said.
	s = newDrawn(t, 80, 24, meanwhile(func(s *stage) { s.typedAhead("x"); s.wait(deafTime) }))
	s.text("correct horse")
	s.keys("enter")
	s.sees(aheadSaid)
	s.keys("d")
	s.sees("Delete DATABASE_URL")

	s = newDrawn(t, 80, 24, meanwhile(func(s *stage) { s.typedAhead("x") }))
	s.text("correct horse")
	s.keys("enter ctrl+c")
	if !s.quit {
		t.Fatal("ctrl+c was taken for a key typed ahead")
	}
}

// The rest of such a run does not become a part of a value.
func TestAheadIntoForm(t *testing.T) {
	s := newDrawn(t, 80, 24, meanwhile(func(s *stage) { s.typedAhead("v") }))
	s.text("correct horse")
	s.keys("enter")
	s.wait(deafTime)
	s.keys("n")
	s.text("FORM")
	s.keys("tab")
	s.run(s.m.lock(""))
	s.send(hearMsg{}) // the box has the focus with the next message
	s.wait(deafTime)
	s.text("correct horse")
	s.keys("enter")
	s.sees("New secret", "FORM")
	s.text("alue")
	s.sees(aheadSaid)
	s.lacks("4 bytes", "************")
	s.wait(deafTime)
	s.text("whole")
	s.sees("5 bytes")
}

// What was just created is not in the list before that was read again. Until then
// the selected row is another one, and a key meant for the new one leaves it alone.
func TestNotInTheListYet(t *testing.T) {
	for _, c := range []struct{ section, create, key, dialog string }{
		{"1", "NEW_ONE tab v a l u e ctrl+s", "d", "Delete DATABASE_URL"},
		{"1", "NEW_ONE tab v a l u e ctrl+s", "enter", "Copy {{NAME}}"},
		{"3", "new-one tab t e x t ctrl+s", "d", "Delete billing-runbook"},
	} {
		var s *stage
		armed := false
		s = newDrawn(t, 80, 24, with(func(v Vault) Vault {
			return slowRows{v, func() {
				if armed {
					armed = false
					for k := range strings.SplitSeq(c.key, " ") {
						s.send(key(k))
					}
				}
			}}
		}))
		s.keys(c.section + " n")
		armed = true
		s.keys(c.create)
		if armed {
			t.Fatal("nothing was read again")
		}
		s.lacks(c.dialog)
		s.keys("d")
		s.sees("Delete " + strings.Fields(c.create)[0])
	}
}

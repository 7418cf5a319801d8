package tui

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"tacenda/internal/vault"
	"tacenda/store"

	"tacenda/internal/vaulttest"
)

func TestUnlock(t *testing.T) {
	s := newDrawn(t, 80, 24, locked)
	s.sees("tacenda  locked", "Unlock vault", "/home/alice/vault.db", "Passphrase")
	s.lacks("api-gateway", "DATABASE_URL")
	s.text("wrong")
	s.sees("************  5 bytes")
	s.keys("enter")
	s.sees("! wrong passphrase")
	s.lacks("5 bytes")
	s.text("correct horse")
	s.lacks("wrong passphrase")
	s.keys("enter")
	s.sees("acme / api-gateway / Secrets", "> DATABASE_URL")
}

// What was tried and does not fit is said, and enter alone does not seem to do
// nothing.
func TestUnlockSaysWhatWasTried(t *testing.T) {
	tried := "tried deploy.key (fits no key of the vault)"
	s := newDrawn(t, 80, 24, locked, func(_ *stage, c *Config) {
		c.Open = func(context.Context) (Vault, error) { return nil, stillLockedError(tried) }
	})
	s.sees("tried deploy.key (fits no key of the vault)")
	s.lacks("!")
	tried = ""
	s.keys("enter")
	s.sees("no key was found that opens it")
	s.text("wrong")
	s.keys("enter")
	s.sees("! wrong passphrase")
}

// stillLockedError is a vault.ErrLocked that says what was tried.
type stillLockedError string

func (e stillLockedError) Error() string { return "opening it: " + string(e) }
func (e stillLockedError) Unwrap() error { return vault.ErrLocked }
func (e stillLockedError) Tried() string { return string(e) }

func TestUnlockFailsOtherwise(t *testing.T) {
	s := newDrawn(t, 80, 24, func(_ *stage, c *Config) {
		c.Open = func(context.Context) (Vault, error) {
			return nil, errors.New("the vault is older than what this machine saw")
		}
	})
	s.sees("! the vault is older than what this machine saw")
	s.keys("esc")
	if !s.quit {
		t.Fatal("esc does not leave a locked vault")
	}
}

// Opening that takes no time shows no box; opening that takes long does.
func TestUnlockDoesNotFlash(t *testing.T) {
	s := newDrawn(t, 80, 24, func(s *stage, c *Config) {
		open := c.Open
		c.Open = func(ctx context.Context) (Vault, error) {
			s.lacks("Unlock vault")
			s.wait(signAfter)
			s.sees("Unlock vault", "opening")
			return open(ctx)
		}
	})
	s.sees("> DATABASE_URL")
}

func TestLock(t *testing.T) {
	s := newDrawn(t, 80, 24)
	tried := 0
	open := s.u.cfg.Open
	s.u.cfg.Open = func(ctx context.Context) (Vault, error) { tried++; return open(ctx) }
	s.keys("j j 5 L")
	s.sees("tacenda  locked", "Unlock vault")
	s.lacks("acme", "api-gateway", "GITHUB_TOKEN")
	if s.u.session != nil || len(s.u.data.rows.secrets) != 0 {
		t.Fatal("the session outlived the lock")
	}
	s.wait(time.Minute)
	if tried != 0 {
		t.Fatal("something was tried before enter")
	}
	s.keys("enter")
	s.sees("/ Activity")
	s.keys("1")
	s.sees("> JWT_SIGNING_KEY") // the same place
}

// A vault that was closed under a call, or a late reply, changes nothing.
func TestLateReplyAfterLock(t *testing.T) {
	s := newDrawn(t, 80, 24)
	late := s.u.load()
	s.keys("L")
	s.wait(deafTime)
	s.run(late)
	s.lacks("DATABASE_URL")
	s.sees("Unlock vault")
}

func TestIdleLock(t *testing.T) {
	s := newDrawn(t, 80, 24, func(_ *stage, c *Config) { c.IdleLock = 10 * time.Minute })
	s.keys("n")
	s.text("HALF_DONE")
	s.keys("tab")
	s.text("a value that must go")
	s.keys("tab")
	s.text("kept")
	e := s.u.stack[0].(*secretForm).value
	s.wait(9 * time.Minute)
	s.sees("New secret")
	s.keys("left")
	s.wait(9*time.Minute + 50*time.Second)
	s.sees("New secret")
	s.wait(10 * time.Second)
	s.sees("Unlock vault", "locked after 10 minutes without a key")
	s.lacks("HALF_DONE", "acme")
	if !e.empty() {
		t.Fatal("the value is still there")
	}
	s.text("x") // meant for the form
	s.wait(deafTime)
	s.lacks("************")
	s.text("correct horse")
	s.keys("enter")
	s.sees("New secret", "│HALF_DONE", "│kept", "it was wiped: type it again")
}

// A lock in the middle of a save leaves a form that can be used.
func TestLockWhileSaving(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("n")
	s.text("UNSURE")
	s.keys("tab")
	s.text("a value with some length")
	save := s.u.stack[0].(*secretForm).save(s.u)
	s.run(s.m.lock(""))
	s.run(save)
	s.wait(deafTime)
	s.keys("enter")
	s.sees("│UNSURE", "locked while it was being saved", "it was wiped: type it again")
	s.text("a value with some length")
	s.keys("ctrl+s")
	s.sees("created UNSURE")
}

// A laptop that slept was idle.
func TestIdleLockAfterSleep(t *testing.T) {
	s := newDrawn(t, 80, 24, func(_ *stage, c *Config) { c.IdleLock = 10 * time.Minute })
	s.now = s.now.Add(3 * time.Hour)
	s.wait(idleEvery)
	s.sees("Unlock vault")
}

// A clock that is set back, as by a server of the time, keeps no vault open.
func TestIdleLockWhenTheClockIsSetBack(t *testing.T) {
	var back time.Duration // of the clock on the wall; timers go on
	s := newDrawn(t, 80, 24, func(_ *stage, c *Config) {
		now := c.Now
		c.IdleLock, c.Now = 10*time.Minute, func() time.Time { return now().Add(-back) }
	})
	s.wait(9*time.Minute + 30*time.Second)
	back = 3 * time.Hour
	s.wait(20 * time.Second)
	s.lacks("Unlock vault")
	s.wait(20 * time.Second)
	s.sees("Unlock vault")
}

// slow is a vault that is closed only when nobody is inside.
func TestCloseWaitsForWork(t *testing.T) {
	inside, leave := make(chan bool), make(chan bool)
	closed := make(chan bool, 1)
	s := newSession(context.Background(), closing{closed: closed})
	go func() {
		_ = s.use(func(ctx context.Context, _ Vault) error {
			inside <- true
			<-ctx.Done()
			<-leave
			return nil
		})
	}()
	<-inside
	done := make(chan bool)
	go func() { s.close(); done <- true }()
	select {
	case <-closed:
		t.Fatal("closed under a call")
	case leave <- true:
	}
	<-done
	<-closed
	if err := s.use(func(context.Context, Vault) error { return nil }); !errors.Is(err, errClosed) {
		t.Fatalf("a closed session answers: %v", err)
	}
	s.close() // again does nothing
}

type closing struct {
	Vault
	closed chan bool
}

func (c closing) Close() { c.closed <- true }

// first is a stage without a vault.
func first(t *testing.T, keys ...Key) *stage {
	t.Helper()
	s := &stage{TB: t, now: noon, engine: vaulttest.Shared(store.NewMem()), key: vaulttest.NewKey(t)}
	s.start(80, 24, func(s *stage, c *Config) {
		c.Missing, c.Keys, c.Project = true, keys, "api"
		c.Create = func(_ context.Context, setup Setup) (Vault, error) {
			if setup.Passphrase != nil {
				_ = setup.Passphrase.Use(func(p []byte) error { s.noted = append(s.noted, string(p)); return nil })
			} else {
				s.noted = append(s.noted, setup.Key)
			}
			v := vaulttest.On(s, s.engine, s.key, vault.Options{Now: s.clock})
			return v, v.RenameProject(context.Background(), vaulttest.Project, setup.Project)
		}
	})
	return s
}

func TestFirstRun(t *testing.T) {
	s := first(t)
	s.sees("tacenda  no vault yet", "Create vault", "/home/alice/vault.db", "Passphrase", "Again", "│api")
	s.keys("ctrl+s")
	s.sees("it needs a passphrase")
	s.text("hunter2")
	s.sees("weak: it can be guessed in hours")
	s.keys("ctrl+u")
	s.text("correct horse battery staple")
	s.sees("good: out of reach for most")
	s.keys("tab")
	s.text("correct horse battery stable")
	s.sees("not the same yet")
	s.keys("ctrl+s")
	s.sees("the two passphrases differ")
	s.keys("ctrl+u")
	s.text("correct horse battery staple")
	s.lacks("not the same")
	s.keys("ctrl+s")
	s.sees("acme / api / Secrets", "the vault was created at /home/alice/vault.db", "No secrets in api yet", "n         create one")
	if strings.Join(s.noted, "|") != "correct horse battery staple" {
		t.Fatalf("created with %q", s.noted)
	}
	s.keys("L")
	s.sees("tacenda  locked", "Unlock vault") // not the first run again
}

func TestFirstRunWithAKey(t *testing.T) {
	s := first(t, Key{Label: "SSH key ~/.ssh/id_ed25519", ID: "ssh"}, Key{Label: "age key ~/.config/age/key.txt", ID: "age"})
	s.sees("[ ] use SSH key ~/.ssh/id_ed25519")
	s.keys("shift+tab space")
	s.sees("[x] use age key")
	s.lacks("Passphrase ", "Again")
	s.keys("shift+tab space") // one key at most
	s.sees("[x] use SSH key", "[ ] use age key")
	s.keys("ctrl+s")
	s.sees("acme / api / Secrets")
	if strings.Join(s.noted, "|") != "ssh" {
		t.Fatalf("created with %q", s.noted)
	}
}

func TestFirstRunFails(t *testing.T) {
	s := first(t)
	s.u.cfg.Create = func(context.Context, Setup) (Vault, error) {
		return nil, errors.New("writing /home/alice: permission denied")
	}
	s.text("correct horse battery staple")
	s.keys("tab")
	s.text("correct horse battery staple")
	s.keys("ctrl+s")
	s.sees("not created: writing /home/alice: permission denied", "Create vault")
	s.keys("esc")
	if !s.quit {
		t.Fatal("esc does not leave")
	}
}

func TestStrength(t *testing.T) {
	for _, c := range []struct{ pass, want string }{
		{"a", "weak"}, {"password", "weak"}, {"aaaaaaaaaaaaaaaaaaaaaaaa", "weak"}, {"abcdefghijklmnop", "weak"}, {"1234567890", "weak"},
		{"Tr0ub4dor", "fair"}, {"correct horse battery staple", "good"}, {"correct horse battery staple onion", "strong"}, {"kX9#vQ2!mZ7@pL4$", "strong"},
	} {
		if got := strengthOf(bits([]byte(c.pass))); !strings.HasPrefix(got, c.want) {
			t.Errorf("%q is %q, want %s (%.1f bits)", c.pass, got, c.want, bits([]byte(c.pass)))
		}
	}
}

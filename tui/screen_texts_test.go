package tui

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

func TestTools(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("2")
	s.sees("acme / api-gateway / Tools", "> curl-charge", "2 secrets !1", "4 tools", "1 warning", "ok STRIPE_API_KEY",
		"!  REQ_ID", "POST api.stripe.com/v1…", ">2 Tools    4", " 3 Instr.   2")
	s.keys("j")
	s.sees("> refund", "POST api.stripe.com/v1…")
	s.keys("/")
	s.text("github")
	s.sees("1 tool", "> release-notes")
	s.lacks("send-mail")
	s.keys("enter esc")
	s.sees("> release-notes", "send-mail")
	s.keys("v v")
	s.sees("Authorization: Bearer ⟦ghp_••••9Qz1⟧", "  5  ")
	s.keys("t")
	s.sees("Authorization: Bearer {{GITHUB_TOKEN}}", "AS IT IS WRITTEN")
	s.keys("esc g w")
	s.sees("line 6: REQ_ID: unknown in this project", "> ")
	s.keys("s")
	s.sees("sorted by last update")
	s.keys("3")
	s.sees("acme / api-gateway / Instructions", "WARNING: the model", "STRIPE_API_KEY", "2 instructions")
	s.keys("p G enter")
	s.sees("acme / web / Instructions", "No instructions in web yet.", "create one")
}

// A change from outside shows within a second, and the selection stays by name.
func TestToolsFollow(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("2 j j")
	s.sees("> release-notes")
	s.setText(vault.Tool, "aaa", "url: https://api.example.com/\n")
	s.wait(time.Second)
	s.sees("  aaa", "> release-notes", "5 tools")
	s.setText(vault.Tool, "release-notes", "url: https://api.example.com/new\n")
	s.wait(time.Second)
	s.sees("> release-notes", "v2", "GET api.example.com/new")
	s.check(s.v.DeleteText(context.Background(), "api-gateway", vault.Tool, "release-notes"))
	s.wait(time.Second)
	s.sees("> send-mail", "4 tools")
	s.keys("L")
	s.wait(time.Second)
	s.lacks("send-mail")
	s.keys("enter")
	s.sees("> send-mail")
}

func TestToolCreate(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("2 n ctrl+s")
	s.sees("it needs a name")
	s.text("Charge Again")
	s.keys("ctrl+s")
	s.sees("│charge-again", "it needs a text")
	s.text("url: https://api.stripe.com/")
	s.keys("enter")
	s.text("headers:")
	s.keys("enter")
	s.text("  Authorization: Bearer {{stri")
	s.sees("> STRIPE_API_KEY", "  STRIPE_WEBHOOK_SECRET", "2 names")
	s.text("_h") // nothing is called so: enter is a newline again
	s.lacks("2 names")
	s.keys("backspace backspace down tab")
	s.sees("Bearer {{STRIPE_WEBHOOK_SECRET}}", "⟦whse••••77bd⟧", "3:50")
	s.keys("enter")
	s.sees("4:3") // as far in as the line above
	s.text("bogus: 1")
	s.sees(`x line 4: there is no key "bogus"`, "! 4│")
	s.keys("ctrl+s")
	s.sees(`not saved: line 4: there is no key "bogus"`)
	s.keys("ctrl+e ctrl+u backspace ctrl+s")
	s.sees("created charge-again", "> charge-again", "GET api.stripe.com/")
	want := "url: https://api.stripe.com/\nheaders:\n  Authorization: Bearer {{STRIPE_WEBHOOK_SECRET}}"
	if got := s.stored(vault.Tool, "charge-again"); got != want {
		t.Fatalf("stored %q", got)
	}
	s.keys("n")
	s.text("refund")
	s.keys("tab")
	s.text("url: https://x/")
	s.keys("ctrl+s")
	s.sees("refund exists: edit it, or take another name")
	s.keys("esc y")
	s.lacks("New tool")
	if got := s.stored(vault.Tool, "refund"); !strings.Contains(got, "pays back") {
		t.Fatalf("overwritten with %q", got)
	}
}

// The completion replaces what is there of a name, and does not double braces.
func TestCompletion(t *testing.T) {
	for _, c := range []struct{ line, at, typed, want string }{
		{"key: ", "end", "{{gith", "key: {{GITHUB_TOKEN}}"},
		{"{{}}", "home right right", "jwt", "{{JWT_SIGNING_KEY}}"},
		{"{{JW_TOKEN|json}}", "home right right right right", "T", "{{JWT_SIGNING_KEY|json}}"},
		{"{{\\}} ", "end", "{{sid", "{{\\}} {{TWILIO_SID}}"},
	} {
		s := newDrawn(t, 80, 24)
		s.setText(vault.Instruction, "oncall", c.line)
		s.keys("3 j e " + c.at)
		s.text(c.typed)
		s.keys("enter")
		f := s.u.stack[0].(*textForm)
		if got := f.editor().string(); got != c.want {
			t.Errorf("%q with %q typed becomes %q", c.line, c.typed, got)
		}
		s.text("x")
		if got := f.editor().string(); !strings.HasSuffix(got, "x") && c.at == "end" {
			t.Errorf("after it, x makes %q", got)
		}
	}
	s := newDrawn(t, 80, 24)
	s.keys("3 n tab")
	s.text("{{")
	s.sees("12 names", "> DATABASE_URL")
	s.keys("esc")
	s.lacks("12 names")
	s.text("j") // shut: it stays away while this name is typed
	s.lacks("JWT_SIGNING_KEY")
	s.text(" {{j")
	s.sees("JWT_SIGNING_KEY")
}

func TestTextConflict(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("2 e")
	s.text("# mine\n")
	s.setText(vault.Tool, "curl-charge", "url: https://api.example.com/theirs\n")
	s.keys("ctrl+s")
	s.sees("saved v2 at 12:00. ctrl+s overwrites it, esc keeps it", "# mine")
	s.wait(time.Second)
	s.keys("ctrl+s")
	s.sees("saved curl-charge", "v3")
	if got := s.stored(vault.Tool, "curl-charge"); !strings.HasPrefix(got, "# mine\ndescription") {
		t.Fatalf("stored %q", got)
	}
	s.keys("e")
	s.text("# again\n")
	s.check(s.v.DeleteText(context.Background(), "api-gateway", vault.Tool, "curl-charge"))
	s.keys("ctrl+s")
	s.sees("curl-charge was deleted meanwhile. ctrl+s creates it again")
	s.wait(time.Second)
	s.keys("ctrl+s")
	s.sees("saved curl-charge", "v1")
}

// An instruction that hands values to a model warns, and saving asks once.
func TestInstructionSafe(t *testing.T) {
	safe := func(s *stage) bool {
		x, err := s.v.Secret(context.Background(), "api-gateway", "STRIPE_API_KEY")
		s.check(err)
		return x.LLMSafe
	}
	s := newDrawn(t, 80, 24)
	s.keys("3 e")
	s.sees("! WARNING: the model will see the value of STRIPE_API_KEY")
	s.text("One. ")
	s.keys("ctrl+s")
	s.sees("Safe for the model?", "Mark it as safe for the model?")
	s.keys("esc")
	s.text("Two. ")
	s.keys("ctrl+s n")
	s.sees("saved billing-runbook", "v2", "WARNING: the model")
	if safe(s) || !strings.HasPrefix(s.stored(vault.Instruction, "billing-runbook"), "One. Two. ") {
		t.Fatal("no did not save, or marked")
	}
	s.keys("e")
	s.text("Three. ")
	s.keys("ctrl+s y")
	s.sees("saved billing-runbook", "v3")
	s.lacks("WARNING")
	if !safe(s) {
		t.Fatal("yes did not mark")
	}
	s.keys("e")
	s.text("Four. ")
	s.keys("ctrl+s")
	s.sees("saved billing-runbook", "v4") // nothing to ask any more
}

// marking is a vault that stores texts but edits no secret.
type marking struct{ Vault }

func (marking) EditSecret(context.Context, string, string, vault.Edit) (vault.Secret, error) {
	return vault.Secret{}, errors.New("busy")
}

func TestInstructionNotMarked(t *testing.T) {
	s := newDrawn(t, 80, 24, with(func(v Vault) Vault { return marking{v} }))
	s.keys("3 e")
	s.text("x")
	s.keys("ctrl+s y")
	s.sees("saved billing-runbook; its secrets are not marked: busy")
}

func TestTextDelete(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("2 d")
	s.sees("Delete curl-charge?", "This cannot be undone.")
	s.keys("enter")
	s.sees("> curl-charge")
	s.keys("d y")
	s.sees("deleted curl-charge", "> refund", "3 tools"[:0])
	s.keys("3 d y")
	s.sees("deleted billing-runbook", "> oncall")
	if _, err := s.v.Text(context.Background(), "api-gateway", vault.Tool, "curl-charge"); !errors.Is(err, vault.ErrNotFound) {
		t.Fatal(err)
	}
}

// References open at their line, from the list and from the deletion.
func TestOpenReference(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("j j j j j j j u")
	s.sees("> tool         curl-charge", "instruction  billing-runbook      line 6")
	s.keys("down down enter")
	s.sees("instruction billing-runbook", "> 6  Log in to the dashboard with ⟦sk_l••••9xQ2⟧")
	s.keys("esc")
	s.sees("USED BY")
	s.keys("esc d")
	s.text("STRIPE")
	s.keys("tab y") // no letter deletes here
	s.sees("> tool         curl-charge")
	s.keys("down enter")
	s.sees("tool refund", "> 5    Authorization")
	s.keys("e")
	s.sees("Edit refund", "5:1")
	s.keys("ctrl+k ctrl+s")
	s.sees("saved refund", "! 2 references will break", "│STRIPE"[:0])
	s.keys("tab")
	s.text("_API_KEY")
	s.keys("enter")
	s.sees("deleted STRIPE_API_KEY")
}

// A form keeps its name and its text over a lock: they are no secret.
func TestTextFormLocked(t *testing.T) {
	s := newDrawn(t, 80, 24, func(_ *stage, c *Config) { c.IdleLock = time.Minute })
	s.keys("2 n")
	s.text("kept")
	s.keys("tab")
	s.text("url: https://kept/")
	s.wait(2 * time.Minute)
	s.sees("locked after 1 minute")
	s.lacks("kept")
	s.keys("enter")
	s.sees("│kept", "url: https://kept/")
	s.keys("ctrl+s")
	s.sees("created kept")
}

// A large text does not make the interface wait, and an editor keeps its bytes.
func TestLargeText(t *testing.T) {
	s := newDrawn(t, 80, 24)
	large := strings.Repeat("a line of a large text with {{DATABASE_URL}} in it\r\n", vault.MaxText/52)
	s.setText(vault.Instruction, "large", large)
	s.keys("3 G")
	s.sees("> oncall"[:0])
	s.keys("/")
	s.text("large")
	s.keys("enter")
	s.sees("> large", "⟦post••••prod⟧")
	s.keys("e ctrl+end backspace backspace enter")
	s.text("end {{")
	s.sees("12 names")
	s.keys("enter ctrl+s n")
	s.sees("saved large")
	if got, want := s.stored(vault.Instruction, "large"), strings.TrimSuffix(large, "\r\n")+"\nend {{DATABASE_URL}}"; got != want {
		t.Fatalf("%d bytes are stored, not %d", len(got), len(want))
	}
	s.keys("e ctrl+end")
	f := s.u.stack[0].(*textForm)
	f.editor().insert(strings.Repeat("x", vault.MaxText-f.editor().size), false)
	s.text("y")
	s.sees("it does not fit: a text has at most 1,048,576 bytes")
	line := strings.Repeat("密 word ", 10_000)
	f.editor().replace(0, len(f.editor().lines), []string{line}, 0, len(line), false)
	s.checkFrame()
	s.keys("left left home end pgdown")
	s.checkFrame()
}

func TestTextsFail(t *testing.T) {
	broken := errors.New("the disk is gone")
	s := newDrawn(t, 80, 24, with(func(v Vault) Vault { return textless{v, &broken} }))
	s.keys("2")
	s.sees("The tools could not be read: the disk is gone", "r         try again")
	broken = nil
	s.keys("r")
	s.sees("> curl-charge")
	broken = errors.New("busy")
	s.keys("e")
	s.text("# x\n")
	s.keys("ctrl+s")
	s.sees("not saved: busy", "# x")
	s.keys("esc y d y")
	s.sees("not deleted: busy")
	s.keys("esc o")
	s.sees("opening curl-charge: busy")
	s.keys("x")
	s.sees("reading curl-charge: busy")
}

type textless struct {
	Vault
	err *error
}

func (v textless) Texts(ctx context.Context, p string, k vault.TextKind) ([]vault.Text, error) {
	if *v.err != nil {
		return nil, *v.err
	}
	return v.Vault.Texts(ctx, p, k)
}

func (v textless) Text(ctx context.Context, p string, k vault.TextKind, n string) (vault.Text, error) {
	if *v.err != nil {
		return vault.Text{}, *v.err
	}
	return v.Vault.Text(ctx, p, k, n)
}

func (v textless) SetText(context.Context, string, vault.TextKind, string, string, uint64) (vault.Text, error) {
	return vault.Text{}, *v.err
}

func (v textless) DeleteText(context.Context, string, vault.TextKind, string) error { return *v.err }

func TestTextsMouse(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.click(s.place("2 Tools"))
	s.click(s.place("send-mail"))
	s.sees("> send-mail", "SENDGRID_API_KEY")
	s.click(s.place("> send-mail"))
	s.sees("╔═ send-mail", "Try…")
	s.click(s.place("Edit…"))
	s.sees("Edit send-mail")
	s.click(s.place("headers:"))
	s.sees("4:9")
	x, y := s.place("headers:")
	s.send(tea.MouseWheelMsg{X: x, Y: y, Button: tea.MouseWheelUp})
	s.sees("1:")
	s.click(s.place("[ cancel"))
	x, y = s.place("refund")
	s.send(tea.MouseWheelMsg{X: x, Y: y, Button: tea.MouseWheelDown})
	s.checkFrame()
	s.sees("Preview")
}

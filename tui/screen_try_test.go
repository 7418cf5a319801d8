package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"tacenda/internal/vault"
)

func TestTry(t *testing.T) {
	var got []string
	fail := error(nil)
	answer := Answer{Status: "HTTP/1.1 200 OK", Head: []string{"A: b"}, Body: `{"a":[1,2]}`}
	s := newDrawn(t, 80, 24, func(_ *stage, c *Config) {
		c.CallTool = func(_ context.Context, _ Vault, project, tool string, args []string) (Answer, error) {
			got = append([]string{project, tool}, args...)
			return answer, fail
		}
	})
	s.keys("2 x")
	s.sees("Try curl-charge", "POST https://api.stripe.com/v1/charges", "integer, required", "string, eur if empty")
	s.keys("ctrl+s")
	s.sees("amount is required")
	s.text("100")
	s.keys("tab")
	s.text("a=b c")
	s.keys("ctrl+s")
	s.sees("Answer to curl-charge", "ok HTTP/1.1 200 OK", `"a": [`, "11 bytes")
	if want := []string{"api-gateway", "curl-charge", "amount=100", "currency=a=b c"}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("called with %q", got)
	}
	s.keys("t")
	s.sees(`{"a":[1,2]}`)
	s.keys("i")
	s.sees("A: b")
	s.keys("esc")
	answer, fail = Answer{Status: "HTTP/1.1 500 no", Failed: true, Body: strings.Repeat("\x1b[31mred\n", 100), Cut: true}, nil
	s.keys("ctrl+s")
	s.sees("x  HTTP/1.1 500 no", "[31mred", "1-15 of 100. There was more")
	s.keys("G")
	s.sees("86-100 of 100")
	s.keys("esc")
	fail = errors.New("calling curl-charge: no such host")
	s.keys("ctrl+s")
	s.sees("! calling curl-charge: no such host")
	s.keys("esc j x")
	s.sees("Try refund", "It takes no arguments.")
	s.setText(vault.Tool, "send-mail", "bogus: 1\n")
	s.keys("esc j j x")
	s.sees(`send-mail cannot be called: line 1: there is no key "bogus"`)
}

// A call that hangs shows a sign of life, and esc stops it.
func TestTryStopped(t *testing.T) {
	s := newDrawn(t, 80, 24, func(_ *stage, c *Config) {
		c.CallTool = func(ctx context.Context, _ Vault, _, _ string, _ []string) (Answer, error) {
			<-ctx.Done()
			return Answer{}, ctx.Err()
		}
	})
	s.keys("2 j x")
	d := s.u.stack[0].(*try)
	cmd := d.call(s.u)
	s.wait(2 * signAfter)
	s.sees("calling… esc stops it")
	s.keys("x enter") // the call owns the dialog
	s.keys("esc")
	s.run(cmd)
	s.sees("stopped: it may have arrived all the same")
	cmd = d.call(s.u)
	s.u.close(d)
	s.run(cmd) // nobody waits for it: it is stopped
	s.sees("> refund")
	if len(s.u.jobs) != 0 {
		t.Fatal("it is still under way")
	}

	// A lock stops it too, and after the unlock that is said.
	s.keys("x")
	cmd = s.u.stack[0].(*try).call(s.u)
	s.run(s.m.lock(""))
	s.run(cmd)
	s.wait(deafTime)
	s.keys("enter")
	s.sees("Try refund", "locked while it was called: it may have arrived")
}

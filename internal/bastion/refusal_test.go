package bastion

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	gossh "golang.org/x/crypto/ssh"
)

// toldOf collects what a server tells of refusals.
type toldOf struct {
	mu   sync.Mutex
	what []string
}

func (o *toldOf) tell(who Identity, remote, what string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.what = append(o.what, what)
	if who.Member != "ann" || !strings.HasPrefix(who.Fingerprint, "SHA256:") || !strings.HasPrefix(remote, "127.0.0.1:") {
		o.what = append(o.what, fmt.Sprint("of ", who, remote))
	}
}

func (o *toldOf) sorted() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Sorted(slices.Values(o.what))
}

// A flood of requests that are refused leaves one word for each kind, and none of
// them is the peer's.
func TestRefusalsAreToldOnce(t *testing.T) {
	var told toldOf
	began := make(chan struct{}, maxSessions)
	p := start(t, func(ctx context.Context, _ *Session) int { began <- struct{}{}; <-ctx.Done(); return 0 }, func(c *Config) { c.Refused = told.tell })
	c := p.dial(t)
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("wait"); err != nil {
		t.Fatal(err)
	}
	<-began
	fresh, requests, err := c.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	go gossh.DiscardRequests(requests)
	name := gossh.Marshal(struct{ Name string }{"private"})
	for i := range 50 {
		for _, kind := range []string{"direct-tcpip", "x11", "tun@openssh.com", fmt.Sprint("private-", i)} {
			if ch, _, err := c.OpenChannel(kind, nil); err == nil {
				_ = ch.Close()
				t.Error(kind, "was opened")
			}
		}
		for _, kind := range []string{"tcpip-forward", "streamlocal-forward@openssh.com", "keepalive@openssh.com", fmt.Sprint("private-", i)} {
			if ok, _, err := c.SendRequest(kind, true, nil); ok || err != nil {
				t.Error(kind, ok, err)
			}
		}
		for _, kind := range []string{"x11-req", "auth-agent-req@openssh.com", "subsystem", "exec", "shell", "env", "eow@openssh.com"} {
			if ok, err := s.SendRequest(kind, true, name); ok || err != nil { // while it runs
				t.Error(kind, ok, err)
			}
			if kind == "exec" || kind == "shell" {
				continue
			}
			if ok, err := fresh.SendRequest(kind, true, name); ok || err != nil { // before it began
				t.Error(kind, ok, err)
			}
		}
	}
	for range maxSessions - 2 {
		if _, _, err := c.OpenChannel("session", nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := c.OpenChannel("session", nil); err == nil {
		t.Error("one session more than allowed")
	}
	want := []string{
		"channel direct-tcpip", "channel session", "channel tun", "channel x11", "request auth-agent-req", "request exec", "request shell",
		"request streamlocal-forward", "request tcpip-forward", "request x11-req", "unknown channel", "unknown request", "unknown subsystem",
	}
	if got := told.sorted(); !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	if log := p.log.String(); strings.Contains(log, "private") || strings.Count(log, "msg=refused") != len(want) {
		t.Errorf("the log:\n%s", log)
	}
	other := p.dial(t)
	if _, _, err := other.SendRequest("tcpip-forward", true, nil); err != nil {
		t.Fatal(err)
	}
	if got := told.sorted(); len(got) != len(want)+1 {
		t.Errorf("another connection is refused and nobody told: %q", got)
	}
}

// Whoever was removed while they were there, and whoever has more connections
// than one key may, is refused by name.
func TestRefusalOfSomebodyKnown(t *testing.T) {
	var told toldOf
	var mu sync.Mutex
	removed := false
	p := start(t, say, func(c *Config) {
		known := c.Authenticate
		c.Authenticate = func(key string) (Identity, bool) {
			mu.Lock()
			defer mu.Unlock()
			id, ok := known(key)
			return id, ok && !removed
		}
		c.Refused, c.OfOneKey = told.tell, 1
	})
	c := p.dial(t)
	if _, err := c.NewSession(); err != nil {
		t.Fatal(err)
	}
	second := p.dial(t)
	_ = second.Wait() // until the server closes it
	if got := told.sorted(); !slices.Equal(got, []string{"connection"}) {
		t.Errorf("told %q", got)
	}
	mu.Lock()
	removed = true
	mu.Unlock()
	if _, err := c.NewSession(); err == nil {
		t.Error("a session for somebody who was removed")
	}
	if got := told.sorted(); !slices.Equal(got, []string{"channel session", "connection"}) {
		t.Errorf("told %q", got)
	}
}

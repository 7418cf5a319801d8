package agent_test

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"tacenda/internal/agent"
	"tacenda/internal/vaulttest"
)

// FuzzConnection sends whatever comes after a proper beginning, or none: the
// agent neither ends nor stalls, and others notice nothing.
func FuzzConnection(f *testing.F) {
	r := serve(f, vaulttest.New(f), func(c *agent.Config) { c.Tick = time.Hour })
	hello := string(frame(`{"op":"hello","hello":{"version":1}}`))
	for _, seed := range []string{
		"", "\x00", "\xff\xff\xff\xff", "\x00\x00\x00\x00", "\x00\x00\x00\x02{", string(frame(`{}`)), string(frame(`null`)), string(frame(`[]`)),
		hello, hello + hello, string(frame(`{"op":"hello"}`)), string(frame(`{"op":"Projects"}`)), string(frame(`{"op":"cancel"}`)),
		string(frame(`{"op":"CreateSecret","drafts":[{}],"segments":[0]}`)), string(frame(`{"op":"CreateSecret","drafts":[{}]}`)),
		string(frame(`{"op":"CreateSecret","project":"default","drafts":[{"name":"A"}],"segments":[3]}`)) + "abc",
		string(frame(`{"op":"EditSecret","segments":[1,1]}`)) + "ab", string(frame(`{"op":"EditSecret"}`)),
		string(frame(`{"op":"Values","project":"default","names":["A","A"]}`)), string(frame(`{"op":"use","open":1,"name":"A"}`)),
		string(frame(`{"op":"release","open":18446744073709551615}`)), string(frame(`{"op":"x","segments":[-1]}`)),
		string(frame(`{"op":"x","segments":[9999999999]}`)), string(frame(`{"op":"SetText","kind":255,"name":"a","text":"x"}`)),
		string(frame(`{"op":"Grant","name":"a","permission":18446744073709551615}`)), string(frame(`{"op":"ImportSecrets","mode":-1}`)),
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	at := agent.HelloFor(r.config.Path)
	f.Fuzz(func(t *testing.T, sent []byte, welcome bool) {
		if bytes.Contains(sent, []byte("ock")) {
			t.Skip("that would end it, as it should")
		}
		c, err := net.Dial("unix", r.config.Socket)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		if welcome {
			sent = append(frame(at), sent...)
		}
		if len(sent) > 0 {
			_, _ = c.Write(sent) // it may have hung up
		}
		_ = c.(*net.UnixConn).CloseWrite()
		if _, err := io.Copy(io.Discard, c); err != nil {
			if e, ok := err.(net.Error); ok && e.Timeout() {
				t.Fatalf("%q stalls it", sent)
			}
		}
		if _, err := agent.Ask(t.Context(), r.config.Socket, agent.Options{Path: r.config.Path}); err != nil {
			t.Fatalf("after %q: %v", sent, err)
		}
	})
}

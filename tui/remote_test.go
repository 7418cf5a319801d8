package tui

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// A wire is a session that came in over the network: keys come out of it, and its
// picture goes to an emulated terminal.
type wire struct {
	testing.TB
	io.Reader
	*tube
	keys  *io.PipeWriter
	ended chan error
}

// newWire runs the interface of the drawings over a session that ends with the
// test.
func newWire(t *testing.T) *wire {
	t.Helper()
	cfg := newDrawn(t, 80, 24).u.cfg
	cfg.Now = nil // what runs by itself needs a clock that does too
	in, keys := io.Pipe()
	w := &wire{TB: t, Reader: in, tube: newTube(t, 80, 24), keys: keys, ended: make(chan error, 1)}
	sizes := make(chan Size, 1)
	sizes <- Size{80, 24}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.ended <- RunOver(ctx, w, sizes, cfg)
	}()
	t.Cleanup(func() { cancel(); _ = keys.Close(); <-done })
	return w
}

// types types keys when the picture shows a text.
func (w *wire) types(keys, when string) {
	w.Helper()
	for end := time.Now().Add(10 * time.Second); !strings.Contains(ansi.Strip(w.picture()), when); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			w.Fatalf("%q does not come; on the screen:\n%s", when, ansi.Strip(w.picture()))
		}
	}
	_, err := io.WriteString(w.keys, keys)
	if err != nil {
		w.Fatal(err)
	}
}

// revokes opens the list of what to change after bob was revoked.
func (w *wire) revokes() {
	w.Helper()
	w.types("4", "> DATABASE_URL")
	w.types("j", "bob")
	w.types("d", "> bob")
	w.types("\r", "Revoke from bob")
	w.types("y", "[ revoke y ]")
}

const changed = "bob could have read these. Change each where it comes from, then here:"

// The list of what to change after a revoke is written to the terminal at the
// other end when its interface is left, in lines that begin at its left.
func TestFarewellOverASession(t *testing.T) {
	w := newWire(t)
	w.revokes()
	w.types("\x03", "Change 12 secrets now")
	if err := <-w.ended; err != nil {
		t.Fatal(err)
	}
	got := ansi.Strip(w.picture())
	if !strings.Contains(got, changed) || !strings.Contains(got, "\n  api-gateway  DATABASE_URL") || !strings.Contains(got, "\n  api-gateway  VAULT_PEER_CA") {
		t.Errorf("left behind:\n%s", got)
	}
}

// A session that ended has nobody who reads it: nothing more is written, which
// might never come to its end.
func TestNoFarewellToNobody(t *testing.T) {
	w := newWire(t)
	w.revokes()
	w.types("", "Change 12 secrets now")
	if err := w.keys.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-w.ended; err != nil {
		t.Fatal(err)
	}
	if got := ansi.Strip(w.picture()); strings.Contains(got, changed) {
		t.Errorf("written to nobody:\n%s", got)
	}
}

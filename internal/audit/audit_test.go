package audit_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"tacenda/internal/audit"
)

func encode(t *testing.T, e audit.Event) []byte {
	t.Helper()
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestChainNoticesEveryChange(t *testing.T) {
	var vaultID, project [16]byte
	vaultID[0], project[0] = 1, 2
	var history [][]byte
	c := audit.NewChain(vaultID, project)
	for i := range 5 {
		b := encode(t, audit.Event{Time: int64(i), Actor: "laptop", Action: audit.Created, Objects: []string{"A"}, Prev: c.Head})
		if _, err := c.Follow(b); err != nil {
			t.Fatalf("following event %d: %v", i, err)
		}
		history = append(history, b)
	}
	head := c.Head
	replay := func(h [][]byte) (audit.Hash, error) {
		c := audit.NewChain(vaultID, project)
		for _, b := range h {
			if _, err := c.Follow(b); err != nil {
				return c.Head, err
			}
		}
		return c.Head, nil
	}
	if got, err := replay(history); err != nil || got != head {
		t.Fatalf("replaying an untouched history: %x, %v, want %x", got, err, head)
	}
	if _, err := replay(append(history[:1:1], history[2:]...)); !errors.Is(err, audit.ErrChain) {
		t.Errorf("an event left out: %v, want ErrChain", err)
	}
	if got, _ := replay(history[:4]); got == head {
		t.Error("a shortened history has the head of the whole one")
	}
	swapped := append([][]byte(nil), history...)
	swapped[1], swapped[2] = swapped[2], swapped[1]
	if _, err := replay(swapped); !errors.Is(err, audit.ErrChain) {
		t.Errorf("two events swapped: %v, want ErrChain", err)
	}
	other := audit.NewChain(vaultID, [16]byte{9})
	if _, err := other.Follow(history[0]); err != nil || other.Head == audit.Sum(vaultID, project, 0, history[0]) {
		t.Errorf("the same event in another project must have another hash (%v)", err)
	}
}

func TestDocumentationListsEveryAction(t *testing.T) {
	doc, err := os.ReadFile("../../docs/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range audit.Actions() {
		if !strings.Contains(string(doc), "| `"+string(a)+"` |") {
			t.Errorf("docs/audit.md has no row for %q", a)
		}
	}
}

func FuzzDecode(f *testing.F) {
	b, err := audit.Event{Time: 1, Actor: "a", Action: audit.Edited, Objects: []string{"B"}}.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := audit.Decode(data)
		if err != nil {
			return
		}
		again, err := e.Encode()
		if err != nil {
			t.Fatalf("encoding what was decoded: %v", err)
		}
		if back, err := audit.Decode(again); err != nil || back.Time != e.Time || back.Actor != e.Actor {
			t.Fatalf("round trip: %v, %v", back, err)
		}
	})
}

package tui

import (
	"strconv"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// What went wrong and the keys that go on stay in sight where a form does not
// fit: a save that is refused must say why.
func TestSmallFormSaysWhy(t *testing.T) {
	for _, size := range [][2]int{{40, 10}, {48, 16}, {60, 18}} {
		s := newDrawn(t, size[0], size[1])
		s.keys("n")
		s.text("NEW_ONE")
		s.keys("ctrl+s")
		s.sees("! it needs a value", "[ save ctrl+s ]", "[ cancel esc ]")
		s.checkFrame()
		s.keys("esc y 4 n")
		s.text("erin")
		s.keys("ctrl+s")
		s.sees("! it needs a public key", "[ add… ctrl+s ]")
	}
}

// The lines that stay can be clicked where they are drawn.
func TestSmallFormClick(t *testing.T) {
	s := newDrawn(t, 40, 10)
	s.keys("n")
	x, y := s.place("cancel esc")
	s.click(x, y)
	s.lacks("New secret")
}

func keySlots(n int) []vault.SlotInfo {
	out := make([]vault.SlotInfo, n)
	for i := range out {
		out[i] = vault.SlotInfo{Label: "key-" + strconv.Itoa(i), Fingerprint: "SHA256:" + strings.Repeat("x", 43)}
	}
	return out
}

// A dialog that only says something can be scrolled where it does not fit.
func TestLongDialogScrolls(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.u.push(&slots{slots: keySlots(30), loaded: true})
	s.send(nil)
	s.m.fresh = false
	s.sees("key-0 ", "[ close esc ]", "more ↓")
	s.lacks("key-29")
	s.keys("G")
	s.sees("key-29", "[ close esc ]", "more ↑")
	s.keys("pgup k")
	s.lacks("key-29")
	s.keys("g")
	s.sees("key-0 ")
	s.send(tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	s.lacks("key-0 ")
	s.keys("esc")
	s.lacks("Keys to this vault")
}

// Buttons are never cut: one that does not fit goes into a line of its own.
func TestButtonsWrap(t *testing.T) {
	s := newDrawn(t, 40, 10)
	sw := newSheet(s.u, 36, "")
	sw.buttons(binding{help: "delete", keys: "enter"}, binding{help: "references", keys: "tab"}, binding{help: "cancel", keys: "esc", run: none})
	if len(sw.lines) != 2 || sw.clicks[len(sw.clicks)-1].line != 1 || sw.foot != 0 {
		t.Fatalf("%q %v", sw.lines, sw.clicks)
	}
}

// A hint that does not fit is left out: one that is cut reads as another secret's.
func TestHintsAreNeverCut(t *testing.T) {
	const whole = "sk_l••••9xQ2"
	for _, keys := range []string{"e", "2 o", "2 o l", "2 o l l", "2 v", "2 e", "v"} {
		s := newDrawn(t, 80, 16)
		s.keys("/")
		s.text("stripe_api")
		s.keys("enter " + keys)
		for w := 40; w <= 110; w++ {
			s.send(tea.WindowSizeMsg{Width: w, Height: 16 + w%2*8})
			for line := range strings.SplitSeq(s.frame(), "\n") {
				if box := strings.Split(line, "║"); len(box) == 3 { // what it lies on is not meant to be read
					line = box[1]
				}
				rest := strings.ReplaceAll(strings.ReplaceAll(line, whole, ""), strings.Repeat("•", 12), "")
				if strings.Contains(rest, "•") {
					t.Errorf("%d cells, %s: a piece of a hint in %q", w, keys, line)
				}
			}
		}
	}
}

// A dialog that fills the screen says all the same why a key did nothing.
func TestSmallDialogShowsToast(t *testing.T) {
	for _, size := range [][2]int{{40, 10}, {80, 15}} {
		s := newDrawn(t, size[0], size[1])
		s.keys("/")
		s.text("stripe_api")
		s.keys("enter d enter")
		s.sees("Delete STRIPE_API_KEY?", "! type the whole name first")
		s.checkFrame()
		s.keys("esc")
		s.keys("n")
		s.text("HALF")
		_ = s.m.lock("")
		s.wait(deafTime)
		s.keys("esc")
		s.sees("! a form with changes is open")
		s.checkFrame()
		s.wait(toastTime)
		s.lacks("a form with changes")
	}
}

package tui

import (
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/colorprofile"

	"tacenda/internal/counts"
)

// TestCounts: the bytes that each key press writes to the terminal, in the program
// and not in a model of it. TestBytes says what is too much; this says what changed.
// A count begins and ends with a screen that shows all of the last view, so that
// neither the clock nor the order of goroutines moves it.
func TestCounts(t *testing.T) {
	s := newShow(t, 80, 24, colorprofile.ANSI)
	for i := range 100 {
		s.put("api-gateway", fmt.Sprintf("SERVICE_%06d_KEY", i), fmt.Sprintf("%04d-a-value-%04d", i*77%10000, i*31%10000), "key of a service")
	}
	s.until("112 secrets")
	s.settled()
	got := map[string]int{}
	press := func(what, keys string) {
		t.Helper()
		before := s.out.count()
		for k := range strings.FieldsSeq(keys) {
			frame := s.seen.view().Content
			s.press(k)
			s.eventually("the key "+k, func() bool { return s.seen.view().Content != frame })
			s.settled()
		}
		if what != "" {
			got["bytes of "+what] = s.out.count() - before
		}
	}
	press("ten moves, with the preview", "j j j k j j j j k k")
	press("", "v")
	press("ten moves, without it", "j j j k j j j j k k")
	press("five pages", "pgdown pgdown pgdown pgup pgup")
	press("", "G k k k g pgdown pgdown")
	press("three lines of scrolling", "j j j")
	press("", "v v")
	press("opening the filter", "/")
	press("five letters in the filter", "s e r v i")
	press("", "esc")
	s.until("112 secrets")
	press("opening a form", "n")
	press("five letters in a form", "a b c d e")
	counts.Hold(t, "interface", got)
}

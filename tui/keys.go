package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// A binding is something the user can do: the keys that do it, the words for
// it in the hint line, the help and the palette, and what happens. All four
// are drawn from the same value, so that none of them can lie.
type binding struct {
	keys string // names as Bubble Tea spells them, parted by spaces: "j down"
	show string // how the keys are drawn; "" draws the first
	help string // one or two words; "" hides it from hint line and help
	name string // a phrase for the palette; "" keeps it out
	off  string // why it cannot be done now; "" when it can
	hint hinted // whether it belongs in the hint line
	run  func() tea.Cmd
}

func (b binding) shown() string {
	if b.show != "" {
		return b.show
	}
	first, _, _ := strings.Cut(b.keys, " ")
	return first
}

// inPalette is b without its key, for where it is found by name only.
func (b binding) inPalette() binding {
	b.keys, b.help, b.hint = "", "", hintNever
	return b
}

func (b binding) matches(key string) bool {
	for k := range strings.SplitSeq(b.keys, " ") {
		if k == key {
			return true
		}
	}
	return false
}

// A group is a set of bindings under the title that the help gives it.
type group struct {
	title    string
	bindings []binding
}

// press runs the first binding of groups for key. A binding that cannot run
// says why in a toast; the key is taken all the same.
func press(u *ui, key string, groups ...group) (tea.Cmd, bool) {
	for _, g := range groups {
		for _, b := range g.bindings {
			if !b.matches(key) {
				continue
			}
			if b.off != "" {
				u.say(toastWarn, b.off)
				return nil, true
			}
			return b.run(), true
		}
	}
	return nil, false
}

// Whether a binding belongs in the hint line.
type hinted int

const (
	hintNever  hinted = iota
	hintAlways        // as soon as it fits
	hintRoom          // when all the others fit
)

// hintLine draws, in w cells and in their order, the bindings that can be run
// and that belong there: first of all those that always do, then as many of
// the others as there is room for.
func hintLine(u *ui, w int, groups []group) string {
	var all []binding
	for _, g := range groups {
		for _, b := range g.bindings {
			if b.hint != hintNever && b.off == "" && b.help != "" {
				all = append(all, b)
			}
		}
	}
	const apart = 2
	left := w + apart
	shown := make([]bool, len(all))
	for _, want := range []hinted{hintAlways, hintRoom} {
		for i, b := range all {
			need := apart + u.width(u.plain(b.shown())) + 1 + u.width(u.plain(b.help))
			if b.hint == want && need <= left {
				shown[i] = true
				left -= need
			}
		}
	}
	r, first := newRow(u, w), true
	for i, b := range all {
		if !shown[i] {
			continue
		}
		if !first {
			r.gap(apart)
		}
		first = false
		r.text(u.theme.accent, b.shown())
		r.gap(1)
		r.text("", b.help)
	}
	return r.end()
}

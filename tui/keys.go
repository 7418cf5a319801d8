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
	hint bool   // belongs in the hint line
	run  func() tea.Cmd
}

func (b binding) shown() string {
	if b.show != "" {
		return b.show
	}
	first, _, _ := strings.Cut(b.keys, " ")
	return first
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

// hintLine draws as many of the bindings marked for it as fit in w cells, in
// their order. What cannot be done now is left out.
func hintLine(u *ui, w int, groups []group) string {
	r := newRow(u, w)
	first := true
	for _, g := range groups {
		for _, b := range g.bindings {
			if !b.hint || b.off != "" || b.help == "" {
				continue
			}
			key := u.plain(b.shown())
			need := u.width(key) + 1 + u.width(b.help)
			if !first {
				need += 2
			}
			if need > r.left {
				continue
			}
			if !first {
				r.gap(2)
			}
			first = false
			r.text(u.theme.accent, key)
			r.gap(1)
			r.text("", b.help)
		}
	}
	return r.end()
}

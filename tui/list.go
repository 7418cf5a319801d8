package tui

import tea "charm.land/bubbletea/v2"

// A window is the part of a long list that is on the screen, and the row the
// user is at. It knows numbers only; who owns it draws the rows.
type window struct {
	n   int // rows there are
	h   int // rows that fit
	at  int // the selected row
	top int // the first row drawn
}

// fit tells the window how many rows there are and how many it can show.
func (w *window) fit(n, h int) {
	w.n, w.h = n, max(h, 0)
	w.move(0)
}

// move goes by d rows and stops at the ends.
func (w *window) move(d int) { w.to(w.at + d) }

// to goes to row i, or the nearest there is, and keeps it in sight.
func (w *window) to(i int) {
	w.at = max(min(i, w.n-1), 0)
	if w.h == 0 {
		return
	}
	if w.at < w.top {
		w.top = w.at
	}
	if w.at >= w.top+w.h {
		w.top = w.at - w.h + 1
	}
	w.top = max(min(w.top, w.n-w.h), 0)
}

// scroll moves the rows by d under the pointer; the selection follows only as
// far as it must to stay in sight.
func (w *window) scroll(d int) {
	w.top = max(min(w.top+d, w.n-w.h), 0)
	w.at = max(min(max(w.at, w.top), w.top+w.h-1, w.n-1), 0)
}

// end is one past the last row drawn.
func (w *window) end() int { return min(w.top+w.h, w.n) }

// key moves by a list key and tells whether key was one.
func (w *window) key(key string) bool {
	switch key {
	case "j", "down":
		w.move(1)
	case "k", "up":
		w.move(-1)
	case "g", "home":
		w.to(0)
	case "G", "end":
		w.to(w.n - 1)
	case "ctrl+d":
		w.move(max(w.h/2, 1))
	case "ctrl+u":
		w.move(-max(w.h/2, 1))
	case "pgdown":
		w.move(max(w.h, 1))
	case "pgup":
		w.move(-max(w.h, 1))
	default:
		return false
	}
	return true
}

// scrollKey is key for text that has no selected line.
func (w *window) scrollKey(key string) bool {
	switch key {
	case "j", "down":
		w.scroll(1)
	case "k", "up":
		w.scroll(-1)
	case "g", "home":
		w.scroll(-w.n)
	case "G", "end":
		w.scroll(w.n)
	case "ctrl+d":
		w.scroll(max(w.h/2, 1))
	case "ctrl+u":
		w.scroll(-max(w.h/2, 1))
	case "pgdown":
		w.scroll(max(w.h, 1))
	case "pgup":
		w.scroll(-max(w.h, 1))
	default:
		return false
	}
	return true
}

// listMoves are the keys of every list; go moves by one of them.
func listMoves(move func(key string) tea.Cmd) []binding {
	to := func(key string) func() tea.Cmd { return func() tea.Cmd { return move(key) } }
	return []binding{
		{keys: "j down", show: "j k", help: "down, up", run: to("j")},
		{keys: "k up", run: to("k")},
		{keys: "g home", show: "g G", help: "top, end", run: to("g")},
		{keys: "G end", run: to("G")},
		{keys: "ctrl+d", show: "^d ^u", help: "half page", run: to("ctrl+d")},
		{keys: "ctrl+u", run: to("ctrl+u")},
		{keys: "pgdown", show: "pgdn pgup", help: "page", run: to("pgdown")},
		{keys: "pgup", run: to("pgup")},
	}
}

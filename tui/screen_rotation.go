package tui

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"

	tea "charm.land/bubbletea/v2"
)

// A resealing is a change of grants under way: a project whose keys are taken
// from somebody gets new ones, and everything in it is sealed anew.
type resealing struct {
	busy        bool
	stop        context.CancelFunc
	done, total atomic.Int64 // set by the work, read when a frame is drawn
}

func (w *resealing) step(done, total int) {
	w.done.Store(int64(done))
	w.total.Store(int64(total))
}

// start runs the change and brings to done what is to be rotated, by project. A
// change that was made although nobody waits for its end any more, because of a
// lock, leaves the list behind for after the unlock: nowhere else does it stand.
func (w *resealing) start(u *ui, label string, d dialog, member string,
	work func(ctx context.Context, v Vault, step func(done, total int)) (map[string][]string, error),
	failed func(error), done string,
) tea.Cmd {
	own, stop := context.WithCancel(u.ctx)
	w.busy, w.stop = true, stop
	w.step(0, 0)
	var lost map[string][]string
	made := false
	late := func() {
		stop()
		if made {
			u.close(d)
			showRotation(u, member, lost)
		}
	}
	return askWith(u, label, late, func(ctx context.Context, v Vault) (struct{}, error) {
		ctx, end := context.WithCancel(ctx)
		defer end()
		defer context.AfterFunc(own, end)()
		defer collect()
		var err error
		lost, err = work(ctx, v, w.step)
		made = err == nil
		return struct{}{}, err
	}, func(_ struct{}, err error) tea.Cmd {
		stop()
		w.busy = false
		if err != nil {
			failed(err)
			return nil
		}
		u.close(d)
		u.say(toastInfo, done)
		showRotation(u, member, lost)
		return u.load()
	})
}

func (w *resealing) underWay() bool { return w.busy }

// stopBinding ends the work under way: the vault is then as it was.
func (w *resealing) stopBinding() binding {
	return binding{keys: "esc", help: "stop", hint: hintAlways, run: func() tea.Cmd { w.stop(); return nil }}
}

// draw says how far the work is.
func (w *resealing) draw(sw *sheetWriter) {
	u := sw.u
	text := "working"
	if done, total := int(w.done.Load()), int(w.total.Load()); total > 0 {
		text = "sealing anew: " + number(done) + " of " + number(total)
		if done == total {
			text = "everything is sealed anew, and being written"
		}
	}
	mark := "  "
	if u.slow() != "" {
		mark = u.spinner() + " "
	}
	sw.line("", mark+text)
}

// stopped words what ended a change of grants early.
func stopped(err error) string {
	if why := reason(err); why != "interrupted" {
		return "not done: " + why
	}
	return "stopped: nothing was changed"
}

// rotation lists the secrets that somebody could have read and cannot any more.
// What somebody knows cannot be taken back: the secrets are to be changed where
// they come from.
type rotation struct {
	member string
	rows   []rotationRow
	names  int
	win    window
}

// A rotationRow is a project, or a secret of the one above.
type rotationRow struct {
	name    string
	project bool
}

// showRotation opens the list by itself, when there is something in it.
func showRotation(u *ui, member string, lost map[string][]string) {
	d := &rotation{member: member}
	for _, project := range slices.Sorted(maps.Keys(lost)) {
		if len(lost[project]) == 0 {
			continue
		}
		d.rows = append(d.rows, rotationRow{project, true})
		for _, name := range lost[project] {
			d.rows = append(d.rows, rotationRow{name, false})
		}
		d.names += len(lost[project])
	}
	if d.names == 0 {
		return
	}
	u.rotated = d
	u.deafen()
	u.push(d)
}

// again opens the list once more: whoever changes the secrets goes to and fro.
func (d *rotation) again(u *ui) binding {
	return binding{name: "show the secrets to change after " + d.member, run: func() tea.Cmd { return u.push(d) }}
}

func (d *rotation) groups(u *ui) []group {
	return []group{{"To change", []binding{
		{keys: "esc enter q", help: "close", hint: hintAlways, run: func() tea.Cmd { u.close(d); return nil }},
	}}, {"List", listMoves(func(key string) tea.Cmd { d.win.scrollKey(key); return nil })}}
}

func (d *rotation) update(*ui, tea.Msg) tea.Cmd { return nil }
func (d *rotation) wheel(n int)                 { d.win.scroll(n) }

func (d *rotation) sheet(u *ui, w, h int) sheet {
	t := u.theme
	sw := newSheet(u, w, "Change "+count(d.names, "secret", "secrets")+" now")
	if h >= 10 { // the list comes first
		sw.notice(t.warn, "!", d.member+" could have read these. Change each where it comes from, then here.")
		sw.space()
	}
	rows := max(min(len(d.rows), h-len(sw.lines)-2), 1)
	d.win.fit(len(d.rows), rows)
	for i := d.win.top; i < d.win.end(); i++ {
		r := sw.row()
		if x := d.rows[i]; x.project {
			r.name(t.strong, x.name, r.left)
		} else {
			r.gap(2)
			r.name("", x.name, r.left)
		}
		sw.add(r.end())
	}
	about := ""
	if len(d.rows) > rows {
		about = number(d.win.top+1) + "-" + number(d.win.end()) + " of " + number(len(d.rows)) + " lines"
	}
	sw.line(t.dim, about)
	sw.buttons(d.groups(u)[0].bindings...)
	return sw.sheet
}

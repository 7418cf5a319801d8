package tui

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// activityScreen is what happened in a project, newest first.
type activityScreen struct {
	project string
	stamps  stamps // of the data that events belong to
	events  []vault.Event
	loaded  bool
	paused  bool
	err     error
	win     window
	where   rect
	lines   []activityLine
}

// An activityLine is an event, or the day that the ones below it happened.
type activityLine struct {
	day   string
	event *vault.Event
}

func newActivityScreen() *activityScreen { return &activityScreen{} }

func (s *activityScreen) title() string    { return "Activity" }
func (s *activityScreen) count(*ui) string { return "" }

// refresh reads the events again when the project changed, unless paused.
func (s *activityScreen) refresh(u *ui) tea.Cmd {
	if u.data.project != s.project || !u.data.loaded {
		*s = activityScreen{project: u.data.project, paused: s.paused}
	}
	if !u.data.loaded || s.project == "" || s.loaded && (s.paused || s.stamps == u.data.stamps) {
		return nil
	}
	project, at := s.project, u.data.stamps
	return ask(u, "loading activity", func(ctx context.Context, v Vault) ([]vault.Event, error) {
		return v.Events(ctx, project)
	}, func(events []vault.Event, err error) tea.Cmd {
		if project != s.project {
			return nil
		}
		if s.err = err; err == nil {
			s.events, s.stamps, s.loaded = events, at, true
			s.lay(u)
		}
		return nil
	})
}

// hide gives up what was read: a long history takes as much memory as the
// secrets, and is read again when it is looked at.
func (s *activityScreen) hide() { *s = activityScreen{project: s.project, paused: s.paused} }

// lay orders the events newest first, under their days.
func (s *activityScreen) lay(u *ui) {
	s.lines = s.lines[:0]
	today, last := u.day(u.cfg.Now()), ""
	for i := len(s.events) - 1; i >= 0; i-- {
		e := &s.events[i]
		if day := u.day(e.Time); day != last {
			last = day
			if day == today {
				day = "Today"
			}
			s.lines = append(s.lines, activityLine{day: day})
		}
		s.lines = append(s.lines, activityLine{event: e})
	}
}

func (s *activityScreen) groups(u *ui) []group {
	follow := "pause"
	if s.paused {
		follow = "follow"
	}
	return []group{{"Activity", []binding{
		{keys: "f", help: follow, name: follow + " the activity", hint: hintAlways, run: func() tea.Cmd {
			s.paused = !s.paused
			return s.refresh(u)
		}},
	}}, {"List", listMoves(func(key string) tea.Cmd { s.win.scrollKey(key); return nil })}}
}

func (s *activityScreen) update(*ui, tea.Msg) tea.Cmd { return nil }
func (s *activityScreen) click(*ui, int, int) tea.Cmd { return nil }
func (s *activityScreen) wheel(_ *ui, _, _, d int)    { s.win.scroll(d) }

func (s *activityScreen) draw(u *ui, where rect) ([]string, *tea.Cursor) {
	s.where = where
	w, h := where.w-2, where.h-2
	p := pane{title: "Activity", note: "live", focused: u.listFocused(), w: where.w, h: where.h}
	if s.paused {
		p.note = "paused"
	}
	s.win.fit(len(s.lines), h)
	switch {
	case s.err != nil && !s.loaded:
		p.lines = []string{line(u, w, "", ""), line(u, w, u.theme.danger, " x the activity could not be read: "+reason(s.err))}
	case s.loaded && len(s.lines) == 0:
		p.lines = []string{line(u, w, "", ""), line(u, w, "", "   Nothing has happened here yet.")}
	}
	for i := s.win.top; i < s.win.end(); i++ {
		p.lines = append(p.lines, s.drawLine(u, s.lines[i], w))
	}
	return p.draw(u), nil
}

func (s *activityScreen) drawLine(u *ui, l activityLine, w int) string {
	r := newRow(u, w)
	r.gap(1)
	if l.event == nil {
		r.text(u.theme.dim, l.day)
		return r.end()
	}
	e, t := l.event, u.theme
	r.gap(2)
	clock := "15:04:05"
	if w < 80 {
		clock = "15:04"
	}
	r.cell(t.dim, u.local(e.Time).Format(clock), len(clock))
	r.gap(2)
	r.name("", e.Actor, max(min(w/6, 20), 8))
	r.gap(2)
	action, aw := strings.ReplaceAll(string(e.Action), "-", " "), 11
	if w < 100 {
		action = strings.Replace(action, "instruction", "instr.", 1)
	} else {
		aw = 19 // "instruction deleted"
	}
	r.cell("", action, aw)
	r.gap(2)
	object := e.Object
	if object == e.Project {
		object = "the project"
	}
	if e.Origin != "" {
		r.text("", u.middle(object, r.left-1))
		r.gap(2)
		r.text(t.dim, originWords(e))
		return r.end()
	}
	r.name("", object, r.left-1)
	return r.end()
}

// originWords is what an event says beside its object: where it came from, or for
// a grant what was granted.
func originWords(e *vault.Event) string {
	if e.Action == "granted" {
		return strings.ReplaceAll(e.Origin, "secrets:", "")
	}
	return "from " + e.Origin
}

func (s *activityScreen) status(u *ui, w int) (string, *point) {
	text := count(len(s.events), "event", "events") + " " + u.glyphs.dot + " newest first"
	if s.paused {
		text += " " + u.glyphs.dot + " paused: f follows again"
	}
	if !s.loaded {
		text = ""
	}
	return line(u, w, u.theme.dim, text), nil
}

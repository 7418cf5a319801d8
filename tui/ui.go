package tui

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"tacenda/internal/vault"
)

// ui is what the screens share: the size and looks of the terminal, the
// session, the data, and the stack of dialogs. Only Update, and what Update
// calls, changes it.
type ui struct {
	ctx   context.Context //nolint:containedctx // of the program, for commands, which Bubble Tea calls without one
	cfg   Config
	input *secretReader

	w, h   int
	cells  ansi.Method // how this terminal counts the cells of a character
	theme  theme
	glyphs glyphs

	session *session // nil while locked
	last    *session // the one that may still be closing
	era     int      // grows with each lock, so that late replies are known
	data    data
	loads   int       // begun
	opened  string    // the project that was loaded last
	rotated *rotation // the list of the last revoke that leaves something to change
	unread  bool      // the last look at the stamps failed
	stack   []dialog  // the last one is on top and owns the input
	onSide  bool      // the sidebar has the focus, not the section
	noStop  bool      // nobody could bring the program back after ctrl+z

	wanted  string              // a secret to select when it is there
	sought  textName            // a tool or an instruction to select when it is there
	someone string              // a member to select when they are there
	told    func() tea.Cmd      // lets the screens follow new data
	leave   func() tea.Cmd      // ends the program
	entered func(Vault) tea.Cmd // begins a session with an opened vault

	// after brings a message later; tests put their own clock here.
	after func(d time.Duration, msg tea.Msg) tea.Cmd

	toast     toast
	jobs      []*job
	owed      map[*job]func() // what to clean up for work whose end Update has not heard of
	jobFrame  int
	signing   bool      // a signMsg is on its way
	deafUntil time.Time // keys before it were typed at something else
}

// A textName names a tool or an instruction.
type textName struct {
	kind vault.TextKind
	name string
}

type toastKind int

const (
	toastNone toastKind = iota
	toastInfo
	toastWarn
	toastError // stays until a key
)

// toastTime is how long a toast stays.
const toastTime = 5 * time.Second

type toast struct {
	kind toastKind
	text string
	id   int
}

// say shows a line in place of the status.
func (u *ui) say(kind toastKind, text string) {
	u.toast = toast{kind, text, u.toast.id + 1}
}

// fail shows what went wrong in words.
func (u *ui) fail(doing string, err error) { u.say(toastError, doing+": "+reason(err)) }

// reason words an error for a line on the screen.
func reason(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.Is(err, context.DeadlineExceeded):
		return "took too long"
	}
	return err.Error()
}

// push opens a dialog over everything else.
func (u *ui) push(d dialog) tea.Cmd {
	u.stack = append(u.stack, d)
	return nil
}

// pop closes the top dialog.
func (u *ui) pop() {
	if n := len(u.stack); n > 0 {
		drop(u.stack[n-1])
		u.stack = u.stack[:n-1]
	}
}

// close closes d wherever it is, and what lies above it.
func (u *ui) close(d dialog) {
	for i, o := range u.stack {
		if o == d {
			for len(u.stack) > i {
				u.pop()
			}
			return
		}
	}
}

// closeAll leaves every dialog.
func (u *ui) closeAll() {
	for len(u.stack) > 0 {
		u.pop()
	}
}

// isOpen tells whether d is still on the screen.
func (u *ui) isOpen(d dialog) bool {
	return slices.Contains(u.stack, d)
}

// deafTime is how long something that opens by itself ignores keys: they were
// meant for what was there before.
const deafTime = 400 * time.Millisecond

// deafen starts that time.
func (u *ui) deafen() { u.deafUntil = u.cfg.Now().Add(deafTime) }

// later is what ui.after is outside of tests.
func (u *ui) later(d time.Duration, msg tea.Msg) tea.Cmd {
	ctx := u.ctx
	return func() tea.Msg { // as tea.Tick, which would keep a program that has ended in memory until then
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return msg
		case <-ctx.Done():
			return nil
		}
	}
}

// A job is work under way in a command.
type job struct {
	label string
	since time.Time
}

// signAfter is when slow work shows a sign of life, and signEvery how often
// the sign moves.
const (
	signAfter = 300 * time.Millisecond
	signEvery = 150 * time.Millisecond
)

type signMsg struct{}

// sign moves the sign of life while there is work to show it for.
func (u *ui) sign() tea.Cmd {
	switch {
	case len(u.jobs) == 0:
		u.signing = false
		return nil
	case u.slow() == "":
		return u.after(signAfter, signMsg{})
	}
	u.jobFrame++
	return u.after(signEvery, signMsg{})
}

// slow returns the label of the oldest job that has run long enough to show.
func (u *ui) slow() string {
	for _, j := range u.jobs {
		if u.cfg.Now().Sub(j.since) >= signAfter {
			return j.label
		}
	}
	return ""
}

// spinner is the sign of life as it is drawn now.
func (u *ui) spinner() string { return string(`|/-\`[u.jobFrame%4]) }

// A replyMsg brings the end of a job back to Update.
type replyMsg struct {
	job   *job
	era   int
	apply func() tea.Cmd
	late  func() // instead of apply when there was a lock in between; may be nil
}

// task runs work outside of Update and then brings its result to then, inside
// of it. A result that arrives after a lock is dropped.
func task[T any](u *ui, label string, work func(context.Context) (T, error), then func(T, error) tea.Cmd) tea.Cmd {
	return taskWith(u, label, nil, work, then)
}

func taskWith[T any](u *ui, label string, late func(), work func(context.Context) (T, error), then func(T, error) tea.Cmd) tea.Cmd {
	j, ctx, era := &job{label, u.cfg.Now()}, u.ctx, u.era
	u.jobs = append(u.jobs, j)
	if late != nil {
		if u.owed == nil {
			u.owed = map[*job]func(){}
		}
		u.owed[j] = late
	}
	run := func() tea.Msg {
		v, err := work(ctx)
		return replyMsg{job: j, era: era, late: late, apply: func() tea.Cmd { return then(v, err) }}
	}
	if u.signing {
		return run
	}
	u.signing = true
	return tea.Batch(run, u.after(signAfter, signMsg{}))
}

// ask is task with the open vault.
func ask[T any](u *ui, label string, work func(context.Context, Vault) (T, error), then func(T, error) tea.Cmd) tea.Cmd {
	return askWith(u, label, nil, work, then)
}

// askWith is ask for work that was given something to clean up: late is called
// in place of then when nobody waits for the result any more.
func askWith[T any](u *ui, label string, late func(), work func(context.Context, Vault) (T, error), then func(T, error) tea.Cmd) tea.Cmd {
	s := u.session
	if s == nil {
		if late != nil {
			late()
		}
		return nil
	}
	return taskWith(u, label, late, func(context.Context) (v T, err error) {
		err = s.use(func(ctx context.Context, open Vault) error {
			v, err = work(ctx, open)
			return err
		})
		return v, err
	}, then)
}

// do is ask for work whose only result is whether it went well.
func do(u *ui, label string, work func(context.Context, Vault) error, then func(error) tea.Cmd) tea.Cmd {
	return ask(u, label, func(ctx context.Context, v Vault) (struct{}, error) {
		return struct{}{}, work(ctx, v)
	}, func(_ struct{}, err error) tea.Cmd { return then(err) })
}

// finish takes a job off the list.
func (u *ui) finish(j *job) {
	delete(u.owed, j)
	for i, o := range u.jobs {
		if o == j {
			u.jobs = append(u.jobs[:i], u.jobs[i+1:]...)
			return
		}
	}
}

// plain is s as this terminal can draw it: without what steers a terminal, and
// in ASCII where it has nothing else.
func (u *ui) plain(s string) string {
	s = clean(s)
	if !u.glyphs.ascii {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r < utf8.RuneSelf:
			return r
		case r == '•':
			return '*'
		case r == '·':
			return '-'
		case r == '…':
			return '~'
		case r == '“' || r == '”':
			return '"'
		}
		return '?'
	}, s)
}

// middle shortens a name in its middle, cutText the end of other text.
func (u *ui) middle(s string, w int) string {
	return middle(u.cells, u.plain(s), w, u.glyphs.ellipsis)
}

func (u *ui) cutText(s string, w int) string {
	return cut(u.cells, u.plain(s), w, u.glyphs.ellipsis)
}

// width is the number of cells of text that plain returned.
func (u *ui) width(s string) int { return width(u.cells, s) }

// listFocused tells whether keys go to the section's panes.
func (u *ui) listFocused() bool { return !u.onSide }

// placeholder is how a template refers to a secret.
func placeholder(name string) string { return "{{" + name + "}}" }

// may tells whether the open project gives a permission, and if not, why.
func (u *ui) may(permission string) string {
	p := u.data.current()
	switch {
	case p == nil && u.data.people != nil && !u.data.people.owner:
		return "nothing was granted to you"
	case p == nil:
		return "there is no project yet: p makes one"
	}
	if slices.Contains(p.Permissions, permission) {
		return ""
	}
	return "needs " + permission
}

// local is t in the clock's own zone.
func (u *ui) local(t time.Time) time.Time { return t.In(u.cfg.Now().Location()) }

// day and minute are how times are drawn.
func (u *ui) day(t time.Time) string { return u.local(t).Format("2006-01-02") }

// clock is a time of today, or the day and the time.
func (u *ui) clock(t time.Time) string {
	if u.day(t) == u.day(u.cfg.Now()) {
		return u.local(t).Format("15:04")
	}
	return u.minute(t)
}

func (u *ui) minute(t time.Time) string { return u.local(t).Format("2006-01-02 15:04") }

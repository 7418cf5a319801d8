package tui

import (
	"context"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/keyring"
	"tacenda/keyring/secret"
	"tacenda/store"
)

// A stage is the interface without a terminal: bytes go in through the secret
// reader, messages and commands run one after the other, and the clock moves
// only when the test says so. The vault is a real one on the memory engine.
type stage struct {
	testing.TB
	m      *root
	u      *ui
	input  *secretReader
	engine store.Engine
	key    vaulttest.Key
	v      *vault.Vault // another process: what it changes is a change from outside

	now     time.Time
	timers  []timer
	quit    bool
	decoder uv.EventDecoder
	noted   []string // what was sent to the clipboard
	step    func()   // runs after each message, for invariants
}

type timer struct {
	at  time.Time
	msg tea.Msg
}

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// passphrase opens every vault of a stage, beside its key.
const stagePassphrase = "correct horse"

type stageOption func(*stage, *Config)

// newStage is an opened interface of w by h cells on a vault with the secrets
// of the drawings.
func newStage(t testing.TB, w, h int, opts ...stageOption) *stage {
	t.Helper()
	s := &stage{TB: t, now: noon, engine: vaulttest.Shared(store.NewMem()), key: vaulttest.NewKey(t)}
	s.v = vaulttest.On(t, s.engine, s.key, vault.Options{Now: s.clock})
	s.start(w, h, opts...)
	return s
}

// start puts an interface on the stage, over the vault there is.
func (s *stage) start(w, h int, opts ...stageOption) {
	s.Helper()
	s.input = newTestReader(s)
	cfg := Config{
		Name: "acme", Place: "/home/alice/vault.db", Project: vaulttest.Project,
		Open:      func(ctx context.Context) (Vault, error) { return s.open(ctx, s.key.Openers(s)...) },
		Unlock:    s.unlock,
		Create:    func(context.Context, Setup) (Vault, error) { return nil, fmt.Errorf("no vault can be made here") },
		ReadFile:  func(context.Context, string) ([]byte, error) { return nil, fmt.Errorf("no such file") },
		CheckTool: checkTool, CheckRecipient: readRecipient,
		CallTool: func(context.Context, Vault, string, string, []string) (Answer, error) {
			return Answer{Status: "HTTP/1.1 200 OK", Head: []string{"Content-Type: application/json"}, Body: `{"id":"ch_1","key":"{{STRIPE_API_KEY}}"}`}, nil
		},
		Environ: []string{"TERM=xterm-256color", "LANG=C.UTF-8"},
		Mouse:   true, Now: s.clock,
	}
	for _, o := range opts {
		o(s, &cfg)
	}
	s.m = newRoot(context.Background(), cfg, s.input)
	s.u = s.m.u
	s.u.after = func(d time.Duration, msg tea.Msg) tea.Cmd {
		s.timers = append(s.timers, timer{s.now.Add(d), msg})
		return nil
	}
	s.Cleanup(s.u.end)
	s.send(tea.WindowSizeMsg{Width: w, Height: h})
	s.run(s.m.Init())
}

func (s *stage) clock() time.Time { return s.now }

func (s *stage) open(ctx context.Context, by ...keyring.Unlocker) (Vault, error) {
	v, err := vault.Open(ctx, s.engine, by, vault.Options{Now: s.clock})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// unlock compares the passphrase itself: what a slot does with one is tested
// where slots are, and takes 25 ms.
func (s *stage) unlock(ctx context.Context, pass *secret.Bytes) (Vault, error) {
	right := false
	_ = pass.Use(func(p []byte) error { right = string(p) == stagePassphrase; return nil })
	if !right {
		return nil, &vault.LockedError{}
	}
	return s.open(ctx, s.key.Openers(s)...)
}

// locked makes the vault ask for the passphrase.
func locked(_ *stage, c *Config) {
	c.Open = func(context.Context) (Vault, error) { return nil, &vault.LockedError{} }
}

func inASCII(_ *stage, c *Config) { c.ASCII = true }

// with changes the vault that the interface gets.
func with(change func(Vault) Vault) stageOption {
	return func(_ *stage, c *Config) {
		open, unlock := c.Open, c.Unlock
		c.Open = func(ctx context.Context) (Vault, error) {
			v, err := open(ctx)
			if err == nil {
				v = change(v)
			}
			return v, err
		}
		c.Unlock = func(ctx context.Context, p *secret.Bytes) (Vault, error) {
			v, err := unlock(ctx, p)
			if err == nil {
				v = change(v)
			}
			return v, err
		}
	}
}

func (s *stage) check(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// send gives the model a message and runs what it answers.
func (s *stage) send(msg tea.Msg) {
	s.Helper()
	if msg == nil || s.quit {
		return
	}
	_, cmd := s.m.Update(msg)
	s.m.View()
	if s.step != nil {
		s.step()
	}
	s.run(cmd)
}

func (s *stage) run(cmd tea.Cmd) {
	s.Helper()
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range msg {
			s.run(c)
		}
	case tea.QuitMsg:
		s.quit = true
		s.input.wipe()
	case tea.SuspendMsg:
		s.input.wipe()
		s.send(tea.ResumeMsg{})
	default:
		if fmt.Sprintf("%T", msg) == "tea.setClipboardMsg" {
			s.noted = append(s.noted, fmt.Sprint(msg))
		}
		s.send(msg)
	}
}

// wait moves the clock and delivers what is due, in its order.
func (s *stage) wait(d time.Duration) {
	s.Helper()
	until := s.now.Add(d)
	for {
		sort.SliceStable(s.timers, func(i, j int) bool { return s.timers[i].at.Before(s.timers[j].at) })
		if len(s.timers) == 0 || s.timers[0].at.After(until) {
			break
		}
		t := s.timers[0]
		s.timers = s.timers[1:]
		s.now = t.at
		s.send(t.msg)
	}
	s.now = until
}

// bytes types raw bytes at the terminal.
func (s *stage) bytes(raw string) {
	s.Helper()
	src := &piecesSource{pieces: [][]byte{[]byte(raw)}}
	s.input.src = src
	for {
		var p [4096]byte
		n, err := s.input.Read(p[:])
		s.check(err)
		if len(src.pieces) > 0 && len(src.pieces[0]) == 0 {
			src.pieces = src.pieces[1:]
		}
		out := p[:n]
		if n == 0 && len(src.pieces) == 0 && s.input.pending == 0 {
			return
		}
		for len(out) > 0 {
			used, event := s.decoder.Decode(out)
			if used == 0 {
				s.Fatalf("cannot decode %q", out)
			}
			out = out[used:]
			s.event(event)
		}
	}
}

// event does what Bubble Tea and the reader's filter do with an event.
func (s *stage) event(e uv.Event) {
	s.Helper()
	switch e := e.(type) {
	case uv.KeyPressEvent:
		key := tea.KeyPressMsg(e)
		s.input.withdraw()
		if m, ok := markOf(key); ok {
			s.send(s.input.cameOut(m))
			return
		}
		s.send(key)
	case uv.MultiEvent:
		for _, one := range e {
			s.event(one)
		}
	}
}

var keyBytes = map[string]string{
	"enter": "\r", "tab": "\t", "shift+tab": "\x1b[Z", "esc": "\x1b", "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D",
	"home": "\x1b[H", "end": "\x1b[F", "pgup": "\x1b[5~", "pgdown": "\x1b[6~", "backspace": "\x7f", "delete": "\x1b[3~",
	"alt+enter": "\x1b\r", "space": " ", "alt+u": "\x1bu", "ctrl+left": "\x1b[1;5D", "ctrl+right": "\x1b[1;5C", "ctrl+home": "\x1b[1;5H", "ctrl+end": "\x1b[1;5F",
}

// keys presses keys by name, parted by spaces: "n ctrl+s enter".
func (s *stage) keys(names string) {
	s.Helper()
	for name := range strings.FieldsSeq(names) {
		raw, ok := keyBytes[name]
		if c, ctrl := strings.CutPrefix(name, "ctrl+"); ctrl && !ok {
			raw, ok = string(rune(c[0]-'a'+1)), true
		}
		if !ok {
			raw = name
		}
		s.bytes(raw)
	}
}

// text types text, as it is.
func (s *stage) text(text string) { s.Helper(); s.bytes(text) }

// paste pastes text, as a terminal does.
func (s *stage) paste(text string) { s.Helper(); s.bytes("\x1b[200~" + text + "\x1b[201~") }

func (s *stage) click(x, y int) {
	s.Helper()
	s.send(tea.MouseClickMsg{X: x, Y: y, Button: tea.MouseLeft})
}

// frame is what is on the screen, without colours.
func (s *stage) frame() string { return ansi.Strip(s.m.View().Content) }

// sees fails unless the screen shows every text.
func (s *stage) sees(texts ...string) {
	s.Helper()
	f := s.frame()
	for _, t := range texts {
		if !strings.Contains(f, t) {
			s.Fatalf("%q is not on the screen:\n%s", t, f)
		}
	}
}

// lacks fails when the screen shows one of the texts.
func (s *stage) lacks(texts ...string) {
	s.Helper()
	f := s.frame()
	for _, t := range texts {
		if strings.Contains(f, t) {
			s.Fatalf("%q is on the screen:\n%s", t, f)
		}
	}
}

// place returns where a text stands on the screen.
func (s *stage) place(text string) (x, y int) {
	s.Helper()
	for y, l := range strings.Split(s.frame(), "\n") {
		if before, _, ok := strings.Cut(l, text); ok {
			return ansi.StringWidth(before), y
		}
	}
	s.Fatalf("%q is not on the screen:\n%s", text, s.frame())
	return 0, 0
}

// value resolves a secret, as another process would.
func (s *stage) value(project, name string) string {
	s.Helper()
	got, err := vaulttest.Get(s.v, project, name)
	s.check(err)
	return got
}

// checkFrame fails unless the frame has the size of the screen exactly, which
// is what keeps borders straight, and the cursor stands in it.
func (s *stage) checkFrame() {
	s.Helper()
	v := s.m.View()
	w, h := s.u.w, s.u.h
	if s.m.quitting {
		return
	}
	lines := strings.Split(v.Content, "\n")
	if s.m.tooSmall() {
		if len(lines) > max(h, 1) {
			s.Fatalf("%d lines on a screen of %d", len(lines), h)
		}
	} else if len(lines) != h {
		s.Fatalf("%d lines on a screen of %d:\n%s", len(lines), h, ansi.Strip(v.Content))
	}
	for i, l := range lines {
		n := s.u.cells.StringWidth(l)
		if n > w || n != w && !s.m.tooSmall() {
			s.Fatalf("line %d has %d cells on a screen of %d:\n%s", i, n, w, ansi.Strip(v.Content))
		}
	}
	if c := v.Cursor; c != nil && (c.X < 0 || c.Y < 0 || c.X >= w || c.Y >= h) {
		s.Fatalf("the cursor is at %s on a screen of %s", strconv.Itoa(c.X)+","+strconv.Itoa(c.Y), strconv.Itoa(w)+"x"+strconv.Itoa(h))
	}
}

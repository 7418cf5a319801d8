package tui

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/teatest/v2"
	"github.com/charmbracelet/x/vt"
)

// A show is the interface in a real Bubble Tea program whose output goes to an
// emulated terminal. Commands run in their goroutines and time is real, so
// what is expected is waited for.
type show struct {
	*stage
	p    *tea.Program
	seen *watched
	out  *tube
	end  chan error
}

// watched keeps the last view that the program drew.
type watched struct {
	*root
	mu   sync.Mutex
	last tea.View
}

func (w *watched) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	_, cmd := w.root.Update(msg)
	return w, cmd
}

func (w *watched) View() tea.View {
	v := w.root.View()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = v
	return v
}

func (w *watched) view() tea.View {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// tube is an emulated terminal that counts what is written to it.
type tube struct {
	mu    sync.Mutex
	e     *vt.Emulator
	bytes int
}

func newTube(t testing.TB, w, h int) *tube {
	x := &tube{e: vt.NewEmulator(w, h)}
	read := make(chan struct{})
	go func() { // its answers: nobody waits for them
		defer close(read)
		_, _ = io.Copy(io.Discard, x.e)
	}()
	t.Cleanup(func() {
		// Not Close, which writes what Read reads without a lock.
		if pipe, ok := x.e.InputPipe().(io.Closer); ok {
			_ = pipe.Close()
			<-read
		}
	})
	return x
}

func (x *tube) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.bytes += len(p)
	// Without a tty Bubble Tea moves down by a bare line feed.
	_, err := x.e.Write(x.within(bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))))
	return len(p), err
}

var margins = regexp.MustCompile(`\x1b\[(\d+);(\d+)r`)

// within ends scroll regions at the last line, as terminals do and the emulator
// does not: a frame that is under way when the window becomes smaller has one
// for the old size.
func (x *tube) within(p []byte) []byte {
	return margins.ReplaceAllFunc(p, func(m []byte) []byte {
		at := margins.FindSubmatch(m)
		top, _ := strconv.Atoi(string(at[1]))
		bottom, _ := strconv.Atoi(string(at[2]))
		return fmt.Appendf(nil, "\x1b[%d;%dr", min(top, x.e.Height()-1), min(bottom, x.e.Height()))
	})
}

func (x *tube) picture() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.e.Render()
}

func (x *tube) width() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.e.Width()
}

func (x *tube) height() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.e.Height()
}

func (x *tube) count() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.bytes
}

func (x *tube) resize(w, h int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.e.Resize(w, h)
}

// newShow starts a program on the vault of the drawings.
func newShow(t testing.TB, w, h int, profile colorprofile.Profile, opts ...stageOption) *show {
	t.Helper()
	s := &show{stage: newDrawn(t, w, h, append(opts, locked)...), end: make(chan error, 1)}
	opts = append(opts, func(_ *stage, c *Config) { c.Project = "api-gateway" })
	s.u.end()
	s.restart(w, h, opts...)
	s.seen, s.out = &watched{root: s.m}, newTube(t, w, h)
	s.p = tea.NewProgram(s.seen,
		tea.WithInput(strings.NewReader("")), tea.WithOutput(s.out), tea.WithWindowSize(w, h), tea.WithFPS(120),
		tea.WithColorProfile(profile), tea.WithEnvironment([]string{"TERM=xterm-256color"}), tea.WithoutSignals(),
		tea.WithFilter(s.input.filter(nil)))
	go func() { _, err := s.p.Run(); s.end <- err }()
	t.Cleanup(func() {
		s.p.Quit()
		if err := <-s.end; err != nil {
			t.Error(err)
		}
	})
	return s
}

// restart makes the model anew, for real time.
func (s *show) restart(w, h int, opts ...stageOption) {
	s.input = newTestReader(s)
	cfg := Config{
		Name: "acme", Place: "/home/alice/vault.db",
		Open:      func(ctx context.Context) (Vault, error) { return s.open(ctx, s.key.Openers(s)...) },
		Unlock:    s.unlock,
		Create:    func(context.Context, Setup) (Vault, error) { return nil, fmt.Errorf("no") },
		CheckTool: checkTool,
		Environ:   []string{"TERM=xterm-256color", "LANG=C.UTF-8"}, Now: time.Now,
	}
	for _, o := range opts {
		o(s.stage, &cfg)
	}
	s.m = newRoot(context.Background(), cfg, s.input)
	s.u = s.m.u
}

func key(name string) tea.KeyPressMsg {
	special := map[string]rune{"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "up": tea.KeyUp, "down": tea.KeyDown,
		"pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "backspace": tea.KeyBackspace, "home": tea.KeyHome, "end": tea.KeyEnd}
	if c, ok := special[name]; ok {
		return tea.KeyPressMsg{Code: c}
	}
	if c, ok := strings.CutPrefix(name, "ctrl+"); ok {
		return tea.KeyPressMsg{Code: rune(c[0]), Mod: tea.ModCtrl}
	}
	return tea.KeyPressMsg{Code: rune(name[0]), Text: name}
}

func (s *show) press(names string) {
	for n := range strings.FieldsSeq(names) {
		s.p.Send(key(n))
	}
}

// eventually waits until ok is true.
func (s *show) eventually(what string, ok func() bool) {
	s.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	s.Fatalf("%s does not happen; on the screen:\n%s", what, ansi.Strip(s.out.picture()))
}

// until waits until the terminal shows a text.
func (s *show) until(text string) {
	s.Helper()
	s.eventually(text, func() bool { return strings.Contains(ansi.Strip(s.out.picture()), text) })
}

// settled waits until the terminal shows what a fresh terminal would show of
// the last view: what was written piece by piece adds up.
func (s *show) settled() {
	s.Helper()
	s.eventually("the frame", func() bool {
		v := s.seen.view()
		return v.Content != "" && s.out.picture() == fresh(v.Content, s.out.width(), s.out.height())
	})
}

// fresh draws a frame on a new terminal.
func fresh(content string, w, h int) string {
	e := vt.NewEmulator(w, h)
	defer e.Close()
	_, _ = e.WriteString(strings.ReplaceAll(content, "\n", "\r\n"))
	return e.Render()
}

// TestReplay does random things and compares, after each, the terminal's
// screen with a fresh drawing of the frame.
func TestReplay(t *testing.T) {
	for _, c := range []struct {
		name string
		opts []stageOption
	}{{"unicode", nil}, {"ascii", []stageOption{inASCII}}, {"wide", []stageOption{with(func(v Vault) Vault { return lying{v, "密 ｆｕｌｌ wide"} })}}} {
		t.Run(c.name, func(t *testing.T) {
			s := newShow(t, 80, 24, colorprofile.ANSI, c.opts...)
			s.settled()
			r := rand.New(rand.NewPCG(1, 2))
			keys := strings.Fields("j j k G g tab enter esc esc n e c d u p : ? s v v / 1 2 2 3 4 t w o down up pgdown a x {")
			var done []string
			defer func() {
				if t.Failed() {
					t.Logf("the steps: %q", done)
				}
			}()
			for range 60 {
				k := keys[r.IntN(len(keys))]
				done = append(done, k)
				s.press(k)
				if r.IntN(15) == 0 {
					w, h := 40+r.IntN(100), 10+r.IntN(30)
					done = append(done, fmt.Sprintf("%dx%d", w, h))
					s.out.resize(w, h)
					s.p.Send(tea.WindowSizeMsg{Width: w, Height: h})
				}
				s.settled()
			}
		})
	}
}

// Without colours the letters are the same, and weight still marks.
func TestNoColour(t *testing.T) {
	s := newShow(t, 80, 24, colorprofile.ASCII)
	s.until("DATABASE_URL")
	s.eventually("the frame", func() bool {
		return ansi.Strip(s.out.picture()) == ansi.Strip(fresh(ansi.Strip(s.seen.view().Content), 80, 24))
	})
	pic := s.out.picture()
	if !strings.Contains(pic, "\x1b[1m") || strings.Contains(pic, "\x1b[9") || strings.Contains(pic, "\x1b[3") {
		t.Fatalf("drawn: %q", pic)
	}
}

// TestBytes holds the program to what it may write, which is what a slow line
// feels. The figures are those of docs/performance.md.
func TestBytes(t *testing.T) {
	s := newShow(t, 80, 24, colorprofile.ANSI)
	for i := range 100 {
		s.put("api-gateway", fmt.Sprintf("SERVICE_%06d_KEY", i), fmt.Sprintf("%04d-a-value-%04d", i*77%10000, i*31%10000), "key of a service")
	}
	s.until("112 secrets")
	s.settled()
	// A frame from nothing, as the first one is: how many were drawn while the
	// rows came depends on how fast they came.
	before := s.out.count()
	s.press("ctrl+l")
	s.eventually("a frame from nothing", func() bool { return s.out.count() > before+1000 })
	s.settled()
	n := s.out.count() - before
	t.Logf("a whole frame: %d bytes", n)
	if n > 4096 {
		t.Errorf("a whole frame took %d bytes, at most 4,096", n)
	}
	one := func(k string) int {
		t.Helper()
		before, frame := s.out.count(), s.seen.view().Content
		s.press(k)
		s.eventually("the key "+k, func() bool { return s.seen.view().Content != frame })
		s.settled()
		return s.out.count() - before
	}
	all := func(keys string) {
		t.Helper()
		for k := range strings.FieldsSeq(keys) {
			one(k)
		}
	}
	spend := func(what string, most int, keys string) {
		t.Helper()
		worst := 0
		for k := range strings.FieldsSeq(keys) {
			worst = max(worst, one(k))
		}
		t.Logf("%s: %d bytes, at most %d", what, worst, most)
		if worst > most {
			t.Errorf("%s took %d bytes, at most %d", what, worst, most)
		}
	}
	spend("a move with the preview", 700, "j j j k j j j j k k")
	all("v")
	spend("a move without it", 120, "j j j k j j j j k k")
	all("G k k k g pgdown pgdown")
	spend("scrolling without the preview", 250, "j j j")
	all("v v")
	spend("scrolling with it", 900, "j j j")
	all("v 2")
	s.until("4 tools")
	s.settled()
	spend("a move in the tools with the preview", 700, "j j k j j k")
	all("v")
	spend("a move in the tools without it", 120, "k k j j k k")
	all("v v 1")
	s.until("112 secrets")
	t.Logf("opening a form: %d bytes", one("n"))
	t.Logf("a key typed: %d bytes", one("a"))
	before = s.out.count()
	time.Sleep(3 * pollEvery / 2)
	if n := s.out.count() - before; n != 0 {
		t.Errorf("idle: %d bytes", n)
	}
}

// TestFlows are whole visits, through Bubble Tea's own test program.
func TestFlows(t *testing.T) {
	s := newDrawn(t, 80, 24, locked)
	s.u.end()
	sh := &show{stage: s}
	sh.restart(80, 24, func(_ *stage, c *Config) { c.Project = "api-gateway" })
	tm := teatest.NewTestModel(t, sh.m, teatest.WithInitialTermSize(80, 24),
		teatest.WithProgramOptions(tea.WithColorProfile(colorprofile.ASCII), tea.WithEnvironment([]string{"TERM=xterm-256color"}), tea.WithFilter(sh.input.filter(nil))))
	var seen bytes.Buffer
	wait := func(text string) {
		t.Helper()
		teatest.WaitFor(t, io.TeeReader(tm.Output(), &seen), func(b []byte) bool {
			return strings.Contains(ansi.Strip(string(b)), text)
		}, teatest.WithDuration(10*time.Second), teatest.WithCheckInterval(5*time.Millisecond))
	}
	press := func(names string) {
		for n := range strings.FieldsSeq(names) {
			tm.Send(key(n))
		}
	}
	wait("12 secrets")
	press("n")
	wait("New secret")
	tm.Type("flow-key")
	press("tab ctrl+g ctrl+s")
	wait("created FLOW_KEY")
	press("c enter")
	wait("Clone to billing?")
	press("enter")
	wait("cloned FLOW_KEY")
	press("d")
	wait("This cannot be undone")
	press("y")
	wait("deleted FLOW_KEY")
	press("L")
	wait("Unlock vault")
	time.Sleep(deafTime) // the box opened by itself, as far as it knows
	press("enter")
	wait("12 secrets")
	press("q")
	tm.WaitFinished(t, teatest.WithFinalTimeout(10*time.Second))
	if got := s.value("billing", "FLOW_KEY"); len(got) != generated {
		t.Fatalf("cloned %q", got)
	}
}

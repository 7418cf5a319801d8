package tui

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/keyring/secret"
)

// canary is what must never be drawn: each value that is typed holds it. No
// hint can show it, for a hint shows the ends of a value.
const canary = "CaNaRy"

// TestRandomSteps does what nobody would: random keys, pastes, clicks, sizes,
// pauses and changes from outside. TACENDA_STEPS says how many; the seed of a
// failure is in its name.
func TestRandomSteps(t *testing.T) {
	steps := 2000
	if n, err := strconv.Atoi(os.Getenv("TACENDA_STEPS")); err == nil {
		steps = n
	}
	seeds := 4
	if s := os.Getenv("TACENDA_SEED"); s != "" {
		seeds = 1
	}
	for i := range seeds {
		seed := uint64(i + 1)
		if s, err := strconv.ParseUint(os.Getenv("TACENDA_SEED"), 10, 64); err == nil {
			seed = s
		}
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { randomSteps(t, seed, steps/seeds) })
	}
}

func randomSteps(t *testing.T, seed uint64, steps int) {
	r := rand.New(rand.NewPCG(seed, 7))
	start := func() *stage {
		s := newDrawn(t, 80, 24, func(s *stage, c *Config) {
			if r.IntN(3) == 0 {
				who := []stageOption{asMember("rita", 0), asMember("rita", mayRead), asMember("rita", mayManage), asMember("rita", mayBoth), onServer("rita", mayUse)}
				who[r.IntN(len(who))](s, c)
			}
			c.IdleLock = time.Minute
			c.ASCII = r.IntN(4) == 0
			c.CallTool = func(context.Context, Vault, string, string, []string) (Answer, error) {
				if r.IntN(3) == 0 {
					return Answer{}, errors.New("no answer\x1b[2J")
				}
				return Answer{Status: "200", Head: []string{"a: b"}, Body: strings.Repeat("\x1b[2J密{\n", r.IntN(100)), Cut: true}, nil
			}
			c.ReadFile = func(context.Context, string) ([]byte, error) { return []byte(templateText), nil }
		})
		s.step = func() { s.invariants() }
		return s
	}
	s := start()
	var done []string
	defer func() {
		if t.Failed() {
			t.Logf("the last steps: %q", done[max(0, len(done)-40):])
		}
	}()
	for range steps {
		what, step := randomStep(r)
		done = append(done, what)
		step(s)
		if s.quit {
			s = start()
			done = append(done, "(started again)")
		}
	}
}

// invariants hold after every message.
func (s *stage) invariants() {
	s.Helper()
	s.checkFrame()
	v := s.m.View()
	for _, shown := range []string{v.Content, v.WindowTitle, s.u.toast.text} {
		if strings.Contains(shown, canary) {
			s.Fatalf("a value is on the screen:\n%s", s.frame())
		}
	}
	if len(s.u.stack) > 6 {
		s.Fatalf("%d dialogs are open", len(s.u.stack))
	}
	if s.u.session == nil && (strings.Contains(s.frame(), "DATABASE_URL") || s.m.gate == nil) {
		s.Fatalf("a locked vault shows:\n%s", s.frame())
	}
	// The terminal's bytes go to a value exactly while its field has the focus.
	s.input.mu.Lock()
	focus := s.input.focus
	s.input.mu.Unlock()
	var want *entry
	if d, ok := s.m.top().(enterer); ok {
		want = d.entry()
	}
	if focus != want && !s.quit {
		s.Fatal("the reader's focus is not the form's")
	}
}

var randomKeys = strings.Fields("enter enter esc esc tab tab shift+tab up down down left right home end pgup pgdown backspace delete space " +
	"ctrl+s ctrl+s ctrl+u ctrl+g ctrl+j ctrl+w ctrl+k ctrl+d ctrl+l ctrl+z ctrl+c alt+enter " +
	"alt+u ctrl+left ctrl+right n e c d u y m p r s v t w f g G j k h l o x i q L / : ? 1 2 3 4 5 2 3 4 4 n e d a Z 0 _ { {")

func randomStep(r *rand.Rand) (string, func(*stage)) {
	switch n := r.IntN(100); {
	case n < 62:
		key := randomKeys[r.IntN(len(randomKeys))]
		return key, func(s *stage) { s.keys(key) }
	case n < 70: // into a value when one has the focus, else harmless letters
		return "text", func(s *stage) {
			if s.m.entry != nil {
				s.text("aaaaaaaaaa" + canary + "bbbbbbbbbb")
			} else {
				s.text("key {{")
			}
		}
	case n < 75:
		return "paste", func(s *stage) {
			if s.m.entry != nil {
				s.paste("pppppppppp" + canary + "\nqqqqqqqqqq")
			} else {
				if r.IntN(4) == 0 {
					s.paste([]string{bobsKey, danasKey, cisKey}[r.IntN(3)])
					return
				}
				s.paste("web \x1b[31m密\u202e\n" + strings.Repeat("x", r.IntN(100)))
			}
		}
	case n < 82:
		x, y := r.IntN(150), r.IntN(50)
		return fmt.Sprintf("click %d,%d", x, y), func(s *stage) { s.click(x, y) }
	case n < 85:
		x, y, b := r.IntN(150), r.IntN(50), []tea.MouseButton{tea.MouseWheelUp, tea.MouseWheelDown}[r.IntN(2)]
		return "wheel", func(s *stage) { s.send(tea.MouseWheelMsg{X: x, Y: y, Button: b}) }
	case n < 91:
		size := frameSizes[r.IntN(len(frameSizes))]
		if r.IntN(2) == 0 {
			size = [2]int{r.IntN(200), r.IntN(60)}
		}
		return fmt.Sprintf("resize %d", size), func(s *stage) { s.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]}) }
	case n < 96:
		d := time.Duration(r.IntN(3000)) * time.Millisecond
		if r.IntN(10) == 0 {
			d = time.Minute
		}
		return "wait " + d.String(), func(s *stage) { s.wait(d) }
	}
	if r.IntN(20) == 0 {
		return "unicode core", func(s *stage) { s.send(tea.ModeReportMsg{Mode: ansi.ModeUnicodeCore, Value: ansi.ModeSet}) }
	}
	n := r.IntN(7)
	return fmt.Sprintf("outside %d", n), func(s *stage) { outside(s, n, r.IntN(1000)) }
}

// outside is another process at work. That it fails is part of the noise.
func outside(s *stage, what, n int) {
	ctx := context.Background()
	name := fmt.Sprintf("FROM_OUTSIDE_%d", n)
	switch what {
	case 0:
		if b, err := secret.Move([]byte("oooooooooo" + canary + "oooooooooo")); err == nil {
			_, _ = s.v.CreateSecret(ctx, "api-gateway", vault.Draft{Name: name, Value: b, Description: "密" + name})
			b.Destroy()
		}
	case 1:
		about := "changed"
		_, _ = s.v.EditSecret(ctx, "api-gateway", "DATABASE_URL", vault.Edit{Description: &about})
	case 3:
		k := []vault.TextKind{vault.Tool, vault.Instruction}[n%2]
		_, _ = s.v.SetText(ctx, "api-gateway", k, drawnTexts[n%len(drawnTexts)].name, "url: https://x.example/{{"+name+"}}\n\t密 {{GITHUB_TOKEN}}\n", 0)
	case 4:
		d := drawnTexts[n%len(drawnTexts)]
		_ = s.v.DeleteText(ctx, "api-gateway", d.kind, d.name)
	case 5: // a private key where the public one belongs
		if f, ok := s.m.top().(*memberForm); !ok || f.now() != f.keyItem {
			break
		}
		s.paste("AGE-SECRET-KEY-1" + strings.Repeat(canary, 4))
	case 6:
		member := []string{"rita", "bob", "carol", "new-" + strconv.Itoa(n%3)}[n%4]
		switch n % 5 {
		case 0:
			_, _ = s.v.AddMember(ctx, member, vaulttest.NewKey(s).Recipient)
		case 1:
			_, _ = s.v.RemoveMember(ctx, member, nil)
		case 2:
			_, _ = s.v.Revoke(ctx, member, "api-gateway", nil)
		default:
			_, _ = s.v.Grant(ctx, member, "api-gateway", []vault.Permission{mayRead, mayUse, mayManage, mayBoth}[n%4], n%7 == 0, nil)
		}
	case 2:
		_ = s.v.CreateProject(ctx, "outside-"+strconv.Itoa(n%5))
	}
}

package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/exp/golden"

	"tacenda/internal/vault"
)

// scenes are the screens that are compared with pictures in testdata. Run
// `go test ./tui -run TestFrames -update` after a change, and look at them.
var scenes = []struct {
	name string
	set  func(t *testing.T, opts ...stageOption) *stage
}{
	{"secrets", keyed("j j j j j j j")},
	{"empty", keyed("p G enter")},
	{"menu", keyed("j enter")},
	{"create", keyed("n")},
	{"create-exists", func(t *testing.T, opts ...stageOption) *stage {
		s := newDrawn(t, 80, 24, opts...)
		s.keys("n")
		s.text("stripe-api-key")
		s.keys("tab")
		s.paste("line 1\nline 2\nline 3\n")
		s.keys("tab tab enter")
		return s
	}},
	{"edit", keyed("j e")},
	{"conflict", func(t *testing.T, opts ...stageOption) *stage {
		s := newDrawn(t, 80, 24, opts...)
		s.keys("e")
		s.text("mine")
		about := "theirs"
		_, err := s.v.EditSecret(context.Background(), "api-gateway", "DATABASE_URL", vault.Edit{Description: &about})
		s.check(err)
		s.keys("ctrl+s")
		return s
	}},
	{"delete", keyed("d")},
	{"delete-used", func(t *testing.T, opts ...stageOption) *stage {
		s := newDrawn(t, 80, 24, opts...)
		s.keys("/")
		s.text("live")
		s.keys("enter d")
		s.text("STRIPE_API")
		return s
	}},
	{"clone", keyed("j j j j j j j c")},
	{"clone-confirm", keyed("c enter")},
	{"used-by", keyed("j j j j j j j u")},
	{"filter", func(t *testing.T, opts ...stageOption) *stage {
		s := newDrawn(t, 80, 24, opts...)
		s.keys("/")
		s.text("key")
		return s
	}},
	{"projects", keyed("p down")},
	{"project-delete", keyed("p d")},
	{"palette", keyed(":")},
	{"help", keyed("?")},
	{"detail", keyed("j j j j j j j v v")},
	{"activity", keyed("2")},
	{"template", func(t *testing.T, opts ...stageOption) *stage {
		read := func(_ *stage, c *Config) {
			c.ReadFile = func(context.Context, string) ([]byte, error) { return []byte(templateText), nil }
		}
		s := newDrawn(t, 80, 24, append(opts, read)...)
		s.keys(":")
		s.text("preview a t")
		s.keys("enter enter")
		s.text("app.conf")
		s.keys("enter w")
		return s
	}},
	{"unlock", func(t *testing.T, opts ...stageOption) *stage {
		s := newDrawn(t, 80, 24, append(opts, locked)...)
		s.text("wrong")
		s.keys("enter")
		return s
	}},
	{"setup", func(t *testing.T, opts ...stageOption) *stage {
		missing := func(_ *stage, c *Config) {
			c.Missing, c.Keys = true, []Key{{Label: "SSH key ~/.ssh/id_ed25519", ID: "ssh"}}
		}
		s := newDrawn(t, 80, 24, append(opts, missing)...)
		s.text("correct horse battery staple")
		return s
	}},
	{"failed", func(t *testing.T, opts ...stageOption) *stage {
		broken := errors.New("reading the vault: the disk is gone")
		return newDrawn(t, 80, 24, append(opts, with(func(v Vault) Vault { return failing{v, &broken} }))...)
	}},
	{"discard", func(t *testing.T, opts ...stageOption) *stage {
		s := newDrawn(t, 80, 24, opts...)
		s.keys("n")
		s.text("HALF")
		s.keys("esc")
		return s
	}},
}

func keyed(keys string) func(*testing.T, ...stageOption) *stage {
	return func(t *testing.T, opts ...stageOption) *stage {
		s := newDrawn(t, 80, 24, opts...)
		s.keys(keys)
		return s
	}
}

var frameSizes = [][2]int{{40, 10}, {48, 16}, {80, 24}, {140, 40}}

// TestFrames holds every screen to its picture, at each size, with the
// terminal's own glyphs and with plain ones.
func TestFrames(t *testing.T) {
	for _, sc := range scenes {
		t.Run(sc.name, func(t *testing.T) {
			var all strings.Builder
			for _, plain := range []bool{false, true} {
				var opts []stageOption
				if plain {
					opts = append(opts, inASCII)
				}
				s := sc.set(t, opts...)
				for _, size := range frameSizes {
					if plain && size[0] == 140 {
						continue // the same letters in the same places
					}
					s.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
					s.checkFrame()
					cursor := ""
					if c := s.m.View().Cursor; c != nil {
						cursor = fmt.Sprintf(", cursor at %d,%d", c.X, c.Y)
					}
					fmt.Fprintf(&all, "== %dx%d, ascii %v%s\n%s\n", size[0], size[1], plain, cursor, trimLines(s.frame()))
				}
			}
			golden.RequireEqual(t, all.String())
		})
	}
}

// trimLines takes the spaces off the ends of lines, which editors lose anyway;
// checkFrame has counted them.
func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
}

// TestColours holds the styles of some screens to their pictures, on dark and
// light. Without colours the letters are those of TestFrames: see TestReplay.
func TestColours(t *testing.T) {
	for _, sc := range scenes {
		switch sc.name {
		case "secrets", "menu", "create-exists", "delete-used", "template", "unlock":
		default:
			continue
		}
		t.Run(sc.name, func(t *testing.T) {
			s := sc.set(t)
			dark := s.m.View().Content
			s.send(tea.BackgroundColorMsg{Color: white{}})
			golden.RequireEqual(t, dark+"\n"+s.m.View().Content+"\n")
		})
	}
}

// A frame is valid at every size, from the first.
func TestEverySize(t *testing.T) {
	for _, sc := range scenes {
		s := sc.set(t)
		for _, w := range []int{0, 1, 39, 40, 41, 45, 59, 60, 61, 72, 79, 80, 81, 99, 119, 120, 160, 300} {
			for _, h := range []int{0, 1, 9, 10, 11, 13, 15, 16, 17, 20, 23, 24, 50, 100} {
				s.send(tea.WindowSizeMsg{Width: w, Height: h})
				s.checkFrame()
			}
		}
	}
}

// A thousand resizes end in the frame of the last size.
func TestThousandResizes(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("j j enter")
	want := s.m.View().Content
	for i := range 1000 {
		s.send(tea.WindowSizeMsg{Width: 1 + (i*37)%200, Height: 1 + (i*23)%70})
		s.checkFrame()
	}
	s.send(tea.WindowSizeMsg{Width: 80, Height: 24})
	if got := s.m.View().Content; got != want {
		t.Fatalf("after a thousand resizes:\n%s", s.frame())
	}
}

// The first frame is valid before the terminal said anything.
func TestFirstFrame(t *testing.T) {
	m := newRoot(context.Background(), Config{Now: time.Now}, newTestReader(t))
	if v := m.View(); v.Content != "" || !v.AltScreen {
		t.Fatalf("the first frame is %+v", v)
	}
}

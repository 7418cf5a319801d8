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
	{"activity", keyed("5")},
	{"tools", keyed("2")},
	{"tools-empty", keyed("p G enter 2")},
	{"tool-menu", keyed("2 j enter")},
	{"tool-detail", keyed("2 v v w")},
	{"tool-open", keyed("2 o w")},
	{"tool-edit", keyed("2 e down down")},
	{"tool-complete", func(t *testing.T, opts ...stageOption) *stage {
		s := newDrawn(t, 80, 24, opts...)
		s.keys("2 n")
		s.text("charge-again")
		s.keys("tab")
		s.text("url: https://api.stripe.com/\nheaders:\n  Authorization: Bearer {{st")
		return s
	}},
	{"tool-wrong", func(t *testing.T, opts ...stageOption) *stage {
		s := newDrawn(t, 80, 24, opts...)
		s.keys("2 n")
		s.text("curl")
		s.keys("tab")
		s.text("url: https://api.stripe.com/{{GITHUB_TOKE}}\nbogus: 1\n")
		s.keys("ctrl+s")
		return s
	}},
	{"tool-conflict", func(t *testing.T, opts ...stageOption) *stage {
		s := newDrawn(t, 80, 24, opts...)
		s.keys("2 e")
		s.text("# mine\n")
		s.setText(vault.Tool, "curl-charge", "url: https://api.example.com/theirs\n")
		s.keys("ctrl+s")
		return s
	}},
	{"tool-delete", keyed("2 d")},
	{"tool-try", keyed("2 x")},
	{"tool-answer", func(t *testing.T, opts ...stageOption) *stage {
		s := newDrawn(t, 80, 24, opts...)
		s.keys("2 x")
		s.text("100")
		s.keys("ctrl+s i")
		return s
	}},
	{"instructions", keyed("3")},
	{"instruction-edit", keyed("3 e")},
	{"instruction-safe", func(t *testing.T, opts ...stageOption) *stage {
		s := newDrawn(t, 80, 24, opts...)
		s.keys("3 e")
		s.text("Be kind. ")
		s.keys("ctrl+s")
		return s
	}},
	{"members", keyed("4 j")},
	{"member-detail", keyed("4 j v v")},
	{"member-menu", keyed("4 j enter")},
	{"member-owner-menu", keyed("4 enter down")},
	{"member-new", func(t *testing.T, opts ...stageOption) *stage {
		s := newDrawn(t, 80, 24, opts...)
		s.keys("4 n")
		s.text("dana")
		s.keys("tab")
		s.paste(danasKey + " dana@laptop\n")
		return s
	}},
	{"member-confirm", func(t *testing.T, opts ...stageOption) *stage {
		s := newDrawn(t, 80, 24, opts...)
		s.keys("4 n")
		s.text("erin")
		s.keys("tab")
		s.paste(erinsKey)
		s.keys("ctrl+s")
		return s
	}},
	{"member-grant", keyed("4 j e")},
	{"member-grant-less", keyed("4 j e tab space tab space")},
	{"member-grant-manager", keyed("4 j j e tab tab space")},
	{"member-revoke", keyed("4 j d")},
	{"member-revoke-sure", keyed("4 j d enter")},
	{"member-remove-sure", keyed("4 j d down enter")},
	{"member-rotation", keyed("4 j d enter y")},
	{"as-reader-menu", asReader("enter")},
	{"as-reader-palette", asReader(":")},
	{"as-reader-members", asReader("4")},
	{"as-reader-projects", asReader("p")},
	{"as-nobody", func(t *testing.T, opts ...stageOption) *stage {
		return newDrawn(t, 80, 24, append(opts, asMember("nia", 0))...)
	}},
	{"used-by-open", keyed("j j j j j j j u down enter")},
	{"delete-used-list", keyed("j j j j j j j d tab down")},
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

// asReader presses keys as a member who may read only.
func asReader(keys string) func(*testing.T, ...stageOption) *stage {
	return func(t *testing.T, opts ...stageOption) *stage {
		s := newDrawn(t, 80, 24, append(opts, asMember("rita", mayRead))...)
		s.keys(keys)
		return s
	}
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
		case "secrets", "menu", "create-exists", "delete-used", "template", "unlock", "tool-detail", "tool-wrong", "tool-answer", "instruction-edit", "members", "member-grant-less", "as-reader-menu":
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

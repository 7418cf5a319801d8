package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/prooftest"
	"tacenda/internal/vault"
)

func TestPalette(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys(":")
	s.sees("Command", "> create a secret", "copy {{NAME}} of DATABASE_URL")
	s.text("clon")
	s.sees("> clone DATABASE_URL to another project")
	s.lacks("create a secret")
	s.keys("tab")
	s.sees(": clone DATABASE_URL to another project")
	s.keys("enter")
	s.sees("Clone DATABASE_URL to…")
	s.keys("esc :")
	s.text("zzz")
	s.sees("nothing matches")
	s.keys("enter esc")
	s.lacks("Command")
	s.keys(":")
	s.text("keys that open")
	s.keys("enter")
	s.sees("Keys to this vault", "test key", "age", "SHA256:", "tacenda key add")
}

// Everything that can be done has a name in the palette.
func TestPaletteKnowsEveryAction(t *testing.T) {
	s := newDrawn(t, 80, 24, func(_ *stage, c *Config) {
		c.ReadFile = func(context.Context, string) ([]byte, error) { return nil, nil }
	})
	p := newPalette(s.m)
	var names []string
	for _, b := range p.actions {
		names = append(names, b.name)
	}
	all := strings.Join(names, "\n")
	for _, want := range []string{
		"create a secret", "copy {{NAME}} of DATABASE_URL", "edit DATABASE_URL", "clone DATABASE_URL", "delete DATABASE_URL",
		"show what uses DATABASE_URL", "filter", "sort by", "preview", "projects", "show the keys", "reload", "lock the vault", "quit",
		"go to Secrets", "go to Tools", "go to Instructions", "go to Activity", "create a project", "create a tool", "create an instruction", "keys that open this vault", "preview a template file",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("the palette lacks %q:\n%s", want, all)
		}
	}
}

// No two bindings that work at the same time share a key.
func TestNoKeyMeansTwoThings(t *testing.T) {
	s := newDrawn(t, 140, 40)
	check := func(where string, groups []group) {
		seen := map[string]string{}
		for _, g := range append(groups, s.m.always()) {
			for _, b := range g.bindings {
				for k := range strings.FieldsSeq(b.keys) {
					if other, ok := seen[k]; ok {
						t.Errorf("%s: %q is both %q and %q", where, k, other, b.help)
					}
					seen[k] = b.help
				}
			}
		}
	}
	for i, sec := range s.m.sections {
		s.m.open = i
		check(sec.title(), s.m.workspace())
	}
	s.m.open = 0
	s.keys("shift+tab")
	check("sidebar", s.m.workspace())
	s.keys("tab")
	for _, open := range []string{"n", "e", "c", "d", "u", "enter", "p", ":", "?"} {
		s.keys(open)
		if len(s.u.stack) == 0 {
			t.Fatalf("%s opens nothing", open)
		}
		check("dialog of "+open, s.u.stack[len(s.u.stack)-1].groups(s.u))
		s.u.closeAll()
	}
}

func TestHelp(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("?")
	s.sees("╔═ Keys ═", "Secrets", "delete…", "j k", "half page", "Everywhere", "^c", "alt+enter", "Values are write-only")
	s.keys("x")
	s.lacks("╔═ Keys")
	small := newDrawn(t, 48, 16)
	small.keys("?")
	small.sees("Keys 1-")
	small.keys("down")
	small.sees("Keys 2-")
	small.keys("esc")
	small.lacks("Keys 2-")
}

func TestActivity(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("5")
	s.sees("▸ Activity", "live", "2026-11-18", "created", "VAULT_PEER_CA", "test key", "newest first")
	s.put("api-gateway", "JUST_NOW", "a value with some length", "")
	s.check(s.v.CloneSecrets(context.Background(), "billing", []string{"STRIPE_API_KEY"}, "web", false))
	s.wait(time.Second)
	s.sees("Today", "JUST_NOW")
	s.keys("f")
	s.sees("paused")
	s.put("api-gateway", "UNSEEN", "a value with some length", "")
	s.wait(2 * time.Second)
	s.lacks("UNSEEN")
	s.keys("f")
	s.wait(time.Second)
	s.sees("UNSEEN", "live")
	s.keys("p G enter")
	s.sees("acme / web / Activity", "cloned", "STRIPE_API_KEY  from bill")
	s.checkFrame()
}

// mute is a vault whose history cannot be read.
type mute struct{ Vault }

func (mute) Events(context.Context, string) ([]vault.Event, error) {
	return nil, errors.New("the history is damaged")
}
func (mute) Slots(context.Context) ([]vault.SlotInfo, error) { return nil, errors.New("busy") }

func TestActivityFails(t *testing.T) {
	s := newDrawn(t, 80, 24, with(func(v Vault) Vault { return mute{v} }))
	s.keys("5")
	s.sees("the activity could not be read: the history is damaged")
	s.keys(":")
	s.text("keys that open")
	s.keys("enter")
	s.sees("the keys could not be read: busy")
}

const templateText = `# configuration
url: {{DATABASE_URL}}
token: "{{GITHUB_TOKEN|json}}"
	tabbed: {{STRIPE_KEY}}
near: {{ API_KEY }} {{database_url}}
again: {{DATABASE_URL}}
`

func TestTemplate(t *testing.T) {
	text := templateText
	s := newDrawn(t, 80, 24, func(_ *stage, c *Config) {
		c.ReadFile = func(_ context.Context, path string) ([]byte, error) {
			if path != "app.conf" {
				return nil, fmt.Errorf("opening %s: no such file", path)
			}
			return []byte(text), nil
		}
	})
	s.keys(":")
	s.text("preview a tem")
	s.keys("enter enter")
	s.sees("Preview a template")
	s.paste("nothing.conf")
	s.keys("enter")
	s.sees("opening nothing.conf: no such file")
	s.keys("ctrl+u")
	s.text("app.conf")
	s.keys("enter")
	s.sees("═ app.conf", "url: ⟦post••••prod⟧", `token: "⟦ghp_••••9Qz1⟧"`, "⟦STRIPE_KEY missing⟧", "5 placeholders", "! 3 problems",
		"! ", "STRIPE_KEY", "line 4", "unknown", "ok DATABASE_URL", "line 2 +1")
	s.keys("w")
	s.sees("> 4")
	s.keys("w")
	s.sees("> 5")
	s.keys("t")
	s.sees("url: {{DATABASE_URL}}", `token: "{{GITHUB_TOKEN|json}}"`)
	text = "plain\n"
	s.keys("r")
	s.sees("No placeholders: it resolves to itself.")
	text = "{{GITHUB_TOKEN}}"
	s.keys("r t")
	s.sees("ok all of them resolve in api-gateway")
	s.keys("w")
	s.sees("nothing is wrong in it")
	text = strings.Repeat("x", previewMax+1)
	s.keys("r")
	s.sees("1,048,576 are shown at most")
	s.keys("esc")
	s.lacks("app.conf")
}

func TestTooSmall(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("n")
	s.text("KEPT")
	s.keys("tab")
	s.text("a value that stays")
	e := s.u.stack[0].(*secretForm).value
	s.send(tea.WindowSizeMsg{Width: 20, Height: 5})
	if got, want := s.frame(), "too small: 20x5,\nneed 40x10"; got != want {
		t.Fatalf("drawn:\n%s", got)
	}
	s.text(" typed blindly") // the rest of a value must not become keys
	s.send(tea.WindowSizeMsg{Width: 80, Height: 24})
	s.sees("│KEPT", "************  32 bytes")
	if e.text() != "a value that stays typed blindly" {
		t.Fatalf("the form has %q", e.text())
	}
	for _, size := range [][2]int{{0, 0}, {1, 1}, {39, 24}, {80, 9}, {40, 10}} {
		s.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		s.checkFrame()
	}
}

// Slow work shows a sign of life, quick work does not.
func TestSignOfLife(t *testing.T) {
	s := newDrawn(t, 80, 24)
	cmd := s.u.load()
	s.sees("12 secrets")
	s.wait(2 * signAfter)
	s.sees(" loading secrets", "> DATABASE_URL")
	before := s.frame()
	s.wait(signEvery)
	s.sees(" loading secrets")
	if s.frame() == before {
		t.Fatal("the sign of life does not move")
	}
	s.run(cmd)
	s.sees("12 secrets")
}

func TestLightAndDark(t *testing.T) {
	s := newDrawn(t, 80, 24)
	dark := s.m.View().Content
	s.send(tea.BackgroundColorMsg{Color: white{}})
	light := s.m.View().Content
	if dark == light || !strings.Contains(light, "\x1b[34m") || strings.Contains(light, "\x1b[96m") {
		t.Fatalf("a light terminal gets %q", light[:200])
	}
}

type white struct{}

func (white) RGBA() (r, g, b, a uint32) { return 0xffff, 0xffff, 0xffff, 0xffff }

func TestGlyphs(t *testing.T) {
	for _, c := range []struct {
		environ []string
		ascii   bool
		want    bool
	}{
		{nil, false, false},
		{nil, true, true},
		{[]string{"LANG=C.UTF-8"}, false, false},
		{[]string{"LANG=de_DE.utf8"}, false, false},
		{[]string{"LANG=C"}, false, true},
		{[]string{"LANG=C.UTF-8", "LC_ALL=POSIX"}, false, true},
		{[]string{"LANG=C", "LC_CTYPE=en_US.UTF-8"}, false, false},
		{[]string{"LANG=C.UTF-8", "TERM=linux"}, false, true},
		{[]string{"LANG=C.UTF-8", "TERM=vt220"}, false, true},
	} {
		if got := newGlyphs(c.ascii, c.environ).ascii; got != c.want {
			t.Errorf("%v with ascii=%v: %v", c.environ, c.ascii, got)
		}
	}
}

// An ASCII screen has nothing but ASCII on it.
func TestASCII(t *testing.T) {
	s := newDrawn(t, 140, 40, inASCII)
	s.put("api-gateway", "WIDE", "密密密密密密密密密密密密", "größer als “das”")
	s.wait(time.Second)
	for _, keys := range []string{"", "n", "esc enter", "esc p", "esc :", "esc ?", "esc 4", "2", "e", "esc x", "ctrl+s", "esc esc 3", "e", "esc L"} {
		s.keys(keys)
		for _, r := range s.frame() {
			if r > 0x7e || r < ' ' && r != '\n' {
				t.Fatalf("after %q: %q on the screen:\n%s", keys, r, s.frame())
			}
		}
	}
}

// Nothing from outside can draw.
func TestHostileText(t *testing.T) {
	screens := 0
	for i, text := range lies {
		s := newDrawn(t, 80, 24, func(_ *stage, c *Config) {
			c.Name, c.Place = text, text
			c.CallTool = func(context.Context, Vault, string, string, []string) (Answer, error) {
				return Answer{Status: text, Head: []string{text, text}, Body: text + "\n" + text}, nil
			}
			with(func(v Vault) Vault { return lying{v, text} })(nil, c)
		})
		for _, keys := range []string{"", "j", "v v", "v", "n", "esc enter", "esc e", "esc y c", "esc d", "esc u", "esc p", "esc :", "esc 4", "2", "v v", "v v w", "e", "esc y o", "esc x", "ctrl+s", "i", "esc esc d", "esc 3 v", "v", "n", "esc 1 u", "enter", "esc esc L"} {
			s.keys(keys)
			for _, size := range [][2]int{{40, 10}, {140, 40}, {80, 24}} {
				s.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
				s.checkFrame()
				screens++
				for _, r := range s.frame() {
					if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
						t.Fatalf("text %d, after %q: %U on the screen", i, keys, r)
					}
				}
			}
		}
	}
	prooftest.Cases(t, screens, "screens")
}

var lies = []string{
	"\x1b[2J\x1b[31m\x1b]0;owned\x07\x9b31m",
	"evil\u202egnp.exe\u2066\u200b\u200d\ufeff",
	"a\nb\r\nc\td\x00e\x7f",
	strings.Repeat("密", 2_000),
	strings.Repeat("x", 2_000),
	"e" + strings.Repeat("\u0301", 500),
	"👩‍👩‍👧 👍🏽 🇩🇪 ⚠️",
	"\xff\xfe\xc3\x28",
	"⟦fake⟧ > ! x ╔═╗",
	"",
}

// lying is a vault in which everything is called the same.
type lying struct {
	Vault
	text string
}

func (h lying) Actor() string { return h.text }

func (h lying) Projects(ctx context.Context) ([]vault.Project, error) {
	ps, err := h.Vault.Projects(ctx)
	return append(ps, vault.Project{Name: h.text, Permissions: []string{h.text}}), err
}

func (h lying) Secrets(ctx context.Context, project string) ([]vault.Secret, error) {
	all, err := h.Vault.Secrets(ctx, project)
	for i := range all {
		all[i].Description, all[i].Author, all[i].Hint = h.text, h.text, h.text
		all[i].AllowedHosts = []string{h.text}
		if i < 2 {
			all[i].Name = h.text
		}
	}
	return all, err
}

func (h lying) Texts(ctx context.Context, project string, k vault.TextKind) ([]vault.Text, error) {
	all, err := h.Vault.Texts(ctx, project, k)
	for i := range all {
		all[i].Author, all[i].Text = h.text, h.text+"\n{{"+h.text+"}}\n{{STRIPE_API_KEY}}"
		if i < 2 {
			all[i].Name = h.text
		}
	}
	return all, err
}

func (h lying) Text(_ context.Context, project string, k vault.TextKind, name string) (vault.Text, error) {
	return vault.Text{Project: project, Kind: k, Name: name, Author: h.text, Text: "name: " + h.text + "\ntype: " + h.text + "\nurl: " + h.text}, nil
}

func (h lying) References(context.Context, string) (map[string][]vault.Reference, error) {
	ref := vault.Reference{Kind: h.text, Name: h.text, Where: h.text}
	return map[string][]vault.Reference{h.text: {ref, ref}, "JWT_SIGNING_KEY": {ref}}, nil
}

func (h lying) Secret(context.Context, string, string) (vault.Secret, error) {
	return vault.Secret{}, nil
}

func (h lying) Events(context.Context, string) ([]vault.Event, error) {
	return []vault.Event{{Time: noon, Actor: h.text, Action: "created", Object: h.text, Origin: h.text}}, nil
}

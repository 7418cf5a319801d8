package tui

import (
	"context"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"

	"tacenda/internal/vault"
)

// The pictures of the README are drawn here, so that they show what there is:
//
//	TACENDA_PICTURES=docs go test ./tui -run TestPictures
//
// makes them again. TACENDA_ALL_PICTURES=DIR draws every scene at three sizes,
// on dark and on light, to be looked at.
var pictures = []struct {
	file, scene string
	w, h        int
}{
	{"screen-secrets.svg", "secrets", 100, 30},
	{"screen-create.svg", "create-exists", 100, 30},
	{"screen-delete.svg", "delete-used", 100, 30},
	{"screen-template.svg", "template", 100, 30},
	{"screen-tools.svg", "tools", 100, 30},
	{"screen-members.svg", "members", 100, 30},
}

func TestPictures(t *testing.T) {
	dir := filepath.Join("..", "docs")
	if to := os.Getenv("TACENDA_PICTURES"); to != "" {
		if !filepath.IsAbs(to) {
			to = filepath.Join("..", to)
		}
		for _, p := range pictures {
			if err := os.WriteFile(filepath.Join(to, p.file), []byte(pictureOf(t, p.scene, p.w, p.h, false)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, p := range pictures {
		got, err := os.ReadFile(filepath.Join(dir, p.file))
		if err != nil || string(got) != pictureOf(t, p.scene, p.w, p.h, false) {
			t.Errorf("%s is not what the screen looks like now (%v): see the top of pictures_test.go", p.file, err)
		}
	}
	if to := os.Getenv("TACENDA_ALL_PICTURES"); to != "" {
		allPictures(t, to)
	}
}

func allPictures(t *testing.T, to string) {
	for _, sc := range scenes {
		for _, size := range [][2]int{{80, 24}, {100, 30}, {140, 40}} {
			for _, light := range []bool{false, true} {
				name := fmt.Sprintf("%s-%d%s.svg", sc.name, size[0], map[bool]string{true: "-light"}[light])
				if err := os.WriteFile(filepath.Join(to, name), []byte(pictureOf(t, sc.name, size[0], size[1], light)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func pictureOf(t *testing.T, scene string, w, h int, light bool) string {
	t.Helper()
	for _, sc := range scenes {
		if sc.name != scene {
			continue
		}
		s := sc.set(t, with(func(v Vault) Vault { return alices{v} }))
		s.send(tea.WindowSizeMsg{Width: w, Height: h})
		if light {
			s.send(tea.BackgroundColorMsg{Color: white{}})
		}
		return drawSVG(s.m.View(), w, h, light)
	}
	t.Fatalf("there is no scene %q", scene)
	return ""
}

// alices is a vault in which all was done by somebody with a name.
type alices struct{ Vault }

func (alices) Actor() string { return "alice" }

func (a alices) Slots(ctx context.Context) ([]vault.SlotInfo, error) {
	all, err := a.Vault.Slots(ctx)
	for i := range all {
		all[i].Label = "alice"
	}
	return all, err
}

func (a alices) Texts(ctx context.Context, project string, k vault.TextKind) ([]vault.Text, error) {
	all, err := a.Vault.Texts(ctx, project, k)
	for i := range all {
		all[i].Author = "alice"
	}
	return all, err
}

func (a alices) Secrets(ctx context.Context, project string) ([]vault.Secret, error) {
	all, err := a.Vault.Secrets(ctx, project)
	for i := range all {
		all[i].Author = "alice"
	}
	return all, err
}

// inks is how the picture draws the terminal's own colours.
type inks struct {
	back, text string
	ansi       map[ansi.BasicColor]string
}

var darkInks = inks{"#16181d", "#d5d8de", map[ansi.BasicColor]string{
	ansi.BrightCyan: "#6fc3df", ansi.BrightGreen: "#8fce7e", ansi.BrightYellow: "#e6c35c", ansi.BrightRed: "#f07178",
}}

var lightInks = inks{"#fdfdfb", "#2c2f36", map[ansi.BasicColor]string{
	ansi.Blue: "#2357b5", ansi.Green: "#2e7d32", ansi.Yellow: "#8a6100", ansi.Red: "#b3261e",
}}

const (
	cellW, cellH = 8.43, 16.4 // DejaVu Sans Mono at 14 pixels
	margin       = 14.0
)

// drawSVG draws a view as a terminal would show it. Each run of cells is given
// its length, so that columns stand under one another in any font.
func drawSVG(v tea.View, w, h int, light bool) string {
	p := darkInks
	if light {
		p = lightInks
	}
	e := vt.NewEmulator(w, h)
	defer e.Close()
	_, _ = e.WriteString(strings.ReplaceAll(v.Content, "\n", "\r\n"))
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14" xml:space="preserve">`+"\n",
		float64(w)*cellW+2*margin, float64(h)*cellH+2*margin)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" rx="8" fill="%s"/>`+"\n", p.back)
	if c := v.Cursor; c != nil {
		fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s" opacity=".6"/>`+"\n",
			margin+float64(c.X)*cellW, margin+float64(c.Y)*cellH, cellW, cellH, p.text)
	}
	for y := range h {
		for x := 0; x < w; {
			x += p.run(&b, e, x, y, w)
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// run draws the cells from x that look alike, and returns how many they are.
func (p inks) run(b *strings.Builder, e *vt.Emulator, x, y, w int) int {
	first := e.CellAt(x, y)
	if first == nil || first.Content == "" || first.Content == " " {
		return 1
	}
	text, n := "", 0
	for x+n < w {
		c := e.CellAt(x+n, y)
		if c == nil || !c.Style.Equal(&first.Style) || c.Content == "" {
			break
		}
		if next := e.CellAt(x+n+1, y); c.Content == " " && (next == nil || next.Content == " ") {
			break // two spaces: what follows gets a place of its own
		}
		text += c.Content
		n += max(c.Width, 1)
	}
	if n == 0 {
		return 1
	}
	fill := p.text
	if fg, ok := first.Style.Fg.(ansi.BasicColor); ok {
		fill = p.ansi[fg]
	}
	more := ""
	if first.Style.Attrs&uv.AttrBold != 0 {
		more += ` font-weight="bold"`
	}
	if first.Style.Attrs&uv.AttrFaint != 0 {
		more += ` opacity=".55"`
	}
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" textLength="%.1f" lengthAdjust="spacingAndGlyphs" fill="%s"%s>%s</text>`+"\n",
		margin+float64(x)*cellW, margin+float64(y)*cellH+cellH*0.75, float64(n)*cellW, fill, more, html.EscapeString(text))
	return n
}

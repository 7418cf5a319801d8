package tui

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"tacenda/internal/vault"
)

// Only secrets that were asked about are marked as safe for the model.
func TestInstructionMarksOnlyWhatWasAsked(t *testing.T) {
	fail := true
	s := newDrawn(t, 80, 24, with(func(v Vault) Vault { return stubborn{v, &fail} }))
	s.keys("3 n")
	s.text("guide")
	s.keys("tab")
	s.paste("use {{STRIPE_API_KEY}}\n")
	s.keys("ctrl+s")
	s.sees("Safe for the model?", "the value of STRIPE_API_KEY")
	s.keys("y")
	s.sees("not saved: the disk is full")
	s.paste("and {{GITHUB_TOKEN}}\n")
	fail = false
	s.keys("ctrl+s")
	s.sees("Safe for the model?", "GITHUB_TOKEN")
	s.keys("n")
	s.sees("created guide")
	for _, name := range []string{"STRIPE_API_KEY", "GITHUB_TOKEN"} {
		if x, err := s.v.Secret(context.Background(), "api-gateway", name); err != nil || x.LLMSafe {
			t.Errorf("%s: safe %v, %v", name, x.LLMSafe, err)
		}
	}
}

type stubborn struct {
	Vault
	fail *bool
}

func (v stubborn) SetText(ctx context.Context, project string, k vault.TextKind, name, text string, version uint64) (vault.Text, error) {
	if *v.fail {
		return vault.Text{}, errors.New("the disk is full")
	}
	return v.Vault.SetText(ctx, project, k, name, text, version)
}

// The question names every secret that yes would mark.
func TestInstructionNamesAll(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("3 n")
	s.text("all")
	s.keys("tab")
	var text strings.Builder
	for _, d := range drawn {
		text.WriteString("{{" + d.name + "}}\n")
	}
	s.paste(text.String())
	s.keys("ctrl+s")
	for _, d := range drawn {
		s.sees(d.name)
	}
}

// A form that is still empty shows what belongs in it, and blames nobody for what
// was not written yet.
func TestTextFormBegins(t *testing.T) {
	const nothing = "the definition is empty"
	s := newDrawn(t, 80, 24, func(_ *stage, c *Config) {
		c.CheckTool = func(text string) (Tool, []Problem) {
			if text == "" {
				return Tool{}, []Problem{{Line: 1, Text: nothing}}
			}
			return checkTool(text)
		}
	})
	s.keys("2 n")
	s.wait(time.Second)
	s.sees("For example", "url: https://api.example.com/v1/items", "Bearer {{NAME}}")
	s.lacks(nothing, "! 1")
	s.keys("tab m")
	s.wait(time.Second)
	s.sees("Preview")
	s.lacks("For example")
	s.keys("backspace")
	s.wait(time.Second)
	s.sees("For example")
	s.lacks(nothing)
	s.keys("shift+tab a ctrl+s")
	s.sees("! it needs a text")
	s.keys("esc y")
	s.keys("3 n")
	s.sees("For example", "Look the order up first.")
}

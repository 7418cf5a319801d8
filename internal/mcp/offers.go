package mcp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"tacenda/internal/apitool"
	"tacenda/internal/plain"
	"tacenda/internal/vault"
)

// An offerKey is what an agent names: tools and instructions have names of
// their own.
type offerKey struct {
	kind vault.TextKind
	name string
}

// An offer is a tool or an instruction as it was when the server started.
type offer struct {
	offerKey
	text string
	tool *apitool.Tool // nil for an instruction
	gone string        // why it is no longer offered; it never is again
}

// load makes the offers.
func (s *Server) load(ctx context.Context) error {
	stamp, err := s.Vault.Stamp(ctx, s.Project)
	if err != nil {
		return err
	}
	texts, err := s.texts(ctx)
	if err != nil {
		return err
	}
	var unknown []string
	for _, name := range s.Only {
		if !slices.ContainsFunc(texts, func(t vault.Text) bool { return t.Name == name }) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		return fmt.Errorf("project %s has no tool or instruction %s: %w", s.Project, quoted(unknown), vault.ErrNotFound)
	}
	for _, t := range texts {
		if len(s.Only) == 0 || slices.Contains(s.Only, t.Name) {
			s.offer(t)
		}
	}
	s.stamp = stamp
	return nil
}

// texts are the project's tools and instructions.
func (s *Server) texts(ctx context.Context) ([]vault.Text, error) {
	tools, err := s.Vault.Texts(ctx, s.Project, vault.Tool)
	if err != nil {
		return nil, err
	}
	instructions, err := s.Vault.Texts(ctx, s.Project, vault.Instruction)
	return append(tools, instructions...), err
}

// offer adds one to what the agent sees.
func (s *Server) offer(t vault.Text) {
	o := &offer{offerKey: offerKey{t.Kind, t.Name}, text: t.Text}
	if t.Kind == vault.Instruction {
		s.offers[o.offerKey] = o
		s.sdk.AddPrompt(&sdk.Prompt{Name: o.name, Description: firstLine(o.text)}, s.prompt(o))
		return
	}
	tool, problems := apitool.Parse(t.Name, []byte(t.Text))
	switch {
	case tool == nil: // saved by a program that knew other keys
		why := "it is not a tool"
		if len(problems) > 0 {
			why = problems[0].String()
		}
		s.note("tool %s is not offered: %s", t.Name, why)
	case s.ReadOnly && !tool.ReadOnly():
		if len(s.Only) > 0 {
			s.note("tool %s is not offered: its method is %s", t.Name, tool.Method)
		}
	default:
		o.tool = tool
		s.offers[o.offerKey] = o
		s.sdk.AddTool(describe(o), s.tool(o))
	}
}

// describe is a tool as the protocol has it. The hints say no more than what
// the method means to every server.
func describe(o *offer) *sdk.Tool {
	open, destructive := true, false
	switch o.tool.Method {
	case "PUT", "PATCH", "DELETE":
		destructive = true
	}
	idempotent := o.tool.ReadOnly() || o.tool.Method == "PUT" || o.tool.Method == "DELETE"
	return &sdk.Tool{
		Name: o.name, Description: o.tool.Description, InputSchema: o.tool.Schema(),
		Annotations: &sdk.ToolAnnotations{
			ReadOnlyHint: o.tool.ReadOnly(), DestructiveHint: &destructive,
			IdempotentHint: idempotent, OpenWorldHint: &open,
		},
	}
}

// firstLine describes an instruction: it has no other description.
func firstLine(text string) string {
	const most = 120 // bytes: one line in a list
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(strings.TrimLeft(plain.String(line), "# "))
		if line == "" {
			continue
		}
		if len(line) <= most {
			return line
		}
		end := most
		for !utf8.RuneStart(line[end]) {
			end--
		}
		return line[:end] + "…"
	}
	return ""
}

// look drops the offers that the project no longer has as they were. It costs
// one look at the project's counter while nothing changes.
func (s *Server) look(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.compare(ctx)
	if err != nil && ctx.Err() == nil {
		s.note("the vault does not answer: %v", err)
	}
	return err
}

func (s *Server) compare(ctx context.Context) error {
	stamp, err := s.Vault.Stamp(ctx, s.Project)
	if err == nil && stamp == s.stamp {
		return nil
	}
	var texts []vault.Text
	if err == nil {
		texts, err = s.texts(ctx)
	}
	lost := "was deleted"
	if errors.Is(err, vault.ErrNotFound) {
		err, lost = nil, "is gone: its project was deleted, or may no longer be used"
	}
	if err != nil {
		return err
	}
	now := make(map[offerKey]string, len(texts))
	for _, t := range texts {
		now[offerKey{t.Kind, t.Name}] = t.Text
	}
	for key, o := range s.offers {
		text, there := now[key]
		switch {
		case o.gone != "":
		case !there:
			s.drop(o, lost)
		case text != o.text:
			s.drop(o, "was changed after this server started, and is not offered before it is restarted")
		}
	}
	s.stamp = stamp
	return nil
}

// drop takes an offer off the list, which the agent is told.
func (s *Server) drop(o *offer, why string) {
	o.gone = fmt.Sprintf("%s %s %s", o.kind, o.name, why)
	s.note("%s", o.gone)
	if o.kind == vault.Tool {
		s.sdk.RemoveTools(o.name)
	} else {
		s.sdk.RemovePrompts(o.name)
	}
}

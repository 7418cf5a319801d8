package mcp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"tacenda/internal/vault"
	"tacenda/keyring/secret"
	"tacenda/resolver"
)

// maxPrompt bounds a resolved instruction in bytes: a text of a kilobyte may
// name a long value a hundred times.
const maxPrompt = 4 << 20

// prompt is the handler of one instruction.
func (s *Server) prompt(o *offer) sdk.PromptHandler {
	return func(ctx context.Context, req *sdk.GetPromptRequest) (*sdk.GetPromptResult, error) {
		if len(req.Params.Arguments) > 0 {
			return nil, refused(fmt.Errorf("instruction %s takes no arguments", o.name))
		}
		text, err := s.resolve(ctx, o)
		if err != nil {
			return nil, refused(fmt.Errorf("instruction %s: %w", o.name, err))
		}
		return &sdk.GetPromptResult{
			Description: firstLine(o.text),
			Messages:    []*sdk.PromptMessage{{Role: "user", Content: &sdk.TextContent{Text: text}}},
		}, nil
	}
}

// refused is an error of the protocol that keeps its text.
func refused(err error) error {
	return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: err.Error()}
}

// resolve puts values into an instruction. They become a string here, which JSON
// needs: this is the one way by which a value reaches an agent, and only with
// the mark that its owner set.
func (s *Server) resolve(ctx context.Context, o *offer) (string, error) {
	t, err := resolver.Scan(strings.NewReader(o.text), resolver.Options{File: o.name})
	if err != nil {
		return "", err
	}
	var values vault.Values
	if len(t.Names()) > 0 { // whoever may only read has the texts without placeholders
		if values, err = s.Vault.Values(ctx, s.Project, t.Names()); err != nil {
			return "", err
		}
		defer values.Close()
		if err := s.safe(values.Secrets()); err != nil {
			return "", err
		}
		s.noteExpired(values.Secrets())
	}
	out := &prompted{}
	defer out.wipe()
	if err := t.Resolve(out, values); err != nil {
		return "", err
	}
	if !utf8.Valid(out.text) {
		return "", errors.New("a value in it is not text")
	}
	return string(out.text), nil
}

// safe refuses secrets that are not marked safe for the model, and says how the
// user allows them.
func (s *Server) safe(secrets []vault.Secret) error {
	var names, commands []string
	for _, one := range secrets {
		if !one.LLMSafe {
			names = append(names, one.Name)
			commands = append(commands, fmt.Sprintf("tacenda edit %s -p %s --llm-safe", one.Name, s.Project))
		}
	}
	if len(names) == 0 {
		return nil
	}
	what := "a secret that is"
	if len(names) > 1 {
		what = "secrets that are"
	}
	return fmt.Errorf("it names %s not marked safe for the model: %s; the user may allow it with: %s",
		what, quoted(names), quoted(commands))
}

// noteExpired tells the user of secrets that should have been replaced.
func (s *Server) noteExpired(secrets []vault.Secret) {
	for _, one := range secrets {
		if one.Expired(time.Now()) {
			s.note("%s expired on %s", one.Name, one.Expires.UTC().Format(time.DateOnly))
		}
	}
}

// prompted collects a resolved instruction. Unlike a bytes.Buffer it leaves no
// copy behind when it grows.
type prompted struct{ text []byte }

func (p *prompted) Write(b []byte) (int, error) {
	if len(p.text)+len(b) > maxPrompt {
		return 0, fmt.Errorf("the resolved text has more than %d bytes", maxPrompt)
	}
	if need := len(p.text) + len(b); need > cap(p.text) {
		grown := make([]byte, len(p.text), 2*need)
		copy(grown, p.text)
		p.wipe()
		p.text = grown
	}
	p.text = append(p.text, b...)
	return len(b), nil
}

func (p *prompted) wipe() { secret.Wipe(p.text[:cap(p.text)]) }

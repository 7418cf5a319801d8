package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"tacenda/internal/apitool"
	"tacenda/internal/vault"
)

// tool is the handler of one tool. What goes wrong is a result that the model
// reads, not an error of the protocol.
func (s *Server) tool(o *offer) sdk.ToolHandler {
	return func(ctx context.Context, req *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		args, err := arguments(req.Params.Arguments)
		if err != nil {
			return failed(fmt.Sprintf("tool %s: %v", o.name, err)), nil
		}
		if n := s.calls.Add(1); s.MaxCalls > 0 && n > int64(s.MaxCalls) {
			return failed(fmt.Sprintf("tool %s: not called: this server was started for %d calls (--max-calls), and they are used up", o.name, s.MaxCalls)), nil
		}
		select {
		case s.running <- struct{}{}:
			defer func() { <-s.running }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return s.call(ctx, o, args), nil
	}
}

// arguments decodes what an agent sends. Numbers stay as they were written.
func arguments(raw json.RawMessage) (map[string]any, error) {
	args := map[string]any{}
	if len(raw) == 0 {
		return args, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&args); err != nil {
		return nil, errors.New("the arguments must be a JSON object")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the arguments must be one JSON object")
	}
	return args, nil
}

// call makes the request and renders its answer.
func (s *Server) call(ctx context.Context, o *offer, args map[string]any) *sdk.CallToolResult {
	values, m, err := s.masks.open(ctx, o.tool.Placeholders())
	if err != nil {
		return failed(fmt.Sprintf("tool %s: %v", o.name, err))
	}
	defer s.masks.give(m)
	defer values.Close()
	s.noteExpired(values.Secrets())
	c := &apitool.Caller{Secrets: values, Hosts: hosts(values.Secrets()), Mask: m.finder}
	answer, err := c.Call(ctx, o.tool, args)
	if err != nil {
		return failed(m.finder.MaskString(fmt.Sprintf("tool %s: %v", o.name, err)))
	}
	defer func() { _ = answer.Body.Close() }() // it is read to its end, or cut on purpose
	return render(o, answer, m.finder.MaskString)
}

// hosts are the hosts that each secret is bound to.
func hosts(secrets []vault.Secret) map[string][]string {
	bound := make(map[string][]string)
	for _, s := range secrets {
		if len(s.AllowedHosts) > 0 {
			bound[s.Name] = s.AllowedHosts
		}
	}
	return bound
}

// failed is the result of a call that got no answer.
func failed(text string) *sdk.CallToolResult {
	return &sdk.CallToolResult{IsError: true, Content: []sdk.Content{&sdk.TextContent{Text: text}}}
}

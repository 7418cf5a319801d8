package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"tacenda/internal/apitool"
	"tacenda/internal/plain"
	"tacenda/tui"
)

// checkTool reads a tool's definition for the interface. Which secrets there
// are the interface knows itself.
func checkTool(text string) (tui.Tool, []tui.Problem) {
	tool, found := apitool.Parse("", []byte(text))
	problems := make([]tui.Problem, 0, len(found))
	for _, p := range found {
		problems = append(problems, tui.Problem{Line: p.Line, Column: p.Column, Text: p.Text, Warning: p.Warning})
	}
	if tool == nil {
		return tui.Tool{}, problems
	}
	shown := tui.Tool{Description: tool.Description, Method: tool.Method, URL: tool.URL}
	for _, p := range tool.Params {
		shown.Params = append(shown.Params, shownParam(p))
	}
	return shown, problems
}

func shownParam(p apitool.Param) tui.Param {
	out := tui.Param{Name: p.Name, Type: p.Type, Description: p.Description, Required: p.Required}
	if p.Default != nil {
		out.Default = fmt.Sprint(p.Default)
	}
	for _, v := range p.Enum {
		out.Choices = append(out.Choices, fmt.Sprint(v))
	}
	return out
}

// maxShownAnswer is how much of an answer the interface shows, in bytes.
const maxShownAnswer = 1 << 20

// callTool calls a tool for the interface.
func (a *app) callTool(ctx context.Context, v tui.Vault, project, tool string, args []string) (tui.Answer, error) {
	open, ok := v.(toolVault)
	if !ok {
		return tui.Answer{}, errors.New("this vault calls no tools")
	}
	k := &toolCall{a: a, v: open, project: project, name: tool, pairs: args}
	answer, err := k.do(ctx)
	if err != nil {
		return tui.Answer{}, err
	}
	defer answer.Body.Close() //nolint:errcheck // what was read was read
	var body strings.Builder
	n, err := io.Copy(&body, io.LimitReader(answer.Body, maxShownAnswer+1))
	switch {
	case ctx.Err() != nil:
		return tui.Answer{}, ctx.Err()
	case err != nil:
		return tui.Answer{}, fmt.Errorf("calling %s: the answer ended early: %w", tool, err)
	}
	shown := tui.Answer{Status: answer.Proto + " " + answer.Status, Failed: answer.Code >= 400, Body: again(answer, body.String())}
	if shown.Cut = n > maxShownAnswer; shown.Cut {
		shown.Body = shown.Body[:min(len(shown.Body), maxShownAnswer)]
	}
	_, headers, _ := strings.Cut(strings.TrimRight(again(answer, head(answer)), "\n"), "\n")
	if headers != "" {
		shown.Head = strings.Split(headers, "\n")
	}
	return shown, nil
}

// again is text as the interface shows it, masked once more: a value may stand
// there whole only now that what a server put between its characters is gone.
func again(answer *apitool.Answer, text string) string {
	var b strings.Builder
	m := maskedAgain(answer, &b)
	_, _ = io.WriteString(m, plain.Lines(text)) // b takes everything
	_ = m.Close()
	return b.String()
}

package tui

import (
	"context"
	"strings"

	"tacenda/internal/vault"
)

// drawnTexts are the tools and instructions of the drawings.
var drawnTexts = []struct {
	kind       vault.TextKind
	name, text string
}{
	{vault.Tool, "curl-charge", `description: charges a card
method: POST
url: https://api.stripe.com/v1/charges
headers:
  Authorization: Bearer {{STRIPE_API_KEY}}
  Idempotency-Key: "{{REQ_ID}}"
body:
  amount: ${amount}
params:
  - name: amount
    type: integer
    required: true
  - name: currency
    type: string
    default: eur
`},
	{vault.Tool, "refund", "description: pays back\nmethod: POST\nurl: https://api.stripe.com/v1/refunds\nheaders:\n  Authorization: Bearer {{STRIPE_API_KEY}}\n"},
	{vault.Tool, "release-notes", "description: reads the release\nmethod: GET\nurl: https://api.github.com/repos/acme/shop/releases/latest\nheaders:\n  Authorization: Bearer {{GITHUB_TOKEN}}\n"},
	{vault.Tool, "send-mail", "description: sends a mail\nmethod: POST\nurl: https://api.sendgrid.com/v3/mail/send\nheaders:\n  Authorization: Bearer {{SENDGRID_API_KEY}}\n"},
	{vault.Instruction, "billing-runbook", "# Billing runbook\n\nWhen a customer asks for their money back, look the charge up first.\nThen call the refund tool.\n\nLog in to the dashboard with {{STRIPE_API_KEY}}, and never repeat it.\n"},
	{vault.Instruction, "oncall", "Who is on call answers within ten minutes.\n"},
}

// checkTool stands for what reads a tool's definition: enough of it for the
// drawings. The real one has tests of its own.
func checkTool(text string) (Tool, []Problem) {
	t, problems := Tool{Method: "GET"}, []Problem(nil)
	for i, line := range strings.Split(text, "\n") {
		key, value, _ := strings.Cut(strings.TrimLeft(line, " -"), ": ")
		switch key {
		case "description":
			t.Description = value
		case "method":
			t.Method = value
		case "url":
			t.URL = value
		case "name":
			t.Params = append(t.Params, Param{Name: value})
		case "type":
			t.Params[len(t.Params)-1].Type = value
		case "required":
			t.Params[len(t.Params)-1].Required = value == "true"
		case "default":
			t.Params[len(t.Params)-1].Default = value
		case "bogus":
			problems = append(problems, Problem{Line: i + 1, Column: 3, Text: "there is no key \"bogus\""})
		}
	}
	if t.URL == "" {
		problems = append(problems, Problem{Line: 1, Column: 1, Text: "it has no url"})
	}
	return t, problems
}

func (s *stage) setText(k vault.TextKind, name, text string) {
	s.Helper()
	_, err := s.v.SetText(context.Background(), "api-gateway", k, name, text, 0)
	s.check(err)
}

// stored is a tool or an instruction as another process sees it.
func (s *stage) stored(k vault.TextKind, name string) string {
	s.Helper()
	t, err := s.v.Text(context.Background(), "api-gateway", k, name)
	s.check(err)
	return t.Text
}

package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tacenda/internal/apitool"
	"tacenda/internal/vault"
)

func (a *app) toolCommand() *cobra.Command {
	return parent("tool", `API tools are HTTP requests that the project keeps: a definition in YAML or JSON
says where they go, {{NAME}} puts a secret in and ${param} an argument. Host and
header names are literal, so that a tool sends a secret only where its text says.
The keys of a definition are described in docs/tools.md.`,
		"  tacenda tool set get-user -f get-user.yaml\n  tacenda tool list\n  tacenda call get-user --param id=42",
		a.toolListCommand(), a.toolSetCommand(), a.toolShowCommand(), a.toolDeleteCommand())
}

// toolJSON is a tool as list and show print it.
type toolJSON struct {
	Name         string            `json:"name"`
	Description  string            `json:"description"`
	Method       string            `json:"method"`
	URL          string            `json:"url"`
	Headers      map[string]string `json:"headers"`
	Query        map[string]string `json:"query"`
	Body         apitool.Body      `json:"body"`
	Params       []paramJSON       `json:"params"`
	Timeout      string            `json:"timeout"`
	TLS          tlsJSON           `json:"tls"`
	AllowPlain   bool              `json:"allow_plain"`
	Placeholders []string          `json:"placeholders"` // names, sorted
}

type paramJSON struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Type        string `json:"type"`
	Required    bool   `json:"required"`
	Default     any    `json:"default"`
}

type tlsJSON struct {
	CAFile     string `json:"ca_file"`
	ServerName string `json:"server_name"`
	MinVersion string `json:"min_version"`
}

func toToolJSON(name string, t *apitool.Tool) toolJSON {
	fields := func(list []apitool.Field) map[string]string {
		m := make(map[string]string, len(list))
		for _, f := range list {
			m[f.Name] = f.Value
		}
		return m
	}
	params := []paramJSON{}
	for _, p := range t.Params {
		params = append(params, paramJSON{p.Name, p.Description, p.Type, p.Required, p.Default})
	}
	return toolJSON{
		Name: name, Description: t.Description, Method: t.Method, URL: t.URL,
		Headers: fields(t.Headers), Query: fields(t.Query), Body: t.Body, Params: params,
		Timeout: t.Timeout.String(), TLS: tlsJSON(t.TLS), AllowPlain: t.AllowPlain, Placeholders: list(t.Placeholders()),
	}
}

// parseTool reads a definition that the vault keeps. It was in order when it
// was stored; a newer program may have stored what this one does not know.
func parseTool(text vault.Text) (*apitool.Tool, error) {
	t, problems := apitool.Parse(text.Name, []byte(text.Text))
	if t != nil {
		return t, nil
	}
	for _, p := range problems {
		if !p.Warning {
			return nil, fmt.Errorf("tool %s cannot be read: %s", text.Name, p)
		}
	}
	return nil, fmt.Errorf("tool %s cannot be read", text.Name)
}

func (a *app) toolListCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the project's tools",
		Long:    "List the project's tools: where they go, what they are for, and the\nplaceholders in them.",
		Example: "  tacenda tool list\n  tacenda tool list --json",
		Args:    exactly(0, "no arguments"),
		RunE:    func(c *cobra.Command, _ []string) error { return a.toolList(c.Context()) },
	}
	a.jsonFlag(c)
	return c
}

func (a *app) toolList(ctx context.Context) error {
	project, v, err := a.openProject(ctx, forReading)
	if err != nil {
		return err
	}
	defer v.Close()
	texts, err := v.Texts(ctx, project, vault.Tool)
	if err != nil {
		return err
	}
	items := []toolJSON{}
	rows := &table{header: []string{"NAME", "METHOD", "URL", "DESCRIPTION", "PLACEHOLDERS"}, flex: 3}
	for _, text := range texts {
		t, err := parseTool(text)
		if err != nil {
			a.warn(err.Error())
			t = &apitool.Tool{}
		}
		items = append(items, toToolJSON(text.Name, t))
		rows.add(text.Name, t.Method, t.URL, t.Description, strings.Join(t.Placeholders(), " "))
	}
	switch {
	case a.json:
		return writeJSONList(a.out, items)
	case len(texts) == 0:
		a.note("no tools")
		return nil
	}
	return a.draw(rows)
}

func (a *app) toolShowCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "show NAME",
		Short: "Print a tool's definition",
		Long: `Print a tool's definition as it was set, with its placeholders. The request that
it makes is shown by tacenda call NAME --dry-run.

Exit codes: 2 malformed name; 5 no such tool.`,
		Example: "  tacenda tool show get-user > get-user.yaml\n  tacenda tool show get-user --json",
		Args:    exactly(1, "one NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.showText(c.Context(), vault.Tool, args[0], func(t vault.Text) (any, error) {
				tool, err := parseTool(t)
				if err != nil {
					return nil, err
				}
				return toToolJSON(t.Name, tool), nil
			})
		},
	}
	a.jsonFlag(c)
	return c
}

func (a *app) toolSetCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "set NAME -f FILE|-",
		Short: "Create a tool, or replace its definition",
		Long: `Create a tool from a definition in YAML or JSON, or replace the definition of
one. It is checked first: every problem is listed as file:line:column, and with
one nothing is stored. A placeholder that names no secret draws a warning.

Exit codes: 2 malformed name, or a definition with problems; 5 no such file or
project.`,
		Example: "  tacenda tool set get-user -f get-user.yaml\n  tacenda tool set get-user -f - < get-user.json",
		Args:    exactly(1, "one NAME (the definition comes from -f FILE)"),
		RunE:    func(c *cobra.Command, args []string) error { return a.toolSet(c.Context(), args[0], file) },
	}
	c.Flags().StringVarP(&file, "file", "f", "", "read the definition from `FILE`, - for standard input")
	return c
}

func (a *app) toolSet(ctx context.Context, name, file string) error {
	return a.setText(ctx, vault.Tool, name, textFile{
		path: file, what: "definition",
		refuse: func(text string) error {
			if t, problems := apitool.Parse(file, []byte(text)); t == nil {
				return a.refuseTool(name, problems)
			}
			return nil
		},
		warn: func(t vault.Text, names []string) error {
			_, problems := apitool.Check(file, []byte(t.Text), names)
			for _, p := range problems {
				a.line(p.String())
			}
			return nil
		},
	})
}

// refuseTool lists what is wrong with a definition.
func (a *app) refuseTool(name string, problems []apitool.Problem) error {
	wrong := 0
	for _, p := range problems {
		a.line(p.String())
		if !p.Warning {
			wrong++
		}
	}
	return hinted(usagef("tool set %s: %s, nothing was stored", name, number(wrong, "problem")), "docs/tools.md lists the keys of a definition")
}

func (a *app) toolDeleteCommand() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:     "delete NAME",
		Short:   "Delete a tool for good",
		Long:    "Delete a tool for good.\n\nExit codes: 2 no terminal to ask, and no --yes; 5 no such tool.",
		Example: "  tacenda tool delete get-user",
		Args:    exactly(1, "one NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.deleteText(c.Context(), vault.Tool, args[0], yes)
		},
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

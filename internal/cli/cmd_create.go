package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"tacenda/internal/vault"
	"tacenda/keyring/secret"
)

// metaFlags are the options of create and edit beside the value.
type metaFlags struct {
	description string
	llmSafe     bool
	hosts       []string
	expires     string
}

func (m *metaFlags) register(c *cobra.Command) {
	f := c.Flags()
	f.StringVarP(&m.description, "description", "d", "", "what the secret is for: one `LINE`, never secret")
	f.BoolVar(&m.llmSafe, "llm-safe", false, "a model may read the value in instructions")
	f.StringArrayVar(&m.hosts, "allow-host", nil, "bind call and mcp to this `HOST[:PORT]`; repeatable, none clears")
	f.StringVar(&m.expires, "expires", "", "`WHEN` it should be replaced: 2027-01-31, RFC 3339, 90d or none")
}

// allowedHosts is the list that --allow-host gives; the word none stands alone.
func (m *metaFlags) allowedHosts() ([]string, error) {
	if slices.Contains(m.hosts, "none") {
		if len(m.hosts) > 1 {
			return nil, usagef("none stands alone")
		}
		return nil, nil
	}
	return m.hosts, vault.CheckHosts(m.hosts)
}

func (m *metaFlags) check(now time.Time) error {
	if err := vault.CheckDescription(m.description); err != nil {
		return fmt.Errorf("--description: %w", err)
	}
	if _, err := m.allowedHosts(); err != nil {
		return fmt.Errorf("--allow-host: %w", err)
	}
	if m.expires == "" {
		return nil
	}
	_, err := parseExpiry(m.expires, now)
	return err
}

func (a *app) createCommand() *cobra.Command {
	var meta metaFlags
	var value valueFlags
	c := &cobra.Command{
		Use: "create NAME",
		Long: `Create a secret in the project.

The value comes from --value-file, from --generate, or from a hidden prompt on
the terminal, asked twice; it is never an argument, and never shown again. A
name has capitals, digits and _ and stays for life.

Exit codes: 2 malformed name or value, or no value and no terminal; 6 the name
is taken.`,
		Example: `  tacenda create API_KEY -d "billing service" --expires 90d
  pass show api | tacenda create API_KEY --value-file -
  tacenda create DB_PASSWORD --generate=40`,
		Args: oneName,
		RunE: func(c *cobra.Command, args []string) error {
			return a.create(c, args[0], &meta, &value)
		},
	}
	meta.register(c)
	value.register(c)
	return c
}

func (a *app) create(c *cobra.Command, name string, meta *metaFlags, value *valueFlags) error {
	ctx := c.Context()
	if err := checkSecretName(name); err != nil {
		return err
	}
	if err := meta.check(time.Now()); err != nil {
		return err
	}
	if meta.expires == "" && c.Flags().Changed("expires") { // an unset variable is no wish for a secret without end
		_, err := parseExpiry("", time.Now())
		return err
	}
	if err := value.check(a, c); err != nil {
		return err
	}
	if !value.given() && !a.hasTerminal() {
		return hinted(usagef("create %s: there is no terminal to ask for the value", name), "use --value-file FILE (- for standard input) or --generate")
	}
	project, v, err := a.openProject(ctx, forChange)
	if err != nil {
		return err
	}
	defer v.Close()
	bytes, err := a.newValue(ctx, v, project, name, value)
	if err != nil {
		return err
	}
	defer bytes.Destroy()
	draft := vault.Draft{Name: name, Value: bytes, Description: meta.description, LLMSafe: meta.llmSafe}
	if draft.AllowedHosts, err = meta.allowedHosts(); err != nil {
		return err
	}
	if meta.expires != "" {
		if draft.Expires, err = parseExpiry(meta.expires, time.Now()); err != nil {
			return err
		}
	}
	s, err := v.CreateSecret(ctx, project, draft)
	bytes.Destroy() // before anything is said: a slow terminal must not keep the value
	if err != nil {
		return err
	}
	a.note(fmt.Sprintf("created %s in project %s, hint %s", s.Name, project, s.Hint))
	return nil
}

// newValue reads the value of a new secret. Before a person types one they
// learn that the name is taken.
func (a *app) newValue(ctx context.Context, v gate, project, name string, value *valueFlags) (*secret.Bytes, error) {
	if value.given() {
		return value.read(ctx, a)
	}
	_, err := v.Secret(ctx, project, name)
	switch {
	case err == nil:
		return nil, fmt.Errorf("secret %s in project %s: %w", name, project, vault.ErrExists)
	case !errors.Is(err, vault.ErrNotFound):
		return nil, err
	}
	return a.promptValue(ctx, name)
}

package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tacenda/internal/vault"
	"tacenda/keyring/secret"
)

func (a *app) editCommand() *cobra.Command {
	var meta metaFlags
	var value valueFlags
	var verify string
	c := &cobra.Command{
		Use: "edit NAME",
		Long: `Change a secret's value, description or flags. Its name never changes.

With options that give no value, the value stays as it is sealed. Without any
option the new value is asked for on the terminal; an empty answer changes
nothing.

--verify TOOL calls that tool with the new value first, and stores the value
only if the API answers with a status below 400.

Exit codes: 2 malformed option, or no option and no terminal; 5 no such secret;
12 the API refused the new value, and the old one stays.`,
		Example: `  tacenda edit API_KEY
  tacenda edit API_KEY --value-file new.txt --verify whoami
  tacenda edit API_KEY -d "billing, read only" --expires none
  tacenda edit TLS_KEY --value-file key.pem`,
		Args: oneName,
		RunE: func(c *cobra.Command, args []string) error {
			return a.edit(c, args[0], &meta, &value, verify)
		},
	}
	meta.register(c)
	value.register(c)
	c.Flags().StringVar(&verify, "verify", "", "call `TOOL` with the new value, and store it only below status 400")
	return c
}

func (a *app) edit(c *cobra.Command, name string, meta *metaFlags, value *valueFlags, verify string) error {
	ctx := c.Context()
	if err := checkSecretName(name); err != nil {
		return err
	}
	if err := meta.check(time.Now()); err != nil {
		return err
	}
	if err := value.check(a, c); err != nil {
		return err
	}
	edit, changed, err := meta.edit(c, time.Now())
	if err != nil {
		return err
	}
	if c.Flags().Changed("verify") {
		if err := checkVerify(verify, !changed || value.given()); err != nil {
			return err
		}
	}
	ask := !changed && !value.given()
	if ask && !a.hasTerminal() {
		return hinted(usagef("edit %s: nothing to change was named, and there is no terminal to ask for the value", name),
			"use --value-file FILE (- for standard input), --generate or another option")
	}
	project, v, err := a.openProject(ctx, forChange)
	if err != nil {
		return err
	}
	defer v.Close()
	var bytes *secret.Bytes
	if ask {
		bytes, err = a.typeNewValue(ctx, v, project, name, &edit)
		if err == nil && bytes == nil {
			a.note(name + " is unchanged")
			return nil
		}
	} else {
		bytes, err = value.read(ctx, a)
	}
	if err != nil {
		return err
	}
	defer bytes.Destroy()
	edit.Value = bytes
	if verify != "" {
		if err := a.verifyValue(ctx, v, project, verify, &trial{name: name, value: bytes, hosts: edit.AllowedHosts}); err != nil {
			return err
		}
	}
	s, err := v.EditSecret(ctx, project, name, edit)
	bytes.Destroy() // before anything is said: a slow terminal must not keep the value
	if err != nil {
		return err
	}
	a.note(fmt.Sprintf("changed %s in project %s, version %d", s.Name, project, s.Version))
	return nil
}

// typeNewValue asks for a value; nil when nothing is to change. Whoever types one
// sees which version it replaces; if somebody else was quicker, it is said
// instead of overwritten.
func (a *app) typeNewValue(ctx context.Context, v gate, project, name string, edit *vault.Edit) (*secret.Bytes, error) {
	s, err := v.Secret(ctx, project, name)
	if err != nil {
		return nil, err
	}
	edit.IfVersion = s.Version
	return a.promptNewValue(ctx, name, s.Hint)
}

// checkVerify refuses a trial of nothing, and by nothing.
func checkVerify(tool string, newValue bool) error {
	if err := vault.CheckName(vault.Tool.String(), tool); err != nil {
		return fmt.Errorf("--verify: %w", err)
	}
	if !newValue {
		return usagef("--verify: there is no new value to try")
	}
	return nil
}

// edit is the change that the options ask for, and whether they ask for one.
func (m *metaFlags) edit(c *cobra.Command, now time.Time) (vault.Edit, bool, error) {
	var e vault.Edit
	f := c.Flags()
	if f.Changed("description") {
		e.Description = &m.description
	}
	if f.Changed("llm-safe") {
		e.LLMSafe = &m.llmSafe
	}
	if f.Changed("allow-host") {
		hosts, err := m.allowedHosts()
		if err != nil {
			return e, false, err
		}
		e.AllowedHosts = &hosts
	}
	if f.Changed("expires") {
		expires, err := parseExpiry(m.expires, now)
		if err != nil {
			return e, false, err
		}
		e.Expires = &expires
	}
	return e, e.Description != nil || e.LLMSafe != nil || e.AllowedHosts != nil || e.Expires != nil, nil
}

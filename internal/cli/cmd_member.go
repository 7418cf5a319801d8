package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tacenda/internal/vault"
	"tacenda/keyring/secret"
)

func (a *app) memberCommand() *cobra.Command {
	return parent("member", `Members are people and machines that open the vault with a key of their own and
find what they were granted: nothing at first. Owners, who have a key of the
vault, add and remove them.`,
		"  tacenda member add ann --recipient ann.pub\n  tacenda grant ann secrets:use -p web\n  tacenda member list",
		a.memberListCommand(), a.memberAddCommand(), a.memberRemoveCommand())
}

// memberJSON is a member as list prints it.
type memberJSON struct {
	Name        string      `json:"name"`
	Fingerprint string      `json:"fingerprint"`
	Recipient   string      `json:"recipient"`
	Grants      []grantJSON `json:"grants"`
}

type grantJSON struct {
	Project     string   `json:"project"`
	Permissions []string `json:"permissions"`
	ServerOnly  bool     `json:"server_only"`
}

func (a *app) memberListCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "List members and what they were granted",
		Long: `List the members of the vault and what each was granted. A member sees
themselves.`,
		Example: "  tacenda member list --json",
		Args:    exactly(0, "no arguments"),
		RunE:    func(c *cobra.Command, _ []string) error { return a.memberList(c.Context()) },
	}
	a.jsonFlag(c)
	return c
}

func (a *app) memberList(ctx context.Context) error {
	v, err := a.openVault(ctx, forReading)
	if err != nil {
		return err
	}
	defer v.Close()
	members, err := v.Members(ctx)
	if err != nil {
		return err
	}
	if a.json {
		items := make([]memberJSON, len(members))
		for i, m := range members {
			items[i] = memberJSON{m.Name, m.Fingerprint, m.Recipient, make([]grantJSON, len(m.Grants))}
			for j, g := range m.Grants {
				items[i].Grants[j] = grantJSON{g.Project, g.Permissions.Strings(), g.ServerOnly}
			}
		}
		return writeJSONList(a.out, items)
	}
	t := &table{header: []string{"NAME", "PROJECT", "PERMISSIONS", "FINGERPRINT"}, flex: 3}
	for _, m := range members {
		if len(m.Grants) == 0 {
			t.add(m.Name, "-", "-", m.Fingerprint)
		}
		for _, g := range m.Grants {
			words := strings.Join(g.Permissions.Strings(), " ")
			if g.ServerOnly {
				words += " (server only)"
			}
			t.add(m.Name, g.Project, words, m.Fingerprint)
		}
	}
	return a.draw(t)
}

func (a *app) memberAddCommand() *cobra.Command {
	var recipient string
	c := &cobra.Command{
		Use:   "add NAME --recipient KEY",
		Short: "Let somebody open the vault with their own key",
		Long: `Let somebody open the vault with their own key. They find no project until they
are granted one. KEY is an age recipient (age1…), a line of an SSH public key
(ssh-ed25519 or ssh-rsa), a file with one of them, or - for standard input. Its
fingerprint is shown: compare it with what its owner says.

Exit codes: 2 malformed name or key; 4 you are no owner; 6 the name or the key is
taken.`,
		Example: "  tacenda member add ann --recipient ~/ann.pub\n  tacenda member add ci --recipient age1…",
		Args:    exactly(1, "one NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.memberAdd(c.Context(), args[0], recipient)
		},
	}
	c.Flags().StringVar(&recipient, "recipient", "", "the public `KEY` of the member, a file with it, or -")
	return c
}

func (a *app) memberAdd(ctx context.Context, name, recipient string) error {
	if recipient == "" {
		return hinted(usagef("member add needs the public key of %s", name), "add --recipient KEY, or --recipient FILE")
	}
	if err := vault.CheckName("member", name); err != nil {
		return err
	}
	key, err := a.readRecipient(ctx, recipient)
	if err != nil {
		return err
	}
	v, err := a.openVault(ctx, forChange)
	if err != nil {
		return err
	}
	defer v.Close()
	m, err := v.AddMember(ctx, name, key)
	if err != nil {
		return err
	}
	kind, _, _ := strings.Cut(m.Recipient, " ")
	if !strings.HasPrefix(kind, "ssh-") {
		kind = "age"
	}
	a.note(fmt.Sprintf("added member %s with the %s key %s", m.Name, kind, m.Fingerprint))
	return nil
}

// maxRecipientFile bounds a file with a public key, in bytes.
const maxRecipientFile = 16 << 10

// readRecipient is a public key as it was given: the key itself, or a file with
// it. What looks like a key of any sort is never taken for the name of a file,
// and so never repeated in an error: it may be a private one.
func (a *app) readRecipient(ctx context.Context, given string) (string, error) {
	for _, prefix := range []string{"age1", "ssh-", "ecdsa-", "sk-", "github:", "AGE-", "-----BEGIN"} {
		if strings.HasPrefix(strings.TrimSpace(given), prefix) {
			return given, nil
		}
	}
	if err := a.claimStdin("--recipient", given); err != nil {
		return "", err
	}
	in, err := a.openInput(ctx, given)
	if err != nil {
		return "", missingInput("--recipient", given, "public key", err)
	}
	defer in.Close()
	data, err := secret.ReadAll(in, maxRecipientFile)
	if errors.Is(err, secret.ErrTooLarge) {
		return "", usagef("--recipient: %s is too long to be a public key", given)
	}
	if err != nil {
		return "", fmt.Errorf("--recipient: reading %s: %w", given, err)
	}
	defer data.Destroy()
	var key string
	err = data.Use(func(p []byte) error {
		key, err = onlyLine(p)
		return err
	})
	if err != nil {
		return "", usagef("--recipient: %s %w", given, err)
	}
	return key, nil
}

// onlyLine is the one line of a file that is neither empty nor a comment. A
// private key does not become a string.
func onlyLine(p []byte) (string, error) {
	var line []byte
	for l := range bytes.Lines(p) {
		l = bytes.TrimSpace(l)
		switch {
		case len(l) == 0 || l[0] == '#':
		case bytes.HasPrefix(l, []byte("-----BEGIN")), bytes.HasPrefix(l, []byte("AGE-SECRET-KEY-")), bytes.HasPrefix(l, []byte("AGE-PLUGIN-")):
			return "", errors.New("holds a private key; give the public one")
		case line != nil:
			return "", errors.New("holds more than one line; give one public key")
		default:
			line = l
		}
	}
	if line == nil {
		return "", errors.New("holds no public key")
	}
	return string(line), nil
}

func (a *app) memberRemoveCommand() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "remove NAME",
		Short: "Remove a member, and all that they were granted",
		Long: `Remove a member. Every project whose keys they had gets new ones and is resealed,
all at once. The secrets that they could have read are printed: change these where
they come from, as nothing can take back what somebody knows.

Exit codes: 2 no terminal to ask, and no --yes; 4 you are no owner; 5 no such
member.`,
		Example: "  tacenda member remove ann",
		Args:    exactly(1, "one NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.memberRemove(c.Context(), args[0], yes)
		},
	}
	a.jsonFlag(c)
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

func (a *app) memberRemove(ctx context.Context, name string, yes bool) error {
	if err := vault.CheckName("member", name); err != nil {
		return err
	}
	if !yes && !a.hasTerminal() {
		return hinted(usagef("member remove: there is no terminal to ask"), "add --yes")
	}
	v, err := a.openVault(ctx, forChange)
	if err != nil {
		return err
	}
	defer v.Close()
	if !yes {
		ok, err := a.confirmRemoval(ctx, v, name)
		if err != nil {
			return err
		}
		if !ok {
			return errors.New("nobody was removed")
		}
	}
	p := a.progress("resealing")
	defer p.end()
	lost, err := v.RemoveMember(ctx, name, p.step)
	if err != nil {
		return err
	}
	p.end()
	a.note("removed member " + name)
	return a.printLost(name, lost)
}

// confirmRemoval asks about a member that is there: whether they are is for the
// vault to say, and before anybody is asked.
func (a *app) confirmRemoval(ctx context.Context, v gate, name string) (bool, error) {
	members, err := v.Members(ctx)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(members, func(m vault.Member) bool { return m.Name == name })
	if i < 0 || !v.Owner() {
		return true, nil // it will be refused
	}
	return a.confirm(ctx, fmt.Sprintf("Remove member %s, with %s in %s?", name, members[i].Fingerprint, number(len(members[i].Grants), "project")))
}

// lostJSON is a secret to be changed where it comes from.
type lostJSON struct {
	Project string `json:"project"`
	Name    string `json:"name"`
}

// printLost prints the secrets whose values somebody could read and cannot any
// more, by project.
func (a *app) printLost(member string, lost map[string][]string) error {
	items := []lostJSON{}
	for _, project := range slices.Sorted(maps.Keys(lost)) {
		for _, name := range lost[project] {
			items = append(items, lostJSON{project, name})
		}
	}
	if len(items) > 0 {
		a.note(member + " could have read these; change them where they come from, then here:")
	}
	if a.json {
		return writeJSONList(a.out, items)
	}
	if len(items) == 0 {
		return nil
	}
	t := &table{header: []string{"PROJECT", "NAME"}, flex: 1}
	for _, i := range items {
		t.add(i.Project, i.Name)
	}
	return a.draw(t)
}

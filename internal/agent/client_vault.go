package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"tacenda/internal/vault"
)

// do asks for an operation without a result.
func (c *Client) do(ctx context.Context, r *request) error {
	return c.ask(ctx, &exchange{request: r})
}

// get asks for an operation with a result.
func get[T any](ctx context.Context, c *Client, x *exchange) (T, error) {
	var out T
	x.take = func(a *answer, _ uint64) error {
		if err := json.Unmarshal(a.Result, &out); err != nil {
			return errFrame
		}
		return nil
	}
	err := c.ask(ctx, x)
	return out, err
}

// errNames is an answer with a name that no vault gives anything. Scripts take
// names for what they are, so that no server may call a secret what it likes.
var errNames = errors.New("the other side answered with a name that cannot be")

// named refuses a list with such a name.
func named[T any](check func(T) error) func([]T, error) ([]T, error) {
	return func(all []T, err error) ([]T, error) {
		for _, x := range all {
			if err == nil && check(x) != nil {
				err = errNames
			}
		}
		if err != nil {
			return nil, err
		}
		return all, nil
	}
}

func secretName(s vault.Secret) error { return vault.CheckSecretName(s.Name) }

// checkUTF8 refuses, as the vault does, what JSON would silently mend.
func checkUTF8(r *request) error {
	all := append([]string{r.Project, r.Name, r.To, r.Text}, r.Names...)
	for _, d := range r.Drafts {
		all = append(append(all, d.Name, d.Description), d.AllowedHosts...)
	}
	if r.Edit != nil {
		all = append(all, r.Edit.AllowedHosts...)
		if r.Edit.Description != nil {
			all = append(all, *r.Edit.Description)
		}
	}
	for _, text := range all {
		if !utf8.ValidString(text) {
			return fmt.Errorf("%w: %q is not UTF-8", vault.ErrInvalid, text)
		}
	}
	return nil
}

// Actor implements Vault.
func (c *Client) Actor() string { return c.status.Actor }

// ID implements Vault.
func (c *Client) ID() vault.ID { return c.status.Vault }

// OwnerFingerprint implements Vault.
func (c *Client) OwnerFingerprint() string { return c.status.Owner }

// Owner implements Vault.
func (c *Client) Owner() bool { return c.status.IsOwner }

// Projects implements Vault.
func (c *Client) Projects(ctx context.Context) ([]vault.Project, error) {
	return named(func(p vault.Project) error { return vault.CheckName("project", p.Name) })(
		get[[]vault.Project](ctx, c, &exchange{request: &request{Op: "Projects"}}))
}

// CreateProject implements Vault.
func (c *Client) CreateProject(ctx context.Context, name string) error {
	return c.do(ctx, &request{Op: "CreateProject", Name: name})
}

// RenameProject implements Vault.
func (c *Client) RenameProject(ctx context.Context, name, to string) error {
	return c.do(ctx, &request{Op: "RenameProject", Name: name, To: to})
}

// DeleteProject implements Vault.
func (c *Client) DeleteProject(ctx context.Context, name string) error {
	return c.do(ctx, &request{Op: "DeleteProject", Name: name})
}

// DuplicateProject implements Vault.
func (c *Client) DuplicateProject(ctx context.Context, src, dst string) error {
	return c.do(ctx, &request{Op: "DuplicateProject", Name: src, To: dst})
}

// DiffProjects implements Vault.
func (c *Client) DiffProjects(ctx context.Context, a, b string) ([]vault.Difference, error) {
	return named(func(d vault.Difference) error { return vault.CheckSecretName(d.Name) })(
		get[[]vault.Difference](ctx, c, &exchange{request: &request{Op: "DiffProjects", Name: a, To: b}}))
}

// Secrets implements Vault.
func (c *Client) Secrets(ctx context.Context, project string) ([]vault.Secret, error) {
	return named(secretName)(get[[]vault.Secret](ctx, c, &exchange{request: &request{Op: "Secrets", Project: project}}))
}

// Secret implements Vault.
func (c *Client) Secret(ctx context.Context, project, name string) (vault.Secret, error) {
	return get[vault.Secret](ctx, c, &exchange{request: &request{Op: "Secret", Project: project, Name: name}})
}

// CreateSecret implements Vault.
func (c *Client) CreateSecret(ctx context.Context, project string, d vault.Draft) (vault.Secret, error) {
	x, err := draftsExchange("CreateSecret", project, []vault.Draft{d})
	if err != nil {
		return vault.Secret{}, err
	}
	return get[vault.Secret](ctx, c, x)
}

// ImportSecrets implements Vault.
func (c *Client) ImportSecrets(ctx context.Context, project string, drafts []vault.Draft, mode vault.ImportMode) (vault.ImportResult, error) {
	x, err := draftsExchange("ImportSecrets", project, drafts)
	if err != nil {
		return vault.ImportResult{}, err
	}
	x.request.Mode = mode
	return get[vault.ImportResult](ctx, c, x)
}

// draftsExchange sends drafts, and their values from where they lie.
func draftsExchange(op, project string, drafts []vault.Draft) (*exchange, error) {
	r := &request{Op: op, Project: project, Drafts: make([]draft, len(drafts)), Segments: make([]int, len(drafts))}
	for i, d := range drafts {
		if d.Value == nil {
			return nil, errors.New("internal error: a secret without a value")
		}
		r.Drafts[i] = draft{Name: d.Name, Description: d.Description, LLMSafe: d.LLMSafe, AllowedHosts: d.AllowedHosts, Expires: d.Expires}
		r.Segments[i] = d.Value.Len()
		if r.Segments[i] > maxSegment {
			return nil, fmt.Errorf("%s: %w", d.Name, vault.CheckValue(r.Segments[i]))
		}
	}
	if _, err := valuesLength(r.Segments); err != nil {
		return nil, err
	}
	send := func(w io.Writer) error {
		for _, d := range drafts {
			if err := writeValue(w, d.Value); err != nil {
				return err
			}
		}
		return nil
	}
	return &exchange{request: r, send: send}, nil
}

func writeValue(w io.Writer, v vault.Value) error {
	return v.Use(func(value []byte) error {
		if len(value) == 0 {
			return nil
		}
		_, err := w.Write(value)
		return err
	})
}

// EditSecret implements Vault.
func (c *Client) EditSecret(ctx context.Context, project, name string, e vault.Edit) (vault.Secret, error) {
	r := &request{Op: "EditSecret", Project: project, Name: name, Edit: &edit{
		Description: e.Description, LLMSafe: e.LLMSafe, Expires: e.Expires, IfVersion: e.IfVersion,
	}}
	if e.AllowedHosts != nil {
		r.Edit.Hosts, r.Edit.AllowedHosts = true, *e.AllowedHosts
	}
	x := &exchange{request: r}
	if e.Value != nil {
		if n := e.Value.Len(); n > maxSegment {
			return vault.Secret{}, fmt.Errorf("%s: %w", name, vault.CheckValue(n))
		}
		r.Segments = []int{e.Value.Len()}
		x.send = func(w io.Writer) error { return writeValue(w, e.Value) }
	}
	return get[vault.Secret](ctx, c, x)
}

// DeleteSecrets implements Vault.
func (c *Client) DeleteSecrets(ctx context.Context, project string, names []string) error {
	return c.do(ctx, &request{Op: "DeleteSecrets", Project: project, Names: names})
}

// CloneSecrets implements Vault.
func (c *Client) CloneSecrets(ctx context.Context, from string, names []string, to string, overwrite bool) error {
	return c.do(ctx, &request{Op: "CloneSecrets", Project: from, Names: names, To: to, Flag: overwrite})
}

// Texts implements Vault.
func (c *Client) Texts(ctx context.Context, project string, k vault.TextKind) ([]vault.Text, error) {
	return named(func(t vault.Text) error { return vault.CheckName(k.String(), t.Name) })(
		get[[]vault.Text](ctx, c, &exchange{request: &request{Op: "Texts", Project: project, Kind: k}}))
}

// Text implements Vault.
func (c *Client) Text(ctx context.Context, project string, k vault.TextKind, name string) (vault.Text, error) {
	return get[vault.Text](ctx, c, &exchange{request: &request{Op: "Text", Project: project, Kind: k, Name: name}})
}

// SetText implements Vault.
func (c *Client) SetText(ctx context.Context, project string, k vault.TextKind, name, text string, ifVersion uint64) (vault.Text, error) {
	r := &request{Op: "SetText", Project: project, Kind: k, Name: name, Text: text, Version: ifVersion}
	return get[vault.Text](ctx, c, &exchange{request: r})
}

// DeleteText implements Vault.
func (c *Client) DeleteText(ctx context.Context, project string, k vault.TextKind, name string) error {
	return c.do(ctx, &request{Op: "DeleteText", Project: project, Kind: k, Name: name})
}

// References implements Vault.
func (c *Client) References(ctx context.Context, project string) (map[string][]vault.Reference, error) {
	return get[map[string][]vault.Reference](ctx, c, &exchange{request: &request{Op: "References", Project: project}})
}

// Events implements Vault.
func (c *Client) Events(ctx context.Context, project string) ([]vault.Event, error) {
	return get[[]vault.Event](ctx, c, &exchange{request: &request{Op: "Events", Project: project}})
}

// Head implements Vault.
func (c *Client) Head(ctx context.Context, project string) (string, error) {
	return get[string](ctx, c, &exchange{request: &request{Op: "Head", Project: project}})
}

// VerifyHistory implements Vault.
func (c *Client) VerifyHistory(ctx context.Context, project, head string) error {
	return c.do(ctx, &request{Op: "VerifyHistory", Project: project, Text: head})
}

// Slots implements Vault.
func (c *Client) Slots(ctx context.Context) ([]vault.SlotInfo, error) {
	return get[[]vault.SlotInfo](ctx, c, &exchange{request: &request{Op: "Slots"}})
}

// Stamp implements Vault.
func (c *Client) Stamp(ctx context.Context, project string) (uint64, error) {
	return get[uint64](ctx, c, &exchange{request: &request{Op: "Stamp", Project: project}})
}

// Members implements Vault.
func (c *Client) Members(ctx context.Context) ([]vault.Member, error) {
	return get[[]vault.Member](ctx, c, &exchange{request: &request{Op: "Members"}})
}

// AddMember implements Vault.
func (c *Client) AddMember(ctx context.Context, name, recipient string) (vault.Member, error) {
	return get[vault.Member](ctx, c, &exchange{request: &request{Op: "AddMember", Name: name, Text: recipient}})
}

// RemoveMember implements Vault.
func (c *Client) RemoveMember(ctx context.Context, name string, progress func(done, total int)) (map[string][]string, error) {
	return get[map[string][]string](ctx, c, &exchange{request: &request{Op: "RemoveMember", Name: name}, progress: progress})
}

// Grant implements Vault.
func (c *Client) Grant(ctx context.Context, member, project string, p vault.Permission, serverOnly bool, progress func(done, total int)) ([]string, error) {
	r := &request{Op: "Grant", Name: member, Project: project, Permission: p, Flag: serverOnly}
	return get[[]string](ctx, c, &exchange{request: r, progress: progress})
}

// Revoke implements Vault.
func (c *Client) Revoke(ctx context.Context, member, project string, progress func(done, total int)) ([]string, error) {
	return get[[]string](ctx, c, &exchange{request: &request{Op: "Revoke", Name: member, Project: project}, progress: progress})
}

package agent

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"

	"tacenda/internal/vault"
	"tacenda/keyring/secret"
)

// call is one operation: what was asked, and where the answer's values go.
type call struct {
	conn     *conn
	request  *request
	progress func(done, total int)
	out      *secret.Bytes // segments of the answer, one after the other
	segments []int         // their lengths
}

// operations are all that an agent does, by name. They are the methods of Vault;
// use and release belong to the values that Values opened.
var operations = map[string]func(context.Context, Vault, *call) (any, error){
	"Projects": func(ctx context.Context, v Vault, _ *call) (any, error) { return v.Projects(ctx) },
	"CreateProject": func(ctx context.Context, v Vault, c *call) (any, error) {
		return nil, v.CreateProject(ctx, c.request.Name)
	},
	"RenameProject": func(ctx context.Context, v Vault, c *call) (any, error) {
		return nil, v.RenameProject(ctx, c.request.Name, c.request.To)
	},
	"DeleteProject": func(ctx context.Context, v Vault, c *call) (any, error) {
		return nil, v.DeleteProject(ctx, c.request.Name)
	},
	"DuplicateProject": func(ctx context.Context, v Vault, c *call) (any, error) {
		return nil, v.DuplicateProject(ctx, c.request.Name, c.request.To)
	},
	"DiffProjects": func(ctx context.Context, v Vault, c *call) (any, error) {
		return v.DiffProjects(ctx, c.request.Name, c.request.To)
	},
	"Secrets": func(ctx context.Context, v Vault, c *call) (any, error) { return v.Secrets(ctx, c.request.Project) },
	"Secret": func(ctx context.Context, v Vault, c *call) (any, error) {
		return v.Secret(ctx, c.request.Project, c.request.Name)
	},
	"Values":  openValues,
	"use":     useValues,
	"release": releaseValues,
	"CreateSecret": func(ctx context.Context, v Vault, c *call) (any, error) {
		drafts, err := c.drafts()
		if err != nil || len(drafts) != 1 {
			return nil, errFrame
		}
		return v.CreateSecret(ctx, c.request.Project, drafts[0])
	},
	"EditSecret": func(ctx context.Context, v Vault, c *call) (any, error) {
		e, err := c.edit()
		if err != nil {
			return nil, err
		}
		return v.EditSecret(ctx, c.request.Project, c.request.Name, e)
	},
	"DeleteSecrets": func(ctx context.Context, v Vault, c *call) (any, error) {
		return nil, v.DeleteSecrets(ctx, c.request.Project, c.request.Names)
	},
	"CloneSecrets": func(ctx context.Context, v Vault, c *call) (any, error) {
		return nil, v.CloneSecrets(ctx, c.request.Project, c.request.Names, c.request.To, c.request.Flag)
	},
	"ImportSecrets": func(ctx context.Context, v Vault, c *call) (any, error) {
		drafts, err := c.drafts()
		if err != nil {
			return nil, err
		}
		return v.ImportSecrets(ctx, c.request.Project, drafts, c.request.Mode)
	},
	"Texts": func(ctx context.Context, v Vault, c *call) (any, error) {
		return v.Texts(ctx, c.request.Project, c.request.Kind)
	},
	"Text": func(ctx context.Context, v Vault, c *call) (any, error) {
		return v.Text(ctx, c.request.Project, c.request.Kind, c.request.Name)
	},
	"SetText": func(ctx context.Context, v Vault, c *call) (any, error) {
		r := c.request
		return v.SetText(ctx, r.Project, r.Kind, r.Name, r.Text, r.Version)
	},
	"DeleteText": func(ctx context.Context, v Vault, c *call) (any, error) {
		return nil, v.DeleteText(ctx, c.request.Project, c.request.Kind, c.request.Name)
	},
	"References": func(ctx context.Context, v Vault, c *call) (any, error) { return v.References(ctx, c.request.Project) },
	"Events":     func(ctx context.Context, v Vault, c *call) (any, error) { return v.Events(ctx, c.request.Project) },
	"Head":       func(ctx context.Context, v Vault, c *call) (any, error) { return v.Head(ctx, c.request.Project) },
	"VerifyHistory": func(ctx context.Context, v Vault, c *call) (any, error) {
		return nil, v.VerifyHistory(ctx, c.request.Project, c.request.Text)
	},
	"Slots":   func(ctx context.Context, v Vault, _ *call) (any, error) { return v.Slots(ctx) },
	"Stamp":   func(ctx context.Context, v Vault, c *call) (any, error) { return v.Stamp(ctx, c.request.Project) },
	"Members": func(ctx context.Context, v Vault, _ *call) (any, error) { return v.Members(ctx) },
	"AddMember": func(ctx context.Context, v Vault, c *call) (any, error) {
		return v.AddMember(ctx, c.request.Name, c.request.Text)
	},
	"RemoveMember": func(ctx context.Context, v Vault, c *call) (any, error) {
		return v.RemoveMember(ctx, c.request.Name, c.progress)
	},
	"Grant": func(ctx context.Context, v Vault, c *call) (any, error) {
		r := c.request
		return v.Grant(ctx, r.Name, r.Project, r.Permission, r.Flag, c.progress)
	},
	"Revoke": func(ctx context.Context, v Vault, c *call) (any, error) {
		return v.Revoke(ctx, c.request.Name, c.request.Project, c.progress)
	},
}

// drafts joins the drafts of a request with their values.
func (c *call) drafts() ([]vault.Draft, error) {
	r := c.request
	if len(r.Drafts) != len(r.Segments) {
		return nil, errFrame
	}
	drafts := make([]vault.Draft, len(r.Drafts))
	at := 0
	for i, d := range r.Drafts {
		drafts[i] = vault.Draft{
			Name: d.Name, Value: part{r.values, at, r.Segments[i]}, Description: d.Description,
			LLMSafe: d.LLMSafe, AllowedHosts: d.AllowedHosts, Expires: d.Expires,
		}
		at += r.Segments[i]
	}
	return drafts, nil
}

func (c *call) edit() (vault.Edit, error) {
	r := c.request
	if r.Edit == nil || len(r.Segments) > 1 {
		return vault.Edit{}, errFrame
	}
	e := vault.Edit{
		Description: r.Edit.Description, LLMSafe: r.Edit.LLMSafe, Expires: r.Edit.Expires, IfVersion: r.Edit.IfVersion,
	}
	if r.Edit.Hosts {
		e.AllowedHosts = &r.Edit.AllowedHosts
	}
	if len(r.Segments) == 1 {
		e.Value = r.values
	}
	return e, nil
}

// opened is the answer to Values: the secrets, of which the first come with
// their values. Open names the values that the agent keeps for the rest; 0 when
// there is none.
type opened struct {
	Secrets []vault.Secret `json:"secrets"`
	Open    uint64         `json:"open,omitempty"`
}

// How many bytes of values an answer brings. A template's few values fit the
// smaller, which takes no locked memory of its own; more come in batches, in the
// order of their names, when the first of a batch is used.
const (
	few       = 64 // names
	fewBytes  = 4 << 10
	batchSize = 64 << 10
)

func openValues(ctx context.Context, v Vault, c *call) (any, error) {
	if len(c.conn.values) >= maxOpen {
		return nil, fmt.Errorf("internal error: %d sets of values are open already", maxOpen)
	}
	names := c.request.Names
	values, err := v.Values(ctx, c.request.Project, names)
	if err != nil {
		return nil, err
	}
	answer := &opened{Secrets: values.Secrets()}
	room := batchSize
	if len(names) <= few {
		room = fewBytes
	}
	if err := c.fetch(values, names, room); err != nil {
		values.Close()
		return nil, err
	}
	if len(c.segments) == len(names) {
		values.Close()
		return answer, nil
	}
	c.conn.next++
	c.conn.values[c.conn.next] = kept{values, names}
	answer.Open = c.conn.next
	return answer, nil
}

// errNoRoom ends fetch before the values end.
var errNoRoom = errors.New("no room")

// fetch copies values into the answer as long as there is room.
func (c *call) fetch(values vault.Values, names []string, room int) (err error) {
	if len(names) == 0 {
		return nil
	}
	if c.out, err = secret.New(room); err != nil {
		return err
	}
	used := 0
	for _, name := range names {
		err := values.Use(name, func(value []byte) error {
			if used+len(value) > room {
				return errNoRoom
			}
			return c.out.Use(func(p []byte) error {
				// Not by the builtin, which copies by way of registers that nobody wipes.
				subtle.ConstantTimeCopy(1, p[used:used+len(value)], value)
				used += len(value)
				c.segments = append(c.segments, len(value))
				return nil
			})
		})
		if errors.Is(err, errNoRoom) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// useValues answers with the next batch: one value at least, however long.
func useValues(_ context.Context, _ Vault, c *call) (any, error) {
	k, ok := c.conn.values[c.request.Open]
	at := c.request.At
	if !ok || at < 0 || at >= len(k.names) {
		return nil, errFrame
	}
	room := batchSize
	if err := k.Use(k.names[at], func(value []byte) error { room = max(room, len(value)); return nil }); err != nil {
		return nil, err
	}
	return nil, c.fetch(k, k.names[at:], room)
}

func releaseValues(_ context.Context, _ Vault, c *call) (any, error) {
	if values, ok := c.conn.values[c.request.Open]; ok {
		values.Close()
		delete(c.conn.values, c.request.Open)
	}
	return nil, nil //nolint:nilnil // there is no more to say
}

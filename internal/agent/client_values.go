package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"tacenda/internal/vault"
	"tacenda/keyring/secret"
)

// Values implements Vault. Values come in batches into guarded memory, the first
// with the answer, and each replaces the one before.
func (c *Client) Values(ctx context.Context, project string, names []string) (vault.Values, error) {
	x := &exchange{request: &request{Op: "Values", Project: project, Names: names}}
	v := &remoteValues{client: c, names: names}
	x.take = func(a *answer, life uint64) error {
		var o opened
		if err := json.Unmarshal(a.Result, &o); err != nil || len(o.Secrets) != len(names) {
			return errFrame
		}
		for i, s := range o.Secrets {
			if s.Name != names[i] {
				return errNames
			}
		}
		v.secrets, v.open, v.life = o.Secrets, o.Open, life
		return v.batch(x, a.Segments, 0)
	}
	if err := c.ask(ctx, x); err != nil {
		return nil, err
	}
	return v, nil
}

// remoteValues are values that an agent opens.
type remoteValues struct {
	client  *Client
	names   []string
	secrets []vault.Secret
	index   map[string]int // of names; made when a batch is to be fetched
	open    uint64         // the agent's number for them; 0 when all are here
	life    uint64         // of the connection that open belongs to
	here    map[string]span
	buf     *secret.Bytes
}

// A span is where a value lies in buf.
type span struct{ at, n int }

// batch takes the values of an answer, which begin with names[first].
func (v *remoteValues) batch(x *exchange, lengths []int, first int) error {
	if first+len(lengths) > len(v.names) {
		return errFrame
	}
	v.buf.Destroy()
	v.buf, x.values = x.values, nil
	v.here = make(map[string]span, len(lengths))
	at := 0
	for i, n := range lengths {
		v.here[v.names[first+i]] = span{at, n}
		at += n
	}
	return nil
}

// Secrets implements vault.Values.
func (v *remoteValues) Secrets() []vault.Secret { return v.secrets }

// Use implements vault.Values.
func (v *remoteValues) Use(name string, fn func(value []byte) error) error {
	s, ok := v.here[name]
	if !ok {
		if err := v.fetch(name); err != nil {
			return err
		}
		s = v.here[name]
	}
	return v.buf.Use(func(p []byte) error { return fn(p[s.at : s.at+s.n : s.at+s.n]) })
}

// fetch gets the batch that begins with name.
func (v *remoteValues) fetch(name string) error {
	if v.index == nil {
		v.index = make(map[string]int, len(v.names))
		for i, name := range v.names {
			v.index[name] = i
		}
	}
	at, ok := v.index[name]
	if !ok || v.open == 0 {
		return fmt.Errorf("internal error: the value of %s was not asked for", name)
	}
	x := &exchange{request: &request{Op: "use", At: at, Open: v.open}, life: v.life}
	x.take = func(a *answer, _ uint64) error {
		if len(a.Segments) == 0 {
			return errFrame
		}
		return v.batch(x, a.Segments, at)
	}
	ctx, cancel := context.WithTimeout(context.Background(), stallTime)
	defer cancel()
	err := v.client.ask(ctx, x)
	if errors.Is(err, errClosed) {
		err = v.client.gone()
	}
	return err
}

// Close implements vault.Values.
func (v *remoteValues) Close() {
	v.buf.Destroy()
	v.buf, v.here = nil, nil
	if v.open == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	x := &exchange{request: &request{Op: "release", Open: v.open}, life: v.life}
	_ = v.client.ask(ctx, x) // else the end of the connection releases them
	v.open = 0
}

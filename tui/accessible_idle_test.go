package tui

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/keyring/secret"
	"tacenda/store"
)

// absent answers a few questions and then nothing, as somebody who went away.
type absent struct{ *typed }

func (a absent) Line(ctx context.Context, label string) (string, error) {
	if len(a.answers) == 0 {
		<-ctx.Done()
		return "", ctx.Err()
	}
	return a.typed.Line(ctx, label)
}

func (a absent) Secret(ctx context.Context, label string, limit int) (*secret.Bytes, error) {
	if len(a.answers) == 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return a.typed.Secret(ctx, label, limit)
}

func (a absent) SecretTwice(ctx context.Context, label string, limit int) (*secret.Bytes, error) {
	return a.Secret(ctx, label, limit)
}

// shutting notices that a vault was closed.
type shutting struct {
	Vault
	closed *bool
}

func (v shutting) Close() { *v.closed = true; v.Vault.Close() }

// The lines lock by themselves too, in the menu and in the middle of a question.
func TestLinesIdle(t *testing.T) {
	for _, answers := range [][]string{nil, {"1", "3", "new_one"}} {
		s := &stage{TB: t, now: noon, engine: vaulttest.Shared(store.NewMem()), key: vaulttest.NewKey(t)}
		s.v = vaulttest.On(t, s.engine, s.key, vault.Options{})
		var out bytes.Buffer
		closed := false
		err := runLines(context.Background(), &out, Config{
			Name: "acme", Project: vaulttest.Project, IdleLock: 20 * time.Millisecond,
			Ask: absent{&typed{append([]string(nil), answers...), &out}},
			Open: func(ctx context.Context) (Vault, error) {
				v, err := s.open(ctx, s.key.Openers(s)...)
				return shutting{v, &closed}, err
			},
		})
		if err != nil || !closed || !strings.Contains(out.String(), "without an answer") {
			t.Errorf("%v, closed %v:\n%s", err, closed, out.String())
		}
	}
}

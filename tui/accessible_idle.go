package tui

import (
	"context"
	"errors"
	"time"

	"tacenda/keyring/secret"
)

// errIdle ends the lines when a question was not answered for too long.
var errIdle = errors.New("nobody answered")

// A patient asks as an Asker does, and gives up after a time without an answer:
// the vault must not stay open before an empty chair.
type patient struct {
	Asker
	least time.Duration
	now   func() time.Time
}

// patiently asks one question.
func patiently[T any](ctx context.Context, p patient, ask func(context.Context) (T, error)) (T, error) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	var still stillness
	still.begin(p.now())
	go func() {
		tick := time.NewTicker(min(idleEvery, p.least))
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if still.look(p.now()) >= p.least {
					end(errIdle)
					return
				}
			}
		}
	}()
	answer, err := ask(ctx)
	if err != nil && errors.Is(context.Cause(ctx), errIdle) {
		err = errIdle
	}
	return answer, err
}

// Line implements Asker.
func (p patient) Line(ctx context.Context, label string) (string, error) {
	return patiently(ctx, p, func(ctx context.Context) (string, error) { return p.Asker.Line(ctx, label) })
}

// Secret implements Asker.
func (p patient) Secret(ctx context.Context, label string, limit int) (*secret.Bytes, error) {
	return patiently(ctx, p, func(ctx context.Context) (*secret.Bytes, error) { return p.Asker.Secret(ctx, label, limit) })
}

// SecretTwice implements Asker.
func (p patient) SecretTwice(ctx context.Context, label string, limit int) (*secret.Bytes, error) {
	return patiently(ctx, p, func(ctx context.Context) (*secret.Bytes, error) { return p.Asker.SecretTwice(ctx, label, limit) })
}

// Confirm implements Asker.
func (p patient) Confirm(ctx context.Context, question string) (bool, error) {
	return patiently(ctx, p, func(ctx context.Context) (bool, error) { return p.Asker.Confirm(ctx, question) })
}

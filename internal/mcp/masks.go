package mcp

import (
	"context"
	"errors"
	"slices"
	"sync"

	"tacenda/internal/leak"
	"tacenda/internal/vault"
)

// masks keep the one finder that knows every value of the project, from call to
// call while the project does not change: making it opens every value.
type masks struct {
	vault   Vault
	project string
	note    func(format string, args ...any)

	mu    sync.Mutex
	last  *mask
	short []string // the secrets of which the user was told that they are too short
}

// A mask is a finder and what it reads values from.
type mask struct {
	stamp  uint64 // of the project, when it was made
	finder *leak.Finder
	values vault.Values
	users  int
	old    bool // closed when nobody uses it
}

func (m *mask) close() {
	m.finder.Close()
	m.values.Close()
}

// settleTries is how often a project may change while its values are read.
const settleTries = 5

// errUnsettled is for a project that changes faster than it can be read.
var errUnsettled = errors.New("the project changes while it is being read; try again")

// open returns the values of names, and a mask that was made of the same state
// of the project: it knows each of those values. The caller closes the values
// and gives the mask back.
func (k *masks) open(ctx context.Context, names []string) (vault.Values, *mask, error) {
	for range settleTries {
		m, err := k.take(ctx)
		if err != nil {
			return nil, nil, err
		}
		values, err := k.vault.Values(ctx, k.project, names)
		if err != nil {
			k.give(m)
			return nil, nil, err
		}
		if stamp, err := k.vault.Stamp(ctx, k.project); err == nil && stamp == m.stamp {
			return values, m, nil
		}
		values.Close()
		k.give(m)
	}
	return nil, nil, errUnsettled
}

// take returns a mask for the project as it is now.
func (k *masks) take(ctx context.Context) (*mask, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for range settleTries {
		stamp, err := k.vault.Stamp(ctx, k.project)
		if err != nil {
			return nil, err
		}
		if k.last == nil || k.last.stamp != stamp {
			k.retire()
			if k.last, err = k.make(ctx, stamp); err != nil {
				return nil, err
			}
		}
		if k.last != nil {
			k.last.users++
			return k.last, nil
		}
	}
	return nil, errUnsettled
}

// make reads every value; nil without an error when the project changed meanwhile.
func (k *masks) make(ctx context.Context, stamp uint64) (*mask, error) {
	secrets, err := k.vault.Secrets(ctx, k.project)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(secrets))
	for i, s := range secrets {
		names[i] = s.Name
	}
	values, err := k.vault.Values(ctx, k.project, names)
	if errors.Is(err, vault.ErrNotFound) {
		return nil, nil //nolint:nilnil // one of them was deleted in between
	}
	if err != nil {
		return nil, err
	}
	finder, err := leak.New(names, values)
	if err != nil {
		values.Close()
		return nil, err
	}
	m := &mask{stamp: stamp, finder: finder, values: values}
	if short := finder.Skipped(); len(short) > 0 && !slices.Equal(short, k.short) {
		k.short = short
		k.note("too short to be found in an answer, less than %d bytes: %s", leak.MinValue, quoted(short))
	}
	if now, err := k.vault.Stamp(ctx, k.project); err != nil || now != stamp {
		m.close()
		return nil, err
	}
	return m, nil
}

// retire gives up the last mask. k.mu is held.
func (k *masks) retire() {
	m := k.last
	k.last = nil
	if m == nil {
		return
	}
	m.old = true
	if m.users == 0 {
		m.close()
	}
}

// give takes a mask back.
func (k *masks) give(m *mask) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if m.users--; m.users == 0 && m.old {
		m.close()
	}
}

// close is for the end, when no call runs.
func (k *masks) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.retire()
}

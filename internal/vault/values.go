package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"tacenda/keyring"
	"tacenda/keyring/secret"
	"tacenda/store"
)

// Values are some secrets' values, to be opened one at a time. One goroutine
// uses them.
type Values interface {
	// Secrets is the metadata of the secrets, in the order of their names in the call.
	Secrets() []Secret
	// Use opens one value into guarded memory, calls fn with it and wipes it. The
	// value is valid until fn returns.
	Use(name string, fn func(value []byte) error) error
	// Close wipes what is left.
	Close()
}

// sealedValues are sealed copies, taken in one transaction that has ended:
// whoever writes them to a slow pipe keeps nobody waiting.
type sealedValues struct {
	secrets []Secret
	at      map[string]int // the place of each name in the call
	sealed  []sealedValue
	sealer  *keyring.Sealer
	aad     recordAAD
	buf     *secret.Bytes
}

type sealedValue struct {
	id     blind
	record []byte
}

// Values copies the sealed values of the named secrets, for Use. Names that the
// project lacks are a MissingError that lists them all; names need not be valid,
// but one that is there twice is ErrInvalid.
func (v *Vault) Values(ctx context.Context, project string, names []string) (Values, error) {
	at, err := places(names)
	if err != nil {
		return nil, err
	}
	x, err := v.values(ctx, project, names, at, true)
	if errors.Is(err, store.ErrDamaged) {
		// Perhaps beside the records only, where a sweep meets it and a search does not.
		x, err = v.values(ctx, project, names, at, false)
	}
	if err != nil {
		return nil, err
	}
	return x, nil
}

// values is Values, with leave to sweep when all secrets are asked for.
func (v *Vault) values(ctx context.Context, in string, names []string, at map[string]int, sweep bool) (*sealedValues, error) {
	x := &sealedValues{at: at}
	err := v.view(ctx, func(s *session) error {
		p, err := s.gate(in, PermUse)
		if err != nil {
			return err
		}
		entries, err := p.all(names)
		if err != nil {
			return err
		}
		pass := (*project).search
		if sweep && uint64(len(names)) >= p.manifest.Secrets {
			pass = (*project).sweep
		}
		if err := x.copy(p, names, entries, pass); err != nil {
			return err
		}
		p.tellUse(names)
		return nil
	})
	if err != nil {
		x.Close()
		return nil, err
	}
	return x, nil
}

// places refuses a name that is asked for twice. It would count as two of a
// project's secrets, and who asks for one a million times would have it copied as
// often while everybody else waits.
func places(names []string) (map[string]int, error) {
	at := make(map[string]int, len(names))
	for i, n := range names {
		at[n] = i
		if len(at) != i+1 {
			return nil, fmt.Errorf("%w: %s is asked for twice", ErrInvalid, quote(n))
		}
	}
	return at, nil
}

// copy takes what Use needs out of the transaction: the sealed records, and a
// sealer of its own, so that the vault's keys may be wiped meanwhile.
func (x *sealedValues) copy(p *project, names []string, entries []entry, pass pass) error {
	if len(entries) == 0 {
		return nil
	}
	x.secrets, x.sealed = make([]Secret, len(entries)), make([]sealedValue, len(entries))
	order := byBlind(entries)
	o, err := p.opener(kindSecret)
	if err != nil {
		return err
	}
	err = pass(p, kindSecret, entries, order, func(i int, record []byte) error {
		content, err := o.open(entries[i].id, record)
		if err != nil {
			return err
		}
		r, err := p.parseSecret(content, names[i])
		x.secrets[i] = r.public(p.name)
		return err
	})
	if err != nil {
		return err
	}
	largest := 0
	err = pass(p, kindValue, entries, order, func(i int, record []byte) error {
		if len(record) < 1 || record[0] != FormatVersion {
			return fmt.Errorf("%w: the value of %s is not a record of format %d", ErrDamaged, names[i], FormatVersion)
		}
		x.sealed[i] = sealedValue{id: entries[i].id, record: bytes.Clone(record)}
		largest = max(largest, len(record))
		return nil
	})
	if err != nil {
		return err
	}
	x.aad = p.keys.recordAAD(kindValue)
	if x.sealer, err = p.keys.sealer(kindValue); err != nil {
		return err
	}
	x.buf, err = secret.New(largest)
	return err
}

// Secrets implements Values.
func (x *sealedValues) Secrets() []Secret { return x.secrets }

// Use implements Values.
func (x *sealedValues) Use(name string, fn func(value []byte) error) error {
	i, ok := x.at[name]
	if !ok || i >= len(x.sealed) {
		return fmt.Errorf("internal error: the value of %s was not asked for", name)
	}
	sealed := &x.sealed[i]
	return x.buf.Use(func(buf []byte) error {
		frame, err := x.sealer.Open(buf[:0], x.aad.of(sealed.id), sealed.record[1:])
		if err != nil {
			return fmt.Errorf("%w: the value of %s does not open", ErrDamaged, name)
		}
		defer secret.Wipe(frame)
		value, err := frameContent(frame)
		if err != nil {
			return fmt.Errorf("%w: the value of %s: %v", ErrDamaged, name, err)
		}
		return fn(value)
	})
}

// Close implements Values.
func (x *sealedValues) Close() {
	x.buf.Destroy()
	x.sealed, x.sealer = nil, nil
}

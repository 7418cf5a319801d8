package vault

import (
	"context"
	"fmt"

	"tacenda/keyring"
	"tacenda/keyring/secret"
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
	sealed  map[string]sealedValue
	sealer  *keyring.Sealer
	buf     *secret.Bytes
}

type sealedValue struct {
	aad, record []byte
}

// Values copies the sealed values of the named secrets, for Use. Names that the
// project lacks are a MissingError that lists them all; names need not be valid,
// but one that is there twice is ErrInvalid.
func (v *Vault) Values(ctx context.Context, project string, names []string) (Values, error) {
	if err := checkOnce(names); err != nil {
		return nil, err
	}
	x := &sealedValues{sealed: make(map[string]sealedValue, len(names))}
	err := v.view(ctx, func(s *session) error {
		p, err := s.gate(project, PermUse)
		if err != nil {
			return err
		}
		entries, err := p.all(names)
		if err != nil {
			return err
		}
		if err := x.copy(p, names, entries); err != nil {
			return err
		}
		return p.tellUse(names)
	})
	if err != nil {
		x.Close()
		return nil, err
	}
	return x, nil
}

// checkOnce refuses a name that is asked for twice. It would count as two of a
// project's secrets, and who asks for one a million times would have it copied as
// often while everybody else waits.
func checkOnce(names []string) error {
	seen := make(map[string]struct{}, len(names))
	for _, n := range names {
		if _, twice := seen[n]; twice {
			return fmt.Errorf("%w: %s is asked for twice", ErrInvalid, quote(n))
		}
		seen[n] = struct{}{}
	}
	return nil
}

// copy takes what Use needs out of the transaction: the sealed records, and a
// sealer of its own, so that the vault's keys may be wiped meanwhile.
func (x *sealedValues) copy(p *project, names []string, entries []entry) error {
	largest := 0
	for i, e := range entries {
		r, err := p.decodeSecret(e)
		if err != nil {
			return err
		}
		key, record, err := p.read(kindValue, e.id, e.value)
		if err != nil {
			return err
		}
		if len(record) < 1 || record[0] != FormatVersion {
			return fmt.Errorf("%w: the value of %s is not a record of format %d", ErrDamaged, names[i], FormatVersion)
		}
		x.secrets = append(x.secrets, r.public(p.name))
		x.sealed[names[i]] = sealedValue{aad: p.keys.aad(kindValue, key), record: record}
		largest = max(largest, len(record))
	}
	if len(entries) == 0 {
		return nil
	}
	var err error
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
	sealed, ok := x.sealed[name]
	if !ok {
		return fmt.Errorf("internal error: the value of %s was not asked for", name)
	}
	return x.buf.Use(func(buf []byte) error {
		frame, err := x.sealer.Open(buf[:0], sealed.aad, sealed.record[1:])
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

package vault

import (
	"context"
	"errors"

	"tacenda/keyring"
	"tacenda/store"
)

// What follows is what a manager does who has the file and a program of their own.

// RecordName gives the record of a secret, a tool or an instruction (kind 's',
// 't', 'i') another name inside, as a holder of the sign key can. It stays where
// it was.
func (v *Vault) RecordName(in string, of byte, name, inside string) error {
	return v.RecordField(in, of, name, 1, inside)
}

// RecordField changes any field of such a record.
func (v *Vault) RecordField(in string, of byte, name string, field int, to any) error {
	return v.update(context.Background(), func(s *session) error {
		p, err := s.gate(in, PermManage)
		if err != nil {
			return err
		}
		e, found, err := p.lookup(kind(of), name)
		if err != nil || !found {
			return errors.Join(err, errors.New("no such record"))
		}
		content, err := p.readObject(e)
		if err != nil {
			return err
		}
		var r map[int]any
		if err := keyring.Unmarshal(content, &r); err != nil {
			return err
		}
		r[field] = to
		if content, err = keyring.Marshal(r); err != nil {
			return err
		}
		return p.put(e, content)
	})
}

// ForgeCounter signs a manifest that counts as many changes, as a holder of the
// sign key can.
func (v *Vault) ForgeCounter(in string, e store.Engine, counter uint64) error {
	var raw, key []byte
	err := v.inProject(in, func(_ *session, p *project) error {
		sign, err := p.keys.signer()
		if err != nil {
			return err
		}
		defer sign.destroy()
		p.manifest.Counter = counter
		key = recordKey(p.ref.ID, p.ref.Prefix, kindManifest, nil)
		raw, err = sealSigned(p.manifest, labelManifest, sign)
		return err
	})
	if err != nil {
		return err
	}
	return e.Update(context.Background(), func(tx store.Tx) error { return tx.Put(key, raw) })
}

// TryLock tells whether nobody is in a transaction of the vault.
func (v *Vault) TryLock() bool { return v.mu.TryLock() }

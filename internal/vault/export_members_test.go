package vault

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"slices"

	"tacenda/keyring"
	"tacenda/keyring/secret"
	"tacenda/store"
)

// What follows is what somebody does who has the file, a member's key, and a
// program of their own made of these packages.

// inProject runs fn with the project as the vault's caller can open it, whatever
// they were granted.
func (v *Vault) inProject(name string, fn func(*session, *project) error) error {
	return v.view(context.Background(), func(s *session) error {
		p, err := s.gate(name, PermRead)
		if err != nil {
			return err
		}
		return fn(s, p)
	})
}

// KeysHeld is how many bytes of a project's keys the caller has.
func (v *Vault) KeysHeld(in string) (n int) {
	err := v.inProject(in, func(_ *session, p *project) error { n = p.keys.keys.Len(); return nil })
	if err != nil {
		panic(err)
	}
	return n
}

// Pry tries to open the value of a secret without asking any gate, with each
// key that the caller has. It returns the values that came out.
func (v *Vault) Pry(in, name string) (values []string, err error) {
	err = v.inProject(in, func(s *session, p *project) error {
		e, _, err := p.lookup(kindSecret, name)
		if err != nil {
			return err
		}
		key, record, err := p.read(kindValue, e.id, e.value)
		if err != nil {
			return err
		}
		for i := range p.keys.keys.Len() / keyring.KeySize {
			part, err := p.keys.part(i)
			if err != nil {
				return err
			}
			defer part.Destroy()
			for _, k := range []kind{kindValue, kindSecret} {
				sealer, err := keyring.NewSealer(part, labelSeal, s.v.id[:], p.ref.ID[:], epochBytes(p.ref.Epoch), []byte{byte(k)})
				if err != nil {
					return err
				}
				if frame, err := openSealed(sealer, p.keys.aad(kindValue, key), record, nil); err == nil {
					value, _ := frameContent(frame)
					values = append(values, string(value))
				}
			}
		}
		return nil
	})
	return values, err
}

// Missing tries what needs keys that the caller may not have, each by itself.
func (v *Vault) Missing(in, name string) (errs []error) {
	err := v.inProject(in, func(_ *session, p *project) error {
		_, err := p.keys.sealer(kindValue)
		errs = append(errs, err)
		_, err = p.keys.signer()
		errs = append(errs, err)
		e, _, err := p.lookup(kindSecret, name)
		if err != nil {
			return err
		}
		var mem room
		defer mem.destroy()
		errs = append(errs, p.useValue(e, &mem, func(_, _ []byte) error { return nil }))
		_, err = p.putValue(e.id, []byte("x"), &mem)
		errs = append(errs, err)
		return nil
	})
	if err != nil {
		panic(err)
	}
	return errs
}

// A Forgery is how far a forger goes to have a change taken for genuine.
type Forgery int

const (
	ForgeRecord   Forgery = iota // the record alone
	ForgePage                    // and the page that lists it
	ForgeManifest                // and the manifest, signed with a key of their own
	ForgeRoster                  // and the roster, signed with a key of their own
)

// ForgeDescription changes the description of a secret in what engine holds, with
// the read key alone.
func (v *Vault) ForgeDescription(e store.Engine, project, name, description string, how Forgery) error {
	seed, err := secret.Random(keyring.KeySize)
	if err != nil {
		return err
	}
	own, err := newSigner(seed)
	if err != nil {
		return err
	}
	defer own.destroy()
	return e.Update(context.Background(), func(tx store.Tx) error {
		s := v.begin(tx, nil)
		if err := s.load(); err != nil {
			return err
		}
		p, err := s.gate(project, PermRead)
		if err != nil {
			return err
		}
		en, r, err := p.secret(name)
		if err != nil {
			return err
		}
		r.Description = description
		if r.AllowedHosts == nil {
			r.AllowedHosts = []string{}
		}
		content, err := keyring.Marshal(r)
		if err != nil {
			return err
		}
		if err := p.put(en, content); err != nil {
			return err
		}
		records := p.writes
		p.writes = nil
		if err := p.flushPages(); err != nil {
			return err
		}
		if how >= ForgePage {
			records = append(records, p.writes...)
		}
		if how >= ForgeManifest {
			p.manifest.Counter++
			raw, err := sealSigned(p.manifest, labelManifest, own)
			if err != nil {
				return err
			}
			records = append(records, write{recordKey(p.ref.ID, p.ref.Prefix, kindManifest, nil), raw})
		}
		if how >= ForgeRoster {
			p.ref.Sign = own.public
			raw, err := s.forgeRoster(own)
			if err != nil {
				return err
			}
			records = append(records, write{rosterKey(), raw})
		}
		for _, w := range records {
			if err := tx.Put(w.key, w.value); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *session) forgeRoster(by *signer) ([]byte, error) {
	s.roster.Counter++
	s.roster.Owner = by.public
	return sealSigned(s.roster, labelRoster, by)
}

// ForgeGrant makes a roster, signed with a key of the forger's own, that grants a
// member everything in every project.
func (v *Vault) ForgeGrant(e store.Engine, member string) error {
	seed, err := secret.Random(keyring.KeySize)
	if err != nil {
		return err
	}
	own, err := newSigner(seed)
	if err != nil {
		return err
	}
	defer own.destroy()
	return e.Update(context.Background(), func(tx store.Tx) error {
		s := v.begin(tx, nil)
		if err := s.load(); err != nil {
			return err
		}
		for i := range s.roster.Projects {
			ref := &s.roster.Projects[i]
			ref.Grants = append(ref.without(member), grantRef{Member: member, Permissions: uint64(permAll), ServerOnly: true})
			slices.SortFunc(ref.Grants, byMember)
		}
		raw, err := s.forgeRoster(own)
		if err != nil {
			return err
		}
		return tx.Put(rosterKey(), raw)
	})
}

// ChangeRoster is what an owner's program could sign by a mistake: it changes the
// roster and nothing else.
func (v *Vault) ChangeRoster(change func(grants map[string]*[]GrantRef)) error {
	return v.update(context.Background(), func(s *session) error {
		of := map[string]*[]GrantRef{}
		for i := range s.roster.Projects {
			ref := &s.roster.Projects[i]
			_, name, err := s.named(ref)
			if err != nil {
				return err
			}
			ref.Grants = ref.without("")
			of[name] = &ref.Grants
		}
		change(of)
		s.rosterChanged = true
		return nil
	})
}

type GrantRef = grantRef

// Touch has whoever opened the vault sign a new roster.
func (v *Vault) Touch() error {
	return v.update(context.Background(), func(s *session) error { s.rosterChanged = true; return nil })
}

// GrantRecord is a grant's engine key and record; change alters what it says.
func (v *Vault) GrantRecord(e store.Engine, project, member string) (key string, record []byte) {
	err := v.view(context.Background(), func(s *session) error {
		p, err := s.gate(project, PermRead)
		if err != nil {
			return err
		}
		m, ok := s.roster.member(member)
		if !ok {
			return errors.New("no such member")
		}
		k := grantKey(v.id, m.Recipient, p.ref.ID)
		key = string(k)
		return e.View(context.Background(), func(tx store.Tx) error { record, err = tx.Get(k); return err })
	})
	if err != nil {
		panic(err)
	}
	return key, record
}

// RaisedGrant is a grant's record that says other permissions, or another member.
func RaisedGrant(record []byte, member string, p Permission) []byte {
	var r grantRecord
	if err := keyring.Unmarshal(record, &r); err != nil {
		panic(err)
	}
	r.Member, r.Permissions = member, uint64(p)
	raw, err := keyring.Marshal(r)
	if err != nil {
		panic(err)
	}
	return raw
}

// WrappedSize is how many bytes of keys a grant's record holds.
func WrappedSize(record []byte) int {
	var r grantRecord
	if err := keyring.Unmarshal(record, &r); err != nil {
		panic(err)
	}
	return len(r.Wrapped) - keyring.Overhead
}

// OldKeys keeps a project's keys as the caller has them now. What it returns
// tries them on every record of the project that e holds later, and says how
// many open.
func (v *Vault) OldKeys(in string) (try func(e store.Engine) int) {
	var old *projectKeys
	err := v.inProject(in, func(_ *session, p *project) (err error) {
		keys, err := p.keys.first(p.keys.keys.Len() / keyring.KeySize)
		old = &projectKeys{vault: v.id, ref: *p.ref, keys: keys}
		return err
	})
	if err != nil {
		panic(err)
	}
	return func(e store.Engine) (opened int) {
		err := e.View(context.Background(), func(tx store.Tx) error {
			return tx.Range(projectPrefix(old.ref.ID), func(key, record []byte) error {
				k := kind(key[1+16+prefixSize])
				if k == kindManifest || k == kindPage {
					return nil
				}
				// Under the epoch that they know, and under the one that is current.
				for ahead := range uint64(3) {
					ks := &projectKeys{vault: old.vault, ref: old.ref, keys: old.keys}
					ks.ref.Epoch += ahead
					if _, err := ks.openRecord(k, bytes.Clone(key), bytes.Clone(record), nil); err == nil {
						opened++
					}
				}
				return nil
			})
		})
		if err != nil {
			panic(err)
		}
		return opened
	}
}

// ForgeProjectName renames a project as a holder of its sign key can, who cannot
// sign the roster.
func (v *Vault) ForgeProjectName(name, to string) error {
	return v.update(context.Background(), func(s *session) error {
		p, err := s.gate(name, PermManage)
		if err != nil {
			return err
		}
		return p.putName(to)
	})
}

// DropNameTags makes the vault one from before there were members.
func (v *Vault) DropNameTags() error {
	return v.update(context.Background(), func(s *session) error {
		for i := range s.roster.Projects {
			s.roster.Projects[i].Name = nil
		}
		s.rosterChanged = true
		return nil
	})
}

// GrantVector is a grant and the steps of opening it, for a reader by somebody else.
type GrantVector struct {
	Member      string `json:"member"`
	Project     string `json:"project"` // id, hexadecimal, as all that follow
	Permissions uint64 `json:"permissions"`
	EngineKey   string `json:"engine_key"`
	Bound       string `json:"bound"` // the tuple
	Keys        string `json:"keys"`  // what comes out: read ‖ value ‖ seed of sign
}

// GrantVectors are of the projects that the caller, a member, was granted.
func (v *Vault) GrantVectors() (out []GrantVector) {
	err := v.view(context.Background(), func(s *session) error {
		for i := range s.roster.Projects {
			ref := &s.roster.Projects[i]
			g := ref.grant(v.actor)
			if s.held(ref) == 0 {
				continue
			}
			keys, err := s.keysOf(ref)
			if err != nil {
				return err
			}
			bound := append([][]byte{[]byte(v.recipient)}, grantBound(v.id, ref, g.Member, g.Permissions)...)
			x := GrantVector{
				Member: g.Member, Project: hex.EncodeToString(ref.ID[:]), Permissions: g.Permissions,
				EngineKey: hex.EncodeToString(grantKey(v.id, v.recipient, ref.ID)),
				Bound:     hex.EncodeToString(keyring.Tuple("tacenda/v1/grant", bound...)),
			}
			if err := keys.keys.Use(func(k []byte) error { x.Keys = hex.EncodeToString(k); return nil }); err != nil {
				return err
			}
			out = append(out, x)
			s.release(keys)
		}
		return nil
	})
	if err != nil {
		panic(err)
	}
	return out
}

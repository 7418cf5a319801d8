package vault

import (
	"context"
	"crypto/sha256"

	"tacenda/keyring"
	"tacenda/keyring/secret"
	"tacenda/store"
)

// ForgeVault is what an attacker without any key of the victim's does with a program of their own:
// a fresh vault with an id of their choice.
func ForgeVault(id ID, e store.Engine, slots func(ID, *secret.Bytes) ([]*keyring.Slot, error), project string) *Vault {
	root, _ := secret.Random(keyring.KeySize)
	v := newVault(e, Options{})
	v.id = id
	made, err := slots(id, root)
	if err != nil {
		panic(err)
	}
	if err := v.adoptNew(root, ownerOf(made[0])); err != nil {
		panic(err)
	}
	err = e.Update(context.Background(), func(tx store.Tx) error { return v.begin(tx, nil).writeNew(made, project) })
	if err != nil {
		panic(err)
	}
	return v
}

// ForgeManifest lets a holder of sign change a manifest.
func (v *Vault) ForgeManifest(project string, secrets, events uint64) {
	err := v.update(context.Background(), func(s *session) error {
		p, err := s.gate(project, PermManage)
		if err != nil {
			return err
		}
		p.manifest.Secrets, p.manifest.Events = secrets, events
		p.changed[0xff] = nil
		es, err := p.entries(0xff)
		p.changed[0xff] = es
		return err
	})
	if err != nil {
		panic(err)
	}
}

// ForgeName is what a holder of the read key alone can write: a name record. It returns key and record.
func (v *Vault) ForgeName(project, name string) (key, record []byte) {
	err := v.view(context.Background(), func(s *session) error {
		p, err := s.gate(project, PermRead)
		if err != nil {
			return err
		}
		id, _ := p.keys.blind("")
		key = recordKey(p.ref.ID, p.ref.Prefix, kindName, id[:])
		frame := make([]byte, metaFrameSize(len(name)))
		fillFrame(frame, []byte(name))
		record, err = p.keys.sealRecord(kindName, key, frame)
		return err
	})
	if err != nil {
		panic(err)
	}
	return key, record
}

// BombRoster is a roster anybody can make: n projects of k empty grants.
func BombRoster(id ID, projects, grants int) []byte {
	seed, _ := secret.Random(32)
	by, _ := newSigner(seed)
	type g struct{}
	gs := make([]g, grants)
	type bp struct {
		Sign   []byte `cbor:"4,keyasint"`
		Grants []g    `cbor:"6,keyasint"`
	}
	ps := make([]bp, projects)
	for i := range ps {
		ps[i] = bp{by.public, gs}
	}
	body := map[int]any{1: 1, 2: id, 3: by.public, 4: 1, 5: []slotRef{{}}, 7: ps}
	raw, err := sealSigned(body, labelRoster, by)
	if err != nil {
		panic(err)
	}
	return raw
}

func HeaderRecord(id ID) []byte {
	raw, _ := keyring.Marshal(header{Magic: magic, Version: 1, Vault: id})
	return raw
}

func (v *Vault) RootLen() int       { return v.root.Len() }
func (v *Vault) Become(next *Vault) { v.become(next) }
func (v *Vault) Lock()              { v.mu.Lock() }
func (v *Vault) Unlock()            { v.mu.Unlock() }
func SHA(b []byte) [32]byte         { return sha256.Sum256(b) }
func MemoryOf(dir string, id ID) map[ID]projectSeen {
	s, _ := readSeen((&memory{dir: dir}).path(id))
	return s.Projects
}

// Epoch is a project's, as the roster has it.
func (v *Vault) Epoch(project string) (epoch uint64) {
	err := v.view(context.Background(), func(s *session) error {
		p, err := s.gate(project, PermRead)
		if err == nil {
			epoch = p.ref.Epoch
		}
		return err
	})
	if err != nil {
		panic(err)
	}
	return epoch
}

package vault

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"

	"tacenda/keyring"
	"tacenda/keyring/secret"
)

const (
	labelOwner    = "tacenda/v1/owner"
	labelOwnerTag = "tacenda/v1/owner-tag"
	labelKeys     = "tacenda/v1/project-keys"
	labelSeal     = "tacenda/v1/seal"
	labelNames    = "tacenda/v1/names"
	labelName     = "tacenda/v1/project-name"
	labelAAD      = "tacenda/v1/record"
)

// ownerSigner derives the owner key from the root key.
func ownerSigner(vaultID ID, root *secret.Bytes) (*signer, error) {
	seed, err := keyring.Derive(root, keyring.KeySize, labelOwner, vaultID[:])
	if err != nil {
		return nil, err
	}
	return newSigner(seed)
}

// projectKeys are the keys of one project in one epoch, or the first ones of
// them that a grant gives:
//
//	read(32) ‖ value(32) ‖ seed of sign(32)
//
// read and value are only ever derived from.
type projectKeys struct {
	vault  ID
	ref    projectRef
	source digest // of the record that they came from
	keys   *secret.Bytes
	seal   map[kind]*keyring.Sealer
	names  hash.Hash // HMAC under the name key
	hidden []byte    // what it reads and says, to be used again
}

const projectKeysSize = 3 * keyring.KeySize

func (k *projectKeys) destroy() {
	if k != nil {
		k.keys.Destroy()
	}
}

// The parts of a project's keys, in their order.
const (
	partRead = iota
	partValue
	partSign
)

// part copies one of the three keys into guarded memory of its own. One that was
// not granted is ErrDenied.
func (k *projectKeys) part(i int) (*secret.Bytes, error) {
	if k.keys.Len() < (i+1)*keyring.KeySize {
		return nil, fmt.Errorf("%w: the key for it was not granted", ErrDenied)
	}
	var out *secret.Bytes
	err := k.keys.Use(func(all []byte) (err error) {
		if out, err = secret.New(keyring.KeySize); err != nil {
			return err
		}
		return out.Use(func(p []byte) error { copy(p, all[i*keyring.KeySize:]); return nil })
	})
	return out, err
}

// signer is the project's sign key; the caller destroys it.
func (k *projectKeys) signer() (*signer, error) {
	seed, err := k.part(partSign)
	if err != nil {
		return nil, err
	}
	return newSigner(seed)
}

// sealer is the sealer for one kind of record: values have a key of their own,
// everything else is under read.
func (k *projectKeys) sealer(of kind) (*keyring.Sealer, error) {
	if s := k.seal[of]; s != nil {
		return s, nil
	}
	part := partRead
	if of == kindValue {
		part = partValue
	}
	key, err := k.part(part)
	if err != nil {
		return nil, err
	}
	defer key.Destroy()
	s, err := keyring.NewSealer(key, labelSeal, k.vault[:], k.ref.ID[:], epochBytes(k.ref.Epoch), []byte{byte(of)})
	if err != nil {
		return nil, err
	}
	if k.seal == nil {
		k.seal = make(map[kind]*keyring.Sealer, 4)
	}
	k.seal[of] = s
	return s, nil
}

// blind hides a name: HMAC-SHA256 under the project's name key, cut to 16 bytes,
// which leaves a collision among 2^32 names less likely than 2^-64.
func (k *projectKeys) blind(name string) (blind, error) {
	if k.names == nil {
		read, err := k.part(partRead)
		if err != nil {
			return blind{}, err
		}
		defer read.Destroy()
		key, err := keyring.Derive(read, keyring.KeySize, labelNames, k.vault[:], k.ref.ID[:], epochBytes(k.ref.Epoch))
		if err != nil {
			return blind{}, err
		}
		defer key.Destroy()
		err = key.Use(func(b []byte) error {
			secret.Do(func() { k.names = hmac.New(sha256.New, b) })
			return nil
		})
		if err != nil {
			return blind{}, err
		}
	}
	k.names.Reset()
	k.hidden = append(k.hidden[:0], name...)
	k.names.Write(k.hidden)
	k.hidden = k.names.Sum(k.hidden[:0])
	return blind(k.hidden), nil
}

// nameTag is a project's name in the roster, hidden as all names are: whoever can
// read the project can tell that an owner gave it this name. Without it, who has
// the sign key of one project could call it like another, and be trusted with
// what is meant for that.
func (k *projectKeys) nameTag(name string) ([]byte, error) {
	tag, err := k.blind(string(keyring.Tuple(labelName, []byte(name))))
	return tag[:], err
}

// aad is what binds a sealed record to its place.
func (k *projectKeys) aad(of kind, engineKey []byte) []byte {
	return keyring.Tuple(labelAAD, k.vault[:], k.ref.ID[:], epochBytes(k.ref.Epoch), []byte{byte(of)}, engineKey, []byte{FormatVersion})
}

// A recordAAD is the additional data of the records of one kind, of which it
// holds one at a time: they differ in the engine key alone, and in that by the
// blind name, which ends it.
type recordAAD []byte

func (k *projectKeys) recordAAD(of kind) recordAAD {
	return k.aad(of, recordKey(k.ref.ID, k.ref.Prefix, of, make([]byte, blindSize)))
}

// of is the additional data of one record, valid until the next call.
func (a recordAAD) of(id blind) []byte {
	copy(a[len(a)-blindSize-5:], id[:]) // behind it: the last field, the version, and its length
	return a
}

// sealRecord makes a record: version(1) ‖ nonce ‖ ciphertext.
func (k *projectKeys) sealRecord(of kind, engineKey, frame []byte) ([]byte, error) {
	s, err := k.sealer(of)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 1, 1+keyring.Overhead+len(frame))
	out[0] = FormatVersion
	return s.Seal(out, k.aad(of, engineKey), frame), nil
}

// openRecord appends the frame that a record holds to dst.
func (k *projectKeys) openRecord(of kind, engineKey, record, dst []byte) ([]byte, error) {
	s, err := k.sealer(of)
	if err != nil {
		return nil, err
	}
	return openSealed(s, k.aad(of, engineKey), record, dst)
}

// openSealed does it for who has the sealer and the additional data already.
func openSealed(s *keyring.Sealer, aad, record, dst []byte) ([]byte, error) {
	if len(record) < 1+keyring.Overhead || record[0] != FormatVersion {
		return nil, fmt.Errorf("%w: not a record of format %d", ErrDamaged, FormatVersion)
	}
	frame, err := s.Open(dst, aad, record[1:])
	if err != nil {
		return nil, fmt.Errorf("%w: it does not open", ErrDamaged)
	}
	return frame, nil
}

// sealProjectKeys seals a project's keys for owners.
func sealProjectKeys(vaultID ID, root *secret.Bytes, ref *projectRef, keys *secret.Bytes) ([]byte, error) {
	s, err := keyring.NewSealer(root, labelKeys, vaultID[:])
	if err != nil {
		return nil, err
	}
	out := []byte{FormatVersion}
	err = keys.Use(func(b []byte) error {
		out = s.Seal(out, projectKeysAAD(vaultID, ref), b)
		return nil
	})
	return out, err
}

func projectKeysAAD(vaultID ID, ref *projectRef) []byte {
	return keyring.Tuple(labelKeys, vaultID[:], ref.ID[:], epochBytes(ref.Epoch), ref.Prefix[:], []byte{FormatVersion})
}

// openProjectKeys opens what sealProjectKeys sealed, after checking it against the roster.
func openProjectKeys(vaultID ID, s *keyring.Sealer, ref *projectRef, record []byte) (*projectKeys, error) {
	if len(record) == 0 || sha256.Sum256(record) != ref.Keys {
		return nil, fmt.Errorf("%w: the keys of a project are not the ones that were written", ErrDamaged)
	}
	keys, err := secret.New(projectKeysSize)
	if err != nil {
		return nil, err
	}
	err = keys.Use(func(b []byte) error {
		out, err := s.Open(b[:0], projectKeysAAD(vaultID, ref), record[1:])
		if err != nil || len(out) != projectKeysSize {
			return fmt.Errorf("%w: the keys of a project do not open", ErrDamaged)
		}
		return nil
	})
	if err != nil {
		keys.Destroy()
		return nil, err
	}
	return &projectKeys{vault: vaultID, ref: *ref, source: ref.Keys, keys: keys}, nil
}

// newProjectKeys makes the keys of a new project or epoch, and fills in ref's
// public half and prefix.
func newProjectKeys(vaultID ID, ref *projectRef) (*projectKeys, error) {
	keys, err := secret.Random(projectKeysSize)
	if err != nil {
		return nil, err
	}
	k := &projectKeys{vault: vaultID, keys: keys}
	sign, err := k.signer()
	if err != nil {
		keys.Destroy()
		return nil, err
	}
	defer sign.destroy()
	ref.Sign = sign.public
	k.ref = *ref
	return k, nil
}

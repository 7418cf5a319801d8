// Package vault is the product: projects and their secrets, joined from keyring
// and store. Every face of the program goes through it, and every read and write
// of a secret passes one gate, where the permission is decided in the same place
// that touches the record and appends the event.
//
// A Vault holds the keys that opened it in guarded memory, and nothing of a
// secret. Each call is one transaction of the engine.
package vault

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"tacenda/keyring"
	"tacenda/keyring/secret"
	"tacenda/store"
)

// Options are how a vault is opened.
type Options struct {
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// State is the directory of the rollback memory; empty means none.
	State string
	// Owner, when set, is the fingerprint that the owner key must have.
	Owner string
	// AcceptRollback takes the vault as it is and forgets what this machine saw.
	AcceptRollback bool
	// Backup opens a backup: it may be older than what this machine saw, and
	// what it says is not remembered.
	Backup bool
	// Note is told what the user should know but what stops nothing; nil drops it.
	Note func(string)
}

// Vault is an opened vault, as one caller sees it: whoever opened it, or with As
// somebody else. It may be used by several goroutines; calls take turns.
type Vault struct {
	*core
	caller
	guest bool // made by As or AsOwner: the vault under it is somebody else's
	left  bool // a guest's view was closed
	watch Watch
}

// core is an opened vault without whom it works for: the keys of whoever opened
// it, and what all who use it share.
type core struct {
	engine store.Engine
	opts   Options
	id     ID
	memory *memory

	mu       sync.Mutex
	closed   bool
	by       caller         // whoever opened it
	holder   keyring.Holder // a member's private key, which opens their grants; nil for an owner
	root     *secret.Bytes  // nil for a member
	owner    []byte         // public half of the owner key
	signs    *signer        // the owner key, once something was to be signed
	cache    rosterCache
	keys     map[ID]*projectKeys // of projects used so far, in the epoch last seen
	names    map[ID]knownName
	restored seen            // what RestoreInto wrote
	keyseal  *keyring.Sealer // opens the keys of projects, for an owner
}

// rosterCache spares the check of a signature when the bytes are the same ones.
type rosterCache struct {
	raw    []byte
	roster *roster
}

type knownName struct {
	record digest
	name   string
}

// errClosed is a bug of the caller.
var errClosed = errors.New("internal error: the vault was closed")

// Create makes a new vault with one project. create makes the engine and runs
// fill in its first transaction; slots makes at least one slot for the root key.
func Create(ctx context.Context, create func(fill func(store.Tx) error) (store.Engine, error),
	slots func(vaultID ID, root *secret.Bytes) ([]*keyring.Slot, error), project string, opts Options,
) (*Vault, error) {
	if err := CheckName("project", project); err != nil {
		return nil, err
	}
	root, err := secret.Random(keyring.KeySize)
	if err != nil {
		return nil, err
	}
	v := newVault(nil, opts)
	rand.Read(v.id[:])
	made, err := slots(v.id, root)
	if err != nil {
		root.Destroy()
		return nil, err
	}
	if err := v.adoptNew(root, ownerOf(made[0])); err != nil {
		v.Close()
		return nil, err
	}
	var seen seen
	engine, err := create(func(tx store.Tx) error {
		s := v.begin(tx, nil)
		if err := s.writeNew(made, project); err != nil {
			return err
		}
		seen = s.seen
		return nil
	})
	if err != nil { // then engine may be one that cannot even be closed
		v.Close()
		return nil, err
	}
	v.engine = engine
	v.memory.remember(v.id, seen)
	return v, nil
}

func newVault(e store.Engine, opts Options) *Vault {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Note == nil {
		opts.Note = func(string) {}
	}
	if opts.Backup {
		opts.State = ""
	}
	return &Vault{core: &core{
		engine: e, opts: opts,
		memory: &memory{dir: opts.State, forget: opts.AcceptRollback, note: opts.Note},
		keys:   make(map[ID]*projectKeys),
		names:  make(map[ID]knownName),
	}}
}

// adopt takes over the root key of the owner whose public key this is.
func (v *Vault) adopt(root *secret.Bytes, owner []byte, by caller) (err error) {
	v.root, v.owner, v.caller, v.by = root, owner, by, by
	v.keyseal, err = keyring.NewSealer(root, labelKeys, v.id[:])
	return err
}

// adoptNew takes over a new root key, and makes the owner key that it yields.
func (v *Vault) adoptNew(root *secret.Bytes, by caller) (err error) {
	v.root = root // Close wipes it, whatever happens
	if v.signs, err = ownerSigner(v.id, root); err != nil {
		return err
	}
	return v.adopt(root, v.signs.public, by)
}

// signer is the owner key. It is derived when something is to be signed: that
// takes longer than everything else that a resolve does.
func (v *Vault) signer() (*signer, error) {
	if v.signs == nil {
		s, err := ownerSigner(v.id, v.root)
		if err != nil {
			return nil, err
		}
		v.signs = s
	}
	if !bytes.Equal(v.signs.public, v.owner) {
		return nil, fmt.Errorf("%w: the root key does not yield the owner key of the roster", ErrDamaged)
	}
	return v.signs, nil
}

// Open opens the vault in e with the first of openers that fits one of its
// slots, or is the private key of a member. The engine becomes the vault's, also
// when it fails.
func Open(ctx context.Context, e store.Engine, openers []keyring.Unlocker, opts Options) (*Vault, error) {
	v := newVault(e, opts)
	info, slots, err := v.readLocked(ctx)
	if err == nil {
		err = v.unlock(info, slots, openers)
	}
	if err != nil {
		v.Close()
		return nil, err
	}
	return v, nil
}

// readLocked reads what can be read without a key: the roster and the slots
// that it vouches for.
func (v *Vault) readLocked(ctx context.Context) (*roster, []*keyring.Slot, error) {
	var r *roster
	var slots []*keyring.Slot
	read := func(known *seen) error {
		return v.engine.View(ctx, func(tx store.Tx) (err error) {
			s := v.begin(tx, known)
			if err := s.load(); err != nil {
				return err
			}
			r = s.roster
			slots, err = s.slots()
			return err
		})
	}
	err := read(nil)
	if errors.Is(err, ErrRollback) {
		// The vault's id, which names the memory, was not known before the file
		// was read: another process may have committed in between. Now it is.
		err = read(v.memory.read(v.id))
	}
	return r, slots, err
}

func (v *Vault) unlock(r *roster, slots []*keyring.Slot, openers []keyring.Unlocker) error {
	locked := &LockedError{}
	for _, o := range openers {
		root, slot, err := tryOpener(v.id, o, slots)
		if root != nil {
			return v.unlocked(r, root, slot)
		}
		if err == nil {
			var member bool
			if member, err = v.enter(r, o); member {
				return nil
			}
		}
		locked.add(o.String(), err)
	}
	return locked
}

// unlocked takes over the root key that a slot held.
func (v *Vault) unlocked(r *roster, root *secret.Bytes, slot *keyring.Slot) error {
	if err := v.adopt(root, r.Owner, ownerOf(slot)); err != nil {
		return err
	}
	// Only who has the root key can name its owner key in this way: a roster
	// that somebody else signed is noticed here.
	tag, err := ownerTag(v.id, root, r.Owner)
	if err != nil {
		return err
	}
	if !hmac.Equal(tag, r.OwnerTag[:]) {
		return fmt.Errorf("%w: the roster was not signed by the owner of the key that opens it", ErrDamaged)
	}
	return nil
}

// enter lets a member in whose private key o is. What tells them that the roster
// is the owner's is what this machine saw of it before, or a pin: the root key,
// which vouches for it, is not theirs.
func (v *Vault) enter(r *roster, o keyring.Unlocker) (bool, error) {
	h, ok := o.(keyring.Holder)
	if !ok {
		return false, nil
	}
	m, ok := r.holder(h.Recipient())
	if !ok {
		return false, nil
	}
	if err := h.Prepare(); err != nil {
		return false, err
	}
	v.holder, v.owner, v.caller = h, r.Owner, caller{actor: m.Name, recipient: m.Recipient}
	v.by = v.caller
	return true, nil
}

// tryOpener tries one opener on every slot. Without a root key, err says why it
// fits none, where there is more to say than that. One slot that fails never
// keeps the next from being tried.
func tryOpener(vaultID ID, o keyring.Unlocker, slots []*keyring.Slot) (root *secret.Bytes, slot *keyring.Slot, err error) {
	for _, slot := range slots {
		root, failed := o.Unlock(vaultID, slot)
		if failed == nil {
			return root, slot, nil
		}
		if err == nil && !errors.Is(failed, keyring.ErrNotMine) {
			err = failed
		}
	}
	return nil, nil, err
}

// ID is the vault's identity.
func (v *Vault) ID() ID { return v.id }

// Actor is the label of the slot that an owner opened the vault with, or the
// member's name; events carry it.
func (v *Vault) Actor() string { return v.actor }

// OwnerFingerprint is the fingerprint of the owner key, to be pinned with --owner.
func (v *Vault) OwnerFingerprint() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.owner == nil {
		return ""
	}
	return Fingerprint(v.owner)
}

// Close wipes every key and closes the engine. A view is only left: the vault
// under it stays open.
func (v *Vault) Close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.guest {
		v.left = true
		return
	}
	if v.closed {
		return
	}
	v.closed = true
	v.root.Destroy()
	if v.signs != nil {
		v.signs.destroy()
	}
	for _, k := range v.keys {
		k.destroy()
	}
	v.keys, v.keyseal, v.holder = nil, nil, nil
	if v.engine != nil {
		_ = v.engine.Close() // nothing is under way: there is nothing to lose
	}
}

// view runs fn on a point in time of the vault.
func (v *Vault) view(ctx context.Context, fn func(*session) error) error {
	return v.run(ctx, v.engine.View, fn)
}

// update runs fn and commits what it changed, or nothing.
func (v *Vault) update(ctx context.Context, fn func(*session) error) error {
	return v.run(ctx, v.engine.Update, func(s *session) error {
		if err := fn(s); err != nil {
			return err
		}
		return s.flush()
	})
}

func (v *Vault) run(ctx context.Context, engine func(context.Context, func(store.Tx) error) error, fn func(*session) error) error {
	all, err := func() ([]told, error) {
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.locked(ctx, engine, fn)
	}()
	return v.report(all, err)
}

// locked is run for who holds the lock. It returns what is to be reported when
// the lock is free again.
func (v *Vault) locked(ctx context.Context, engine func(context.Context, func(store.Tx) error) error, fn func(*session) error) (all []told, err error) {
	if v.closed || v.left {
		return nil, errClosed
	}
	// What this machine saw is read before the file, so that a commit in
	// between is not taken for a rollback.
	known := v.memory.read(v.id)
	var seen seen
	err = engine(ctx, func(tx store.Tx) error {
		s := v.begin(tx, known)
		if err := s.load(); err != nil {
			return err
		}
		if err := s.admit(); err != nil {
			return err
		}
		err := fn(s)
		all = s.told
		if err != nil {
			return err
		}
		seen = s.seen
		return nil
	})
	if errors.Is(err, store.ErrResidue) {
		v.opts.Note(fmt.Sprintf("the change is stored, but %v", err))
		err = nil
	}
	if err != nil {
		return all, err
	}
	v.memory.remember(v.id, seen)
	return all, nil
}

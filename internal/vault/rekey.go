package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tacenda/internal/audit"
	"tacenda/keyring"
	"tacenda/keyring/secret"
	"tacenda/store"
)

// rekey writes everything that a vault holds anew: under a new root key, a new
// owner key, and new keys and a new epoch for each project. The old owner key
// signs the new one. The same work serves key rotation, the removal of a slot
// and restore.
type rekey struct {
	old   *session // reads
	v     *Vault   // as it will be: same id, new root
	new   *session // writes
	steps *steps
}

// newRekey prepares a change of keys from what old reads to what dst will hold.
// floor is a roster counter and, for each project, an epoch that the new ones
// must exceed.
func (s *session) newRekey(ctx context.Context, dst store.Tx, floor *seen, progress func(done, total int)) (_ *rekey, err error) {
	root, err := secret.Random(keyring.KeySize)
	if err != nil {
		return nil, err
	}
	next := newVault(nil, s.v.opts)
	next.id = s.v.id
	defer func() {
		if err != nil {
			next.Close()
		}
	}()
	if err := next.adoptNew(root, s.v.caller); err != nil {
		return nil, err
	}
	r := &rekey{old: s, v: next, new: next.begin(dst, &seen{}), steps: newSteps(ctx, progress)}
	signer, err := s.v.signer()
	if err != nil {
		return nil, err
	}
	sig, err := signer.sign(successionText(s.v.id, s.v.owner, next.owner))
	if err != nil {
		return nil, err
	}
	chain := append(slices.Clone(s.roster.Successions), succession{Old: s.v.owner, New: next.owner, Signature: sig})
	if len(chain) > maxSuccessions {
		chain = chain[len(chain)-maxSuccessions:]
	}
	r.new.roster = &roster{
		Suite: suiteV1, Vault: s.v.id, Owner: next.owner, Counter: max(s.roster.Counter, floor.Counter),
		Slots: []slotRef{}, Members: slices.Clone(s.roster.Members), Projects: []projectRef{},
		Events: s.roster.Events, EventHead: s.roster.EventHead, Successions: chain,
	}
	r.new.seen = seen{Projects: map[ID]projectSeen{}}
	return r, nil
}

// run reseals everything; slots are those that the new root key is wrapped for.
func (r *rekey) run(slots []*keyring.Slot, floor *seen) error {
	if err := r.header(slots); err != nil {
		return err
	}
	if err := r.ownEvents(); err != nil {
		return err
	}
	projects, err := r.count()
	if err != nil {
		return err
	}
	for _, p := range projects {
		epoch := max(p.ref.Epoch, floor.Projects[p.ref.ID].Epoch) + 1
		if err := r.project(p, epoch); err != nil {
			return err
		}
	}
	return nil
}

func (r *rekey) header(slots []*keyring.Slot) error {
	if err := checkSlots(slots); err != nil {
		return err
	}
	raw, err := keyring.Marshal(header{Magic: magic, Version: FormatVersion, Vault: r.v.id})
	if err != nil {
		return err
	}
	if err := r.new.tx.Put(headerKey(), raw); err != nil {
		return err
	}
	for _, slot := range slots {
		if err := slot.Rewrap(r.v.id, r.v.root); err != nil {
			return fmt.Errorf("wrapping the new key for slot %s: %w", slot.Label, err)
		}
		if err := r.new.putSlot(slot); err != nil {
			return err
		}
	}
	return nil
}

// ownEvents reseals the vault's own history.
func (r *rekey) ownEvents() error {
	from, err := r.old.v.eventSealer()
	if err != nil {
		return err
	}
	to, err := r.v.eventSealer()
	if err != nil {
		return err
	}
	for seq := range r.old.roster.Events {
		raw, err := r.old.tx.Get(eventKey(seq))
		if err != nil {
			return err
		}
		content, err := openEvent(from, r.v.id, seq, raw)
		if err != nil {
			return err
		}
		frame := make([]byte, metaFrameSize(len(content)))
		fillFrame(frame, content)
		if err := r.new.tx.Put(eventKey(seq), sealEvent(to, r.v.id, seq, frame)); err != nil {
			return err
		}
	}
	return nil
}

// count opens every project and adds up the work.
func (r *rekey) count() ([]*project, error) {
	var out []*project
	for i := range r.old.roster.Projects {
		ref := &r.old.roster.Projects[i]
		keys, name, err := r.old.named(ref)
		if err != nil {
			return nil, err
		}
		p, err := r.old.openNamed(ref, keys, name)
		if err != nil {
			return nil, err
		}
		r.steps.total += p.size()
		out = append(out, p)
	}
	return out, nil
}

// project reseals one project into a new epoch.
func (r *rekey) project(from *project, epoch uint64) error {
	to, err := r.new.beginEpoch(from.ref, from.name, epoch, from.ref.Grants)
	if err != nil {
		return err
	}
	r.new.roster.Projects = append(r.new.roster.Projects, *to.ref)
	if err := reseal(from, to, r.steps.step); err != nil {
		return err
	}
	// The counter begins anew; flush makes it 1.
	return to.flush()
}

// choice picks or makes the slots of a vault with new keys out of the present
// ones, and says what to tell of in the history.
type choice func(*session, []*keyring.Slot) (slots []*keyring.Slot, object string, err error)

// changeKeys gives the vault new keys throughout, wrapped for the slots that
// choose returns.
func (v *Vault) changeKeys(ctx context.Context, progress func(done, total int), action audit.Action, choose choice) error {
	all, err := v.changeKeysAlone(ctx, progress, action, choose)
	return v.report(all, err)
}

func (v *Vault) changeKeysAlone(ctx context.Context, progress func(done, total int), action audit.Action, choose choice) ([]told, error) {
	// Nobody may come between the commit and the new keys.
	v.mu.Lock()
	defer v.mu.Unlock()
	var next *Vault
	all, err := v.locked(ctx, v.engine.Update, func(s *session) error {
		if err := s.owner(); err != nil {
			return err
		}
		slots, err := s.slots()
		if err != nil {
			return err
		}
		slots, object, err := choose(s, slots)
		if err != nil {
			return err
		}
		r, err := s.newRekey(ctx, s.tx, &seen{}, progress)
		if err != nil {
			return err
		}
		next = r.v
		if err := s.replace(r, slots, action, object); err != nil {
			return err
		}
		s.seen = r.new.seen
		return nil
	})
	if err != nil {
		if next != nil {
			next.Close()
		}
		return all, err
	}
	v.become(next)
	return all, nil
}

// replace runs a change of keys in place: what was there goes, in the same
// transaction.
func (s *session) replace(r *rekey, slots []*keyring.Slot, action audit.Action, object string) error {
	var old [][]byte
	for _, p := range []byte{keySlot, keyGrant} {
		err := s.tx.Range([]byte{p}, func(key, _ []byte) error {
			old = append(old, slices.Clone(key))
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, key := range old {
		if err := s.tx.Delete(key); err != nil {
			return err
		}
	}
	if err := r.run(slots, &seen{}); err != nil {
		return err
	}
	for i := range s.roster.Projects {
		ref := &s.roster.Projects[i]
		if err := s.deletePrefix(append(projectPrefix(ref.ID), ref.Prefix[:]...)); err != nil {
			return err
		}
	}
	r.new.event(action, "", object)
	if err := r.new.flush(); err != nil {
		return err
	}
	return s.tx.Scrub()
}

// become takes over the keys of next; the caller holds the lock.
func (v *Vault) become(next *Vault) {
	v.root.Destroy()
	v.signs.destroy()
	for _, k := range v.keys {
		k.destroy()
	}
	v.root, v.owner, v.signs, v.keyseal, v.keys = next.root, next.owner, next.signs, next.keyseal, next.keys
	v.cache, v.names = rosterCache{}, make(map[ID]knownName)
}

// RestoreInto writes what this vault, a backup, holds into dst, an empty engine,
// under new keys. state is the directory of this machine's rollback memory:
// what it saw is exceeded, so that this machine, and every other that saw no
// owner key newer than the backup's, takes the restored vault for newer; the
// rest need --accept-rollback once, as the backup's owner cannot be appointed by
// a later one. Keys that were removed since the backup open the vault again.
// Call Restored once dst stands in its place.
func (v *Vault) RestoreInto(ctx context.Context, dst store.Tx, state string, progress func(done, total int)) error {
	floor := (&memory{dir: state, note: v.opts.Note}).read(v.id)
	if !v.opts.AcceptRollback && !floor.owned(v.owner) {
		return fmt.Errorf("%w: the backup has the owner %s, whom this machine never knew as the vault's", ErrRollback, Fingerprint(v.owner))
	}
	return v.view(ctx, func(s *session) error {
		if err := s.owner(); err != nil {
			return err
		}
		slots, err := s.slots()
		if err != nil {
			return err
		}
		r, err := s.newRekey(ctx, dst, floor, progress)
		if err != nil {
			return err
		}
		defer r.v.Close()
		if err := r.run(slots, floor); err != nil {
			return err
		}
		r.new.event(audit.Restored, "", "vault")
		if err := r.new.flush(); err != nil {
			return err
		}
		v.restored = r.new.seen
		(&memory{dir: state, note: v.opts.Note}).announce(v.id, v.restored)
		return nil
	})
}

// Restored makes this machine remember what RestoreInto wrote, whatever it
// remembered before. It does not look at the file, which others may have
// changed since.
func (v *Vault) Restored(state string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	var failed error
	m := &memory{dir: state, forget: true, note: func(text string) { failed = errors.New(text) }}
	m.remember(v.id, v.restored)
	return failed
}

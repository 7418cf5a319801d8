package vault

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
)

// project is one project within a session. Its manifest was checked; pages and
// records are checked as they are read.
type project struct {
	s        *session
	name     string
	ref      *projectRef
	keys     *projectKeys
	manifest *manifest
	pages    map[byte]page

	changed map[byte][]entry // pages as they will be, when something was put or removed
	writes  []write          // records to be put, sorted before the engine sees them
	events  []pendingEvent
	scrub   bool // something was replaced or deleted
}

type write struct{ key, value []byte }

// keysOf opens a project's keys, or takes them from the cache of the vault.
func (s *session) keysOf(ref *projectRef) (*projectKeys, error) {
	g, source := (*grantRef)(nil), ref.Keys
	if s.v.root == nil {
		if g = ref.grant(s.v.by.actor); g == nil || g.ServerOnly {
			return nil, fmt.Errorf("%w: no key of it was granted", ErrNoProject)
		}
		source = g.Digest
	}
	if k := s.v.keys[ref.ID]; k != nil {
		if k.ref.Epoch == ref.Epoch && k.source == source {
			return k, nil
		}
		k.destroy()
		delete(s.v.keys, ref.ID)
	}
	if g != nil {
		return s.openGrant(ref, g)
	}
	raw, err := s.tx.Get(projectKeysKey(ref.ID))
	if err != nil {
		return nil, err
	}
	return openProjectKeys(s.v.id, s.v.keyseal, ref, raw)
}

// projectName reads a project's name without its manifest: the record is
// authentic, but only the manifest says that it is the current one.
func (s *session) projectName(ref *projectRef, keys *projectKeys) (string, error) {
	id, err := keys.blind("")
	if err != nil {
		return "", err
	}
	key := recordKey(ref.ID, ref.Prefix, kindName, id[:])
	raw, err := s.tx.Get(key)
	if err != nil {
		return "", err
	}
	if raw == nil {
		return "", fmt.Errorf("%w: the name of a project is missing", ErrDamaged)
	}
	d := sha256.Sum256(raw)
	if n, ok := s.v.names[ref.ID]; ok && n.record == d {
		return n.name, nil
	}
	frame, err := keys.openRecord(kindName, key, raw, nil)
	if err != nil {
		return "", fmt.Errorf("the name of a project: %w", err)
	}
	name, err := frameContent(frame)
	if err != nil {
		return "", fmt.Errorf("%w: the name of a project: %v", ErrDamaged, err)
	}
	if CheckName("project", string(name)) != nil { // a manager's own program may have written it
		return "", fmt.Errorf("%w: a project has a name that cannot be", ErrDamaged)
	}
	s.v.names[ref.ID] = knownName{d, string(name)}
	return string(name), nil
}

// find looks for a project by name, among those that exist for the caller. It
// does not decide what they may do in it: gate does.
func (s *session) find(name string) (*project, error) {
	for _, p := range s.opened {
		if p.name == name {
			return p, nil
		}
	}
	// A project that is damaged must not hide the others, but neither may it
	// pass for one that does not exist.
	var damage error
	for i := range s.roster.Projects {
		ref := &s.roster.Projects[i]
		if s.held(ref) == 0 {
			continue
		}
		keys, got, err := s.named(ref)
		switch {
		case err != nil:
			damage = err
		case got == name:
			p, err := s.openNamed(ref, keys, name)
			if err == nil {
				return p, nil
			}
			damage = err
		default:
			s.release(keys)
		}
	}
	if damage == nil {
		damage = s.checkNames()
	}
	if damage != nil {
		return nil, damage
	}
	return nil, fmt.Errorf("project %s: %w", name, ErrNoProject)
}

// checkNames proves that no project hides behind an older name: before somebody
// is told that there is none, and before its name is given away.
func (s *session) checkNames() error {
	for i := range s.roster.Projects {
		ref := &s.roster.Projects[i]
		if s.opened[ref.ID] != nil || s.held(ref) == 0 {
			continue
		}
		keys, name, err := s.named(ref)
		if err != nil {
			return err
		}
		if _, err := s.openNamed(ref, keys, name); err != nil {
			return err
		}
	}
	return nil
}

// openNamed opens the project that projectName found, and holds that name
// against its page: an older name record, or one made with the read key alone,
// opens as well, and would lead to another project. A name that the project's
// managers signed, but no owner, is held against the roster.
func (s *session) openNamed(ref *projectRef, keys *projectKeys, name string) (*project, error) {
	p, err := s.open(ref, keys, name)
	if err != nil {
		return nil, err
	}
	if err := p.checkName(); err != nil {
		delete(s.opened, ref.ID) // nobody is to find it under this name
		return nil, err
	}
	return p, nil
}

func (p *project) checkName() error {
	e, found, err := p.lookup(kindName, "")
	if err != nil {
		return err
	}
	if !found || e.record != p.s.v.names[p.ref.ID].record {
		return fmt.Errorf("%w: the name of project %s is not the one that was written", ErrDamaged, p.name)
	}
	if p.ref.Name == nil {
		return nil
	}
	tag, err := p.keys.nameTag(p.name)
	if err != nil {
		return err
	}
	if !hmac.Equal(tag, p.ref.Name) {
		return fmt.Errorf("%w: a project has the name %s, which no owner gave it", ErrDamaged, p.name)
	}
	return nil
}

// named opens a project's keys and reads its name.
func (s *session) named(ref *projectRef) (*projectKeys, string, error) {
	keys, err := s.keysOf(ref)
	if err != nil {
		return nil, "", err
	}
	name, err := s.projectName(ref, keys)
	if err != nil {
		s.release(keys)
		return nil, "", err
	}
	return keys, name, nil
}

// release wipes keys that the vault does not keep.
func (s *session) release(k *projectKeys) {
	if s.v.keys[k.ref.ID] != k {
		k.destroy()
	}
}

// maxKept is how many projects' keys stay open between calls: each takes a part
// of the memory that may be locked.
const maxKept = 16

// open checks the manifest of a project whose keys are open, and keeps both.
func (s *session) open(ref *projectRef, keys *projectKeys, name string) (*project, error) {
	if s.v.keys[ref.ID] != keys {
		for id, k := range s.v.keys {
			if len(s.v.keys) < maxKept {
				break
			}
			if s.opened[id] == nil {
				k.destroy()
				delete(s.v.keys, id)
			}
		}
		s.v.keys[ref.ID] = keys
	}
	raw, err := s.tx.Get(recordKey(ref.ID, ref.Prefix, kindManifest, nil))
	if err != nil {
		return nil, err
	}
	d := sha256.Sum256(raw)
	m, err := parseManifest(s.v.id, ref, raw, s.known.verified(ref, d))
	if err != nil {
		return nil, fmt.Errorf("project %s: %w", name, err)
	}
	now := projectSeen{Epoch: m.Epoch, Counter: m.Counter, Digest: d}
	if err := s.known.checkProject(ref.ID, now); err != nil {
		return nil, fmt.Errorf("project %s: %w", name, err)
	}
	s.seen.Projects[ref.ID] = now
	p := &project{s: s, name: name, ref: ref, keys: keys, manifest: m, pages: map[byte]page{}, changed: map[byte][]entry{}}
	s.opened[ref.ID] = p
	return p, nil
}

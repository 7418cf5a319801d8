package vault

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tacenda/internal/audit"
	"tacenda/keyring"
	"tacenda/store"
)

// writeNew writes everything that a new vault consists of.
func (s *session) writeNew(slots []*keyring.Slot, project string) error {
	raw, err := keyring.Marshal(header{Magic: magic, Version: FormatVersion, Vault: s.v.id})
	if err != nil {
		return err
	}
	if err := s.tx.Put(headerKey(), raw); err != nil {
		return err
	}
	s.known = &seen{}
	s.seen = seen{Projects: map[ID]projectSeen{}}
	s.roster = &roster{
		Suite: suiteV1, Vault: s.v.id, Owner: s.v.owner,
		Slots: []slotRef{}, Members: []member{}, Projects: []projectRef{}, Successions: []succession{},
	}
	if err := checkSlots(slots); err != nil {
		return err
	}
	for i, slot := range slots {
		if err := checkDistinct(slots[:i], slot); err != nil {
			return err
		}
		if err := s.putSlot(slot); err != nil {
			return err
		}
		s.event(audit.KeyAdded, "", slot.Label)
	}
	if _, err := s.newProject(project, audit.Created, ""); err != nil {
		return err
	}
	return s.flush()
}

// newProject adds a project to the roster, with keys of its own.
func (s *session) newProject(name string, action audit.Action, origin string) (*project, error) {
	if len(s.roster.Projects) >= maxProjects {
		return nil, fmt.Errorf("%w: a vault holds at most %d projects", ErrInvalid, maxProjects)
	}
	ref := projectRef{Epoch: 1, Grants: []grantRef{}, Announced: []prefix{}}
	rand.Read(ref.ID[:])
	rand.Read(ref.Prefix[:])
	keys, err := s.addKeys(&ref, name)
	if err != nil {
		return nil, err
	}
	s.roster.Projects = append(s.roster.Projects, ref)
	s.rosterChanged = true
	p := s.adopt(&ref, keys, name)
	s.event(action, origin, name)
	p.event(action, origin, name)
	return p, p.putName(name)
}

// addKeys makes the keys of a project's epoch and stores them for owners.
func (s *session) addKeys(ref *projectRef, name string) (*projectKeys, error) {
	keys, err := newProjectKeys(s.v.id, ref)
	if err != nil {
		return nil, err
	}
	raw, err := sealProjectKeys(s.v.id, s.v.root, ref, keys.keys)
	if err == nil {
		ref.Name, err = keys.nameTag(name)
	}
	if err == nil {
		ref.Keys = sha256.Sum256(raw)
		keys.ref, keys.source = *ref, ref.Keys
		err = s.tx.Put(projectKeysKey(ref.ID), raw)
	}
	if err != nil {
		keys.destroy()
		return nil, err
	}
	return keys, nil
}

// adopt begins an empty epoch of a project.
func (s *session) adopt(ref *projectRef, keys *projectKeys, name string) *project {
	if old := s.v.keys[ref.ID]; old != nil {
		old.destroy()
	}
	s.v.keys[ref.ID] = keys
	p := &project{
		s: s, name: name, ref: ref, keys: keys, pages: map[byte]page{}, changed: map[byte][]entry{},
		manifest: &manifest{Vault: s.v.id, Project: ref.ID, Epoch: ref.Epoch, Pages: make([]byte, pageCount*digestSize)},
	}
	s.opened[ref.ID] = p
	return p
}

func (p *project) putName(name string) error {
	id, err := p.keys.blind("")
	if err != nil {
		return err
	}
	p.name = name
	return p.put(entry{id: id, kind: kindName}, []byte(name))
}

// free refuses a project name that is malformed or taken.
func (s *session) free(name string) error {
	if err := CheckName("project", name); err != nil {
		return err
	}
	_, err := s.find(name)
	switch {
	case err == nil:
		return fmt.Errorf("project %s: %w", name, ErrExists)
	case errors.Is(err, ErrNotFound):
		return nil
	default:
		return err
	}
}

// Projects lists the projects by name: for a member, those that they were granted.
func (v *Vault) Projects(ctx context.Context) ([]Project, error) {
	out := []Project{}
	err := v.view(ctx, func(s *session) error {
		for i := range s.roster.Projects {
			ref := &s.roster.Projects[i]
			held := s.held(ref)
			if held == 0 {
				continue
			}
			keys, name, err := s.named(ref)
			if err != nil {
				return err
			}
			p, err := s.openNamed(ref, keys, name)
			if err != nil {
				return err
			}
			m := p.manifest
			out = append(out, Project{
				Name: name, Secrets: int(m.Secrets), Tools: int(m.Tools),
				Instructions: int(m.Instructions), Permissions: held.Strings(),
			})
		}
		return nil
	})
	slices.SortFunc(out, func(a, b Project) int { return strings.Compare(a.Name, b.Name) })
	return out, err
}

// CreateProject creates an empty project, or returns ErrExists.
func (v *Vault) CreateProject(ctx context.Context, name string) error {
	return v.update(ctx, func(s *session) error {
		if err := s.owner(); err != nil {
			return err
		}
		if err := s.free(name); err != nil {
			return err
		}
		_, err := s.newProject(name, audit.Created, "")
		return err
	})
}

// RenameProject gives a project another name.
func (v *Vault) RenameProject(ctx context.Context, name, to string) error {
	return v.update(ctx, func(s *session) error {
		if err := s.owner(); err != nil {
			return err
		}
		p, err := s.gate(name, PermManage)
		if err != nil {
			return err
		}
		if err := s.free(to); err != nil {
			return err
		}
		p.event(audit.Renamed, name, to)
		s.event(audit.Renamed, name, to)
		if p.ref.Name, err = p.keys.nameTag(to); err != nil {
			return err
		}
		return p.putName(to)
	})
}

// DeleteProject deletes a project with everything in it.
func (v *Vault) DeleteProject(ctx context.Context, name string) error {
	return v.update(ctx, func(s *session) error {
		if err := s.owner(); err != nil {
			return err
		}
		p, err := s.gate(name, PermManage)
		if err != nil {
			return err
		}
		id := p.ref.ID
		if err := s.deleteGrants(p.ref); err != nil {
			return err
		}
		delete(s.opened, id)
		s.roster.Projects = slices.DeleteFunc(s.roster.Projects, func(r projectRef) bool { return r.ID == id })
		s.event(audit.Deleted, "", name)
		if err := s.tx.Delete(projectKeysKey(id)); err != nil {
			return err
		}
		return s.deletePrefix(projectPrefix(id))
	})
}

// deletePrefix removes every record under a prefix, and sees to it that no byte
// of them stays.
func (s *session) deletePrefix(prefix []byte) error {
	var keys [][]byte
	err := s.tx.Range(prefix, func(key, _ []byte) error {
		keys = append(keys, slices.Clone(key))
		return nil
	})
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := s.tx.Delete(key); err != nil {
			return err
		}
	}
	return s.tx.Scrub()
}

// DuplicateProject makes a new project with everything that src holds: secrets
// first, then tools and instructions, all or nothing.
func (v *Vault) DuplicateProject(ctx context.Context, src, dst string) error {
	return v.update(ctx, func(s *session) error {
		if err := s.owner(); err != nil {
			return err
		}
		from, err := s.gate(src, PermUse|PermManage)
		if err != nil {
			return err
		}
		if err := s.free(dst); err != nil {
			return err
		}
		to, err := s.newProject(dst, audit.Duplicated, src)
		if err != nil {
			return err
		}
		var entries []entry
		err = from.each(kindSecret, func(e entry, _ []byte) error { entries = append(entries, e); return nil })
		if err != nil {
			return err
		}
		if err := from.copySecrets(entries, to); err != nil {
			return err
		}
		for _, k := range []kind{kindTool, kindInstruction} {
			if err := from.copyObjects(k, to); err != nil {
				return err
			}
		}
		return nil
	})
}

// Difference is a secret that is not the same in two projects: A or B is nil
// where it is missing.
type Difference struct {
	Name string
	A, B *Secret
}

// DiffProjects compares the names, hints and versions of two projects' secrets.
func (v *Vault) DiffProjects(ctx context.Context, a, b string) ([]Difference, error) {
	as, err := v.Secrets(ctx, a)
	if err != nil {
		return nil, err
	}
	bs, err := v.Secrets(ctx, b)
	if err != nil {
		return nil, err
	}
	out := []Difference{}
	for len(as) > 0 || len(bs) > 0 {
		switch {
		case len(bs) == 0 || len(as) > 0 && as[0].Name < bs[0].Name:
			out = append(out, Difference{Name: as[0].Name, A: &as[0]})
			as = as[1:]
		case len(as) == 0 || bs[0].Name < as[0].Name:
			out = append(out, Difference{Name: bs[0].Name, B: &bs[0]})
			bs = bs[1:]
		default:
			if as[0].Hint != bs[0].Hint || as[0].Version != bs[0].Version {
				out = append(out, Difference{Name: as[0].Name, A: &as[0], B: &bs[0]})
			}
			as, bs = as[1:], bs[1:]
		}
	}
	return out, nil
}

// Info is what can be known of a vault without a key.
type Info struct {
	ID      ID
	Owner   string // fingerprint
	Counter uint64 // of the roster
}

// Peek reads a vault's public part. It checks the roster's signature, and
// nothing against what this machine remembers.
func Peek(ctx context.Context, e store.Engine) (Info, error) {
	v := newVault(e, Options{})
	r, _, err := v.readLocked(ctx)
	if err != nil {
		return Info{}, err
	}
	return Info{ID: v.id, Owner: Fingerprint(r.Owner), Counter: r.Counter}, nil
}

// Seen tells whether this machine's rollback memory in the directory state knows the vault.
func Seen(state string, id ID) bool {
	if state == "" {
		return false
	}
	m := memory{dir: state}
	_, err := readSeen(m.path(id))
	return err == nil
}

package vault

import (
	"context"
	"fmt"
	"slices"

	"tacenda/internal/audit"
)

// steps counts the work of resealing projects.
type steps struct {
	stopped     func() error
	progress    func(done, total int)
	done, total int
}

func newSteps(ctx context.Context, progress func(done, total int), projects ...*project) *steps {
	if progress == nil {
		progress = func(int, int) {}
	}
	t := &steps{stopped: ctx.Err, progress: progress}
	for _, p := range projects {
		t.total += p.size()
	}
	return t
}

// size is how many objects and events a project's manifest counts.
func (p *project) size() int {
	m := p.manifest
	return int(m.Secrets + m.Tools + m.Instructions + m.Events)
}

func (t *steps) step() error {
	t.done++
	if t.done%64 == 0 || t.done == t.total {
		t.progress(t.done, t.total)
	}
	return t.stopped()
}

// regrant replaces a member's grant in a project by next, or by nothing when it
// is nil. When that takes a key away the project gets a new epoch: keys that
// somebody has cannot be taken back, only what is sealed under them can be sealed
// anew. note adds the events to the project as it will be. It returns the secrets
// whose values the member could read and cannot any more.
func (s *session) regrant(p *project, member string, next *grantRef, t *steps, note func(*project)) ([]string, error) {
	old := p.ref.grant(member)
	lost := []string{}
	var err error
	if old.reads() && !next.reads() {
		if lost, err = p.secretNames(); err != nil {
			return nil, err
		}
	}
	grants := p.ref.without(member)
	if next.parts() < old.parts() {
		if err := s.deleteGrant(p.ref, old); err != nil {
			return nil, err
		}
		if next != nil {
			grants = append(grants, *next)
		}
		return lost, s.newEpoch(p, grants, t, note)
	}
	if next != nil {
		made, err := s.putGrants(p.ref, p.keys, []grantRef{*next})
		if err != nil {
			return nil, err
		}
		grants = append(grants, made...)
		slices.SortFunc(grants, byMember)
	}
	if old.parts() > 0 { // its record was replaced
		if err := s.tx.Scrub(); err != nil {
			return nil, err
		}
	}
	p.ref.Grants = grants
	s.rosterChanged = true
	// A vault from before there were members may lack it.
	if p.ref.Name, err = p.keys.nameTag(p.name); err != nil {
		return nil, err
	}
	note(p)
	return lost, t.stopped()
}

// newEpoch gives a project new keys and reseals everything that it holds, in this
// transaction. What stood under the old keys goes with it.
func (s *session) newEpoch(from *project, grants []grantRef, t *steps, note func(*project)) error {
	ref := from.ref
	old := *ref
	from.ref = &old
	// The old keys are wanted until the end, and then by nobody.
	delete(s.v.keys, old.ID)
	defer from.keys.destroy()
	to, err := s.beginEpoch(&old, from.name, old.Epoch+1, grants)
	if err != nil {
		return err
	}
	*ref = *to.ref
	to.ref = ref
	if err := reseal(from, to, t.step); err != nil {
		return err
	}
	note(to)
	s.rosterChanged = true
	if err := to.flush(); err != nil {
		return err
	}
	return s.deletePrefix(append(projectPrefix(old.ID), old.Prefix[:]...))
}

// secretNames are the names of a project's secrets, sorted.
func (p *project) secretNames() ([]string, error) {
	out := make([]string, 0, min(p.manifest.Secrets, maxAhead))
	err := p.each(kindSecret, func(_ entry, content []byte) error {
		r, err := parseSecretRecord(content)
		if err != nil {
			return fmt.Errorf("project %s: %w", p.name, err)
		}
		out = append(out, r.Name)
		return nil
	})
	slices.Sort(out)
	return out, err
}

// Revoke takes from a member everything that they were granted in a project. If
// keys came with it, the project gets a new epoch: new keys, everything resealed,
// grants rewritten for the others, in one transaction. What it returns is to be
// changed where it comes from, see Grant. ErrNotFound: no such member, or the
// member was granted nothing there.
func (v *Vault) Revoke(ctx context.Context, member, project string, progress func(done, total int)) ([]string, error) {
	var lost []string
	err := v.update(ctx, func(s *session) error {
		p, old, err := s.grantee(member, project)
		if err != nil {
			return err
		}
		if old == nil {
			return fmt.Errorf("a grant of %s in project %s: %w", member, project, ErrNotFound)
		}
		lost, err = s.regrant(p, member, nil, newSteps(ctx, progress, p), s.noteRevoked(member))
		return err
	})
	if err != nil {
		return nil, err
	}
	return lost, nil
}

func (s *session) noteRevoked(member string) func(*project) {
	return func(p *project) {
		p.event(audit.Revoked, "", member)
		s.event(audit.Revoked, p.name, member)
	}
}

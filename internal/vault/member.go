package vault

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tacenda/internal/audit"
	"tacenda/keyring"
)

// Member is somebody, a person or a machine, who opens the vault with a key of
// their own and finds what they were granted.
type Member struct {
	Name        string
	Fingerprint string
	Recipient   string  // as keyring.ParseRecipient returns it
	Grants      []Grant // by project
}

// member is the member of a name.
func (r *roster) member(name string) (member, bool) {
	i := slices.IndexFunc(r.Members, func(m member) bool { return m.Name == name })
	if i < 0 {
		return member{}, false
	}
	return r.Members[i], true
}

// holder is the member whose public key this is.
func (r *roster) holder(recipient string) (member, bool) {
	i := slices.IndexFunc(r.Members, func(m member) bool { return m.Recipient == recipient })
	if i < 0 || recipient == "" {
		return member{}, false
	}
	return r.Members[i], true
}

func (m member) public() Member {
	return Member{Name: m.Name, Fingerprint: keyring.RecipientFingerprint(m.Recipient), Recipient: m.Recipient, Grants: []Grant{}}
}

// Members lists the members by name, with what they were granted: for an owner
// all of them, for a member themselves.
func (v *Vault) Members(ctx context.Context) ([]Member, error) {
	out := []Member{}
	err := v.view(ctx, func(s *session) error {
		for _, m := range s.roster.Members {
			if s.v.recipient == "" || m.Name == s.v.actor {
				out = append(out, m.public())
			}
		}
		slices.SortFunc(out, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
		if len(out) == 0 {
			return nil
		}
		return s.addGrants(out)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// addGrants adds to members what they were granted in the projects that exist
// for the caller.
func (s *session) addGrants(members []Member) error {
	at := make(map[string]*Member, len(members))
	for i := range members {
		at[members[i].Name] = &members[i]
	}
	for i := range s.roster.Projects {
		ref := &s.roster.Projects[i]
		if s.held(ref) == 0 || !slices.ContainsFunc(ref.Grants, func(g grantRef) bool { return at[g.Member] != nil }) {
			continue
		}
		keys, name, err := s.named(ref)
		if err != nil {
			return err
		}
		if _, err := s.openNamed(ref, keys, name); err != nil {
			return err
		}
		for _, g := range ref.Grants {
			if m := at[g.Member]; m != nil {
				m.Grants = append(m.Grants, Grant{Project: name, Permissions: Permission(g.Permissions), ServerOnly: g.ServerOnly})
			}
		}
	}
	for _, m := range members {
		slices.SortFunc(m.Grants, func(a, b Grant) int { return strings.Compare(a.Project, b.Project) })
	}
	return nil
}

// AddMember makes somebody with an age or SSH key, given as ParseRecipient reads
// it, a member without any grant. ErrExists: name or key is taken, by a member or
// an owner.
func (v *Vault) AddMember(ctx context.Context, name, recipient string) (Member, error) {
	if err := CheckName("member", name); err != nil {
		return Member{}, err
	}
	_, text, _, err := keyring.ParseRecipient(recipient)
	if err != nil {
		return Member{}, fmt.Errorf("%w recipient: %v", ErrInvalid, err)
	}
	m := member{Name: name, Recipient: text}
	err = v.update(ctx, func(s *session) error {
		if err := s.owner(); err != nil {
			return err
		}
		if err := s.checkNewMember(m); err != nil {
			return err
		}
		s.roster.Members = append(s.roster.Members, m)
		slices.SortFunc(s.roster.Members, func(a, b member) int { return strings.Compare(a.Name, b.Name) })
		s.event(audit.MemberAdded, "", name)
		return nil
	})
	if err != nil {
		return Member{}, err
	}
	return m.public(), nil
}

// checkNewMember refuses a member whose name or key is taken. Names of members
// and labels of owners' slots stand beside each other in the history.
func (s *session) checkNewMember(m member) error {
	if len(s.roster.Members) >= maxMembers {
		return fmt.Errorf("%w: a vault has at most %d members", ErrInvalid, maxMembers)
	}
	if _, taken := s.roster.member(m.Name); taken {
		return fmt.Errorf("a member with the name %s: %w", m.Name, ErrExists)
	}
	if other, taken := s.roster.holder(m.Recipient); taken {
		return fmt.Errorf("the recipient %s, as member %s: %w", keyring.RecipientFingerprint(m.Recipient), other.Name, ErrExists)
	}
	slots, err := s.slots()
	if err != nil {
		return err
	}
	for _, slot := range slots {
		if slot.Label == m.Name {
			return fmt.Errorf("an owner's key with the label %s: %w", m.Name, ErrExists)
		}
		if slot.Recipient == m.Recipient {
			return fmt.Errorf("the recipient %s, as the owner's key %s: %w", slot.Fingerprint(), slot.Label, ErrExists)
		}
	}
	return nil
}

// checkNoMember refuses an owner's slot with the name or the key of a member.
func (s *session) checkNoMember(slot *keyring.Slot) error {
	if _, taken := s.roster.member(slot.Label); taken {
		return fmt.Errorf("a member with the name %s: %w", slot.Label, ErrExists)
	}
	if m, taken := s.roster.holder(slot.Recipient); taken {
		return fmt.Errorf("the recipient %s, as member %s: %w", slot.Fingerprint(), m.Name, ErrExists)
	}
	return nil
}

// RemoveMember takes from a member everything that they were granted, as Revoke
// does, and the vault itself, in one transaction. It returns for each project
// the secrets that are to be changed where they come from. ErrNotFound: no such
// member.
func (v *Vault) RemoveMember(ctx context.Context, name string, progress func(done, total int)) (map[string][]string, error) {
	lost := map[string][]string{}
	if err := CheckName("member", name); err != nil {
		return nil, err
	}
	err := v.update(ctx, func(s *session) error {
		if err := s.owner(); err != nil {
			return err
		}
		m, ok := s.roster.member(name)
		if !ok {
			return fmt.Errorf("member %s: %w", name, ErrNotFound)
		}
		projects, err := s.projectsOf(m)
		if err != nil {
			return err
		}
		t := newSteps(ctx, progress, projects...)
		for _, p := range projects {
			names, err := s.regrant(p, name, nil, t, s.noteRevoked(name))
			if err != nil {
				return err
			}
			if len(names) > 0 {
				lost[p.name] = names
			}
		}
		s.roster.Members = slices.DeleteFunc(s.roster.Members, func(m member) bool { return m.Name == name })
		s.event(audit.MemberRemoved, "", name)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return lost, nil
}

// projectsOf opens the projects in which a member was granted something.
func (s *session) projectsOf(m member) ([]*project, error) {
	var out []*project
	for i := range s.roster.Projects {
		ref := &s.roster.Projects[i]
		if ref.grant(m.Name) == nil {
			continue
		}
		keys, name, err := s.named(ref)
		if err != nil {
			return nil, err
		}
		p, err := s.openNamed(ref, keys, name)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

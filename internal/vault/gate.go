package vault

import "fmt"

// Permission is what a caller may do in a project.
type Permission uint64

// The permissions, as the roster stores them.
const (
	PermRead   Permission = 1 << iota // names, hints, descriptions, tools, instructions
	PermUse                           // resolve, run, call, redact, scan; includes read
	PermManage                        // create, edit, delete, clone; includes read, not use
)

// permissions are the words for each permission, in the order of their bits.
var permissions = [...]string{"secrets:read", "secrets:use", "secrets:manage"}

// Strings are the words for each permission that p holds.
func (p Permission) Strings() []string {
	words := make([]string, 0, len(permissions))
	for i, w := range permissions {
		if p&(1<<i) != 0 {
			words = append(words, w)
		}
	}
	return words
}

const permAll = PermRead | PermUse | PermManage

// held are the caller's permissions in a project. Whoever opened the vault has
// its root key and is an owner, and an owner holds all.
func (s *session) held(*projectRef) Permission { return permAll }

// gate is the one way to a project: it finds it by name and decides whether the
// caller may do what they are about to. A project without any permission for the
// caller does not exist for them.
func (s *session) gate(name string, need Permission) (*project, error) {
	if err := CheckName("project", name); err != nil {
		return nil, err
	}
	p, err := s.find(name)
	if err != nil {
		return nil, err
	}
	held := s.held(p.ref)
	switch {
	case held == 0:
		return nil, fmt.Errorf("project %s: %w", name, ErrNoProject)
	case held&need != need:
		return nil, fmt.Errorf("%w: project %s needs %v", ErrDenied, name, (need &^ held).Strings())
	}
	return p, nil
}

// owner is the gate to what concerns the whole vault: projects, slots, rotation,
// backup and restore.
func (s *session) owner() error {
	if s.v.root == nil {
		return fmt.Errorf("%w: only an owner may do this", ErrDenied)
	}
	return nil
}

package vault

import (
	"fmt"
	"slices"
	"strings"

	"tacenda/internal/audit"
)

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

// check refuses, with ErrInvalid, what no grant holds: use and manage include read.
func (p Permission) check() error {
	if p&PermRead == 0 || p&^permAll != 0 {
		return fmt.Errorf("%w permissions: they are secrets:read, and more of secrets:use and secrets:manage", ErrInvalid)
	}
	return nil
}

// ParsePermission reads the words for permissions, at least one of them. What
// they include is in the result.
func ParsePermission(words []string) (Permission, error) {
	var p Permission
	for _, w := range words {
		i := slices.Index(permissions[:], w)
		if i < 0 {
			return 0, fmt.Errorf("%w permission %s: it is one of %s", ErrInvalid, quote(w), strings.Join(permissions[:], ", "))
		}
		p |= 1<<i | PermRead
	}
	if p == 0 {
		return 0, fmt.Errorf("%w permissions: none is named", ErrInvalid)
	}
	return p, nil
}

const permAll = PermRead | PermUse | PermManage

// granted is what the caller was granted in a project, whether or not a key came
// with it; an owner holds all.
func (s *session) granted(ref *projectRef) Permission {
	if s.v.recipient == "" {
		return permAll
	}
	if g := ref.grant(s.v.actor); g != nil {
		return Permission(g.Permissions)
	}
	return 0
}

// held are the caller's permissions in a project: what they were granted, as far
// as the keys of whoever opened the vault reach. A grant without keys gives
// nothing to a member who has the file and nobody's keys but their own.
func (s *session) held(ref *projectRef) Permission {
	p := s.granted(ref)
	if s.v.root != nil {
		return p
	}
	g := ref.grant(s.v.by.actor)
	if g == nil || g.ServerOnly {
		return 0
	}
	return p & Permission(g.Permissions)
}

// reads tells whether the caller could open the values of a project, with a
// program of their own or through a server's.
func (s *session) reads(ref *projectRef) bool {
	if s.v.recipient == "" {
		return true
	}
	g := ref.grant(s.v.actor)
	return g != nil && g.reads()
}

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
	return p, p.allow(need)
}

// allow refuses a caller who lacks a permission in the project.
func (p *project) allow(need Permission) error {
	held := p.s.held(p.ref)
	switch {
	case held == 0:
		return fmt.Errorf("project %s: %w", p.name, ErrNoProject)
	case held&need != need:
		p.s.tell(audit.Denied, p.name, (need &^ held).Strings())
		return fmt.Errorf("%w: project %s needs %s", ErrDenied, p.name, strings.Join((need&^held).Strings(), " and "))
	}
	return nil
}

// notOwner is what somebody who watches hears of an errNotOwner.
var notOwner = told{audit.Denied, "", []string{"owner"}}

var errNotOwner = fmt.Errorf("%w: only an owner of the vault may do this", ErrDenied)

// errNoOwnerKey is for an owner who is served by a process without an owner's key.
var errNoOwnerKey = fmt.Errorf("%w: this server has no owner's key; what only owners do is done where the vault's file is", ErrDenied)

// owns tells whether the caller is an owner whose root key is here.
func (v *Vault) owns() bool { return v.root != nil && v.recipient == "" }

// owner is the gate to what concerns the whole vault: members, projects, slots,
// rotation, backup and restore.
func (s *session) owner() error {
	if s.v.owns() {
		return nil
	}
	s.told = append(s.told, notOwner)
	if s.v.recipient == "" {
		return errNoOwnerKey
	}
	return errNotOwner
}

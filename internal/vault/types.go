package vault

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"tacenda/internal/audit"
	"tacenda/keyring/secret"
)

// Sentinels a face chooses its words and its exit code by.
var (
	// ErrNotFound: a project, secret or slot does not exist, or the caller may not know that it does.
	ErrNotFound = errors.New("not found")
	// ErrNoProject is the ErrNotFound of a project.
	ErrNoProject = fmt.Errorf("%w", ErrNotFound)
	// ErrExists: the name is taken.
	ErrExists = errors.New("already exists")
	// ErrDenied: the caller lacks a permission.
	ErrDenied = errors.New("permission denied")
	// ErrConflict: the record changed since the caller saw it. See ConflictError.
	ErrConflict = errors.New("changed meanwhile")
	// ErrInvalid: a name, description, value or flag is malformed.
	ErrInvalid = errors.New("invalid")
	// ErrLocked: nothing that was tried opens the vault.
	ErrLocked = errors.New("locked")
	// ErrDamaged: a record, page, manifest, slot or roster is not what was written.
	ErrDamaged = errors.New("damaged")
	// ErrRollback: the vault is older than, or forked from, what this machine saw.
	ErrRollback = errors.New("older than what this machine saw")
	// ErrVersion: the vault was written by a program from the future.
	ErrVersion = errors.New("unknown version")
	// ErrOwner: the vault belongs to another owner than the one pinned.
	ErrOwner = errors.New("another owner")
)

// Limits of what a vault takes, as docs/format.md states them.
const (
	MaxValue       = 1 << 20 // bytes of a value
	MaxSecretName  = 255     // bytes
	MaxName        = 64      // bytes of a project, tool, instruction or member name
	MaxDescription = 1024    // bytes
)

// Secret is what may be known of a secret: never its value.
type Secret struct {
	Project      string
	Name         string
	Hint         string // at most the first and last four characters; see Hint
	Description  string
	Version      uint64 // of the value and its description: 1 when created, +1 with each edit
	Created      time.Time
	Updated      time.Time
	Author       string
	LLMSafe      bool
	AllowedHosts []string  // empty: any
	Expires      time.Time // zero: never
}

// Expired tells whether the secret had expired at now.
func (s Secret) Expired(now time.Time) bool { return !s.Expires.IsZero() && !now.Before(s.Expires) }

// Value is a value in guarded memory; *secret.Bytes is one.
type Value interface {
	// Len is its length in bytes.
	Len() int
	// Use calls fn with the bytes, which are valid until fn returns.
	Use(fn func(value []byte) error) error
}

// Draft is a secret to be created. Value stays the caller's to destroy.
type Draft struct {
	Name         string
	Value        Value
	Description  string
	LLMSafe      bool
	AllowedHosts []string
	Expires      time.Time
}

// Edit changes a secret. A nil field stays as it is. Value stays the caller's to destroy.
type Edit struct {
	Value        *secret.Bytes
	Description  *string
	LLMSafe      *bool
	AllowedHosts *[]string
	Expires      *time.Time // zero time clears
	IfVersion    uint64     // when not 0: fail with ErrConflict unless this is the current version
}

// Project is one project and what it holds.
type Project struct {
	Name         string
	Secrets      int
	Tools        int
	Instructions int
	Permissions  []string // of the caller: secrets:read, secrets:use, secrets:manage
}

// ConflictError is the ErrConflict of an edit; it says who changed the record and when.
type ConflictError struct {
	Name    string
	Author  string
	Updated time.Time
	Version uint64
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s was changed by %s at %s, while it was being edited", e.Name, e.Author, e.Updated.UTC().Format(time.RFC3339))
}

// Unwrap makes it an ErrConflict.
func (e *ConflictError) Unwrap() error { return ErrConflict }

// MissingError is the ErrNotFound of several names at once.
type MissingError struct {
	Project string
	Names   []string
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("project %s has no %s", e.Project, someOf(e.Names))
}

// Unwrap makes it an ErrNotFound.
func (e *MissingError) Unwrap() error { return ErrNotFound }

// ExistsError is the ErrExists of several names at once.
type ExistsError struct {
	Project string
	Names   []string
}

func (e *ExistsError) Error() string {
	return fmt.Sprintf("project %s already has %s", e.Project, someOf(e.Names))
}

// Unwrap makes it an ErrExists.
func (e *ExistsError) Unwrap() error { return ErrExists }

// someOf names at most ten: a message is one line that somebody reads.
func someOf(names []string) string {
	const most = 10
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d others", strings.Join(names[:most], ", "), len(names)-most)
}

// LockedError is the ErrLocked that says what was tried, in order, and why it
// did not help.
type LockedError struct {
	Tried  []string
	causes []error
}

func (e *LockedError) add(tried string, cause error) {
	if cause != nil {
		tried += " (" + cause.Error() + ")"
		e.causes = append(e.causes, cause)
	}
	e.Tried = append(e.Tried, tried)
}

func (e *LockedError) Error() string {
	if len(e.Tried) == 0 {
		return "nothing to open it with"
	}
	return "tried " + strings.Join(e.Tried, ", then ")
}

// Unwrap makes it an ErrLocked, and whatever kept each opener from working.
func (e *LockedError) Unwrap() []error { return append([]error{ErrLocked}, e.causes...) }

// Event is one thing that happened to one object, in a project's history or in
// the vault's own (Project empty). What one change did to several objects is as
// many events with the same hash.
type Event struct {
	Time    time.Time
	Actor   string
	Action  audit.Action
	Project string
	Object  string // the secret, slot, member or project it happened to
	Origin  string // for a clone: the project it came from; else empty
	Hash    string // hex, of this entry chained to the one before
}

// Damage is one thing that verify found wrong.
type Damage struct {
	Where string // "project web: secret API_KEY", "roster", …
	What  string
}

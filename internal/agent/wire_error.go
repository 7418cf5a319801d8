package agent

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"tacenda/internal/vault"
	"tacenda/keyring"
	"tacenda/store"
)

// sentinels are the errors that callers choose by, under the names that they
// have on the wire.
var sentinels = [...]struct {
	name string
	err  error
}{
	{"vault.not_found", vault.ErrNotFound}, {"vault.no_project", vault.ErrNoProject}, {"vault.exists", vault.ErrExists},
	{"vault.denied", vault.ErrDenied}, {"vault.conflict", vault.ErrConflict}, {"vault.invalid", vault.ErrInvalid},
	{"vault.locked", vault.ErrLocked}, {"vault.damaged", vault.ErrDamaged}, {"vault.rollback", vault.ErrRollback},
	{"vault.version", vault.ErrVersion}, {"vault.owner", vault.ErrOwner},
	{"store.not_found", store.ErrNotFound}, {"store.exists", store.ErrExists}, {"store.damaged", store.ErrDamaged},
	{"store.refused", store.ErrRefused}, {"store.busy", store.ErrBusy}, {"store.read_only", store.ErrReadOnly},
	{"store.no_space", store.ErrNoSpace}, {"store.residue", store.ErrResidue},
	{"keyring.not_mine", keyring.ErrNotMine}, {"keyring.wrong_passphrase", keyring.ErrWrongPassphrase},
	{"keyring.no_match", keyring.ErrNoMatch}, {"keyring.costly", keyring.ErrCostly}, {"keyring.damaged_slot", keyring.ErrDamagedSlot},
	{"fs.exist", fs.ErrExist}, {"fs.not_exist", fs.ErrNotExist}, {"fs.permission", fs.ErrPermission},
	{"canceled", context.Canceled}, {"deadline", context.DeadlineExceeded},
}

// wireError is an error on its way: its words, the sentinels in its chain, and
// the errors with fields.
type wireError struct {
	Text     string    `json:"text"`
	Is       []string  `json:"is,omitempty"`
	Exists   *names    `json:"exists,omitempty"`
	Missing  *names    `json:"missing,omitempty"`
	Conflict *conflict `json:"conflict,omitempty"`
}

type names struct {
	Project string   `json:"project"`
	Names   []string `json:"names"`
}

type conflict struct {
	Name    string    `json:"name"`
	Author  string    `json:"author"`
	Updated time.Time `json:"updated"`
	Version uint64    `json:"version"`
}

func toWire(err error) *wireError {
	if err == nil {
		return nil
	}
	w := &wireError{Text: err.Error()}
	for _, s := range sentinels {
		if errors.Is(err, s.err) {
			w.Is = append(w.Is, s.name)
		}
	}
	var exists *vault.ExistsError
	if errors.As(err, &exists) {
		w.Exists = &names{exists.Project, exists.Names}
	}
	var missing *vault.MissingError
	if errors.As(err, &missing) {
		w.Missing = &names{missing.Project, missing.Names}
	}
	var changed *vault.ConflictError
	if errors.As(err, &changed) {
		w.Conflict = &conflict{changed.Name, changed.Author, changed.Updated, changed.Version}
	}
	return w
}

// remoteError is an error that happened in the agent: the same words, and for
// errors.Is and errors.As the same error.
type remoteError struct {
	text  string
	chain []error
}

func (e *remoteError) Error() string { return e.text }

// Unwrap makes it what it was in the agent.
func (e *remoteError) Unwrap() []error { return e.chain }

func (w *wireError) err() error {
	if w == nil {
		return nil
	}
	e := &remoteError{text: w.Text}
	if w.Exists != nil {
		e.chain = append(e.chain, &vault.ExistsError{Project: w.Exists.Project, Names: w.Exists.Names})
	}
	if w.Missing != nil {
		e.chain = append(e.chain, &vault.MissingError{Project: w.Missing.Project, Names: w.Missing.Names})
	}
	if c := w.Conflict; c != nil {
		e.chain = append(e.chain, &vault.ConflictError{Name: c.Name, Author: c.Author, Updated: c.Updated, Version: c.Version})
	}
	for _, s := range sentinels {
		for _, name := range w.Is {
			if name == s.name {
				e.chain = append(e.chain, s.err)
			}
		}
	}
	return e
}

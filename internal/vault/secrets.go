package vault

import (
	"context"
	"fmt"
	"slices"

	"tacenda/internal/audit"
	"tacenda/keyring"
)

// maxVersion bounds the versions of what is read to be used or changed: no
// history of edits reaches it, and every reader of JSON can count to it.
const maxVersion = 1 << 53

func counts(version uint64) bool { return 0 < version && version < maxVersion }

// decodeSecret opens the record of the secret that was looked up by a name.
func (p *project) decodeSecret(e entry, name string) (secretRecord, error) {
	content, err := p.readObject(e)
	if err != nil {
		return secretRecord{}, err
	}
	return p.parseSecret(content, name)
}

// parseSecret reads the record of the secret that was looked up by a name, which
// the record must say itself: whoever has the sign key can put any record anywhere.
func (p *project) parseSecret(content []byte, name string) (secretRecord, error) {
	r, err := parseSecretRecord(content)
	switch {
	case err != nil:
		return r, fmt.Errorf("project %s: %w", p.name, err)
	case r.Name != name:
		return r, misplaced(kindSecret, r.Name, p.name)
	case !counts(r.Version) || !counts(r.ValueVersion):
		return r, fmt.Errorf("%w: the secret %s of project %s has a version that cannot be", ErrDamaged, name, p.name)
	}
	return r, nil
}

// misplaced is said of a record that has another name than it stands under.
func misplaced(k kind, name, project string) error {
	return fmt.Errorf("%w: the %s %s of project %s stands under another name", ErrDamaged, k, name, project)
}

// placed holds the name in a record against the place where it stands.
func (p *project) placed(e entry, name string) error {
	id, err := p.keys.blind(name)
	if err == nil && id != e.id {
		err = misplaced(e.kind, name, p.name)
	}
	return err
}

// secret finds a secret by name.
func (p *project) secret(name string) (entry, secretRecord, error) {
	e, found, err := p.lookup(kindSecret, name)
	if err != nil {
		return e, secretRecord{}, err
	}
	if !found {
		return e, secretRecord{}, &MissingError{Project: p.name, Names: []string{name}}
	}
	r, err := p.decodeSecret(e, name)
	return e, r, err
}

// Secret is one secret's metadata.
func (v *Vault) Secret(ctx context.Context, project, name string) (Secret, error) {
	var out Secret
	if err := CheckSecretName(name); err != nil {
		return out, err
	}
	err := v.view(ctx, func(s *session) error {
		p, err := s.gate(project, PermRead)
		if err != nil {
			return err
		}
		_, r, err := p.secret(name)
		out = r.public(project)
		return err
	})
	return out, err
}

// check refuses a draft with something malformed.
func (d *Draft) check() error {
	if err := CheckSecretName(d.Name); err != nil {
		return err
	}
	if d.Value == nil {
		return CheckValue(0)
	}
	if err := CheckValue(d.Value.Len()); err != nil {
		return fmt.Errorf("%s: %w", d.Name, err)
	}
	if err := CheckDescription(d.Description); err != nil {
		return fmt.Errorf("%s: %w", d.Name, err)
	}
	return CheckHosts(d.AllowedHosts)
}

// needed is what creating drafts needs. Hosts and the model decide where a value
// goes, and who decides that could have it sent to them: that needs to use, too.
func needed(drafts ...Draft) Permission {
	for _, d := range drafts {
		if d.LLMSafe || len(d.AllowedHosts) > 0 {
			return PermManage | PermUse
		}
	}
	return PermManage
}

// needed is what the edit of this secret needs. What it leaves as it is needs nothing.
func (e *Edit) needed(r *secretRecord) Permission {
	if e.LLMSafe != nil && *e.LLMSafe != (r.Flags&flagLLMSafe != 0) ||
		e.AllowedHosts != nil && !slices.Equal(*e.AllowedHosts, r.AllowedHosts) {
		return PermManage | PermUse
	}
	return PermManage
}

// bound tells whether a secret goes where another one goes, to the same hosts
// and to the model or not. One that is not there goes nowhere.
func (r *secretRecord) bound(like *secretRecord) bool {
	return r.Flags&flagLLMSafe == like.Flags&flagLLMSafe && slices.Equal(r.AllowedHosts, like.AllowedHosts)
}

// CreateSecret creates a secret, or returns ErrExists.
func (v *Vault) CreateSecret(ctx context.Context, project string, d Draft) (Secret, error) {
	var out Secret
	if err := d.check(); err != nil {
		return out, err
	}
	var mem room
	defer mem.destroy()
	err := v.update(ctx, func(s *session) error {
		p, err := s.gate(project, needed(d))
		if err != nil {
			return err
		}
		e, found, err := p.lookup(kindSecret, d.Name)
		if err != nil {
			return err
		}
		if found {
			return &ExistsError{Project: project, Names: []string{d.Name}}
		}
		r, err := p.create(e, d, &mem)
		if err != nil {
			return err
		}
		p.event(audit.Created, "", d.Name)
		out = r.public(project)
		return nil
	})
	return out, err
}

// create puts a draft where e says that there is nothing.
func (p *project) create(e entry, d Draft, mem *room) (secretRecord, error) {
	now := p.s.v.opts.Now().Unix()
	r := secretRecord{
		Name: d.Name, Description: d.Description, Created: now, Updated: now, Author: p.s.v.actor,
		AllowedHosts: slices.Clone(d.AllowedHosts), Expires: toUnix(d.Expires), Version: 1, ValueVersion: 1,
	}
	if d.LLMSafe {
		r.Flags |= flagLLMSafe
	}
	if err := p.setValue(&e, &r, d.Value, mem); err != nil {
		return r, err
	}
	return r, p.putSecret(e, &r)
}

// setValue seals a new value, and gives the secret its hint.
func (p *project) setValue(e *entry, r *secretRecord, v Value, mem *room) error {
	return v.Use(func(value []byte) (err error) {
		r.Hint = Hint(value)
		e.value, err = p.putValue(e.id, value, mem)
		return err
	})
}

func (p *project) putSecret(e entry, r *secretRecord) error {
	e.kind = kindSecret
	if r.AllowedHosts == nil {
		r.AllowedHosts = []string{} // the format knows an empty list, not a missing one
	}
	content, err := keyring.Marshal(r)
	if err != nil {
		return fmt.Errorf("encoding a secret: %w", err)
	}
	return p.put(e, content)
}

// check refuses an edit with something malformed.
func (e *Edit) check() error {
	if e.Value != nil {
		if err := CheckValue(e.Value.Len()); err != nil {
			return err
		}
	}
	if e.Description != nil {
		if err := CheckDescription(*e.Description); err != nil {
			return err
		}
	}
	if e.AllowedHosts != nil {
		return CheckHosts(*e.AllowedHosts)
	}
	return nil
}

// EditSecret changes what the edit names. With IfVersion it fails with a
// ConflictError when the secret is no longer the version that the caller saw.
func (v *Vault) EditSecret(ctx context.Context, project, name string, edit Edit) (Secret, error) {
	var out Secret
	if err := CheckSecretName(name); err != nil {
		return out, err
	}
	if err := edit.check(); err != nil {
		return out, err
	}
	err := v.update(ctx, func(s *session) error {
		p, err := s.gate(project, PermRead)
		if err != nil {
			return err
		}
		e, r, err := p.secret(name)
		if err != nil {
			return err
		}
		if err := p.allow(edit.needed(&r)); err != nil {
			return err
		}
		if edit.IfVersion != 0 && edit.IfVersion != r.Version {
			return &ConflictError{Name: name, Author: r.Author, Updated: fromUnix(r.Updated), Version: r.Version}
		}
		if err := p.edit(e, &r, edit); err != nil {
			return err
		}
		out = r.public(project)
		return nil
	})
	return out, err
}

func (p *project) edit(e entry, r *secretRecord, edit Edit) error {
	if edit.Value != nil {
		var mem room
		defer mem.destroy()
		if err := p.setValue(&e, r, edit.Value, &mem); err != nil {
			return err
		}
		r.ValueVersion++
	}
	if edit.Description != nil {
		r.Description = *edit.Description
	}
	if edit.LLMSafe != nil {
		r.Flags &^= flagLLMSafe
		if *edit.LLMSafe {
			r.Flags |= flagLLMSafe
		}
	}
	if edit.AllowedHosts != nil {
		r.AllowedHosts = slices.Clone(*edit.AllowedHosts)
	}
	if edit.Expires != nil {
		r.Expires = toUnix(*edit.Expires)
	}
	r.Version++
	r.Updated, r.Author = p.s.v.opts.Now().Unix(), p.s.v.actor
	p.event(audit.Edited, "", r.Name)
	return p.putSecret(e, r)
}

// DeleteSecrets deletes all of the named secrets, or none. Who refers to them
// is checked before, by whoever knows the files.
func (v *Vault) DeleteSecrets(ctx context.Context, project string, names []string) error {
	names, err := distinct(names)
	if err != nil {
		return err
	}
	return v.update(ctx, func(s *session) error {
		p, err := s.gate(project, PermManage)
		if err != nil {
			return err
		}
		entries, err := p.all(names)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := p.remove(e); err != nil {
				return err
			}
		}
		p.event(audit.Deleted, "", names...)
		return nil
	})
}

// all finds every named secret, or says which are missing.
func (p *project) all(names []string) ([]entry, error) {
	entries := make([]entry, 0, len(names))
	var missing []string
	for _, name := range names {
		e, found, err := p.lookup(kindSecret, name)
		if err != nil {
			return nil, err
		}
		if !found {
			missing = append(missing, name)
		}
		entries = append(entries, e)
	}
	if missing != nil {
		return nil, &MissingError{Project: p.name, Names: missing}
	}
	return entries, nil
}

// distinct checks names and drops those that are named twice.
func distinct(names []string) ([]string, error) {
	for _, n := range names {
		if err := CheckSecretName(n); err != nil {
			return nil, err
		}
	}
	sorted := slices.Compact(slices.Sorted(slices.Values(names)))
	if len(sorted) == 0 {
		return nil, fmt.Errorf("%w: no secret is named", ErrInvalid)
	}
	return sorted, nil
}

// maxAhead bounds what is reserved on a manifest's word.
const maxAhead = 1 << 17

// Secrets lists a project's secrets by name. No value is opened.
func (v *Vault) Secrets(ctx context.Context, project string) ([]Secret, error) {
	var records []secretRecord
	err := v.view(ctx, func(s *session) error {
		p, err := s.gate(project, PermRead)
		if err != nil {
			return err
		}
		records = make([]secretRecord, 0, min(p.manifest.Secrets, maxAhead))
		return p.each(kindSecret, func(_ entry, content []byte) error {
			r, err := parseSecretRecord(content)
			if err != nil {
				return fmt.Errorf("project %s: %w", project, err)
			}
			records = append(records, r)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	order, twice := byName(records)
	if twice >= 0 {
		return nil, misplaced(kindSecret, records[twice].Name, project)
	}
	out := make([]Secret, len(records))
	for i, at := range order {
		out[i] = records[at].public(project)
	}
	return out, nil
}

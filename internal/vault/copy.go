package vault

import "fmt"

// copyObjects copies what is named by the name in its record and has no value.
func (p *project) copyObjects(k kind, to *project) error {
	return p.each(k, func(e entry, content []byte) error {
		_, id, err := p.placeIn(to, e, content)
		if err != nil {
			return err
		}
		return to.put(entry{id: id, kind: k}, content)
	})
}

// copySecrets copies secrets with their values to another project of this
// session. A copy is a new secret, of version 1, or the next version of the one
// that it replaces.
func (p *project) copySecrets(entries []entry, to *project) error {
	var from, into room
	defer from.destroy()
	defer into.destroy()
	for _, e := range entries {
		if err := p.copySecret(e, to, &from, &into); err != nil {
			return err
		}
	}
	return nil
}

// copySecret copies one secret with its settings. What decides where a value goes
// stays when the value is changed: whoever brings it must be allowed to decide
// that for the target.
func (p *project) copySecret(e entry, to *project, from, into *room) error {
	content, err := p.readObject(e)
	if err != nil {
		return err
	}
	r, err := parseSecretRecord(content)
	if err != nil {
		return fmt.Errorf("project %s: %w", p.name, err)
	}
	if err := p.placed(e, r.Name); err != nil {
		return err
	}
	target, found, err := to.lookup(kindSecret, r.Name)
	if err != nil {
		return err
	}
	var old secretRecord
	if found {
		if old, err = to.decodeSecret(target, r.Name); err != nil {
			return err
		}
	}
	if !r.bound(&old) {
		if err := to.allow(PermUse); err != nil {
			return err
		}
	}
	now := p.s.v.opts.Now().Unix()
	r.Created, r.Updated, r.Author = now, now, p.s.v.actor
	if found {
		r.Created = old.Created
	}
	// Whoever saw what is replaced must meet a conflict: versions never repeat.
	r.Version, r.ValueVersion = old.Version+1, old.ValueVersion+1
	err = p.useValue(e, from, func(_, value []byte) error {
		target.value, err = to.putValue(target.id, value, into)
		return err
	})
	if err != nil {
		return err
	}
	return to.putSecret(target, &r)
}

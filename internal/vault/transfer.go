package vault

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tacenda/internal/audit"
)

// CloneSecrets copies secrets to another project: same name, value, description
// and flags, all of them or none. Existing targets are ErrExists unless
// overwrite is set.
func (v *Vault) CloneSecrets(ctx context.Context, from string, names []string, to string, overwrite bool) error {
	names, err := distinct(names)
	if err != nil {
		return err
	}
	if from == to {
		return fmt.Errorf("%w: a secret cannot be cloned to its own project", ErrInvalid)
	}
	return v.update(ctx, func(s *session) error {
		src, err := s.gate(from, PermManage)
		if err != nil {
			return err
		}
		dst, err := s.gate(to, PermManage)
		if err != nil {
			return err
		}
		if err := s.checkMove(src, dst); err != nil {
			return err
		}
		entries, err := src.all(names)
		if err != nil {
			return err
		}
		taken, err := dst.taken(names)
		if err != nil {
			return err
		}
		if len(taken) > 0 && !overwrite {
			return &ExistsError{Project: to, Names: taken}
		}
		dst.eventFor(audit.Cloned, from, names, taken)
		return src.copySecrets(entries, dst)
	})
}

// checkMove refuses to bring a value where the caller could read it from where
// they may not. Whoever may use the target must be able to use the source. And so
// must a manager who holds the target's keys, with whom they could read it by a
// program of their own, but manages the source through a server alone. What counts
// is what the caller was granted, not how far this server's keys reach.
func (s *session) checkMove(src, dst *project) error {
	if s.granted(dst.ref)&PermUse == 0 && (!s.reads(dst.ref) || s.reads(src.ref)) {
		return nil
	}
	return src.allow(PermUse)
}

// eventFor tells new names apart from those that replaced something.
func (p *project) eventFor(action audit.Action, origin string, names, replaced []string) {
	p.event(audit.Overwritten, origin, replaced...)
	p.event(action, origin, slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(replaced, n) })...)
}

// taken are those of the names that exist.
func (p *project) taken(names []string) ([]string, error) {
	var out []string
	for _, n := range names {
		_, found, err := p.lookup(kindSecret, n)
		if err != nil {
			return nil, err
		}
		if found {
			out = append(out, n)
		}
	}
	return out, nil
}

// ImportMode says what an import does with names that exist.
type ImportMode int

// The modes of an import.
const (
	ImportStrict    ImportMode = iota // ErrExists, and nothing is stored
	ImportOverwrite                   // replace value and description
	ImportSkip                        // leave what exists
)

// ImportResult says what became of the names of an import, each list sorted.
type ImportResult struct {
	Created, Overwritten, Skipped []string
}

// ImportSecrets creates many secrets in one transaction.
func (v *Vault) ImportSecrets(ctx context.Context, project string, drafts []Draft, mode ImportMode) (ImportResult, error) {
	var result ImportResult
	drafts = slices.Clone(drafts)
	slices.SortFunc(drafts, func(a, b Draft) int { return strings.Compare(a.Name, b.Name) })
	if err := checkDrafts(drafts); err != nil {
		return result, err
	}
	var mem room
	defer mem.destroy()
	err := v.update(ctx, func(s *session) error {
		result = ImportResult{Created: []string{}, Overwritten: []string{}, Skipped: []string{}}
		p, err := s.gate(project, needed(drafts...))
		if err != nil {
			return err
		}
		if err := p.importDrafts(ctx, drafts, mode, &mem, &result); err != nil {
			return err
		}
		p.event(audit.Overwritten, "", result.Overwritten...)
		p.event(audit.Imported, "", result.Created...)
		return nil
	})
	if err != nil {
		return ImportResult{}, err
	}
	return result, nil
}

// checkDrafts refuses malformed and doubled drafts.
func checkDrafts(sorted []Draft) error {
	for i := range sorted {
		d := &sorted[i]
		if err := d.check(); err != nil {
			return err
		}
		if i > 0 && sorted[i-1].Name == d.Name {
			return fmt.Errorf("%w import: %s is there twice", ErrInvalid, d.Name)
		}
	}
	return nil
}

func (p *project) importDrafts(ctx context.Context, drafts []Draft, mode ImportMode, mem *room, result *ImportResult) error {
	var exist []string
	for _, d := range drafts {
		if err := ctx.Err(); err != nil {
			return err
		}
		e, found, err := p.lookup(kindSecret, d.Name)
		if err != nil {
			return err
		}
		switch {
		case found && mode == ImportStrict:
			exist = append(exist, d.Name)
		case found && mode == ImportSkip:
			result.Skipped = append(result.Skipped, d.Name)
		case found:
			result.Overwritten = append(result.Overwritten, d.Name)
			if err := p.overwrite(e, d, mem); err != nil {
				return err
			}
		case exist == nil:
			result.Created = append(result.Created, d.Name)
			if _, err := p.create(e, d, mem); err != nil {
				return err
			}
		}
	}
	if exist != nil {
		return &ExistsError{Project: p.name, Names: exist}
	}
	return nil
}

// overwrite gives an existing secret the value of a draft, and its description
// when it has one. Its settings stay.
func (p *project) overwrite(e entry, d Draft, mem *room) error {
	r, err := p.decodeSecret(e, d.Name)
	if err != nil {
		return err
	}
	if err := p.setValue(&e, &r, d.Value, mem); err != nil {
		return err
	}
	if d.Description != "" {
		r.Description = d.Description
	}
	r.Version++
	r.ValueVersion++
	r.Updated, r.Author = p.s.v.opts.Now().Unix(), p.s.v.actor
	return p.putSecret(e, &r)
}

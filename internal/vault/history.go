package vault

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tacenda/internal/audit"
)

// follow opens every event of a project's history, oldest first, and checks
// that it leads to the head in the manifest.
func (p *project) follow(fn func(e audit.Event, h audit.Hash)) error {
	c := audit.NewChain(p.s.v.id, p.ref.ID)
	for c.Len < p.manifest.Events {
		key := recordKey(p.ref.ID, p.ref.Prefix, kindEvent, seqID(c.Len))
		record, err := p.s.tx.Get(key)
		if err != nil {
			return err
		}
		frame, err := p.keys.openRecord(kindEvent, key, record, nil)
		if err != nil {
			return fmt.Errorf("event %d of project %s: %w", c.Len+1, p.name, err)
		}
		content, err := frameContent(frame)
		if err != nil {
			return fmt.Errorf("%w: event %d of project %s: %v", ErrDamaged, c.Len+1, p.name, err)
		}
		e, err := c.Follow(content)
		if err != nil {
			return fmt.Errorf("%w: project %s: %v", ErrDamaged, p.name, err)
		}
		fn(e, c.Head)
	}
	if c.Head != p.manifest.EventHead {
		return fmt.Errorf("%w: the history of project %s does not lead to its head", ErrDamaged, p.name)
	}
	return nil
}

// follow does the same for the vault's own history.
func (s *session) follow(fn func(e audit.Event, h audit.Hash)) error {
	sealer, err := s.v.eventSealer()
	if err != nil {
		return err
	}
	c := audit.NewChain(s.v.id, ID{})
	for c.Len < s.roster.Events {
		record, err := s.tx.Get(eventKey(c.Len))
		if err != nil {
			return err
		}
		content, err := openEvent(sealer, s.v.id, c.Len, record)
		if err != nil {
			return err
		}
		e, err := c.Follow(content)
		if err != nil {
			return fmt.Errorf("%w: the vault's own history: %v", ErrDamaged, err)
		}
		fn(e, c.Head)
	}
	if c.Head != s.roster.EventHead {
		return fmt.Errorf("%w: the vault's own history does not lead to its head", ErrDamaged)
	}
	return nil
}

// history runs through a project's history, or the vault's own for the empty name.
func (s *session) history(project string, fn func(e audit.Event, h audit.Hash)) error {
	if project == "" {
		if err := s.owner(); err != nil {
			return err
		}
		return s.follow(fn)
	}
	p, err := s.gate(project, PermRead)
	if err != nil {
		return err
	}
	return p.follow(fn)
}

// Events is a project's history, or the vault's own for the empty name, oldest
// first. Its chain of hashes was checked.
func (v *Vault) Events(ctx context.Context, project string) ([]Event, error) {
	out := []Event{}
	err := v.view(ctx, func(s *session) error {
		return s.history(project, func(e audit.Event, h audit.Hash) {
			for _, object := range e.Objects {
				out = append(out, Event{
					Time: time.UnixMilli(e.Time).UTC(), Actor: e.Actor, Action: e.Action,
					Project: project, Object: object, Origin: e.Origin, Hash: hex.EncodeToString(h[:]),
				})
			}
		})
	})
	return out, err
}

// Head is what to keep elsewhere of a history: LENGTH:HASH.
func (v *Vault) Head(ctx context.Context, project string) (string, error) {
	var n int
	var head audit.Hash
	err := v.view(ctx, func(s *session) error {
		return s.history(project, func(_ audit.Event, h audit.Hash) { n++; head = h })
	})
	return fmt.Sprintf("%d:%x", n, head), err
}

// VerifyHistory checks a history and, when head is not empty, that it passes
// through that earlier Head; otherwise it returns ErrDamaged, or ErrInvalid for
// a head that is none.
func (v *Vault) VerifyHistory(ctx context.Context, project, head string) error {
	want, hash, err := parseHead(head)
	if err != nil {
		return fmt.Errorf("%w head %s: it has the form LENGTH:HASH, as audit --head prints it", ErrInvalid, quote(head))
	}
	return v.view(ctx, func(s *session) error {
		n, passed := uint64(0), want == 0
		err := s.history(project, func(_ audit.Event, h audit.Hash) {
			n++
			if want == n && hash == h {
				passed = true
			}
		})
		if err != nil {
			return err
		}
		if !passed {
			return fmt.Errorf("%w: the history does not pass through the head %s", ErrDamaged, quote(head))
		}
		return nil
	})
}

// parseHead reads LENGTH:HASH; an empty head is length 0.
func parseHead(head string) (n uint64, hash audit.Hash, err error) {
	if head == "" {
		return 0, hash, nil
	}
	length, text, _ := strings.Cut(head, ":")
	if n, err = strconv.ParseUint(length, 10, 64); err != nil {
		return 0, hash, err
	}
	sum, err := hex.DecodeString(text)
	if err != nil || len(sum) != len(hash) || n == 0 && audit.Hash(sum) != (audit.Hash{}) {
		return 0, hash, errors.New("malformed")
	}
	return n, audit.Hash(sum), nil
}

// Stamp changes with every change of a project, or of the vault's roster for the
// empty name. Asking for it opens no record.
func (v *Vault) Stamp(ctx context.Context, project string) (uint64, error) {
	var stamp uint64
	err := v.view(ctx, func(s *session) error {
		if project == "" {
			stamp = s.roster.Counter
			return nil
		}
		p, err := s.gate(project, PermRead)
		if err != nil {
			return err
		}
		// The epoch stands above the counter, which begins anew with each epoch.
		stamp = p.manifest.Epoch<<40 | p.manifest.Counter
		return nil
	})
	return stamp, err
}

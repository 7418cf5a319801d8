package vault

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"tacenda/internal/audit"
)

// verifier collects all damage instead of stopping at the first.
type verifier struct {
	s        *session
	damage   []Damage
	known    map[string]bool   // engine keys that belong to the vault
	events   map[string]uint64 // and how many events begin with this: a manifest may claim any number
	skipped  [][]byte          // prefixes of projects that cannot be opened
	mem      room
	progress func(done, total int)
	done     int
	total    int
}

// A checker is an engine that keeps the records in something that can be wrong by
// itself, where no record shows it, such as the file of store.Bolt.
type checker interface {
	Check(ctx context.Context) ([]string, error)
}

// Verify checks every signature, page, record and event of the vault, opens
// every value into guarded memory, looks at the file, and lists ALL damage. The
// error is one that kept it from looking.
func (v *Vault) Verify(ctx context.Context, progress func(done, total int)) ([]Damage, error) {
	if progress == nil {
		progress = func(int, int) {}
	}
	found := []Damage{}
	err := v.view(ctx, func(s *session) error {
		if err := s.owner(); err != nil {
			return err
		}
		c := &verifier{s: s, known: map[string]bool{}, events: map[string]uint64{string([]byte{keyEvent}): s.roster.Events}, progress: progress, damage: []Damage{}}
		defer c.mem.destroy()
		if err := c.file(ctx); err != nil {
			return err
		}
		if err := c.run(ctx); err != nil {
			return err
		}
		found = c.damage
		return nil
	})
	return found, err
}

func (c *verifier) report(where string, err error) {
	c.damage = append(c.damage, Damage{Where: where, What: err.Error()})
}

func (c *verifier) file(ctx context.Context) error {
	e, ok := c.s.v.engine.(checker)
	if !ok {
		return nil
	}
	found, err := e.Check(ctx)
	for _, what := range found {
		c.report("the file", fmt.Errorf("%w: %s", ErrDamaged, what))
	}
	return err
}

func (c *verifier) run(ctx context.Context) error {
	r := c.s.roster
	c.know(headerKey())
	c.know(rosterKey())
	for _, ref := range r.Slots {
		c.know(slotKey(ref.ID))
		if _, err := c.s.slot(ref); err != nil {
			c.report(fmt.Sprintf("slot %x", ref.ID[:4]), err)
		}
	}
	if err := c.s.follow(func(audit.Event, audit.Hash) {}); err != nil {
		c.report("history of the vault", err)
	}
	var projects []*project
	for i := range r.Projects {
		c.grants(&r.Projects[i])
		if p := c.open(&r.Projects[i]); p != nil {
			projects = append(projects, p)
			c.total += int(p.manifest.Secrets + p.manifest.Tools + p.manifest.Instructions)
		}
	}
	for _, p := range projects {
		if err := c.project(ctx, p); err != nil {
			return err
		}
	}
	return c.strays()
}

// skip reports a project that cannot be opened: what it holds cannot be told
// from strays, and is neither.
func (c *verifier) skip(where string, ref *projectRef, err error) {
	c.report(where, err)
	c.skipped = append(c.skipped, projectPrefix(ref.ID))
}

func (c *verifier) know(key []byte) { c.known[string(key)] = true }

func (c *verifier) open(ref *projectRef) *project {
	c.know(projectKeysKey(ref.ID))
	where := fmt.Sprintf("project %x", ref.ID[:4])
	keys, err := c.s.keysOf(ref)
	if err != nil {
		c.skip(where, ref, err)
		return nil
	}
	name, err := c.s.projectName(ref, keys)
	if err != nil {
		c.report(where, err)
		name = fmt.Sprintf("%x", ref.ID[:4])
	}
	p, err := c.s.open(ref, keys, name)
	if err != nil {
		c.skip("project "+name, ref, err)
		return nil
	}
	c.know(recordKey(ref.ID, ref.Prefix, kindManifest, nil))
	if err := p.checkName(); err != nil {
		c.report(where, err)
	}
	return p
}

// project checks every page, and every record that the pages list.
func (c *verifier) project(ctx context.Context, p *project) error {
	counts := map[kind]uint64{}
	for n := range pageCount {
		pg, err := p.page(byte(n))
		if err != nil {
			c.report("project "+p.name, err)
			continue
		}
		if pg == nil {
			continue
		}
		c.know(recordKey(p.ref.ID, p.ref.Prefix, kindPage, []byte{byte(n)}))
		for i := range pg.len() {
			e := pg.at(i)
			counts[e.kind]++
			c.object(p, e)
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	m := p.manifest
	if counts[kindSecret] != m.Secrets || counts[kindTool] != m.Tools || counts[kindInstruction] != m.Instructions {
		c.report("project "+p.name, fmt.Errorf("%w: its manifest counts other numbers of records than its pages list", ErrDamaged))
	}
	c.events[string(recordKey(p.ref.ID, p.ref.Prefix, kindEvent, nil))] = m.Events
	if err := p.follow(func(audit.Event, audit.Hash) {}); err != nil {
		c.report("history of project "+p.name, err)
	}
	return nil
}

// object checks one record and, for a secret, its value.
func (c *verifier) object(p *project, e entry) {
	defer c.step(e.kind)
	c.know(recordKey(p.ref.ID, p.ref.Prefix, e.kind, e.id[:]))
	where := fmt.Sprintf("project %s: %s %x", p.name, e.kind, e.id[:4])
	content, err := p.readObject(e)
	if err != nil {
		c.report(where, err)
	} else if name, err := objectName(e.kind, content); err != nil {
		c.report(where, err)
	} else if e.kind != kindName {
		where = fmt.Sprintf("project %s: %s %s", p.name, e.kind, name)
		if err := p.placed(e, name); err != nil {
			c.report(where, err)
		}
	}
	if e.kind != kindSecret {
		return
	}
	c.know(recordKey(p.ref.ID, p.ref.Prefix, kindValue, e.id[:]))
	if err := p.useValue(e, &c.mem, func(_, _ []byte) error { return nil }); err != nil {
		c.report(where, err)
	}
}

// step tells how far it is: names count for nothing, there is one to a project.
func (c *verifier) step(k kind) {
	if k == kindName {
		return
	}
	c.done++
	if c.done%64 == 0 || c.done == c.total {
		c.progress(c.done, c.total)
	}
}

// strays reports records that nothing lists. They are never read, but somebody
// put them there.
func (c *verifier) strays() error {
	return c.s.tx.Range(nil, func(key, _ []byte) error {
		if !c.known[string(key)] && !c.event(key) && !c.announced(key) && !c.beyond(key) {
			c.report(fmt.Sprintf("record %x", key), fmt.Errorf("%w: nothing refers to it", ErrDamaged))
		}
		return nil
	})
}

// event tells whether a record is an event that the roster or a manifest counts.
func (c *verifier) event(key []byte) bool {
	n := len(key) - 8
	return n > 0 && binary.BigEndian.Uint64(key[n:]) < c.events[string(key[:n])]
}

// beyond tells whether a record belongs to a project that cannot be opened.
func (c *verifier) beyond(key []byte) bool {
	return slices.ContainsFunc(c.skipped, func(p []byte) bool { return bytes.HasPrefix(key, p) })
}

// announced tells whether a record belongs to an epoch that is being written.
func (c *verifier) announced(key []byte) bool {
	for i := range c.s.roster.Projects {
		ref := &c.s.roster.Projects[i]
		for _, pre := range ref.Announced {
			if bytes.HasPrefix(key, append(projectPrefix(ref.ID), pre[:]...)) {
				return true
			}
		}
	}
	return false
}

// grants checks that every grant that the roster lists is there, and the one
// that was written. Whether it opens only its member could tell.
func (c *verifier) grants(ref *projectRef) {
	for i := range ref.Grants {
		g := &ref.Grants[i]
		m, ok := c.s.roster.member(g.Member)
		if !ok || g.ServerOnly {
			continue
		}
		c.know(grantKey(c.s.v.id, m.Recipient, ref.ID))
		if _, err := c.s.readGrant(ref, g, m.Recipient); err != nil {
			c.report(fmt.Sprintf("project %x", ref.ID[:4]), err)
		}
	}
}

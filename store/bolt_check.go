package store

import (
	"context"
	"runtime/debug"
	"strings"
)

// maxFindings bounds what a check lists: a file of noise has one for each page.
const maxFindings = 20

// CheckStructure reads every page of the vault's file, and says with an
// ErrDamaged all that is wrong with it as a file; it cannot tell whether a record
// is the one that was written. The last part of it is bbolt's own check, which
// can hang or end the process: it belongs in a process of its own with a limit
// of time.
func CheckStructure(path string) error {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	b, err := newBolt(path, BoltOptions{Mounted: true})
	if err != nil {
		return err
	}
	h, err := b.open(context.Background(), false)
	if err != nil {
		return err
	}
	defer h.close()
	var c checker
	if err := h.tree.pages.readFree(); err != nil {
		c.found(err)
	} else {
		c.all(h.tree)
	}
	if c.count == 0 {
		c.bbolt(b, h)
	}
	if c.count == 0 {
		return nil
	}
	if more := c.count - len(c.list); more > 0 {
		c.list = append(c.list, "and more of that kind")
	}
	return say(ErrDamaged, "vault %q is damaged: %s; restore a backup", b.path, strings.Join(c.list, "; "))
}

type checker struct {
	used  []bool
	list  []string
	count int
}

func (c *checker) found(err error) {
	if c.count++; len(c.list) < maxFindings {
		c.list = append(c.list, strings.TrimPrefix(err.Error(), ErrDamaged.Error()+": "))
	}
}

// all visits the whole tree, and then looks for pages that nothing refers to.
func (c *checker) all(t *tree) {
	p := t.pages
	_, own, err := p.freelist(p.now)
	if err != nil {
		c.found(err)
		return
	}
	c.used = make([]bool, p.now.high)
	c.use(0, 2)
	c.use(own[0], own[1])
	c.use(p.now.root, p.now.root+1)
	for _, id := range p.free {
		c.use(id, id+1)
	}
	if t.root != 0 {
		c.page(t, t.root, span{}, 0)
	}
	for id, used := range c.used {
		if !used {
			c.found(damaged("page %d is neither used nor free", id))
		}
	}
}

func (c *checker) use(from, to uint64) {
	for id := from; id < to; id++ {
		if c.used[id] {
			c.found(damaged("page %d is used twice", id))
		}
		c.used[id] = true
	}
}

func (c *checker) page(t *tree, id uint64, bounds span, depth int) {
	if depth > maxDepth {
		c.found(damaged("its pages refer to each other in a circle"))
		return
	}
	n, err := t.bounded(id, bounds)
	if err != nil {
		c.found(err)
		return
	}
	if c.used[id] {
		c.found(damaged("page %d is used twice", id))
		return // and would be visited for ever
	}
	c.use(id, id+n.pages)
	for i, child := range n.children {
		c.page(t, child, n.bounds(i, bounds), depth+1)
	}
}

// bbolt runs bbolt's check, for what ours does not know of.
func (c *checker) bbolt(b *Bolt, h *handle) {
	tx, err := b.begin(h, false)
	if err != nil {
		c.found(err)
		return
	}
	defer h.rollback(tx.tx)
	for err := range tx.tx.Check() {
		c.found(err)
	}
}

package store

import (
	"context"
	"runtime/debug"
	"strings"
)

// maxFindings bounds what a check lists: a file of noise has one for each page.
const maxFindings = 20

// Check reads every page of the vault's file and lists what is wrong with it as a
// file, such as a free page in use, which no reader meets and the next writer does.
// It cannot tell whether a record is the one that was written. The error is what
// kept it from looking.
func (b *Bolt) Check(ctx context.Context) ([]string, error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	h, err := b.open(ctx, false)
	if err != nil {
		return nil, err
	}
	defer h.close()
	var c checker
	c.tree(ctx, h.tree)
	return c.findings(), ctx.Err()
}

// CheckStructure is Check for tests: all findings are one ErrDamaged, and bbolt's
// own check is the last of it, which can hang or end the process.
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
	c.tree(context.Background(), h.tree)
	if c.count == 0 {
		c.bbolt(b, h)
	}
	if c.count == 0 {
		return nil
	}
	return say(ErrDamaged, "vault %q is damaged: %s; restore a backup", b.path, strings.Join(c.findings(), "; "))
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

func (c *checker) findings() []string {
	if c.count > len(c.list) {
		return append(c.list, "and more of that kind")
	}
	return c.list
}

func (c *checker) tree(ctx context.Context, t *tree) {
	if err := t.pages.readFree(); err != nil {
		c.found(err)
	} else {
		c.all(ctx, t)
	}
}

// all visits the whole tree, and then looks for pages that nothing refers to.
func (c *checker) all(ctx context.Context, t *tree) {
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
		c.page(ctx, t, t.root, span{}, 0)
	}
	if ctx.Err() != nil {
		return
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

func (c *checker) page(ctx context.Context, t *tree, id uint64, bounds span, depth int) {
	if ctx.Err() != nil {
		return
	}
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
		c.page(ctx, t, child, n.bounds(i, bounds), depth+1)
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

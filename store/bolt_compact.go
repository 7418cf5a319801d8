package store

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// Compact writes the vault's records to a new file and puts that in its place:
// smaller, and without anything that was replaced or deleted. The old file's
// blocks stay on the medium until something else is written there.
func (b *Bolt) Compact(ctx context.Context) error {
	if err := b.turn(ctx); err != nil {
		return err
	}
	defer func() { <-b.writer }()
	h, err := b.open(ctx, true)
	if err != nil {
		return err
	}
	defer h.close()
	b.sweep()
	return sentence("compact", b.path, b.compact(ctx, h))
}

func (b *Bolt) compact(ctx context.Context, h *handle) error {
	src, err := b.begin(h, false)
	if err != nil {
		return err
	}
	var t *fresh
	err = src.run(func(src *boltTx) error {
		t, err = b.build(ctx, filepath.Dir(b.path), false, func(dst *boltTx) error { return copyRecords(ctx, dst, src) })
		return err
	})
	if err != nil {
		return err
	}
	if !lockedByUs {
		h.close()
	}
	return t.publish(ctx, b.path, os.Rename)
}

func copyRecords(ctx context.Context, dst, src *boltTx) error {
	return src.Range(nil, func(key, value []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return dst.Put(key, value)
	})
}

// CopyTo writes a file to w that is a vault with the records of this moment, as
// small as can be, and without anything that was replaced or deleted. Nobody
// waits for w: it is written to after the vault is let go of.
func (b *Bolt) CopyTo(ctx context.Context, w io.Writer) (int64, error) {
	t, err := b.copyOut(ctx)
	if err != nil {
		return 0, err
	}
	defer t.drop()
	info, err := t.h.file.Stat()
	if err != nil {
		return 0, sentence("copy", b.path, err)
	}
	p, err := readPages(t.h.file, info.Size())
	if err != nil {
		return 0, sentence("copy", b.path, err)
	}
	r := io.NewSectionReader(t.h.file, 0, int64(p.now.high)*pageSize)
	for n := int64(0); ; {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		part, err := io.CopyN(w, r, 1<<20)
		n += part
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// copyOut copies the records to a passing file: beside the vault or, where there
// is no room or no permission, among the system's temporary files.
func (b *Bolt) copyOut(ctx context.Context) (t *fresh, err error) {
	err = b.view(ctx, func(src *boltTx) error {
		fill := func(dst *boltTx) error { return copyRecords(ctx, dst, src) }
		t, err = b.build(ctx, filepath.Dir(b.path), true, fill)
		if errors.Is(err, ErrReadOnly) || errors.Is(err, ErrRefused) || errors.Is(err, ErrNoSpace) {
			t, err = b.build(ctx, os.TempDir(), true, fill)
		}
		return err
	})
	return t, err
}

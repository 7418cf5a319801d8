package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"tacenda/keyring/secret"
)

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// openInput opens what an option names: a file, "-" for standard input, or
// /dev/fd/N for a descriptor that the caller passed on. Whoever may read
// standard input has claimed it. Waiting for it ends with ctx.
func (a *app) openInput(ctx context.Context, path string) (*waitingReader, error) {
	if path == "" {
		return nil, usagef("the name of a file must not be empty")
	}
	if isStdin(path) {
		return &waitingReader{ctx: ctx, file: a.sys.Stdin}, nil
	}
	if a.caller != nil {
		return nil, usagef("only - is available here, which is your standard input")
	}
	if n, ok := descriptor(path); ok {
		// The descriptor itself, not what the name leads to: a pipe or a file
		// that this process may not open again can still be read.
		f, err := dupDescriptor(n, path)
		if err != nil {
			return nil, plainPathError(err)
		}
		return &waitingReader{ctx: ctx, file: f, own: true}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, plainPathError(err)
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		_ = f.Close()
		return nil, fmt.Errorf("reading %s: it is a directory", path)
	}
	return &waitingReader{ctx: ctx, file: f, own: true}, nil
}

// plainPathError says "reading PATH: no such file" for "open PATH: …": open is
// a word of the system, not of the user.
func plainPathError(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) && p.Op != "write" {
		return fmt.Errorf("reading %s: %w", p.Path, p.Err)
	}
	return err
}

// descriptor returns N of /dev/fd/N.
func descriptor(path string) (int, bool) {
	text, ok := strings.CutPrefix(path, "/dev/fd/")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n > 2 && n < 1<<16
}

// A waitingReader reads a file without being caught in it: each read waits
// until there is something, or until ctx ends.
type waitingReader struct {
	ctx  context.Context //nolint:containedctx // it lives for one read of one input
	file *os.File
	own  bool // Close closes the file
}

func (r *waitingReader) Read(p []byte) (int, error) {
	if err := waitReadable(r.ctx, r.file); err != nil {
		return 0, err
	}
	return r.file.Read(p)
}

func (r *waitingReader) Close() error {
	if r.own {
		return r.file.Close()
	}
	return nil
}

// maxPassphrase bounds the first line of a passphrase file, in bytes.
const maxPassphrase = 4096

// readPassphrase returns the first line of a passphrase file in guarded memory.
func (a *app) readPassphrase(ctx context.Context, option, path string) (*secret.Bytes, error) {
	in, err := a.openInput(ctx, path)
	if err != nil {
		return nil, missingInput(option, path, "passphrase", err)
	}
	defer in.Close()
	// More than a line may follow: it is read and dropped, but not without end.
	pass, err := secret.ReadAll(in, 16*maxPassphrase)
	if errors.Is(err, secret.ErrTooLarge) {
		return nil, usagef("%s: %s is too long to be a passphrase file", option, path)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: reading %s: %w", option, path, err)
	}
	length := 0
	err = pass.Use(func(p []byte) error {
		length = len(p)
		if i := bytes.IndexByte(p, '\n'); i >= 0 {
			length = i
		}
		if length > 0 && p[length-1] == '\r' {
			length--
		}
		return nil
	})
	if err == nil && length == 0 {
		err = usagef("%s: the first line of %s is empty", option, path)
	}
	if err == nil && length > maxPassphrase {
		err = usagef("%s: the first line of %s has more than %d bytes", option, path, maxPassphrase)
	}
	if err != nil {
		pass.Destroy()
		return nil, err
	}
	a.warnExposed(path, in.file)
	pass.Shrink(length)
	return pass, nil
}

// A stoppingWriter refuses to write once ctx has ended, so that a long output
// stops at ctrl+c.
type stoppingWriter struct {
	ctx context.Context //nolint:containedctx // it lives for one output
	to  io.Writer
}

func (w *stoppingWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.to.Write(p)
}

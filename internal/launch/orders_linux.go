package launch

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"tacenda/internal/launch/stage"
	"tacenda/keyring/secret"
)

const (
	// maxString is the longest variable or argument that Linux takes, with the zero
	// at its end (MAX_ARG_STRLEN, 32 pages).
	maxString = 128 << 10
	// maxEnvironment is more than Linux takes of all together: three quarters of
	// the stack that it starts with (_STK_LIM). It is here so that a stage does not
	// read a gigabyte to be told the same.
	maxEnvironment = 6 << 20
	// ordersSize is how much is sent at once, in bytes.
	ordersSize = 32 << 10
)

// orders are what the stage is sent. They go through one guarded buffer.
type orders struct {
	fd    int
	buf   *secret.Bytes
	used  int
	total int // bytes of variables
	err   error
}

func newOrders(fd int) (*orders, error) {
	buf, err := secret.New(ordersSize)
	if err != nil {
		return nil, err
	}
	return &orders{fd: fd, buf: buf}, nil
}

// pass sends a frame without payload, with descriptors.
func (o *orders) pass(kind byte, fds ...int) error {
	if err := o.flush(); err != nil {
		return err
	}
	var header [stage.HeaderSize]byte
	stage.PutHeader(header[:], kind, 0)
	for {
		n, err := unix.SendmsgN(o.fd, header[:1], unix.UnixRights(fds...), nil, unix.MSG_NOSIGNAL)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err == nil && n != 1 {
			err = io.ErrShortWrite
		}
		if err != nil {
			return fmt.Errorf("passing descriptors to the command: %w", err)
		}
		return writeAll(o.fd, header[1:])
	}
}

// text sends a frame.
func (o *orders) text(kind byte, s string) {
	o.header(kind, len(s))
	o.put([]byte(s))
}

func (o *orders) header(kind byte, n int) {
	var header [stage.HeaderSize]byte
	stage.PutHeader(header[:], kind, n)
	o.put(header[:])
}

// put appends to the buffer, and sends it when it is full.
func (o *orders) put(p []byte) {
	for len(p) > 0 && o.err == nil {
		if o.used == ordersSize {
			o.err = o.flush()
			continue
		}
		o.err = o.buf.Use(func(buf []byte) error {
			n := copy(buf[o.used:], p)
			o.used += n
			p = p[n:]
			return nil
		})
	}
}

// flush sends what is in the buffer.
func (o *orders) flush() error {
	if o.err != nil || o.used == 0 {
		return o.err
	}
	o.err = o.buf.Use(func(buf []byte) error {
		err := writeAll(o.fd, buf[:o.used])
		secret.Wipe(buf[:o.used])
		return err
	})
	o.used = 0
	return o.err
}

// variable sends a variable.
func (o *orders) variable(v Variable) error {
	o.text(stage.Variable, v.Name)
	w := &valueWriter{orders: o, left: maxString - len(v.Name) - len("=\x00")}
	o.total += len(v.Name) + len("=\x00")
	err := v.Write(w)
	switch {
	case errors.Is(err, ErrNUL):
		return fmt.Errorf("%s: %w", v.Name, ErrNUL)
	case w.left < 0:
		return fmt.Errorf("%s: %w: one variable holds 128 KiB", v.Name, errTooLong)
	case o.total > maxEnvironment:
		return errTooLong
	case err != nil:
		return err
	}
	return o.err
}

// A valueWriter sends the value of one variable.
type valueWriter struct {
	orders *orders
	left   int // bytes that the variable may still have
}

func (w *valueWriter) Write(p []byte) (int, error) {
	if bytes.IndexByte(p, 0) >= 0 {
		return 0, ErrNUL
	}
	w.left -= len(p)
	w.orders.total += len(p)
	if w.left < 0 || w.orders.total > maxEnvironment {
		return 0, errTooLong
	}
	// A frame per piece, which the stage joins.
	w.orders.header(stage.Value, len(p))
	w.orders.put(p)
	return len(p), w.orders.err
}

func writeAll(fd int, p []byte) error {
	for len(p) > 0 {
		n, err := unix.Write(fd, p)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// readFull reads until p is full or the other side has ended.
func readFull(fd int, p []byte) (int, error) {
	got := 0
	for got < len(p) {
		n, err := unix.Read(fd, p[got:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil && !errors.Is(err, unix.ECONNRESET) {
			return got, err
		}
		if n <= 0 {
			return got, nil
		}
		got += n
	}
	return got, nil
}

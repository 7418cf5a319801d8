package resolver

import (
	"encoding/binary"
	"io"
)

// stageSize is the room between two filters of a chain. It only has to hold a few steps of an encoder.
const stageSize = 256

// output assembles text in one buffer, which is guarded memory when the text holds values, and writes it when the
// buffer is full. Nothing of it is ever in another place: no bufio, no bytes.Buffer, no string.
type output struct {
	w      io.Writer
	buf    []byte
	n      int                   // buf[:n] waits to be written
	stages [maxFilters - 1]stage // stages[i] stands behind filter i
	first  stage
}

// stage is the state of one filter, and the text that waits for it.
type stage struct {
	buf            []byte
	n              int
	opened, closed bool // sh: the quotes
}

// write adds text of the template. A long one goes to the writer from where it is.
func (o *output) write(text []byte) error {
	for len(text) > len(o.buf)-o.n {
		if len(text) >= len(o.buf)/2 {
			return o.direct(text)
		}
		// Fill up first: writes of one size are what a pipe takes fastest.
		n := copy(o.buf[o.n:], text)
		text = text[n:]
		o.n += n
		if err := o.flush(); err != nil {
			return err
		}
	}
	o.n += copy(o.buf[o.n:], text)
	return nil
}

// writeValue adds a value, like write.
func (o *output) writeValue(value []byte) error {
	if len(value) >= len(o.buf)/2 {
		return o.direct(value)
	}
	for len(value) > len(o.buf)-o.n {
		n := move(o.buf[o.n:], value)
		value = value[n:]
		o.n += n
		if err := o.flush(); err != nil {
			return err
		}
	}
	o.n += move(o.buf[o.n:], value)
	return nil
}

// move copies like copy, but by way of general registers, eight bytes at a time. The builtin uses vector registers,
// and when the scheduler interrupts the goroutine Go saves those to memory that nobody wipes: pieces of values were
// found there. For the same reason nothing here searches a value with package bytes.
func move(dst, src []byte) int {
	n := min(len(dst), len(src))
	i := 0
	for ; i+8 <= n; i += 8 {
		binary.NativeEndian.PutUint64(dst[i:], binary.NativeEndian.Uint64(src[i:]))
	}
	for ; i < n; i++ {
		dst[i] = src[i]
	}
	return n
}

// direct writes p behind what waits, without a copy. What waited is wiped, because a long text behind the last value
// would leave that here until the end; otherwise the next text overwrites it.
func (o *output) direct(p []byte) error {
	n := o.n
	if err := o.flush(); err != nil {
		return err
	}
	clear(o.buf[:n])
	return o.send(p)
}

// passOn adds a token that is no placeholder. A literal loses the first of its backslashes.
func (o *output) passOn(s *scanner) error {
	raw := s.raw
	if s.kind == literal {
		if err := o.write(raw[:2]); err != nil {
			return err
		}
		raw = raw[3:]
	}
	return o.write(raw)
}

// flush writes what waits. Whoever uses an output calls it at the end; an abandoned one writes nothing more.
func (o *output) flush() error {
	p := o.buf[:o.n]
	o.n = 0
	if len(p) == 0 {
		return nil
	}
	return o.send(p)
}

func (o *output) send(p []byte) error {
	n, err := o.w.Write(p)
	if err == nil && n < len(p) {
		return io.ErrShortWrite
	}
	return err
}

// encode adds value after the filters of chain.
func (o *output) encode(chain []Filter, value []byte) error {
	if len(chain) == 0 {
		return o.writeValue(value)
	}
	o.first = stage{}
	for i := range len(chain) - 1 {
		o.stages[i] = stage{buf: o.stages[i].buf}
	}
	_, err := o.push(chain, 0, &o.first, value, true)
	return err
}

// push sends src through filter i of the chain and all behind it, and returns what filter i could not use yet.
func (o *output) push(chain []Filter, i int, st *stage, src []byte, last bool) (rest []byte, err error) {
	encode := filterTable[chain[i]].encode
	if i == len(chain)-1 {
		for {
			wrote, read := encode(st, o.buf[o.n:], src, last)
			o.n += wrote
			src = src[read:]
			switch {
			case wrote > 0 || read > 0:
			case len(o.buf)-o.n < maxUnit:
				if err := o.flush(); err != nil {
					return nil, err
				}
			default:
				return src, nil
			}
		}
	}
	next := &o.stages[i]
	for {
		wrote, read := encode(st, next.buf[next.n:], src, last)
		src = src[read:]
		done := wrote == 0 && read == 0
		left, err := o.push(chain, i+1, next, next.buf[:next.n+wrote], done && last)
		if err != nil {
			return nil, err
		}
		next.n = copy(next.buf, left)
		if done {
			return src, nil
		}
	}
}

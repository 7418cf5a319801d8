package resolver

import (
	"fmt"
	"io"

	"tacenda/keyring/secret"
)

// The parts of the one guarded buffer of a resolve, in bytes.
const (
	maxOutput = 128 << 10 // as cat writes: with half of it the context switches of a pipe are felt
	maxKept   = 16 << 10  // all values that are kept at hand
	maxValue  = 1 << 10   // one of them: passwords, tokens and small keys
	perValue  = 256       // what a value is expected to take, padding of our own records included
	pageSize  = 4 << 10   // guarded memory up to one page is much cheaper than more: few templates need more
)

// Values opens values by name.
type Values interface {
	// Use calls fn with the value, which is valid until fn returns, and returns fn's error.
	Use(name string, fn func(value []byte) error) error
}

// resolving is the state of one Resolve.
type resolving struct {
	t      *Template
	values Values
	out    output
	chain  []Filter           // of the placeholder being replaced
	emit   func([]byte) error // put, made once: a method value in the loop would be an allocation for each placeholder
	kept   []byte
	spans  []span // by name
}

// span is where in kept a name's value lies; it is empty when the value was too long to be kept.
type span struct{ start, end int }

// Resolve writes the text to w with every placeholder replaced by its value. It opens each named value once before
// the first byte of output, so that a damaged record or a value that a filter cannot carry leaves w untouched; short
// values stay in the guarded output buffer from then on, so that a name used a million times is not decrypted a
// million times, and longer ones are opened again at each use. The buffer is wiped on every way out.
//
// A value that does not fit its filter is an *Error with every place where it would have landed. Errors of w and of
// values come back as they are; ErrChanged, and they, may come after output has begun.
func (t *Template) Resolve(w io.Writer, values Values) error {
	outSize, keptSize, stagesSize := t.room()
	mem, err := secret.New(outSize + keptSize + stagesSize)
	if err != nil {
		return fmt.Errorf("guarding the output: %w", err)
	}
	defer mem.Destroy()
	return mem.Use(func(p []byte) error {
		r := &resolving{t: t, values: values, spans: make([]span, len(t.names))}
		r.emit = r.put
		r.out = output{w: w, buf: p[:outSize]}
		r.kept = p[outSize:][:keptSize]
		for i := range stagesSize / stageSize {
			r.out.stages[i].buf = p[outSize+keptSize+i*stageSize:][:stageSize]
		}
		if err := r.open(); err != nil {
			return err
		}
		return r.run()
	})
}

// room divides the guarded buffer. A small template gets a small one, and a page is used to its end.
func (t *Template) room() (out, kept, stages int) {
	out = int(min(t.size+maxValue, maxOutput))
	kept = min(len(t.names)*perValue, maxKept)
	stages = max(t.chain-1, 0) * stageSize
	sum := out + kept + stages
	return out + (pageSize-sum%pageSize)%pageSize, kept, stages
}

// open looks at each value once: it must open, and fit the filters that it will go through.
func (r *resolving) open() error {
	unfit := map[string]need{}
	used := 0
	for i, name := range r.t.names {
		err := r.values.Use(name, func(value []byte) error {
			if missing := lacks(value, r.t.needs[i]); missing != 0 {
				unfit[name] = missing
			}
			if len(value) <= min(maxValue, len(r.kept)-used) {
				n := move(r.kept[used:], value)
				r.spans[i] = span{used, used + n}
				used += n
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if len(unfit) == 0 {
		return nil
	}
	problems, err := r.t.list(func(s *scanner) string {
		if s.kind == hole {
			if missing := unfit[string(s.hole.name)] & needsOf(r.t.filters(&s.hole)); missing != 0 {
				return whyUnfit(missing)
			}
		}
		return ""
	})
	if err != nil {
		return err
	}
	return &Error{problems}
}

// run is the second pass.
func (r *resolving) run() error {
	s, err := r.t.again()
	if err != nil {
		return err
	}
	var holes int64
	for s.next() {
		if err := r.out.write(s.text); err != nil {
			return err
		}
		if s.kind == hole {
			holes++
			err = r.replace(&s.hole)
		} else {
			err = r.out.passOn(s)
		}
		if err != nil {
			return err
		}
	}
	if err := s.readAgain(); err != nil {
		return err
	}
	if s.size != r.t.size || holes != r.t.holes {
		return ErrChanged
	}
	return r.out.flush()
}

// replace writes the value of one placeholder. A name that the first pass did not see was never asked for, and a
// filter that it did not see was never checked.
func (r *resolving) replace(h *placeholder) error {
	i, ok := r.t.find(h.name)
	r.chain = r.t.filters(h)
	if !ok || len(r.chain) > r.t.chain || needsOf(r.chain)&^r.t.needs[i] != 0 {
		return ErrChanged
	}
	if at := r.spans[i]; at.end > at.start {
		return r.put(r.kept[at.start:at.end])
	}
	return r.values.Use(r.t.names[i], r.emit)
}

func (r *resolving) put(value []byte) error { return r.out.encode(r.chain, value) }

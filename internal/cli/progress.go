package cli

import (
	"fmt"
	"io"
	"time"
)

// progressAfter is how long work may take in silence.
const progressAfter = time.Second

// A progress shows on a terminal how far long work has come. It draws one line
// again and again, and removes it at the end.
type progress struct {
	a     *app
	what  string
	start time.Time
	drawn time.Time
}

func (a *app) progress(what string) *progress {
	return &progress{a: a, what: what, start: time.Now()}
}

// step is what vault calls with what is done and what there is to do.
func (p *progress) step(done, total int) {
	now := time.Now()
	if p.a.globals.quiet || p.a.sys.Getenv("TERM") == "dumb" || now.Sub(p.start) < progressAfter || now.Sub(p.drawn) < progressAfter/10 ||
		!p.a.err.terminal() {
		return
	}
	p.drawn = now
	_, _ = io.WriteString(p.a.err, fmt.Sprintf("\r%s: %d of %d\x1b[K", p.what, done, total))
}

// end removes the line.
func (p *progress) end() {
	if !p.drawn.IsZero() {
		_, _ = io.WriteString(p.a.err, "\r\x1b[K")
	}
}

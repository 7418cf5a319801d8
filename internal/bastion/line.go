package bastion

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"
)

// maxLine is how many connections are kept that nobody talks to yet. They are
// kept here and not in the system's queue because that one knows no addresses:
// whoever filled it would keep everybody out until each of theirs had had its
// time before the door.
const maxLine = 256

// Why somebody does not come to the door, or inside.
var (
	errBackOff   = errors.New("too many refused keys")
	errFull      = errors.New("too many connections")
	errFullOfOne = errors.New("too many connections of this key")
	errCrowd     = errors.New("too many before the door")
)

// A turnedAway is somebody who has to go.
type turnedAway struct {
	*guest
	why error
}

// join puts a connection at the end of the line, or closes it. Where the line is
// too long, the address that has most of it loses its oldest.
func (d *door) join(conn net.Conn) {
	now := d.now()
	g := &guest{Conn: conn, door: d, prefix: neighbours(conn.RemoteAddr()), last: now.Add(d.cfg.Login)}
	_ = conn.SetDeadline(g.last)
	d.mu.Lock()
	out := turnedAway{g, d.refuses(g, now)}
	if out.why == nil {
		d.line = append(d.line, g)
		d.wake()
		if out.guest = nil; len(d.line) > maxLine {
			counts := countOf(d.line)
			most := slices.MaxFunc(d.line, func(x, y *guest) int { return counts[x.prefix] - counts[y.prefix] }) // the first of them
			out = turnedAway{most, errCrowd}
			d.line = slices.DeleteFunc(d.line, func(g *guest) bool { return g == most })
		}
	}
	d.mu.Unlock()
	if out.guest != nil {
		d.send(out)
	}
}

// next is who may begin to authenticate, once there is room before the door; nil
// when ctx has ended.
func (d *door) next(ctx context.Context) *guest {
	for {
		next, away, more := d.pick()
		for _, out := range away {
			d.send(out)
		}
		if next != nil {
			return next
		}
		var again <-chan time.Time
		if more {
			again = time.After(silentTime / 4)
		}
		select {
		case <-d.moved:
		case <-again:
		case <-ctx.Done():
			return nil
		}
	}
}

// dismiss closes what stands in the line, when nobody comes any more.
func (d *door) dismiss() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, g := range d.line {
		_ = g.Conn.Close()
	}
	d.line = nil
}

// pick moves somebody from the line to the door. When too many stand there, one
// that has stood there long enough goes: whoever means to come in is through in
// a fraction of a second, and somebody who only stands there must not keep them
// out. more says that somebody is left in the line.
//
// Addresses take turns: whose connections are the fewest before the door is
// next, and one of who has fewer there does not go for one of who has more.
func (d *door) pick() (next *guest, away []turnedAway, more bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	d.line = slices.DeleteFunc(d.line, func(g *guest) bool {
		why := d.refuses(g, now)
		if why != nil {
			away = append(away, turnedAway{g, why})
		}
		return why != nil
	})
	if len(d.line) == 0 {
		return nil, away, false
	}
	counts := countOf(d.waiting)
	g := slices.MinFunc(d.line, func(x, y *guest) int { return counts[x.prefix] - counts[y.prefix] }) // the first of them
	if len(d.waiting) >= d.cfg.Unauthenticated {
		out := d.crowd(counts, now)
		if out == nil || counts[out.prefix] < counts[g.prefix] {
			return nil, away, true
		}
		d.unwait(out)
		delete(d.inside, out)
		away = append(away, turnedAway{out, errCrowd})
	}
	d.line = slices.DeleteFunc(d.line, func(other *guest) bool { return other == g })
	d.inside[g] = struct{}{}
	d.waiting = append(d.waiting, g)
	g.came = now
	return g, away, len(d.line) > 0
}

// refuses says why somebody in the line does not come to the door. The lock is held.
func (d *door) refuses(g *guest, now time.Time) error {
	f := d.failures[g.prefix]
	switch {
	case f != nil && now.Before(f.until):
		return errBackOff
	case d.full():
		return errFull
	case now.After(g.last): // its time to log in is over
		return errCrowd
	}
	return nil
}

// crowd is the oldest waiting connection of the address that has most of them,
// among those that were left in peace long enough. The lock is held.
func (d *door) crowd(counts map[netip.Prefix]int, now time.Time) *guest {
	var chosen *guest
	for _, g := range d.waiting { // in their order
		if !now.Before(g.peace()) && (chosen == nil || counts[g.prefix] > counts[chosen.prefix]) {
			chosen = g
		}
	}
	return chosen
}

// countOf counts the connections of each address.
func countOf(guests []*guest) map[netip.Prefix]int {
	counts := map[netip.Prefix]int{}
	for _, g := range guests {
		counts[g.prefix]++
	}
	return counts
}

// send sends somebody away.
func (d *door) send(out turnedAway) {
	d.cfg.Log.Info("connection refused", "remote", address(out.RemoteAddr()), "why", out.why.Error())
	_ = out.Close()
}

// wake tells next that something changed.
func (d *door) wake() {
	select {
	case d.moved <- struct{}{}:
	default:
	}
}

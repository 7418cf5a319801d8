package bastion

import (
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Back-off for an address whose keys are refused: the fourth connection in a
// row waits a second, each further one twice as long, up to half a minute. Few
// enough to keep guessing pointless (there is nothing to guess about a key),
// short enough that somebody behind the same address is not kept out for long.
const (
	freeFailures = 3
	firstWait    = time.Second
	longestWait  = 30 * time.Second
	forgetAfter  = 10 * time.Minute
	maxAddresses = 4096 // remembered at once
)

// How long somebody before the door is left in peace when there are too many: as
// long as it takes to say the first word, which clients do at once, and then as
// long as a login takes at a busy time. Others wait meanwhile, in the line, so
// that many who come at once all get in.
const (
	silentTime  = 100 * time.Millisecond
	talkingTime = 3 * time.Second
)

// A door bounds who may stand before it and how many are inside.
type door struct {
	cfg *Config
	now func() time.Time

	mu       sync.Mutex
	line     []*guest            // those nobody talks to yet, oldest first
	inside   map[*guest]struct{} // everybody else
	waiting  []*guest            // of these, those not let in yet, oldest first
	failures map[netip.Prefix]*failure

	moved chan struct{} // somebody came to the line, or left the crowd before the door
}

type failure struct {
	count int
	last  time.Time
	until time.Time
}

// A guest is a connection, known to the door until it is closed. It keeps its
// own deadlines: to be let in, to say something, and to end.
type guest struct {
	net.Conn
	door   *door
	prefix netip.Prefix
	once   sync.Once

	came  time.Time   // to the door
	spoke atomic.Bool // it sent something
	key   string      // that let it in

	mu     sync.Mutex
	inside bool
	last   time.Time // no deadline after this one
}

// peace is when it may be sent away.
func (g *guest) peace() time.Time {
	if g.spoke.Load() {
		return g.came.Add(talkingTime)
	}
	return g.came.Add(silentTime)
}

// Close tells the door.
func (g *guest) Close() error {
	g.once.Do(func() { g.door.left(g) })
	return g.Conn.Close()
}

func (g *guest) Read(p []byte) (int, error) {
	inside := g.extend()
	n, err := g.Conn.Read(p)
	if n > 0 {
		g.spoke.Store(true)
		if !inside && n < len(p) { // that was all for now
			acknowledge(g.Conn)
		}
	}
	return n, err
}

func (g *guest) Write(p []byte) (int, error) {
	g.extend()
	return g.Conn.Write(p)
}

// extend moves the deadline on, once the connection has been let in, and tells
// whether it has.
func (g *guest) extend() (inside bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.inside {
		return false
	}
	next := g.door.now().Add(g.door.cfg.Idle)
	if next.After(g.last) {
		next = g.last
	}
	_ = g.SetDeadline(next)
	return true
}

// hurry leaves a connection that is told to end little time to do so.
func (g *guest) hurry() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last = g.door.now().Add(lastWords)
	_ = g.SetDeadline(g.last)
}

// lastWords is how long a connection may take when the server stops.
const lastWords = 5 * time.Second

func newDoor(cfg *Config) *door {
	return &door{cfg: cfg, now: time.Now, inside: map[*guest]struct{}{}, failures: map[netip.Prefix]*failure{}, moved: make(chan struct{}, 1)}
}

// neighbours is what counts as one address: an IPv4 address, or the /64 that
// one IPv6 subscriber has.
func neighbours(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip, _ := netip.AddrFromSlice(tcp.IP)
	ip = ip.Unmap()
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	p, _ := ip.Prefix(bits)
	return p
}

// letIn moves a connection inside, unless there is no room: several may have
// come to the door at once. Nor may one key have all the room.
func (d *door) letIn(g *guest, key string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full() {
		return errFull
	}
	same := 0
	for other := range d.inside {
		if other.key == key {
			same++
		}
	}
	if same >= d.cfg.OfOneKey {
		return errFullOfOne
	}
	g.key = key
	d.unwait(g)
	delete(d.failures, g.prefix)
	g.mu.Lock()
	g.inside, g.last = true, d.now().Add(d.cfg.Max)
	g.mu.Unlock()
	g.extend()
	return nil
}

// full tells whether nobody more can be inside. The lock is held.
func (d *door) full() bool { return len(d.inside)-len(d.waiting) >= d.cfg.Connections }

// cut closes every connection.
func (d *door) cut() {
	d.mu.Lock()
	all := slices.Collect(maps.Keys(d.inside))
	d.mu.Unlock()
	for _, g := range all {
		_ = g.Close()
	}
}

func (d *door) unwait(g *guest) {
	for i, w := range d.waiting {
		if w == g {
			d.waiting = append(d.waiting[:i], d.waiting[i+1:]...)
			d.wake()
			return
		}
	}
}

func (d *door) left(g *guest) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.inside, g)
	d.unwait(g)
}

// failed notes a connection whose every key was refused.
func (d *door) failed(g *guest, refused bool) {
	if !refused {
		return
	}
	now := d.now()
	p := g.prefix
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.failures[p]
	if f == nil || now.Sub(f.last) > forgetAfter {
		d.makeRoom(now)
		f = &failure{}
		d.failures[p] = f
	}
	f.count++
	f.last = now
	if over := f.count - freeFailures; over >= 0 {
		f.until = now.Add(min(firstWait<<min(over, 10), longestWait))
	}
}

// makeRoom forgets who has been quiet, and somebody else when nobody has: a
// crowd of addresses must not fill the memory.
func (d *door) makeRoom(now time.Time) {
	if len(d.failures) < maxAddresses {
		return
	}
	for p, f := range d.failures {
		if now.Sub(f.last) > forgetAfter {
			delete(d.failures, p)
		}
	}
	for p := range d.failures {
		if len(d.failures) < maxAddresses {
			return
		}
		delete(d.failures, p)
	}
}

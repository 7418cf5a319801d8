package agent

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"tacenda/internal/vault"
	"tacenda/keyring/secret"
)

// conn is one client. One goroutine reads what it says, so that its leaving ends
// what it asked for; another does that.
type conn struct {
	server *Server
	net    *net.UnixConn
	hello  *hello
	away   bool // the client is not of this machine: see Answer
	room   Room // of that client

	values map[uint64]kept // left open for the client
	next   uint64

	mu      sync.Mutex
	since   time.Time          // of the last request
	pending int                // requests that began to arrive and have no answer
	open    int                // len(values), for who looks from outside
	retired bool               // nothing that arrives is looked at any more
	cancel  context.CancelFunc // of the last request
}

// kept are values that the agent opens for a client, a batch at a time.
type kept struct {
	vault.Values
	names []string
}

// A question is a request and how long its client waits for the answer.
type question struct {
	*request
	ctx    context.Context //nolint:containedctx // it lives as long as the request
	cancel context.CancelFunc
}

// idle tells whether nobody would miss the connection. Its server's lock is held.
func (c *conn) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pending == 0 && c.open == 0
}

// idleSince is when the client asked for something last. Its server's lock is held.
func (c *conn) idleSince() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.since
}

// retire makes the connection deaf, unless it came to life meanwhile.
func (c *conn) retire() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending > 0 || c.open > 0 {
		return false
	}
	c.retired = true
	return true
}

// farewell tells a client that nothing it may just be sending was looked at, so
// that it may ask again on another connection.
func (c *conn) farewell() {
	_ = c.net.SetWriteDeadline(time.Now().Add(time.Second))
	_ = writeFrame(c.net, response{Bye: true}, nil)
	_ = c.net.Close()
}

// turnAway says one thing and closes. A socket that is closed with something
// unread resets the connection, and the other side loses what was said to it: so
// the rest is read first, for a second at most.
func turnAway(nc *net.UnixConn, last response) {
	_ = nc.SetDeadline(time.Now().Add(time.Second))
	_ = writeFrame(nc, last, nil)
	_ = nc.CloseWrite()
	_, _ = io.Copy(io.Discard, nc)
	_ = nc.Close()
}

// serve serves a client until it leaves.
func (c *conn) serve(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	questions := make(chan question)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(questions)
		c.read(ctx, questions)
		c.abort() // it left
	})
	keep := false
	for q := range questions {
		if keep = c.handle(q); keep {
			break
		}
	}
	cancel()
	if keep {
		_ = c.net.SetReadDeadline(time.Now()) // ends the reading
	} else {
		_ = c.net.Close()
	}
	reading.Wait()
	for _, v := range c.values {
		v.Close()
	}
}

// read passes on what the client says.
func (c *conn) read(ctx context.Context, to chan<- question) {
	limit := maxHello
	_ = c.net.SetReadDeadline(time.Now().Add(helloTime))
	for {
		n, err := readLength(c.net, limit)
		if err != nil || !c.begin() {
			return
		}
		r, err := c.readRequest(ctx, n)
		if err != nil {
			return
		}
		if r.Op == "cancel" {
			r.drop()
			c.abort()
			c.done()
			continue
		}
		// Made here, so that a client which cancels at once is not too early.
		asked, cancel := context.WithCancel(ctx)
		c.mu.Lock()
		c.cancel = cancel
		c.mu.Unlock()
		select {
		case to <- question{r, asked, cancel}:
		case <-ctx.Done():
			cancel()
			r.drop()
			return
		}
		limit = maxHeader
		if c.away {
			limit = maxFarHeader
		}
	}
}

// begin counts a request that arrives.
func (c *conn) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.retired {
		c.pending++
		c.since = time.Now()
	}
	return !c.retired
}

func (c *conn) done() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending--
}

// abort cancels the last request.
func (c *conn) abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel != nil {
		c.cancel()
	}
}

// readRequest reads the rest of a request. A client that stalls in the middle of
// one is given up.
func (c *conn) readRequest(ctx context.Context, n int) (_ *request, err error) {
	r := &request{}
	defer func() {
		if err != nil {
			r.drop()
		}
	}()
	if err := c.enter(ctx, r, n, longHeader); err != nil {
		return nil, err
	}
	_ = c.net.SetReadDeadline(time.Now().Add(stallTime))
	if err := readHeader(c.net, n, r); err != nil {
		return nil, err
	}
	total, err := valuesLength(r.Segments)
	if err == nil {
		err = c.enter(ctx, r, total, maxSegment)
	}
	if err != nil {
		return nil, err
	}
	if r.values, err = readSegments(patientReader{c.net}, r.Segments); err != nil {
		return nil, err
	}
	return r, c.net.SetReadDeadline(time.Time{})
}

// A patientReader gives the other side its time anew for every read.
type patientReader struct{ c net.Conn }

func (r patientReader) Read(p []byte) (int, error) {
	if err := r.c.SetReadDeadline(time.Now().Add(stallTime)); err != nil {
		return 0, err
	}
	return r.c.Read(p)
}

// handle answers one request. It returns true when the connection is to stay
// open and unserved, until the agent has ended.
func (c *conn) handle(q question) (keep bool) {
	defer func() {
		q.drop()
		q.cancel()
		c.mu.Lock()
		c.open = len(c.values)
		c.mu.Unlock()
		c.done()
	}()
	switch {
	case q.Op == "lock" && !c.away:
		c.server.mu.Lock()
		c.server.lockers = append(c.server.lockers, c.net)
		delete(c.server.conns, c)
		c.server.mu.Unlock()
		c.server.stop()
		return true
	case q.Op == "hello":
		c.reply(&response{Result: c.welcome(q.ctx, q.Hello)}, nil)
	case c.hello == nil:
		c.reply(&response{Error: toWire(errFrame)}, nil)
	default:
		c.operate(q)
	}
	return false
}

// Status is what an agent says of itself.
type Status struct {
	Version int       `json:"version"` // of the protocol
	Vault   vault.ID  `json:"vault"`
	Owner   string    `json:"owner"` // fingerprint
	Actor   string    `json:"actor"`
	IsOwner bool      `json:"is_owner"`
	Expires time.Time `json:"expires"`
	Mounted bool      `json:"mounted"`
	Foreign bool      `json:"foreign"` // the client means another file
	Problem string    `json:"problem"` // why it cannot answer; "" if it can
}

// welcome answers a client's introduction.
func (c *conn) welcome(ctx context.Context, h *hello) *Status {
	s := c.server
	st := &Status{Version: protocolVersion, Expires: s.expires, Mounted: s.config.Mounted}
	if h == nil || h.Version != protocolVersion {
		return st // the client says what to do
	}
	if !c.away {
		if at, ok := fileOf(s.config.Path, os.Stat); !ok || at != (file{h.Device, h.Inode}) {
			st.Foreign = true
			return st
		}
	}
	err := s.check(ctx)
	if err == nil {
		err = s.alive()
	}
	if err != nil {
		st.Problem = err.Error()
		return st
	}
	v := s.config.Vault
	st.Vault, st.Owner, st.Actor, st.IsOwner = v.ID(), v.OwnerFingerprint(), v.Actor(), v.Owner()
	c.hello = h
	return st
}

// operate runs an operation when it is its turn. The whole question has been
// read, and the answer is written after it: nobody waits for this client.
func (c *conn) operate(q question) {
	call := &call{conn: c, request: q.request}
	defer func() { call.out.Destroy() }()
	resp := &response{}
	p := c.progress(call)
	result, err := c.server.run(q.ctx, call, &resp.Notes)
	p.stop()
	if err != nil {
		resp.Error = toWire(err)
	} else {
		resp.Result, resp.Segments = result, call.segments
	}
	c.reply(resp, call.out)
}

// run takes the turn and runs the operation.
func (s *Server) run(ctx context.Context, call *call, notes *[]string) (any, error) {
	op, ok := operations[call.request.Op]
	if !ok {
		return nil, errFrame
	}
	if name := call.request.Op; name == "use" || name == "release" { // of values that were opened: no turn of the vault
		if err := s.alive(); err != nil {
			return nil, err
		}
		return op(ctx, s.config.Vault, call)
	}
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.turn }()
	if err := s.alive(); err != nil {
		return nil, err
	}
	if s.config.LockTimeout != nil {
		s.config.LockTimeout(call.conn.hello.LockTimeout)
	}
	s.mu.Lock()
	s.notes, s.used = notes, true
	s.mu.Unlock()
	result, err := op(ctx, s.config.Vault, call)
	s.mu.Lock()
	s.notes = nil
	s.mu.Unlock()
	if errors.Is(err, vault.ErrLocked) {
		s.died(err)
	}
	return result, err
}

// reply answers. out holds the segments, one after the other. A client that does
// not take its answer is given up.
func (c *conn) reply(resp *response, out *secret.Bytes) {
	segments := func(w io.Writer) error {
		if len(resp.Segments) == 0 {
			return nil
		}
		return out.Use(func(p []byte) error {
			n := 0
			for _, length := range resp.Segments {
				n += length
			}
			_, err := w.Write(p[:n])
			return err
		})
	}
	err := writeFrame(c.net, resp, segments)
	if errors.Is(err, errTooLong) {
		err = writeFrame(c.net, &response{Error: toWire(err)}, nil)
	}
	if err != nil {
		_ = c.net.Close()
	}
}

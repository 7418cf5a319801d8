package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"tacenda/internal/vault"
	"tacenda/keyring/secret"
)

// Options are what a client wants of an agent.
type Options struct {
	// Path leads to the file of the vault that is meant.
	Path string
	// Owner, when set, is the fingerprint that the owner key must have.
	Owner string
	// Mounted says that the client accepts a file as containers mount it.
	Mounted bool
	// LockTimeout is how long operations wait for other processes.
	LockTimeout time.Duration
	// Note is told what the user should know but what stops nothing; nil drops it.
	Note func(string)
}

// A Client is a vault that an agent has open. It may be used by several
// goroutines; calls take turns.
type Client struct {
	socket  string
	options Options
	status  Status

	turn   chan struct{} // one token: a connection carries one question at a time
	net    *net.UnixConn // nil between connections
	life   uint64        // counts connections: values belong to one
	most   int           // bytes of a question's header
	closed atomic.Bool
}

// A RefusedError is an agent that cannot serve a client, and why.
type RefusedError struct{ Why string }

func (e *RefusedError) Error() string { return e.Why }

// Dial finds the agent behind a socket. ErrNone says that there is none for this
// vault and these options, a RefusedError that there is one and cannot help; any
// other error is about the socket.
func Dial(ctx context.Context, socket string, o Options) (*Client, error) {
	if o.Note == nil {
		o.Note = func(string) {}
	}
	c := &Client{socket: socket, options: o, turn: make(chan struct{}, 1), most: maxHeader}
	if err := c.connect(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// Ask is what the agent behind a socket says of itself. Its errors are Dial's.
func Ask(ctx context.Context, socket string, o Options) (Status, error) {
	c, err := Dial(ctx, socket, o)
	if err != nil {
		return Status{}, err
	}
	c.Close()
	return c.status, nil
}

// Status is what the agent said of itself when it was found.
func (c *Client) Status() Status { return c.status }

// open connects to a socket after every check. ErrNone also means a stale
// socket, which the next agent replaces.
func open(socket string) (*net.UnixConn, error) {
	// First the socket: mostly there is none, which is one question.
	if err := checkSocket(socket); err != nil {
		return nil, err
	}
	if err := checkDirectory(filepath.Dir(socket)); err != nil {
		return nil, err
	}
	// Without the context, which a dialer would watch from another goroutine: the
	// kernel answers at once.
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, os.ErrNotExist):
		return nil, ErrNone
	case err != nil:
		return nil, fmt.Errorf("reaching the unlock agent: %w", err)
	}
	if uid, _, err := peer(c); err != nil || uid != os.Geteuid() {
		_ = c.Close()
		return nil, fmt.Errorf("not using the unlock agent: another user listens on %s", socket)
	}
	return c, nil
}

// connect opens a connection and introduces itself.
func (c *Client) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, helloTime)
	defer cancel()
	if c.socket == "" {
		return ErrCut
	}
	at, ok := fileOf(c.options.Path, os.Stat)
	if !ok {
		return ErrNone // whoever opens the file says what is wrong
	}
	nc, err := open(c.socket)
	if err != nil {
		return err
	}
	st, err := introduce(ctx, nc, &hello{
		Version: protocolVersion, Device: at.device, Inode: at.inode, LockTimeout: c.options.LockTimeout,
	})
	if err == nil {
		err = c.accept(st)
	}
	if err != nil {
		_ = nc.Close()
		return err
	}
	c.status, c.net = st, nc
	c.life++
	return nil
}

// introduce exchanges hellos.
func introduce(ctx context.Context, nc *net.UnixConn, h *hello) (Status, error) {
	deadline, _ := ctx.Deadline()
	defer bound(ctx, nc, deadline)()
	if err := writeFrame(nc, &request{Op: "hello", Hello: h}, nil); err != nil {
		return Status{}, silent(ctx, err)
	}
	_ = nc.SetReadDeadline(deadline)
	a, err := readAnswer(nc)
	if err != nil {
		return Status{}, silent(ctx, err)
	}
	var st Status
	if a.Error != nil {
		return st, &RefusedError{a.Error.Text}
	}
	if err := json.Unmarshal(a.Result, &st); err != nil {
		return st, &RefusedError{"the unlock agent is another program"}
	}
	return st, nil
}

// silent says that the agent gave no answer.
func silent(ctx context.Context, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case errors.Is(err, io.EOF), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET):
		return ErrNone // it ended just now
	}
	return &RefusedError{"the unlock agent does not answer"}
}

// bound lets ctx end what waits for the connection, and returns how to undo that.
func bound(ctx context.Context, nc *net.UnixConn, deadline time.Time) func() {
	_ = nc.SetDeadline(deadline)
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		_ = nc.SetDeadline(time.Now())
	})
	return func() {
		if !stop() {
			<-ended
		}
		_ = nc.SetDeadline(time.Time{})
	}
}

// accept tells whether the agent is the one that is wanted.
func (c *Client) accept(st Status) error {
	switch {
	case st.Version != protocolVersion:
		return &RefusedError{"the unlock agent is of another version of tacenda; unlock again"}
	case st.Foreign, st.Mounted && !c.options.Mounted:
		return ErrNone
	case st.Problem != "":
		return &RefusedError{st.Problem}
	case c.options.Owner != "" && c.options.Owner != st.Owner:
		return ErrNone // whoever opens the file says whose the vault is
	case c.life > 0 && (st.Vault != c.status.Vault || st.Owner != c.status.Owner || st.Actor != c.status.Actor):
		return ErrNone // another than the one that this client began with
	}
	return nil
}

// readAnswer reads one frame of the agent, without its segments.
func readAnswer(nc *net.UnixConn) (*answer, error) {
	n, err := readLength(nc, maxHeader)
	if err != nil {
		return nil, err
	}
	a := &answer{}
	return a, readHeader(patientReader{nc}, n, a)
}

// Close ends the connection. The agent keeps the vault open.
func (c *Client) Close() {
	if c.closed.Swap(true) {
		return
	}
	c.turn <- struct{}{} // calls under way end first
	defer func() { <-c.turn }()
	c.drop()
}

func (c *Client) drop() {
	if c.net != nil {
		_ = c.net.Close()
		c.net = nil
	}
}

// errGone is an agent that ended, for who was in the middle of something.
var errGone = fmt.Errorf("%w: the unlock agent ended", vault.ErrLocked)

// gone is an other side that ended, for who was in the middle of something.
func (c *Client) gone() error {
	if c.socket == "" { // a server
		return ErrCut
	}
	return errGone
}

var errClosed = errors.New("internal error: the connection to the unlock agent was closed")

// An exchange is a question to the agent.
type exchange struct {
	request  *request
	send     func(io.Writer) error       // writes the segments
	progress func(done, total int)       // nil drops it
	take     func(*answer, uint64) error // gets the answer with its segments, and the connection's number
	values   *secret.Bytes               // the answer's segments, one after the other
	life     uint64                      // when not 0: only on this connection
}

// ask asks the agent and reads the answer. A connection that the agent had ended
// before is replaced.
func (c *Client) ask(ctx context.Context, x *exchange) error {
	if err := checkUTF8(x.request); err != nil {
		return err
	}
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.turn }()
	if c.closed.Load() {
		return errClosed
	}
	for range 2 {
		if c.net == nil {
			if x.life != 0 {
				return c.gone()
			}
			if err := c.connect(ctx); err != nil {
				return lost(ctx, err)
			}
		}
		if x.life != 0 && x.life != c.life {
			return c.gone()
		}
		a, err := c.converse(ctx, x)
		if err != nil {
			c.drop()
			x.values.Destroy()
			return err
		}
		if a == nil { // it said goodbye before it heard the question
			c.drop()
			continue
		}
		err = c.finish(x, a)
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			err = ctx.Err() // which may be that its time was over
		}
		return err
	}
	return c.gone()
}

// lost makes what went wrong on a new connection an error of the operation.
func lost(ctx context.Context, err error) error {
	var refused *RefusedError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrNone):
		return errGone
	case errors.As(err, &refused):
		return fmt.Errorf("%w: %s", vault.ErrLocked, refused.Why)
	}
	return err
}

// finish gives the answer to who asked.
func (c *Client) finish(x *exchange, a *answer) error {
	defer func() { x.values.Destroy() }()
	for _, note := range a.Notes {
		c.options.Note(note)
	}
	if err := a.Error.err(); err != nil {
		return err
	}
	if x.take == nil {
		return nil
	}
	return x.take(a, c.life)
}

// converse sends the question and reads until the answer. Nil without an error
// is a goodbye. Any error leaves the connection in an unknown state.
func (c *Client) converse(ctx context.Context, x *exchange) (*answer, error) {
	undo := bound(ctx, c.net, time.Time{})
	sent := writeBounded(c.net, x.request, x.send, c.most)
	undo()
	if errors.Is(sent, errTooLong) {
		return nil, sent
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// What failed to be sent may have met a goodbye, which is there to be read.
	undo = c.cancelling(ctx, sent == nil)
	defer undo()
	for {
		a, err := readAnswer(c.net)
		if err == nil && len(a.Segments) > 0 {
			x.values, err = readAll(patientReader{c.net}, a.Segments)
		}
		switch {
		case err != nil && ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			return nil, c.gone()
		case a.Bye:
			return nil, nil //nolint:nilnil // see above
		case len(a.Progress) == 2:
			if x.progress != nil {
				x.progress(a.Progress[0], a.Progress[1])
			}
			continue
		}
		return a, nil
	}
}

// cancelTime is how long the agent may take to end what was cancelled.
const cancelTime = 2 * time.Second

// cancelling tells the agent when ctx ends, and returns how to stop that.
func (c *Client) cancelling(ctx context.Context, sent bool) func() {
	nc := c.net
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		if sent {
			_ = writeFrame(nc, &request{Op: "cancel"}, nil) // without it the deadline ends the wait
		}
		_ = nc.SetReadDeadline(time.Now().Add(cancelTime))
	})
	return func() {
		if !stop() {
			<-ended
		}
		_ = nc.SetReadDeadline(time.Time{})
	}
}

// readAll reads segments into one piece of guarded memory.
func readAll(r io.Reader, lengths []int) (*secret.Bytes, error) {
	total := 0
	for _, n := range lengths {
		if n < 0 || n > vault.MaxValue || total > vault.MaxValue {
			return nil, errFrame
		}
		total += n
	}
	return readSegment(r, total)
}

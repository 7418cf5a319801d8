package agent

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"time"

	"tacenda/internal/vault"
)

// A Room is how many long requests are held at once, for all the connections that
// share it: those of one member. Each may take a hundred megabytes before anybody
// looks at what the member may do, and one can have many sessions.
type Room chan struct{}

// NewRoom has room for two, so that one that is slow to come holds up no other.
func NewRoom() Room { return make(Room, 2) }

// longHeader is from how many bytes on a request needs a place in its member's
// room. The names of ten thousand secrets are no more. Of values it is maxSegment:
// what one secret may have.
const longHeader = 256 << 10

// enter takes a place for a long request of somebody who came over SSH.
func (c *conn) enter(ctx context.Context, r *request, n, most int) error {
	if !c.away || r.room != nil || n <= most {
		return nil
	}
	select {
	case c.room <- struct{}{}:
		r.room = c.room
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Answer serves one client that was let in by other means, over SSH, until it
// leaves or ctx ends: the same operations by name, on the vault as that client
// may see it. Nothing that it says ends more than its own connection.
func Answer(ctx context.Context, nc *net.UnixConn, v Vault, room Room) {
	s := &Server{
		config: Config{Vault: v}, until: math.MaxInt64,
		turn: make(chan struct{}, 1), conns: make(map[*conn]struct{}), end: make(chan struct{}),
	}
	c := &conn{server: s, net: nc, since: time.Now(), values: make(map[uint64]kept), away: true, room: room}
	defer context.AfterFunc(ctx, func() { _ = nc.Close() })()
	c.serve(ctx)
}

// ErrCut is a connection to a server that ended, and nobody here to make another.
// Whether what was asked for last was done is not known.
var ErrCut = errors.New("the connection to the server ended")

// Over is a vault at the other end of a connection that somebody else made, to
// an Answer. wait is how long the other side may take to be there: people answer
// questions of ssh meanwhile. The connection is the client's to close.
func Over(ctx context.Context, nc *net.UnixConn, o Options, wait time.Duration) (*Client, error) {
	if o.Note == nil {
		o.Note = func(string) {}
	}
	c := &Client{options: o, turn: make(chan struct{}, 1), most: maxFarHeader}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	st, err := introduce(ctx, nc, &hello{Version: protocolVersion, LockTimeout: o.LockTimeout})
	switch {
	case errors.Is(err, ErrNone):
		err = ErrCut
	case err != nil:
	case st.Version != protocolVersion:
		err = &RefusedError{"the server runs another version of tacenda"}
	case st.Problem != "":
		err = &RefusedError{st.Problem}
	case o.Owner != "" && o.Owner != st.Owner:
		err = fmt.Errorf("%w: the vault is owned by %s, not by %s", vault.ErrOwner, st.Owner, o.Owner)
	}
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	c.status, c.net = st, nc
	c.life++
	return c, nil
}

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

// Answer serves one client that was let in by other means, over SSH, until it
// leaves or ctx ends: the same operations by name, on the vault as that client
// may see it. Nothing that it says ends more than its own connection.
func Answer(ctx context.Context, nc *net.UnixConn, v Vault) {
	s := &Server{
		config: Config{Vault: v}, until: math.MaxInt64,
		turn: make(chan struct{}, 1), conns: make(map[*conn]struct{}), end: make(chan struct{}),
	}
	c := &conn{server: s, net: nc, since: time.Now(), values: make(map[uint64]kept), away: true}
	defer context.AfterFunc(ctx, func() { _ = nc.Close() })()
	c.serve(ctx)
}

// errCut is a connection that ended, and nobody here to make another.
var errCut = errors.New("the connection to the server ended")

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
		err = errCut
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

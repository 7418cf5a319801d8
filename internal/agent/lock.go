package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// Lock ends the agent behind a socket and waits until its keys are wiped.
// ErrNone says that there was none; a stale socket is removed.
func Lock(ctx context.Context, socket string) error {
	nc, err := open(socket)
	if errors.Is(err, ErrNone) && checkSocket(socket) == nil {
		_ = os.Remove(socket) // the next agent replaces it in any case
	}
	if err != nil {
		return err
	}
	defer nc.Close()
	const wait = endTime + 3*time.Second
	defer bound(ctx, nc, time.Now().Add(wait))()
	if err := writeFrame(nc, &request{Op: "lock"}, nil); err != nil {
		if errors.Is(silent(ctx, err), ErrNone) {
			return ErrNone
		}
		return fmt.Errorf("ending the unlock agent: %w", err)
	}
	_ = nc.SetReadDeadline(time.Now().Add(wait))
	_, err = io.Copy(io.Discard, nc) // until it is gone
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("ending the unlock agent: it does not answer; %s", killHint(nc))
	}
	return nil
}

// killHint says what to do with an agent that hangs.
func killHint(nc *net.UnixConn) string {
	if _, pid, err := peer(nc); err == nil && pid > 0 {
		return fmt.Sprintf("end process %d", pid)
	}
	return "end its process"
}

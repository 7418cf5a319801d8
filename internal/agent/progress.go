package agent

import "sync"

// A reporter tells a client how far its operation is. It runs beside the
// operation and tells the newest state only: a client that does not listen must
// not hold up a transaction.
type reporter struct {
	states chan [2]int
	done   sync.WaitGroup
}

// progress starts a reporter for a call.
func (c *conn) progress(call *call) *reporter {
	r := &reporter{states: make(chan [2]int, 1)}
	call.progress = r.step
	r.done.Go(func() {
		for state := range r.states {
			if writeFrame(c.net, &response{Progress: state[:]}, nil) != nil {
				_ = c.net.Close()
			}
		}
	})
	return r
}

// step replaces a state that was not told yet.
func (r *reporter) step(done, total int) {
	for {
		select {
		case r.states <- [2]int{done, total}:
			return
		default:
		}
		select {
		case <-r.states:
		default:
		}
	}
}

func (r *reporter) stop() {
	close(r.states)
	r.done.Wait()
}

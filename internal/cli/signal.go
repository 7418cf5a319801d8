package cli

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"time"

	"tacenda/keyring/secret"
)

// grace is how long a command may take to stop after a signal. Everything that
// waits looks at its context; what the system will not interrupt (opening a
// pipe that nobody writes to) ends with the process.
const grace = 2 * time.Second

// signals turns the signals that end a program into the end of a context, so
// that files, terminals and memory are left in order.
type signals struct {
	ch     chan os.Signal
	done   chan struct{}
	ready  chan struct{} // closed once signals no longer end the process by themselves
	ended  sync.WaitGroup
	cancel context.CancelFunc
	got    os.Signal // read after ended only
}

// watchSignals starts the one goroutine that the command line has. stop ends it.
// Asking the system for signals takes the runtime a fifth of a headless resolve,
// so it happens beside the work that needs no care: see wait.
func watchSignals(ctx context.Context) (context.Context, *signals) {
	ctx, cancel := context.WithCancel(ctx)
	s := &signals{ch: make(chan os.Signal, 4), done: make(chan struct{}), ready: make(chan struct{}), cancel: cancel}
	s.ended.Go(func() {
		for _, sig := range endings {
			if !signal.Ignored(sig) { // nohup, and jobs in the background, mean it
				signal.Notify(s.ch, sig)
			}
		}
		close(s.ready)
		s.loop()
	})
	return ctx, s
}

// wait returns when signals are watched. Whoever is about to read a secret or to
// write a file calls it; before that a signal has nothing to leave in order.
func (s *signals) wait() { <-s.ready }

func (s *signals) loop() {
	var late <-chan time.Time
	for {
		select {
		case sig := <-s.ch:
			if s.got != nil { // asked twice
				end(s.got)
			}
			s.got = sig
			s.cancel()
			late = time.After(grace)
		case <-late:
			end(s.got)
		case <-s.done:
			return
		}
	}
}

// stop ends the watch and returns the signal that came, if one did.
func (s *signals) stop() os.Signal {
	close(s.done)
	s.ended.Wait()
	s.cancel()
	return s.got
}

// end is for a command that does not stop by itself.
func end(sig os.Signal) {
	secret.Purge()
	dieOf(sig)
}

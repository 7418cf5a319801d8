package cli

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"time"

	"tacenda/internal/atomicfile"
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
	leaves chan struct{} // ends the loop
	cancel context.CancelFunc
	got    atomic.Pointer[os.Signal]

	mu     sync.Mutex
	handed bool // somebody else watches them
}

// watchSignals starts the one goroutine that the command line has. It ends with
// the process: waiting for it would make every command wait for another thread.
// When this returns no signal ends the process by itself, or makes the runtime
// print every stack.
func watchSignals(ctx context.Context) (context.Context, *signals) {
	ctx, cancel := context.WithCancel(ctx)
	s := &signals{ch: make(chan os.Signal, 4), leaves: make(chan struct{}), cancel: cancel}
	s.watch()
	return ctx, s
}

func (s *signals) watch() {
	for _, sig := range endings {
		if !signal.Ignored(sig) { // nohup, and jobs in the background, mean it
			signal.Notify(s.ch, sig)
		}
	}
	go s.loop()
}

// leave ends watch, for a process that becomes another program: a signal that was
// taken and not acted upon would be lost, and from here on one ends the process (but
// for one that the runtime takes on another thread at the very moment when that
// thread ends). It tells whether none came before.
func (s *signals) leave() bool {
	signal.Stop(s.ch)
	s.leaves <- struct{}{}
	for range len(s.ch) {
		s.take(<-s.ch)
	}
	return s.received() == nil
}

func (s *signals) loop() {
	var late <-chan time.Time
	if s.received() != nil {
		late = time.After(grace)
	}
	for {
		select {
		case <-s.leaves:
			return
		case sig := <-s.ch:
			if !s.take(sig) {
				continue
			}
			late = time.After(grace)
		case <-late:
			end(*s.got.Load())
		}
	}
}

// take ends the context because of a signal, unless signals mean something else
// by now.
func (s *signals) take(sig os.Signal) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handed {
		return false
	}
	if s.got.Load() != nil { // asked twice
		end(sig)
	}
	s.got.Store(&sig)
	s.cancel()
	return true
}

// handOver leaves the signals to whoever watches them already, and tells whether
// one came before. It then has ended the context.
func (s *signals) handOver() bool {
	for range len(s.ch) {
		select {
		case sig := <-s.ch:
			s.take(sig)
		default:
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handed = s.got.Load() == nil
	return s.handed
}

// received is the signal that came, nil if none did.
func (s *signals) received() os.Signal {
	if sig := s.got.Load(); sig != nil {
		return *sig
	}
	return nil
}

// end is for a command that does not stop by itself. What it was writing goes
// with it: a temporary file holds values. A file system that does not answer
// must not keep the process alive.
func end(sig os.Signal) {
	removed := make(chan struct{})
	go func() {
		atomicfile.RemoveAll()
		close(removed)
	}()
	select {
	case <-removed:
	case <-time.After(grace):
	}
	secret.Purge()
	dieOf(sig)
}

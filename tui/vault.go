package tui

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"time"

	"tacenda/internal/vault"
)

// Vault is what the interface asks of an open vault; *vault.Vault is one. There
// is deliberately no way to a value in it.
type Vault interface {
	Actor() string
	Projects(ctx context.Context) ([]vault.Project, error)
	CreateProject(ctx context.Context, name string) error
	RenameProject(ctx context.Context, name, to string) error
	DeleteProject(ctx context.Context, name string) error
	DuplicateProject(ctx context.Context, src, dst string) error
	Secrets(ctx context.Context, project string) ([]vault.Secret, error)
	Secret(ctx context.Context, project, name string) (vault.Secret, error)
	CreateSecret(ctx context.Context, project string, d vault.Draft) (vault.Secret, error)
	EditSecret(ctx context.Context, project, name string, e vault.Edit) (vault.Secret, error)
	DeleteSecrets(ctx context.Context, project string, names []string) error
	CloneSecrets(ctx context.Context, from string, names []string, to string, overwrite bool) error
	Texts(ctx context.Context, project string, k vault.TextKind) ([]vault.Text, error)
	Text(ctx context.Context, project string, k vault.TextKind, name string) (vault.Text, error)
	SetText(ctx context.Context, project string, k vault.TextKind, name, text string, ifVersion uint64) (vault.Text, error)
	DeleteText(ctx context.Context, project string, k vault.TextKind, name string) error
	Events(ctx context.Context, project string) ([]vault.Event, error)
	References(ctx context.Context, project string) (map[string][]vault.Reference, error)
	Slots(ctx context.Context) ([]vault.SlotInfo, error)
	Stamp(ctx context.Context, project string) (uint64, error)
	Owner() bool
	Members(ctx context.Context) ([]vault.Member, error)
	AddMember(ctx context.Context, name, recipient string) (vault.Member, error)
	RemoveMember(ctx context.Context, name string, progress func(done, total int)) (map[string][]string, error)
	Grant(ctx context.Context, member, project string, p vault.Permission, serverOnly bool, progress func(done, total int)) ([]string, error)
	Revoke(ctx context.Context, member, project string, progress func(done, total int)) ([]string, error)
	Close()
}

// closeWait bounds how long locking and leaving wait for work under way. What
// is cancelled ends in milliseconds; a network that hangs must not keep keys.
const closeWait = 2 * time.Second

var errClosed = errors.New("the vault was locked meanwhile")

// A session is one stretch between unlocking and locking. It counts the work
// under way, so that keys are never wiped under a call that uses them.
type session struct {
	vault  Vault
	ctx    context.Context //nolint:containedctx // the work of commands, whose life is the session's and no call's
	cancel context.CancelFunc

	mu     sync.Mutex
	closed bool
	work   sync.WaitGroup
	ending sync.Once
}

func newSession(ctx context.Context, v Vault) *session {
	s := &session{vault: v}
	s.ctx, s.cancel = context.WithCancel(ctx)
	return s
}

// use calls fn with the vault, or fails when the session has ended.
func (s *session) use(fn func(context.Context, Vault) error) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errClosed
	}
	s.work.Add(1)
	s.mu.Unlock()
	defer s.work.Done()
	return fn(s.ctx, s.vault)
}

// close ends the session: it cancels the work under way, waits for it, and
// closes the vault, which wipes its keys. A second call waits for the first.
func (s *session) close() { s.ending.Do(s.finish) }

func (s *session) finish() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	done := make(chan struct{})
	go func() { s.work.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(closeWait):
	}
	s.vault.Close()
	collect()
}

// collect runs after keys and values were used: Go's own crypto packages leave
// copies of them in memory that nobody can wipe, and a collection makes that
// memory free to be overwritten.
func collect() { debug.FreeOSMemory() }

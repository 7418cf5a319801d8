// Package agent is the unlock agent: a process that holds one opened vault for
// its user, and the client with which commands find it.
//
// The agent answers the vault's operations by name. It never opens, seals or
// signs bytes that it is handed, and no key crosses its socket: what a client
// gets is what the same operation would have given it with the vault open in its
// own memory. Values cross straight between guarded memory and the socket.
//
// Both sides check the socket's directory, the socket and the user at its other
// end. The agent ends when it is told to, when its time is over (sleep counts),
// when its socket goes or is replaced, and by a signal; then every key is wiped.
// It refuses to know what unlocks a vault, and how one is stored.
//
// The same operations serve a vault on another machine: Answer and Over speak them
// over a connection that others made and checked, with SSH. Then there is no
// socket, no time and no agent, and the client's values come from a server.
package agent

import (
	"context"

	"tacenda/internal/vault"
)

// Vault is the opened vault that an agent serves; *vault.Vault is one, and so is
// a Client. Calls take turns.
type Vault interface {
	Actor() string
	ID() vault.ID
	OwnerFingerprint() string
	Owner() bool
	Close()

	Projects(ctx context.Context) ([]vault.Project, error)
	CreateProject(ctx context.Context, name string) error
	RenameProject(ctx context.Context, name, to string) error
	DeleteProject(ctx context.Context, name string) error
	DuplicateProject(ctx context.Context, src, dst string) error
	DiffProjects(ctx context.Context, a, b string) ([]vault.Difference, error)

	Secrets(ctx context.Context, project string) ([]vault.Secret, error)
	Secret(ctx context.Context, project, name string) (vault.Secret, error)
	Values(ctx context.Context, project string, names []string) (vault.Values, error)
	CreateSecret(ctx context.Context, project string, d vault.Draft) (vault.Secret, error)
	EditSecret(ctx context.Context, project, name string, e vault.Edit) (vault.Secret, error)
	DeleteSecrets(ctx context.Context, project string, names []string) error
	CloneSecrets(ctx context.Context, from string, names []string, to string, overwrite bool) error
	ImportSecrets(ctx context.Context, project string, drafts []vault.Draft, mode vault.ImportMode) (vault.ImportResult, error)

	Texts(ctx context.Context, project string, k vault.TextKind) ([]vault.Text, error)
	Text(ctx context.Context, project string, k vault.TextKind, name string) (vault.Text, error)
	SetText(ctx context.Context, project string, k vault.TextKind, name, text string, ifVersion uint64) (vault.Text, error)
	DeleteText(ctx context.Context, project string, k vault.TextKind, name string) error
	References(ctx context.Context, project string) (map[string][]vault.Reference, error)

	Events(ctx context.Context, project string) ([]vault.Event, error)
	Head(ctx context.Context, project string) (string, error)
	VerifyHistory(ctx context.Context, project, head string) error
	Slots(ctx context.Context) ([]vault.SlotInfo, error)
	Stamp(ctx context.Context, project string) (uint64, error)

	Members(ctx context.Context) ([]vault.Member, error)
	AddMember(ctx context.Context, name, recipient string) (vault.Member, error)
	RemoveMember(ctx context.Context, name string, progress func(done, total int)) (map[string][]string, error)
	Grant(ctx context.Context, member, project string, p vault.Permission, serverOnly bool, progress func(done, total int)) ([]string, error)
	Revoke(ctx context.Context, member, project string, progress func(done, total int)) ([]string, error)
}

var (
	_ Vault = (*vault.Vault)(nil)
	_ Vault = (*Client)(nil)
)

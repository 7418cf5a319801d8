package cli

import (
	"context"

	"tacenda/internal/vault"
)

// gate is what commands ask of an open vault: its gate, which decides what the
// caller may do. *vault.Vault is one.
type gate interface {
	Actor() string
	ID() vault.ID
	OwnerFingerprint() string
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

	Owner() bool
	Members(ctx context.Context) ([]vault.Member, error)
	AddMember(ctx context.Context, name, recipient string) (vault.Member, error)
	RemoveMember(ctx context.Context, name string, progress func(done, total int)) (map[string][]string, error)
	Grant(ctx context.Context, member, project string, p vault.Permission, serverOnly bool, progress func(done, total int)) ([]string, error)
	Revoke(ctx context.Context, member, project string, progress func(done, total int)) ([]string, error)
}

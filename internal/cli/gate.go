package cli

import (
	"context"

	"tacenda/internal/agent"
	"tacenda/internal/vault"
)

// gate is what commands ask of an open vault: its gate, which decides what the
// caller may do. *vault.Vault is one, and so are the clients of the unlock agent
// and of a server elsewhere: what an agent answers and what a command may ask is
// one list.
type gate = agent.Vault

// openProject opens the vault and names the project to work in. The caller closes
// the vault.
func (a *app) openProject(ctx context.Context, acc access) (string, gate, error) {
	project, err := a.projectName()
	if err != nil {
		return "", nil, err
	}
	v, err := a.openVault(ctx, acc)
	return project, v, err
}

// namesOf are the secrets' names, in their order.
func namesOf(secrets []vault.Secret) []string {
	names := make([]string, len(secrets))
	for i, s := range secrets {
		names[i] = s.Name
	}
	return names
}

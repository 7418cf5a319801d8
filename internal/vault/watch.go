package vault

import (
	"slices"

	"tacenda/internal/audit"
)

// Watch hears of what a caller did that changes nothing and so is no event of
// the vault: values used, and requests denied, with the permissions that were
// lacking as the objects, "owner" for what only owners may do. An error keeps it from happening: a server does not
// serve what it cannot record.
type Watch func(action audit.Action, project string, objects []string) error

// Watched is the same open vault, for the same caller, with somebody watching.
func (v *Vault) Watched(watch Watch) *Vault {
	return &Vault{core: v.core, caller: v.caller, guest: v.guest, watch: watch}
}

func (v *Vault) tell(action audit.Action, project string, objects []string) error {
	if v.watch == nil {
		return nil
	}
	return v.watch(action, project, objects)
}

// tellUse tells that values are about to be used, each of the names once. No
// objects are all that the project has: what an answer or an output is searched
// for. Every name is told of, however many there are: else what somebody asked
// for behind a thousand others would leave no trace.
func (p *project) tellUse(names []string) error {
	if len(names) > 1 && uint64(len(names)) == p.manifest.Secrets {
		return p.s.v.tell(audit.Used, p.name, nil)
	}
	for chunk := range slices.Chunk(names, audit.MaxObjects) {
		if err := p.s.v.tell(audit.Used, p.name, chunk); err != nil {
			return err
		}
	}
	return nil
}

package vault

import (
	"slices"

	"tacenda/internal/audit"
)

// Watch hears of what a caller did that changes nothing and so is no event of
// the vault: values used, and requests denied, with the permissions that were
// lacking as the objects, "owner" for what only owners may do. An error keeps it
// from happening: a server does not serve what it cannot record. It is called
// after the transaction, before its result is handed out: a log that waits for
// its disk keeps nobody else waiting. Calls of several goroutines may overlap.
type Watch func(action audit.Action, project string, objects []string) error

// Watched is the same open vault, for the same caller, with somebody watching.
func (v *Vault) Watched(watch Watch) *Vault {
	return &Vault{core: v.core, caller: v.caller, guest: v.guest, watch: watch}
}

// told is one thing that somebody who watches is to hear of.
type told struct {
	action  audit.Action
	project string
	objects []string
}

func (s *session) tell(action audit.Action, project string, objects []string) {
	s.told = append(s.told, told{action, project, objects})
}

// report tells whoever watches what a transaction that ended with err was for.
// What cannot be told takes the place of the result.
func (v *Vault) report(all []told, err error) error {
	if v.watch == nil {
		return err
	}
	for _, t := range all {
		if failed := v.watch(t.action, t.project, t.objects); failed != nil {
			return failed
		}
	}
	return err
}

// tellUse tells that values are about to be used, each of the names once. No
// objects are all that the project has: what an answer or an output is searched
// for. Every name is told of, however many there are: else what somebody asked
// for behind a thousand others would leave no trace.
func (p *project) tellUse(names []string) {
	if len(names) > 1 && uint64(len(names)) == p.manifest.Secrets {
		p.s.tell(audit.Used, p.name, nil)
		return
	}
	for chunk := range slices.Chunk(names, audit.MaxObjects) {
		p.s.tell(audit.Used, p.name, chunk)
	}
}

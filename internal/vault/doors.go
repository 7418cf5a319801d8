package vault

import (
	"context"
	"strings"
)

// Doors is how many keys a server would let in: the SSH keys of members and of
// owners.
func (v *Vault) Doors(ctx context.Context) (int, error) {
	n := 0
	count := func(recipient string) {
		if strings.HasPrefix(recipient, "ssh-") {
			n++
		}
	}
	err := v.view(ctx, func(s *session) error {
		slots, err := s.slots()
		if err != nil {
			return err
		}
		for _, slot := range slots {
			count(slot.Recipient)
		}
		for _, m := range s.roster.Members {
			count(m.Recipient)
		}
		return nil
	})
	return n, err
}

package vault

import (
	"fmt"

	"tacenda/store"
)

// migrations bring a vault from the format of their index + 1 to the next one.
// Version 1 is the first, so there are none yet; the table is here so that the
// first one has a place, and so that a vault of an older format can never be
// opened as if it were of this one.
var migrations = [FormatVersion - 1]func(store.Tx) error{}

// migrate makes a vault of an older format one of this format. In a View it
// fails with store.ErrReadOnly when there is something to do.
func migrate(from uint64, tx store.Tx) error {
	for v := from; v < FormatVersion; v++ {
		if err := migrations[v-1](tx); err != nil {
			return fmt.Errorf("migrating the vault from format %d: %w", v, err)
		}
	}
	return nil
}

package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"tacenda/internal/vault"
	"tacenda/keyring"
	"tacenda/keyring/secret"
	"tacenda/store"
)

// unlockTime is how long a passphrase is made to take on this machine: as much
// as a person does not mind, as a thief pays it for every guess.
const unlockTime = 500 * time.Millisecond

func (a *app) initCommand() *cobra.Command {
	var recipients []string
	c := &cobra.Command{
		Use: "init",
		Long: `Create a vault with one project. It opens with a passphrase (from
--passphrase-file, or asked for twice), with the age identities or SSH keys of
the recipients, or with any of both.

Exit codes: 1 the place cannot hold a vault safely; 2 malformed option, or no
terminal to ask; 6 there is one already.`,
		Example: `  tacenda init
  tacenda init --recipient "$(cat ~/.ssh/id_ed25519.pub)"
  tacenda init --vault ./ci.db --recipient age1… --project ci`,
		Args: exactly(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.init(c.Context(), recipients)
		},
	}
	c.Flags().StringArrayVar(&recipients, "recipient", nil, "open with the key of `R`: an age recipient or a line of an SSH public key; repeatable")
	return c
}

func (a *app) init(ctx context.Context, recipients []string) error {
	project, err := a.projectName() // where the next command will work
	if err != nil {
		return err
	}
	for _, r := range recipients {
		if _, _, _, err := keyring.ParseRecipient(r); err != nil {
			return usagef("--recipient: %v", err)
		}
	}
	at, err := a.vaultPlace()
	if err != nil {
		return err
	}
	if err := a.refuseExisting(at.path); err != nil {
		return err
	}
	if err := a.agreeToPlace(ctx, at); err != nil {
		return err
	}
	pass, err := a.firstPassphrase(ctx, len(recipients) > 0)
	if err != nil {
		return err
	}
	defer pass.Destroy()
	if a.guard.Warning != "" {
		a.warn(a.guard.Warning)
	}
	v, err := a.createVault(ctx, at, pass, recipients, project)
	if err != nil {
		return err
	}
	defer v.Close()
	a.note(fmt.Sprintf("created the vault %s with project %s", at.path, project))
	a.note("its owner is " + v.OwnerFingerprint() + " (pin it elsewhere with --owner)")
	if len(recipients) == 0 {
		a.note("a forgotten passphrase cannot be recovered: tacenda key add recovery prints a second way in")
	}
	return nil
}

// createVault makes a vault that opens with pass, when there is one, and with
// the keys of the recipients.
func (a *app) createVault(ctx context.Context, at place, pass *secret.Bytes, recipients []string, project string) (*vault.Vault, error) {
	v, err := vault.Create(ctx, func(fill func(store.Tx) error) (store.Engine, error) {
		engine, err := store.CreateBolt(ctx, at.path, a.boltOptions(forChange), fill)
		if err != nil {
			return nil, err // not engine, which would be a nil that is no nil
		}
		return engine, nil
	}, a.firstSlots(pass, recipients), project, a.vaultOptions())
	if err == nil {
		a.rememberPlace(at, v.ID()) // whatever was there before
	}
	return v, err
}

// refuseExisting says early that there is something at the place of the vault,
// before anybody thinks up a passphrase. Creating checks it again.
func (a *app) refuseExisting(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return hinted(fmt.Errorf("creating the vault %s: %w", path, store.ErrExists), "open it with the other commands, or choose another place with --vault")
	}
	return nil
}

// firstPassphrase is the passphrase of a new vault: from the file, from the
// terminal, or nil when recipients open it.
func (a *app) firstPassphrase(ctx context.Context, optional bool) (*secret.Bytes, error) {
	switch {
	case a.globals.passphraseFile != "":
		return a.readPassphrase(ctx, "--passphrase-file", a.globals.passphraseFile)
	case optional:
		return nil, nil //nolint:nilnil // none is wanted
	case !a.hasTerminal():
		return nil, hinted(usagef("init: there is no terminal to ask for a passphrase"), "use --passphrase-file FILE or --recipient R")
	}
	return a.newPassphrase(ctx, "--passphrase-file FILE")
}

// firstSlots makes the slots of a new vault. Its owner is known in the history
// by the label of the first one.
func (a *app) firstSlots(pass *secret.Bytes, recipients []string) func([16]byte, *secret.Bytes) ([]*keyring.Slot, error) {
	return func(vaultID [16]byte, root *secret.Bytes) ([]*keyring.Slot, error) {
		var slots []*keyring.Slot
		if pass != nil {
			s, err := keyring.NewPassphraseSlot(vaultID, "", pass, a.cost(), root)
			if err != nil {
				return nil, err
			}
			slots = append(slots, s)
		}
		for _, r := range recipients {
			s, err := keyring.NewRecipientSlot(vaultID, freeLabel(recipientLabel(r), slots), r, root)
			if err != nil {
				return nil, err
			}
			slots = append(slots, s)
		}
		return slots, nil
	}
}

// cost is what a new passphrase costs to derive from.
func (a *app) cost() keyring.Cost {
	if a.seams.cheapKDF {
		return keyring.MinimalCost
	}
	return keyring.Calibrate(unlockTime)
}

// freeLabel is label, or label with a number where a slot has it already.
func freeLabel(label string, slots []*keyring.Slot) string {
	free := label
	for n := 2; slices.ContainsFunc(slots, func(s *keyring.Slot) bool { return s.Label == free }); n++ {
		free = label + " " + strconv.Itoa(n)
	}
	return free
}

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tacenda/internal/vault"
	"tacenda/keyring"
	"tacenda/keyring/secret"
)

func (a *app) keyCommand() *cobra.Command {
	return parent("key", `Keys are what opens the vault: passphrases, age identities, SSH keys, the
desktop's keyring, a printed recovery key. Each opens everything; remove one and
all other keys are made anew, because old copies of the file still open with it.`,
		"  tacenda key list\n  tacenda key add recipient \"$(cat ~/.ssh/id_ed25519.pub)\" --label laptop\n  tacenda key remove laptop",
		a.keyListCommand(), a.keyAddCommand(), a.keyRemoveCommand(), a.keyRotateCommand(), a.keyPasswdCommand())
}

// keyJSON is a key as list prints it.
type keyJSON struct {
	ID          string       `json:"id"`
	Kind        keyring.Kind `json:"kind"`
	Label       string       `json:"label"`
	Fingerprint string       `json:"fingerprint"`
	Created     *string      `json:"created"`
}

func (a *app) keyListCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "list",
		Short:   "List what opens the vault",
		Example: "  tacenda key list --json",
		Args:    exactly(0, "no arguments"),
		RunE:    func(c *cobra.Command, _ []string) error { return a.keyList(c.Context()) },
	}
	a.jsonFlag(c)
	return c
}

func (a *app) keyList(ctx context.Context) error {
	v, err := a.openOwner(ctx, forReading)
	if err != nil {
		return err
	}
	defer v.Close()
	slots, err := v.Slots(ctx)
	if err != nil {
		return err
	}
	if a.json {
		items := make([]keyJSON, len(slots))
		for i, s := range slots {
			items[i] = keyJSON{s.ID, s.Kind, s.Label, s.Fingerprint, jsonTime(s.Created)}
		}
		return writeJSONList(a.out, items)
	}
	t := &table{header: []string{"LABEL", "KIND", "CREATED", "ID", "FINGERPRINT"}, flex: 4}
	for _, s := range slots {
		t.add(s.Label, string(s.Kind), localTime(s.Created), s.ID, s.Fingerprint)
	}
	return a.draw(t)
}

func (a *app) keyAddCommand() *cobra.Command {
	var label, file string
	c := &cobra.Command{
		Use:   "add passphrase | recipient R | oskeyring | recovery",
		Short: "Add a way to open the vault",
		Long: `Add a way to open the vault:

  passphrase   from --new-passphrase-file, or asked for twice
  recipient R  an age recipient (age1…) or a line of an SSH public key
  oskeyring    a random key in the keyring of this desktop
  recovery     an age identity, printed once on standard output for a safe place

Exit codes: 2 malformed recipient, no terminal to ask, or too many keys.`,
		Example: "  tacenda key add recipient age1… --label ci\n  tacenda key add recovery > recovery.txt",
		RunE: func(c *cobra.Command, args []string) error {
			return a.keyAdd(c, args, label, file)
		},
	}
	c.Flags().StringVar(&label, "label", "", "what `LABEL` history and lists call it")
	c.Flags().StringVar(&file, "new-passphrase-file", "", "the first line of `FILE` is the new passphrase")
	return c
}

func (a *app) keyAdd(c *cobra.Command, args []string, label, file string) error {
	kind := ""
	if len(args) > 0 {
		kind = args[0]
	}
	want := map[string]int{"passphrase": 1, "recipient": 2, "oskeyring": 1, "recovery": 1}[kind]
	switch {
	case want == 0:
		return hinted(usagef("key add needs what to add"), "passphrase, recipient R, oskeyring or recovery")
	case len(args) != want:
		takes := "nothing more"
		if want > 1 {
			takes = "one recipient"
		}
		return hinted(usagef("key add %s takes %s, not %s", kind, takes, number(len(args)-1, "argument")), "tacenda key add --help")
	case file != "" && kind != "passphrase":
		return usagef("--new-passphrase-file goes with key add passphrase")
	}
	if label != "" {
		if err := keyring.CheckLabel(label); err != nil {
			return usagef("--label: %v", err)
		}
	}
	switch kind {
	case "passphrase":
		return a.keyAddPassphrase(c.Context(), label, file)
	case "recipient":
		if _, _, _, err := keyring.ParseRecipient(args[1]); err != nil {
			return usagef("key add recipient: %v", err)
		}
	}
	v, err := a.openOwner(c.Context(), forChange)
	if err != nil {
		return err
	}
	defer v.Close()
	switch kind {
	case "recipient":
		err = v.AddSlot(c.Context(), func(vaultID [16]byte, root *secret.Bytes) (*keyring.Slot, error) {
			return keyring.NewRecipientSlot(vaultID, cmp.Or(label, recipientLabel(args[1])), args[1], root)
		})
	case "oskeyring":
		err = a.keyAddOSKeyring(c.Context(), v, label)
	case "recovery":
		return a.keyAddRecovery(c.Context(), v, label)
	}
	if err != nil {
		return err
	}
	a.note("added a key: " + kind)
	return nil
}

// recipientLabel is what a recipient's slot is called when nobody says: the
// comment of an SSH key, which is how its owner knows it, else the kind of key.
func recipientLabel(text string) string {
	if fields := strings.Fields(text); strings.HasPrefix(text, "ssh-") && len(fields) > 2 {
		if label := strings.Join(fields[2:], " "); keyring.CheckLabel(label) == nil {
			return label
		}
	}
	kind, _, _, err := keyring.ParseRecipient(text)
	if err != nil {
		return "" // whoever uses the recipient says what is wrong with it
	}
	return string(kind)
}

func (a *app) keyAddPassphrase(ctx context.Context, label, file string) error {
	v, err := a.openForPassphrase(ctx, "key add passphrase", file)
	if err != nil {
		return err
	}
	defer v.Close()
	pass, err := a.replacement(ctx, file)
	if err != nil {
		return err
	}
	defer pass.Destroy()
	err = v.AddSlot(ctx, func(vaultID [16]byte, root *secret.Bytes) (*keyring.Slot, error) {
		return keyring.NewPassphraseSlot(vaultID, label, pass, a.cost(), root)
	})
	if err != nil {
		return err
	}
	a.note("added a key: passphrase")
	return nil
}

// openForPassphrase opens the vault for a command that gives it a new passphrase,
// once it is certain that there will be one.
func (a *app) openForPassphrase(ctx context.Context, command, file string) (*vault.Vault, error) {
	if file == "" && !a.hasTerminal() {
		return nil, hinted(usagef("%s: there is no terminal to ask", command), "use --new-passphrase-file FILE")
	}
	if err := a.claimStdin("--new-passphrase-file", file); err != nil {
		return nil, err
	}
	return a.openOwner(ctx, forChange)
}

// replacement is a new passphrase, from a file or from the terminal.
func (a *app) replacement(ctx context.Context, file string) (*secret.Bytes, error) {
	if file != "" {
		return a.readPassphrase(ctx, "--new-passphrase-file", file)
	}
	return a.newPassphrase(ctx, "--new-passphrase-file FILE")
}

func (a *app) keyAddOSKeyring(ctx context.Context, v *vault.Vault, label string) error {
	var made *keyring.Slot
	err := v.AddSlot(ctx, func(vaultID [16]byte, root *secret.Bytes) (slot *keyring.Slot, err error) {
		made, err = keyring.NewOSKeyringSlot(vaultID, label, root)
		return made, err
	})
	if err != nil && made != nil {
		err = errors.Join(err, keyring.ForgetOSKeyring(made)) // no key for a slot that is not there
	}
	return err
}

// keyAddRecovery prints the recovery key once it is certain that it opens the
// vault. It is written straight from guarded memory.
func (a *app) keyAddRecovery(ctx context.Context, v *vault.Vault, label string) error {
	var identity *secret.Bytes
	defer func() { identity.Destroy() }()
	err := v.AddSlot(ctx, func(vaultID [16]byte, root *secret.Bytes) (slot *keyring.Slot, err error) {
		slot, identity, err = keyring.NewRecoverySlot(vaultID, label, root)
		return slot, err
	})
	if err != nil {
		return err
	}
	err = identity.Use(func(p []byte) error {
		if _, err := a.out.Write(p); err != nil {
			return err
		}
		if p[len(p)-1] == '\n' {
			return nil
		}
		_, err := a.out.Write([]byte{'\n'})
		return err
	})
	if err != nil {
		return hinted(fmt.Errorf("printing the recovery key: %w", err), "remove it again with tacenda key remove, and repeat")
	}
	a.note("added a key: recovery; keep what was printed away from this machine, it is not shown again")
	return nil
}

func (a *app) keyRemoveCommand() *cobra.Command {
	var keep bool
	c := &cobra.Command{
		Use:   "remove KEY",
		Short: "Remove a way to open the vault, and make all other keys anew",
		Long: `Remove a key, by its label, id or fingerprint. Old copies of the file still open
with it, so every other key is made anew and everything is resealed; with
--keep-keys it is not, and whoever has the key and an old copy reads on.

Exit codes: 2 it is the last one; 5 no such key.`,
		Example: "  tacenda key remove laptop",
		Args:    exactly(1, "one KEY"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.keyRemove(c.Context(), args[0], keep)
		},
	}
	c.Flags().BoolVar(&keep, "keep-keys", false, "do not make the other keys anew")
	return c
}

func (a *app) keyRemove(ctx context.Context, id string, keep bool) error {
	v, err := a.openOwner(ctx, forChange)
	if err != nil {
		return err
	}
	defer v.Close()
	if keep {
		a.warn("with --keep-keys whoever has the removed key can read on in old copies of the vault, and with their keys in new ones")
	}
	p := a.progress("resealing")
	defer p.end()
	if err := v.RemoveSlot(ctx, id, keep, p.step); err != nil {
		return err
	}
	p.end()
	a.note("removed the key " + id)
	a.newOwner(v, !keep)
	return nil
}

// newOwner tells the fingerprint of a vault whose owner key was made anew.
func (a *app) newOwner(v *vault.Vault, changed bool) {
	if changed {
		a.note("the owner is now " + v.OwnerFingerprint() + "; change it wherever --owner pins it")
	}
}

func (a *app) keyRotateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rotate",
		Short: "Make every key anew and reseal everything",
		Long: `Make the root key, the owner key and every project's keys anew, and reseal
everything under them, in one transaction. What opens the vault stays.`,
		Example: "  tacenda key rotate",
		Args:    exactly(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			v, err := a.openOwner(c.Context(), forChange)
			if err != nil {
				return err
			}
			defer v.Close()
			p := a.progress("resealing")
			defer p.end()
			if err := v.Rotate(c.Context(), p.step); err != nil {
				return err
			}
			p.end()
			a.note("every key was made anew")
			a.newOwner(v, true)
			return nil
		},
	}
}

func (a *app) keyPasswdCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "passwd [KEY]",
		Short: "Change a passphrase, and make all other keys anew",
		Long: `Change a passphrase. Without KEY it is the vault's only one. Every other key is
made anew, so that the old passphrase opens nothing that is written later.

Exit codes: 2 no terminal to ask, or several passphrases and no KEY; 5 no such
key.`,
		Example: "  tacenda key passwd\n  tacenda key passwd laptop --new-passphrase-file /dev/fd/3",
		Args:    atMost(1, "at most one KEY"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.keyPasswd(c.Context(), strings.Join(args, ""), file)
		},
	}
	c.Flags().StringVar(&file, "new-passphrase-file", "", "the first line of `FILE` is the new passphrase")
	return c
}

func (a *app) keyPasswd(ctx context.Context, id, file string) error {
	v, err := a.openForPassphrase(ctx, "key passwd", file)
	if err != nil {
		return err
	}
	defer v.Close()
	slot, err := passphraseSlot(ctx, v, id)
	if err != nil {
		return err
	}
	pass, err := a.replacement(ctx, file)
	if err != nil {
		return err
	}
	defer pass.Destroy()
	p := a.progress("resealing")
	defer p.end()
	err = v.ReplaceSlot(ctx, slot.ID, func(vaultID [16]byte, root *secret.Bytes) (*keyring.Slot, error) {
		return keyring.NewPassphraseSlot(vaultID, slot.Label, pass, a.cost(), root)
	}, p.step)
	if err != nil {
		return err
	}
	p.end()
	a.note("changed the passphrase")
	a.newOwner(v, true)
	return nil
}

// passphraseSlot finds the passphrase to change.
func passphraseSlot(ctx context.Context, v *vault.Vault, id string) (vault.SlotInfo, error) {
	slots, err := v.Slots(ctx)
	if err != nil {
		return vault.SlotInfo{}, err
	}
	slots = slices.DeleteFunc(slots, func(s vault.SlotInfo) bool {
		return s.Kind != keyring.KindPassphrase || id != "" && id != s.Label && id != s.ID && id != s.Fingerprint
	})
	switch {
	case len(slots) == 1:
		return slots[0], nil
	case len(slots) == 0 && id == "":
		return vault.SlotInfo{}, hinted(failf(exitNotFound, "the vault has no passphrase"), "tacenda key add passphrase")
	case len(slots) == 0:
		return vault.SlotInfo{}, hinted(failf(exitNotFound, "no passphrase is called %q", id), "tacenda key list")
	}
	return vault.SlotInfo{}, hinted(usagef("the vault has %d passphrases: say which", len(slots)), "tacenda key list shows labels and ids")
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"tacenda/internal/atomicfile"
	"tacenda/internal/vault"
	"tacenda/store"
)

func (a *app) backupCommand() *cobra.Command {
	var overwrite bool
	c := &cobra.Command{
		Use: "backup FILE|-",
		Long: `Write a consistent copy of the vault to FILE, or with - to standard output, while
others may go on working. It is encrypted as the vault is and opens with the same
keys.

Exit codes: 2 standard output is a terminal; 5 no such directory; 6 FILE exists,
unless --overwrite.`,
		Example: "  tacenda backup /media/stick/vault-2027-01-31.db",
		Args:    exactly(1, "one FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.backup(c.Context(), args[0], overwrite)
		},
	}
	c.Flags().BoolVar(&overwrite, "overwrite", false, "replace an existing FILE")
	return c
}

func (a *app) backup(ctx context.Context, path string, overwrite bool) error {
	if path == "-" {
		return a.backupToOutput(ctx)
	}
	if _, err := os.Lstat(path); err == nil && !overwrite {
		return hinted(failf(exitExists, "backup: %s already exists", path), "choose another name, or add --overwrite")
	}
	if err := a.refuseOverKeys(path); err != nil {
		return err
	}
	v, err := a.openOwner(ctx, forReading)
	if err != nil {
		return err
	}
	defer v.Close()
	f, err := atomicfile.Create(path, atomicfile.Options{Warn: a.warn})
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := v.Backup(ctx, &stoppingWriter{ctx, f})
	if err != nil {
		return fmt.Errorf("writing the backup %s: %w", path, err)
	}
	if err := f.Commit(); err != nil {
		return err
	}
	a.note(fmt.Sprintf("wrote %s, %d bytes", path, n))
	return nil
}

// backupToOutput writes the copy for a program that reads it.
func (a *app) backupToOutput(ctx context.Context) error {
	if a.out.terminal() {
		return hinted(usagef("backup: standard output is a terminal"), "name a FILE, or pipe it")
	}
	v, err := a.openOwner(ctx, forReading)
	if err != nil {
		return err
	}
	defer v.Close()
	n, err := v.Backup(ctx, &stoppingWriter{ctx, a.out})
	if err != nil {
		return fmt.Errorf("writing the backup: %w", err)
	}
	a.note(fmt.Sprintf("wrote the backup, %d bytes", n))
	return nil
}

func (a *app) restoreCommand() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use: "restore FILE",
		Long: `Bring a backup back in the place of the vault, under new keys, so that every
machine takes it for newer than what it saw. Whatever opens the backup opens the
vault afterwards; what was changed since the backup is gone.

Exit codes: 2 no terminal to ask, and no --yes; 3 the backup did not open;
5 no such FILE; 8 FILE is damaged.`,
		Example: "  tacenda restore /media/stick/vault-2027-01-31.db",
		Args:    exactly(1, "one FILE"),
		RunE:    func(c *cobra.Command, args []string) error { return a.restore(c.Context(), args[0], yes) },
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask before replacing a vault")
	return c
}

// openBackup opens a vault that may be older than what this machine saw.
func (a *app) openBackup(ctx context.Context, path string) (*vault.Vault, error) {
	engine, err := store.OpenBolt(path, a.boltOptions(forReading))
	if errors.Is(err, store.ErrNotFound) {
		return nil, failf(exitNotFound, "there is no vault at %s", path) // without the hint to create one
	}
	if err != nil {
		return nil, err
	}
	opts := a.vaultOptions()
	opts.Backup = true
	return a.unlock(ctx, engine, path, opts)
}

func (a *app) restore(ctx context.Context, path string, yes bool) error {
	at, err := a.vaultPlace()
	if err != nil {
		return err
	}
	if sameFile(path, at.path) {
		return usagef("restore: %s is the vault itself", path)
	}
	if err := a.agreeToPlace(ctx, at); err != nil {
		return err
	}
	_, err = os.Lstat(at.path)
	replaces := err == nil
	if replaces && !yes && !a.hasTerminal() {
		return hinted(usagef("restore: there is a vault at %s, and no terminal to ask", at.path), "add --yes to replace it")
	}
	backup, err := a.openBackup(ctx, path)
	if err != nil {
		return err
	}
	defer backup.Close()
	if replaces && !yes {
		ok, err := a.confirm(ctx, fmt.Sprintf("Replace the vault %s by this backup? What was changed since then is lost.", at.path))
		if err != nil {
			return err
		}
		if !ok {
			return errors.New("nothing was changed")
		}
	}
	back, err := holders(ctx, backup)
	if err != nil {
		return err
	}
	p := a.progress("restoring")
	defer p.end()
	fill := func(tx store.Tx) error { return backup.RestoreInto(ctx, tx, a.stateDir(), p.step) }
	create := store.CreateBolt
	if replaces {
		create = store.ReplaceBolt
	}
	engine, err := create(ctx, at.path, a.boltOptions(forChange), fill)
	if err != nil {
		return err
	}
	defer engine.Close()
	if err := backup.Restored(a.stateDir()); err != nil { // the vault is there all the same
		a.note(fmt.Sprintf("%v, and this machine may want --accept-rollback once", err))
	}
	a.rememberPlace(at, backup.ID()) // whatever was there before
	p.end()
	a.note(fmt.Sprintf("restored %s from %s, under new keys", at.path, path))
	a.note("it opens with what opened the backup: " + back + "; remove again who was removed since then")
	a.note("a copy of the vault at another place is refused on this machine from now on, unless --accept-rollback is given")
	return nil
}

// holders are who can open a vault, in words.
func holders(ctx context.Context, v *vault.Vault) (string, error) {
	slots, err := v.Slots(ctx)
	if err != nil {
		return "", err
	}
	members, err := v.Members(ctx)
	if err != nil {
		return "", err
	}
	var keys, names []string
	for _, s := range slots {
		keys = append(keys, s.Label)
	}
	for _, m := range members {
		names = append(names, m.Name)
	}
	text := "the key " + someNames(keys)
	if len(keys) > 1 {
		text = "the keys " + someNames(keys)
	}
	if len(names) > 0 {
		text += ", of the members " + someNames(names)
	}
	return text, nil
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

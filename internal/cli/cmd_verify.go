package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"tacenda/internal/plain"
	"tacenda/internal/vault"
)

// damageJSON is one thing that is not as it was written.
type damageJSON struct {
	Where string `json:"where"`
	What  string `json:"what"`
}

func (a *app) verifyCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "verify [FILE]",
		Long: `Check every signature, page, record and event of the vault, or of the backup in
FILE, and list all damage. Values are opened in guarded memory only.

Exit codes: 0 all is well; 8 something is damaged.`,
		Example: "  tacenda verify\n  tacenda verify /media/stick/vault-2027-01-31.db",
		Args:    atMost(1, "at most one FILE"),
		RunE:    func(c *cobra.Command, args []string) error { return a.verify(c.Context(), args) },
	}
	a.jsonFlag(c)
	return c
}

func (a *app) verify(ctx context.Context, files []string) error {
	var v *vault.Vault
	var err error
	if len(files) == 1 {
		v, err = a.openBackup(ctx, files[0])
	} else {
		v, err = a.openOwner(ctx, forReading)
	}
	if err != nil {
		return err
	}
	defer v.Close()
	p := a.progress("verifying")
	defer p.end()
	damage, err := v.Verify(ctx, p.step)
	if err != nil {
		return err
	}
	p.end()
	items := make([]damageJSON, len(damage))
	var b strings.Builder
	for i, d := range damage {
		items[i] = damageJSON(d)
		fmt.Fprintf(&b, "%s: %s\n", plain.String(d.Where), plain.String(d.What))
	}
	if a.json {
		err = writeJSONList(a.out, items)
	} else {
		_, err = io.WriteString(a.out, b.String())
	}
	if err != nil {
		return err
	}
	if len(damage) > 0 {
		what := "1 thing is damaged" // a record, a history, a project or the file itself: the list says which
		if len(damage) > 1 {
			what = fmt.Sprintf("%d things are damaged", len(damage))
		}
		return hinted(failf(exitDamaged, "verify: %s", what), "what is not listed can still be read; tacenda restore brings a backup back")
	}
	a.note("everything is as it was written")
	return nil
}

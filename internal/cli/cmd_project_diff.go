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

func (a *app) projectDiffCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "diff A B",
		Short: "Compare the names, hints and versions of two projects",
		Long: `Compare two projects by the names, hints and versions of their secrets, without
opening a value. A line begins with - for a name that only A has, with + for one
that only B has, and with ~ where hint or version differ.

Exit codes: 0 no difference; 5 no such project; 11 there are differences.`,
		Example: "  tacenda project diff production staging",
		Args:    exactly(2, "an A and a B"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.projectDiff(c.Context(), args[0], args[1])
		},
	}
	a.jsonFlag(c)
	return c
}

// sideJSON is one side of a difference.
type sideJSON struct {
	Hint    string `json:"hint"`
	Version uint64 `json:"version"`
}

func side(s *vault.Secret) *sideJSON {
	if s == nil {
		return nil
	}
	return &sideJSON{s.Hint, s.Version}
}

// differenceJSON is one name; the side that lacks it is null.
type differenceJSON struct {
	Name string    `json:"name"`
	A    *sideJSON `json:"a"`
	B    *sideJSON `json:"b"`
}

func (a *app) projectDiff(ctx context.Context, left, right string) error {
	for _, name := range []string{left, right} {
		if err := vault.CheckName("project", name); err != nil {
			return err
		}
	}
	v, err := a.openVault(ctx, forReading)
	if err != nil {
		return err
	}
	defer v.Close()
	differences, err := v.DiffProjects(ctx, left, right)
	if err != nil {
		return err
	}
	items := make([]differenceJSON, len(differences))
	var text strings.Builder
	for i, d := range differences {
		items[i] = differenceJSON{d.Name, side(d.A), side(d.B)}
		switch {
		case d.B == nil:
			fmt.Fprintf(&text, "- %s  %s  version %d\n", d.Name, plain.String(d.A.Hint), d.A.Version)
		case d.A == nil:
			fmt.Fprintf(&text, "+ %s  %s  version %d\n", d.Name, plain.String(d.B.Hint), d.B.Version)
		default:
			fmt.Fprintf(&text, "~ %s  %s  version %d  →  %s  version %d\n",
				d.Name, plain.String(d.A.Hint), d.A.Version, plain.String(d.B.Hint), d.B.Version)
		}
	}
	if a.json {
		err = writeJSONList(a.out, items)
	} else {
		_, err = io.WriteString(a.out, a.glyphs(a.out, text.String()))
	}
	if err == nil && len(differences) > 0 {
		err = errFindings
	}
	return err
}

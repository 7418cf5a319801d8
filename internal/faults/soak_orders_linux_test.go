package faults_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/keyring/secret"
)

// An order is what a worker does next, and a reply what came of it.
type order struct {
	Do      string
	Project string
	Names   []string
	To      string
	Value   string
}

type reply struct {
	Error  string
	Kind   string            // of the error: "notfound", "exists", "conflict"; empty for none of these
	Values map[string]string // of "dump"
}

// childWorker opens the vault for each order that it reads, as a command does, but
// for those that keep it open over many.
func childWorker(ctx context.Context, args []string) error {
	w := worldOf(args)
	lines, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	lines.Buffer(nil, 1<<20)
	var v *vault.Vault
	for lines.Scan() {
		var o order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return err
		}
		var r reply
		var err error
		for tries := range 20 { // each time another process may have rotated the keys
			if v == nil || o.Do == "reopen" || tries > 0 {
				if v != nil {
					v.Close()
				}
				if v, err = w.open(ctx, w.path(), vault.Options{}); err != nil {
					return err
				}
			}
			r.Values, err = o.obey(ctx, v, w)
			if !errors.Is(err, vault.ErrLocked) {
				break
			}
		}
		if err != nil {
			r.Error, r.Kind = err.Error(), kindOf(err)
		}
		if err := out.Encode(r); err != nil {
			return err
		}
	}
	return lines.Err()
}

func kindOf(err error) string {
	for kind, e := range map[string]error{"notfound": vault.ErrNotFound, "exists": vault.ErrExists, "conflict": vault.ErrConflict} {
		if errors.Is(err, e) {
			return kind
		}
	}
	return ""
}

func (o order) obey(ctx context.Context, v *vault.Vault, w world) (map[string]string, error) {
	var b *secret.Bytes
	if o.Value != "" {
		var err error
		if b, err = value(o.Value); err != nil {
			return nil, err
		}
		defer b.Destroy()
	}
	switch o.Do {
	case "reopen":
		return nil, nil
	case "create":
		_, err := v.CreateSecret(ctx, o.Project, vault.Draft{Name: o.Names[0], Value: b})
		return nil, err
	case "edit":
		_, err := v.EditSecret(ctx, o.Project, o.Names[0], vault.Edit{Value: b})
		return nil, err
	case "delete":
		return nil, v.DeleteSecrets(ctx, o.Project, o.Names)
	case "clone":
		return nil, v.CloneSecrets(ctx, o.Project, o.Names, o.To, true)
	case "import":
		var drafts []vault.Draft
		for _, n := range o.Names {
			drafts = append(drafts, vault.Draft{Name: n, Value: b})
		}
		_, err := v.ImportSecrets(ctx, o.Project, drafts, vault.ImportOverwrite)
		return nil, err
	case "tool":
		_, err := v.SetText(ctx, o.Project, vault.Tool, "tool", "url: https://example.com/"+o.Value, 0)
		return nil, err
	case "rotate":
		return nil, v.Rotate(ctx, nil)
	case "compact":
		return nil, compact(ctx, w)
	case "verify":
		damage, err := v.Verify(ctx, nil)
		if err == nil && len(damage) > 0 {
			err = fmt.Errorf("%v", damage)
		}
		return nil, err
	case "count":
		return nil, countUp(ctx, v)
	case "dump":
		return dump(ctx, v, o.Project)
	}
	return nil, fmt.Errorf("no order %q", o.Do)
}

// countUp adds 1 to the secret that all workers share, if nobody did so since it
// was read.
func countUp(ctx context.Context, v *vault.Vault) error {
	s, err := v.Secret(ctx, vaulttest.Project, "COUNT")
	if err != nil {
		return err
	}
	text, err := vaulttest.Get(v, vaulttest.Project, "COUNT")
	if err != nil {
		return err
	}
	var n int
	if _, err := fmt.Sscan(text, &n); err != nil {
		return err
	}
	b, err := value(fmt.Sprint(n + 1))
	if err != nil {
		return err
	}
	defer b.Destroy()
	_, err = v.EditSecret(ctx, vaulttest.Project, "COUNT", vault.Edit{Value: b, IfVersion: s.Version})
	return err
}

func dump(ctx context.Context, v *vault.Vault, project string) (map[string]string, error) {
	list, err := v.Secrets(ctx, project)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, s := range list {
		if all[s.Name], err = vaulttest.Get(v, project, s.Name); err != nil {
			return nil, err
		}
	}
	return all, nil
}

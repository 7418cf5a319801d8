package faults_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/keyring"
	"tacenda/keyring/secret"
	"tacenda/store"
)

// A world is a vault below a directory, this machine's memory of it, and the keys
// of an owner and of a member.
type world struct {
	dir           string
	owner, member vaulttest.Key
}

func newWorld(t testing.TB, dir string) world {
	return world{dir: dir, owner: vaulttest.NewKey(t), member: vaulttest.NewKey(t)}
}

// args are the world for a child.
func (w world) args() []string {
	return []string{w.dir, w.owner.Identity, w.owner.Recipient, w.member.Identity, w.member.Recipient}
}

func worldOf(args []string) world {
	return world{args[0], vaulttest.Key{Identity: args[1], Recipient: args[2]}, vaulttest.Key{Identity: args[3], Recipient: args[4]}}
}

func (w world) at(dir string) world { w.dir = dir; return w }

func (w world) path() string   { return filepath.Join(w.dir, "data", "vault.db") }
func (w world) state() string  { return filepath.Join(w.dir, "state") }
func (w world) backup() string { return filepath.Join(w.dir, "backup.db") }

func value(text string) (*secret.Bytes, error) { return secret.Move([]byte(text)) }

func (w world) openers() ([]keyring.Unlocker, error) {
	data, err := value(w.owner.Identity + "\n")
	if err != nil {
		return nil, err
	}
	defer data.Destroy()
	return keyring.ParseIdentities("owner", data, nil)
}

func (w world) open(ctx context.Context, path string, o vault.Options) (*vault.Vault, error) {
	e, err := store.OpenBolt(path, store.BoltOptions{LockTimeout: waitForLock})
	if err != nil {
		return nil, err
	}
	ids, err := w.openers()
	if err != nil {
		return nil, err
	}
	o.State = w.state()
	return vault.Open(ctx, e, ids, o)
}

// with opens the vault for one change, as each command of the program does.
func (w world) with(ctx context.Context, fn func(*vault.Vault) error) error {
	v, err := w.open(ctx, w.path(), vault.Options{})
	if err != nil {
		return err
	}
	defer v.Close()
	return fn(v)
}

// A step is one kind of write. After step n the vault's contents are the same
// whenever it runs.
type step struct {
	name string
	do   func(ctx context.Context, w world) error
}

// change is a step on the opened vault.
func change(name string, fn func(ctx context.Context, v *vault.Vault, w world) error) step {
	return step{name, func(ctx context.Context, w world) error {
		return w.with(ctx, func(v *vault.Vault) error { return fn(ctx, v, w) })
	}}
}

func create(ctx context.Context, v *vault.Vault, name, text string) error {
	b, err := value(text)
	if err != nil {
		return err
	}
	defer b.Destroy()
	_, err = v.CreateSecret(ctx, vaulttest.Project, vault.Draft{Name: name, Value: b, Description: "of " + name})
	return err
}

func edit(ctx context.Context, v *vault.Vault, name, text string) error {
	b, err := value(text)
	if err != nil {
		return err
	}
	defer b.Destroy()
	_, err = v.EditSecret(ctx, vaulttest.Project, name, vault.Edit{Value: b})
	return err
}

const all = vault.PermRead | vault.PermUse | vault.PermManage

var steps = []step{
	{"create the vault", createVault},
	change("create a secret", func(ctx context.Context, v *vault.Vault, _ world) error { return create(ctx, v, "ONE", "the first") }),
	change("create a large one", func(ctx context.Context, v *vault.Vault, _ world) error {
		return create(ctx, v, "LARGE", strings.Repeat("large ", 9_000))
	}),
	change("edit a value", func(ctx context.Context, v *vault.Vault, _ world) error {
		return edit(ctx, v, "ONE", "the first, edited")
	}),
	change("edit a description", func(ctx context.Context, v *vault.Vault, _ world) error {
		text := "another description"
		_, err := v.EditSecret(ctx, vaulttest.Project, "ONE", vault.Edit{Description: &text})
		return err
	}),
	change("import", importSome),
	change("create a project", func(ctx context.Context, v *vault.Vault, _ world) error { return v.CreateProject(ctx, "other") }),
	change("clone", func(ctx context.Context, v *vault.Vault, _ world) error {
		return v.CloneSecrets(ctx, vaulttest.Project, []string{"ONE", "LARGE", "KEY_03"}, "other", false)
	}),
	change("set a tool", func(ctx context.Context, v *vault.Vault, _ world) error {
		_, err := v.SetText(ctx, vaulttest.Project, vault.Tool, "call", "description: a call\nurl: https://api.example/{{ONE}}\n", 0)
		return err
	}),
	change("delete", func(ctx context.Context, v *vault.Vault, _ world) error {
		return v.DeleteSecrets(ctx, vaulttest.Project, []string{"KEY_04", "KEY_05"})
	}),
	change("add a member", func(ctx context.Context, v *vault.Vault, w world) error {
		_, err := v.AddMember(ctx, "ann", w.member.Recipient)
		return err
	}),
	change("grant", func(ctx context.Context, v *vault.Vault, _ world) error {
		_, err := v.Grant(ctx, "ann", vaulttest.Project, all, false, nil)
		return err
	}),
	{"back up", backUp},
	change("revoke", func(ctx context.Context, v *vault.Vault, _ world) error {
		_, err := v.Revoke(ctx, "ann", vaulttest.Project, nil)
		return err
	}),
	change("add a key", addKey),
	change("rotate", func(ctx context.Context, v *vault.Vault, _ world) error { return v.Rotate(ctx, nil) }),
	change("remove a key", func(ctx context.Context, v *vault.Vault, _ world) error {
		return v.RemoveSlot(ctx, "another key", false, nil)
	}),
	change("duplicate a project", func(ctx context.Context, v *vault.Vault, _ world) error {
		return v.DuplicateProject(ctx, vaulttest.Project, "third")
	}),
	change("delete a project", func(ctx context.Context, v *vault.Vault, _ world) error { return v.DeleteProject(ctx, "other") }),
	{"compact", compact},
	change("edit once more", func(ctx context.Context, v *vault.Vault, _ world) error { return edit(ctx, v, "LARGE", "small now") }),
	{"restore", restore},
	change("delete after that", func(ctx context.Context, v *vault.Vault, _ world) error {
		return v.DeleteSecrets(ctx, vaulttest.Project, []string{"LARGE"})
	}),
}

func createVault(ctx context.Context, w world) error {
	create := func(fill func(store.Tx) error) (store.Engine, error) {
		e, err := store.CreateBolt(ctx, w.path(), store.BoltOptions{}, fill)
		if err != nil {
			return nil, err // not e, which would be a nil that is no nil
		}
		return e, nil
	}
	v, err := vault.Create(ctx, create, w.owner.Slots, vaulttest.Project, vault.Options{State: w.state()})
	if err == nil {
		v.Close()
	}
	return err
}

func importSome(ctx context.Context, v *vault.Vault, _ world) error {
	var drafts []vault.Draft
	for i := range 20 {
		b, err := value(fmt.Sprintf("imported %d", i))
		if err != nil {
			return err
		}
		defer b.Destroy()
		drafts = append(drafts, vault.Draft{Name: fmt.Sprintf("KEY_%02d", i), Value: b})
	}
	_, err := v.ImportSecrets(ctx, vaulttest.Project, drafts, vault.ImportStrict)
	return err
}

func addKey(ctx context.Context, v *vault.Vault, w world) error {
	return v.AddSlot(ctx, func(id vault.ID, root *secret.Bytes) (*keyring.Slot, error) {
		slot, identity, err := keyring.NewRecoverySlot(id, "another key", root)
		if err == nil {
			identity.Destroy()
		}
		return slot, err
	})
}

func backUp(ctx context.Context, w world) error {
	return w.with(ctx, func(v *vault.Vault) error {
		f, err := os.Create(w.backup())
		if err != nil {
			return err
		}
		_, err = v.Backup(ctx, f)
		return errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close())
	})
}

// compact writes the file anew: what the engine offers to whoever is to tidy up.
func compact(ctx context.Context, w world) error {
	e, err := store.OpenBolt(w.path(), store.BoltOptions{})
	if err != nil {
		return err
	}
	return errors.Join(e.Compact(ctx), e.Close())
}

// restore does what the command does.
func restore(ctx context.Context, w world) error {
	old, err := w.open(ctx, w.backup(), vault.Options{Backup: true})
	if err != nil {
		return err
	}
	defer old.Close()
	e, err := store.ReplaceBolt(ctx, w.path(), store.BoltOptions{}, func(tx store.Tx) error { return old.RestoreInto(ctx, tx, w.state(), nil) })
	if err != nil {
		return err
	}
	defer e.Close()
	return old.Restored(w.state())
}

// childSteps takes the steps from args[0] to args[1], and says the number of each
// once it is done. The rest is the world.
func childSteps(ctx context.Context, args []string) error {
	from, err1 := strconv.Atoi(args[0])
	to, err2 := strconv.Atoi(args[1])
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	w := worldOf(args[2:])
	for n := from; n <= to; n++ {
		if err := steps[n-1].do(ctx, w); err != nil {
			return fmt.Errorf("%s: %w", steps[n-1].name, err)
		}
		fmt.Println("step", n)
	}
	return nil
}

// contents verifies the vault and describes everything in it that is the same
// each time the steps run. Without a vault it is nothing.
func (w world) contents(ctx context.Context) (string, error) {
	v, err := w.open(ctx, w.path(), vault.Options{})
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer v.Close()
	damage, err := v.Verify(ctx, nil)
	if err != nil || len(damage) > 0 {
		return "", fmt.Errorf("verify: %v, %w", damage, err)
	}
	var b strings.Builder
	slots, err := v.Slots(ctx)
	if err != nil {
		return "", err
	}
	for _, s := range slots {
		fmt.Fprintf(&b, "slot %s %s\n", s.Kind, s.Label)
	}
	members, err := v.Members(ctx)
	fmt.Fprintf(&b, "members %+v\n", members)
	if err != nil {
		return "", err
	}
	projects, err := v.Projects(ctx)
	if err != nil {
		return "", err
	}
	for _, p := range append(projects, vault.Project{}) { // the last is the vault itself
		if err := describe(ctx, &b, v, p); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

func describe(ctx context.Context, b *strings.Builder, v *vault.Vault, p vault.Project) error {
	fmt.Fprintf(b, "project %+v\n", p)
	events, err := v.Events(ctx, p.Name)
	if err != nil {
		return err
	}
	for _, e := range events {
		fmt.Fprintf(b, "event %s %s %s %s\n", e.Actor, e.Action, e.Object, e.Origin)
	}
	if p.Name == "" {
		return nil
	}
	for _, k := range []vault.TextKind{vault.Tool, vault.Instruction} {
		texts, err := v.Texts(ctx, p.Name, k)
		if err != nil {
			return err
		}
		for _, x := range texts {
			fmt.Fprintf(b, "%s %s %d %q\n", k, x.Name, x.Version, x.Text)
		}
	}
	secrets, err := v.Secrets(ctx, p.Name)
	if err != nil {
		return err
	}
	for _, s := range secrets {
		text, err := vaulttest.Get(v, p.Name, s.Name)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "secret %s %d %q %s %x\n", s.Name, s.Version, s.Description, s.Hint, sha256.Sum256([]byte(text)))
	}
	return nil
}

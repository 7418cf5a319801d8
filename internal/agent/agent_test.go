package agent_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tacenda/internal/agent"
	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/keyring/secret"
	"tacenda/store"
)

// A running is an agent in this process.
type running struct {
	*agent.Server
	config agent.Config
	cancel context.CancelFunc
	ended  chan error
}

// serve starts an agent for v, on the file at path ("" for one of its own), and
// ends it with the test.
func serve(t testing.TB, v agent.Vault, change func(*agent.Config)) *running {
	t.Helper()
	dir := shortDir(t)
	path := filepath.Join(dir, "vault.db")
	if err := os.WriteFile(path, []byte("as good as any"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := agent.Config{
		Vault: v, Path: path, Socket: agent.Socket(filepath.Join(dir, "tacenda"), path), TTL: time.Hour, Tick: time.Millisecond,
	}
	if change != nil {
		change(&c)
	}
	s, err := agent.Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Server: s, config: c, cancel: cancel, ended: make(chan error, 1)}
	done := make(chan struct{})
	go func() { r.ended <- s.Serve(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return r
}

// shortDir is a directory whose path leaves room for a socket's name.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent") //nolint:usetesting // a short path, or one that other users reach
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// dial is a client of r, closed with the test.
func (r *running) dial(t testing.TB) *agent.Client {
	t.Helper()
	c, err := agent.Dial(t.Context(), r.config.Socket, agent.Options{Path: r.config.Path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// wait returns how the agent ended.
func (r *running) wait(t testing.TB) error {
	t.Helper()
	select {
	case err := <-r.ended:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("the agent does not end")
		return nil
	}
}

func draftOf(t testing.TB, name, value string) vault.Draft {
	return vault.Draft{Name: name, Value: vaulttest.Value(t, value)}
}

// An operation is one call, whose outcome must not depend on whether the vault
// is here or with an agent.
type operation struct {
	name string
	run  func(context.Context, agent.Vault) (any, error)
}

// operations are every method, with what works and what does not.
func operations(t *testing.T) []operation {
	const p = vaulttest.Project
	expires := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	create := func(name, value string) operation {
		return operation{"CreateSecret", func(ctx context.Context, v agent.Vault) (any, error) {
			d := draftOf(t, name, value)
			d.Description, d.LLMSafe, d.AllowedHosts, d.Expires = "for <you> & me", true, []string{"api.example.com:443"}, expires
			return v.CreateSecret(ctx, p, d)
		}}
	}
	values := func(project string, names ...string) operation {
		return operation{"Values", func(ctx context.Context, v agent.Vault) (any, error) {
			x, err := v.Values(ctx, project, names)
			if err != nil {
				return nil, err
			}
			defer x.Close()
			got := []any{x.Secrets()}
			for _, name := range append(slices.Clone(names), names...) { // each twice
				err := x.Use(name, func(b []byte) error { got = append(got, len(b), fmt.Sprintf("%.20s", b)); return nil })
				if err != nil {
					return nil, err
				}
			}
			return got, x.Use("NOT_ASKED_FOR", func([]byte) error { return nil })
		}}
	}
	edit := func(e vault.Edit) operation {
		return operation{"EditSecret", func(ctx context.Context, v agent.Vault) (any, error) { return v.EditSecret(ctx, p, "API_KEY", e) }}
	}
	list := []operation{
		create("API_KEY", "sk-proj-0123456789abcdef"), create("API_KEY", "again"), create("bad name", "x"), create("EMPTY", ""),
		create("LONG", strings.Repeat("x", vault.MaxValue)), create("LONGER", strings.Repeat("x", vault.MaxValue+1)),
		create("MIDDLE", strings.Repeat("y", 20<<10)),
		values(p, "API_KEY"), values(p), values(p, "API_KEY", "LONG", "MIDDLE"), values(p, "LONG", "API_KEY"), values(p, "NOPE", "API_KEY", "NONE"), values("absent", "X"),
		edit(vault.Edit{Value: vaulttest.Value(t, "another value of it"), IfVersion: 1}), edit(vault.Edit{Description: new("new"), IfVersion: 1}),
		edit(vault.Edit{Description: new("")}), edit(vault.Edit{AllowedHosts: &[]string{}}), edit(vault.Edit{AllowedHosts: new([]string(nil))}),
		edit(vault.Edit{LLMSafe: new(false), Expires: new(time.Time{})}), edit(vault.Edit{Description: new("two\nlines")}),
		{"Secrets", func(ctx context.Context, v agent.Vault) (any, error) { return v.Secrets(ctx, p) }},
		{"Secret", func(ctx context.Context, v agent.Vault) (any, error) { return v.Secret(ctx, p, "API_KEY") }},
		{"Secret", func(ctx context.Context, v agent.Vault) (any, error) { return v.Secret(ctx, p, "NOPE") }},
		{"Secret", func(ctx context.Context, v agent.Vault) (any, error) { return v.Secret(ctx, "nope", "API_KEY") }},
		{"CreateProject", func(ctx context.Context, v agent.Vault) (any, error) { return nil, v.CreateProject(ctx, "web") }},
		{"CreateProject", func(ctx context.Context, v agent.Vault) (any, error) { return nil, v.CreateProject(ctx, "web") }},
		{"CreateProject", func(ctx context.Context, v agent.Vault) (any, error) { return nil, v.CreateProject(ctx, "No") }},
		{"CloneSecrets", func(ctx context.Context, v agent.Vault) (any, error) {
			return nil, v.CloneSecrets(ctx, p, []string{"API_KEY"}, "web", false)
		}},
		{"CloneSecrets", func(ctx context.Context, v agent.Vault) (any, error) {
			return nil, v.CloneSecrets(ctx, p, []string{"API_KEY", "MIDDLE"}, "web", false)
		}},
		{"CloneSecrets", func(ctx context.Context, v agent.Vault) (any, error) {
			return nil, v.CloneSecrets(ctx, p, []string{"API_KEY", "MIDDLE"}, "web", true)
		}},
		{"DiffProjects", func(ctx context.Context, v agent.Vault) (any, error) { return v.DiffProjects(ctx, p, "web") }},
		{"DuplicateProject", func(ctx context.Context, v agent.Vault) (any, error) {
			return nil, v.DuplicateProject(ctx, "web", "copy")
		}},
		{"RenameProject", func(ctx context.Context, v agent.Vault) (any, error) {
			return nil, v.RenameProject(ctx, "copy", "moved")
		}},
		{"DeleteProject", func(ctx context.Context, v agent.Vault) (any, error) { return nil, v.DeleteProject(ctx, "moved") }},
		{"DeleteProject", func(ctx context.Context, v agent.Vault) (any, error) { return nil, v.DeleteProject(ctx, "moved") }},
		{"DeleteSecrets", func(ctx context.Context, v agent.Vault) (any, error) {
			return nil, v.DeleteSecrets(ctx, p, []string{"LONG"})
		}},
		{"DeleteSecrets", func(ctx context.Context, v agent.Vault) (any, error) {
			return nil, v.DeleteSecrets(ctx, p, []string{"LONG", "NOPE"})
		}},
		{"ImportSecrets", func(ctx context.Context, v agent.Vault) (any, error) {
			return v.ImportSecrets(ctx, "web", []vault.Draft{draftOf(t, "B", "value of b"), draftOf(t, "A", "value of a"), draftOf(t, "API_KEY", "value")}, vault.ImportSkip)
		}},
		{"ImportSecrets", func(ctx context.Context, v agent.Vault) (any, error) {
			return v.ImportSecrets(ctx, "web", []vault.Draft{draftOf(t, "A", "1"), draftOf(t, "B", "2")}, vault.ImportStrict)
		}},
		{"SetText", func(ctx context.Context, v agent.Vault) (any, error) {
			return v.SetText(ctx, p, vault.Instruction, "greet", "say\n{{API_KEY}} <&> ü\u2028", 0)
		}},
		{"SetText", func(ctx context.Context, v agent.Vault) (any, error) {
			return v.SetText(ctx, p, vault.Instruction, "greet", "x", 7)
		}},
		{"SetText", func(ctx context.Context, v agent.Vault) (any, error) {
			return v.SetText(ctx, p, vault.Tool, "t", "", 0)
		}},
		{"Text", func(ctx context.Context, v agent.Vault) (any, error) {
			return v.Text(ctx, p, vault.Instruction, "greet")
		}},
		{"Text", func(ctx context.Context, v agent.Vault) (any, error) { return v.Text(ctx, p, vault.Tool, "greet") }},
		{"Texts", func(ctx context.Context, v agent.Vault) (any, error) { return v.Texts(ctx, p, vault.Instruction) }},
		{"Texts", func(ctx context.Context, v agent.Vault) (any, error) { return v.Texts(ctx, p, vault.Tool) }},
		{"References", func(ctx context.Context, v agent.Vault) (any, error) { return v.References(ctx, p) }},
		{"DeleteText", func(ctx context.Context, v agent.Vault) (any, error) {
			return nil, v.DeleteText(ctx, p, vault.Instruction, "greet")
		}},
		{"Projects", func(ctx context.Context, v agent.Vault) (any, error) { return v.Projects(ctx) }},
		{"Events", func(ctx context.Context, v agent.Vault) (any, error) { return v.Events(ctx, p) }},
		{"Events", func(ctx context.Context, v agent.Vault) (any, error) { return v.Events(ctx, "") }},
		{"Head", func(ctx context.Context, v agent.Vault) (any, error) {
			head, err := v.Head(ctx, p)
			n, _, _ := strings.Cut(head, ":")
			return n, err
		}},
		{"VerifyHistory", func(ctx context.Context, v agent.Vault) (any, error) { return nil, v.VerifyHistory(ctx, p, "") }},
		{"VerifyHistory", func(ctx context.Context, v agent.Vault) (any, error) { return nil, v.VerifyHistory(ctx, p, "no head") }},
		{"VerifyHistory", func(ctx context.Context, v agent.Vault) (any, error) {
			return nil, v.VerifyHistory(ctx, p, "1:"+strings.Repeat("00", 32))
		}},
		{"Slots", func(ctx context.Context, v agent.Vault) (any, error) { return v.Slots(ctx) }},
		{"Stamp", func(ctx context.Context, v agent.Vault) (any, error) { return v.Stamp(ctx, p) }},
		{"Stamp", func(ctx context.Context, v agent.Vault) (any, error) { return v.Stamp(ctx, "") }},
	}
	return append(list, memberOperations(t)...)
}

func memberOperations(t *testing.T) []operation {
	const p = vaulttest.Project
	k := vaulttest.NewKey(t)
	step := func(int, int) {}
	return []operation{
		{"AddMember", func(ctx context.Context, v agent.Vault) (any, error) { return v.AddMember(ctx, "ann", k.Recipient) }},
		{"AddMember", func(ctx context.Context, v agent.Vault) (any, error) { return v.AddMember(ctx, "ann", k.Recipient) }},
		{"Grant", func(ctx context.Context, v agent.Vault) (any, error) {
			return v.Grant(ctx, "ann", p, vault.PermRead|vault.PermUse, false, step)
		}},
		{"Grant", func(ctx context.Context, v agent.Vault) (any, error) {
			return v.Grant(ctx, "bob", p, vault.PermRead, true, step)
		}},
		{"Members", func(ctx context.Context, v agent.Vault) (any, error) { return v.Members(ctx) }},
		{"Revoke", func(ctx context.Context, v agent.Vault) (any, error) { return v.Revoke(ctx, "ann", p, step) }},
		{"RemoveMember", func(ctx context.Context, v agent.Vault) (any, error) { return v.RemoveMember(ctx, "ann", step) }},
		{"Members", func(ctx context.Context, v agent.Vault) (any, error) { return v.Members(ctx) }},
	}
}

// TestSameAsHere runs every operation on a vault in this process and on one with
// an agent: results and errors are the same, down to what errors.Is and
// errors.As find.
func TestSameAsHere(t *testing.T) {
	k := vaulttest.NewKey(t)
	now := func() time.Time { return time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC) }
	here := vaulttest.On(t, store.NewMem(), k, vault.Options{Now: now})
	there := vaulttest.On(t, store.NewMem(), k, vault.Options{Now: now})
	c := serve(t, there, nil).dial(t)
	if c.ID() != there.ID() || c.Actor() != there.Actor() || c.OwnerFingerprint() != there.OwnerFingerprint() || c.Owner() != there.Owner() {
		t.Errorf("the vault behind the agent is another: %v", c.Status())
	}
	ran := map[string]bool{}
	ignore := cmp.Options{
		cmpopts.IgnoreFields(vault.Event{}, "Hash"), cmpopts.IgnoreFields(vault.SlotInfo{}, "ID", "Created"),
		cmpopts.EquateEmpty(),
	}
	for i, op := range operations(t) {
		ran[op.name] = true
		want, wantErr := op.run(t.Context(), here)
		got, err := op.run(t.Context(), c)
		if diff := cmp.Diff(want, got, ignore); wantErr == nil && diff != "" {
			t.Errorf("%d, %s: here (-), there (+):\n%s", i, op.name, diff)
		}
		sameError(t, fmt.Sprintf("%d, %s", i, op.name), wantErr, err)
	}
	methods := reflect.TypeFor[agent.Vault]()
	for m := range methods.Methods() {
		if m.Type.NumIn() > 0 && !ran[m.Name] {
			t.Errorf("%s was not tried", m.Name)
		}
	}
}

func sameError(t *testing.T, what string, want, got error) {
	t.Helper()
	if fmt.Sprint(want) != fmt.Sprint(got) {
		t.Errorf("%s: error %v, want %v", what, got, want)
	}
	for _, s := range []error{
		vault.ErrNotFound, vault.ErrNoProject, vault.ErrExists, vault.ErrDenied, vault.ErrConflict, vault.ErrInvalid,
		vault.ErrLocked, vault.ErrDamaged, store.ErrBusy,
	} {
		if errors.Is(want, s) != errors.Is(got, s) {
			t.Errorf("%s: %v is %v: %t there, %t here", what, got, s, errors.Is(got, s), errors.Is(want, s))
		}
	}
	var we, ge *vault.ExistsError
	var wm, gm *vault.MissingError
	var wc, gc *vault.ConflictError
	errors.As(want, &we)
	errors.As(got, &ge)
	errors.As(want, &wm)
	errors.As(got, &gm)
	errors.As(want, &wc)
	errors.As(got, &gc)
	if diff := cmp.Diff([]any{we, wm, wc}, []any{ge, gm, gc}); diff != "" {
		t.Errorf("%s: %s", what, diff)
	}
}

// TestNotUTF8: what JSON would mend is refused, as the vault refuses it.
func TestNotUTF8(t *testing.T) {
	c := serve(t, vaulttest.New(t), nil).dial(t)
	d := draftOf(t, "API_KEY", "value")
	d.Description = "a\xffb"
	if _, err := c.CreateSecret(t.Context(), vaulttest.Project, d); !errors.Is(err, vault.ErrInvalid) {
		t.Errorf("created it: %v", err)
	}
	if _, err := c.EditSecret(t.Context(), vaulttest.Project, "API_KEY", vault.Edit{Description: new("\xff")}); !errors.Is(err, vault.ErrInvalid) {
		t.Errorf("edited it: %v", err)
	}
}

// TestManyValues: a template with more values than the agent sends ahead, binary
// ones included, gets each of them, however they are asked for.
func TestManyValues(t *testing.T) {
	v := vaulttest.New(t)
	want := map[string][]byte{}
	var drafts []vault.Draft
	for i := range 300 {
		name := fmt.Sprintf("N%d", i)
		want[name] = bytes.Repeat([]byte{0, byte(i), 0xff}, 1+i*7)
		b, err := secret.Move(bytes.Clone(want[name]))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.Destroy)
		drafts = append(drafts, vault.Draft{Name: name, Value: b})
	}
	c := serve(t, v, nil).dial(t)
	if _, err := c.ImportSecrets(t.Context(), vaulttest.Project, drafts, vault.ImportStrict); err != nil {
		t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(want))
	x, err := c.Values(t.Context(), vaulttest.Project, names)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, name := range names {
			err := x.Use(name, func(p []byte) error {
				if !bytes.Equal(p, want[name]) {
					t.Errorf("%s: %d bytes, want %d", name, len(p), len(want[name]))
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	x.Close()
	if err := x.Use("N299", func([]byte) error { return nil }); err == nil {
		t.Error("a value was there after Close")
	}
	for range 40 { // more than one client may have open: Close gave each back
		x, err := c.Values(t.Context(), vaulttest.Project, names)
		if err != nil {
			t.Fatal(err)
		}
		x.Close()
	}
}

package vault_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tacenda/internal/prooftest"
	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/store"
)

// model is what a vault should hold: project, name, value.
type model map[string]map[string]string

// machine plays random operations on a vault and on the model of it.
type machine struct {
	t     *testing.T
	e     store.Engine
	key   vaulttest.Key
	v     *vault.Vault
	model model
	state string
}

var (
	someProjects = rapid.SampledFrom([]string{project, "b", "c", "d"})
	someNames    = rapid.SampledFrom([]string{"A", "B", "C", "D", "E", "F_1"})
	someValues   = rapid.StringN(1, 100, 300)
)

// expect compares an error with what the model says must happen.
func expect(rt *rapid.T, doing string, err, want error) bool {
	if want == nil && err != nil || want != nil && !errors.Is(err, want) {
		rt.Fatalf("%s: got %v, want %v", doing, err, want)
	}
	return err == nil
}

func (m *machine) has(p, n string) bool { _, ok := m.model[p][n]; return ok }

func (m *machine) create(rt *rapid.T) {
	p, n, value := someProjects.Draw(rt, "project"), someNames.Draw(rt, "name"), someValues.Draw(rt, "value")
	var want error
	switch {
	case m.model[p] == nil:
		want = vault.ErrNotFound
	case m.has(p, n):
		want = vault.ErrExists
	}
	_, err := m.v.CreateSecret(ctx, p, vault.Draft{Name: n, Value: bytesValue(value)})
	if expect(rt, "create", err, want) {
		m.model[p][n] = value
	}
}

func (m *machine) edit(rt *rapid.T) {
	p, n, value := someProjects.Draw(rt, "project"), someNames.Draw(rt, "name"), someValues.Draw(rt, "value")
	var want error
	if !m.has(p, n) {
		want = vault.ErrNotFound
	}
	_, err := m.v.EditSecret(ctx, p, n, vault.Edit{Value: vaulttest.Value(m.t, value)})
	if expect(rt, "edit", err, want) {
		m.model[p][n] = value
	}
}

func (m *machine) remove(rt *rapid.T) {
	p, ns := someProjects.Draw(rt, "project"), rapid.SliceOfN(someNames, 1, 3).Draw(rt, "names")
	var want error
	for _, n := range ns {
		if !m.has(p, n) {
			want = vault.ErrNotFound
		}
	}
	if expect(rt, "delete", m.v.DeleteSecrets(ctx, p, ns), want) {
		for _, n := range ns {
			delete(m.model[p], n)
		}
	}
}

func (m *machine) clone(rt *rapid.T) {
	from, to := someProjects.Draw(rt, "from"), someProjects.Draw(rt, "to")
	ns, overwrite := rapid.SliceOfN(someNames, 1, 3).Draw(rt, "names"), rapid.Bool().Draw(rt, "overwrite")
	var want error
	for _, n := range ns {
		if m.has(to, n) && !overwrite {
			want = vault.ErrExists
		}
	}
	for _, n := range ns {
		if !m.has(from, n) {
			want = vault.ErrNotFound
		}
	}
	if m.model[to] == nil {
		want = vault.ErrNotFound
	}
	if from == to {
		want = vault.ErrInvalid
	}
	if expect(rt, "clone", m.v.CloneSecrets(ctx, from, ns, to, overwrite), want) {
		for _, n := range ns {
			m.model[to][n] = m.model[from][n]
		}
	}
}

func (m *machine) projects(rt *rapid.T) {
	a, b := someProjects.Draw(rt, "a"), someProjects.Draw(rt, "b")
	var missing, taken error
	if m.model[a] == nil {
		missing = vault.ErrNotFound
	}
	if m.model[b] != nil {
		taken = vault.ErrExists
	}
	first := missing
	if first == nil {
		first = taken
	}
	switch rapid.IntRange(0, 3).Draw(rt, "operation") {
	case 0:
		if expect(rt, "create project", m.v.CreateProject(ctx, b), taken) {
			m.model[b] = map[string]string{}
		}
	case 1:
		if expect(rt, "delete project", m.v.DeleteProject(ctx, a), missing) {
			delete(m.model, a)
		}
	case 2:
		if expect(rt, "rename project", m.v.RenameProject(ctx, a, b), first) {
			m.model[b] = m.model[a]
			delete(m.model, a)
		}
	case 3:
		if expect(rt, "duplicate project", m.v.DuplicateProject(ctx, a, b), first) {
			m.model[b] = maps.Clone(m.model[a])
		}
	}
}

// reopen throws away whatever the opened vault keeps.
func (m *machine) reopen(rt *rapid.T) {
	m.v.Close()
	v, err := vault.Open(ctx, m.e, m.key.Openers(m.t), vault.Options{State: m.state})
	expect(rt, "reopen", err, nil)
	m.v = v
}

func (m *machine) rotate(rt *rapid.T) { expect(rt, "rotate", m.v.Rotate(ctx, nil), nil) }

// check holds the vault against the model.
func (m *machine) check(rt *rapid.T) {
	list, err := m.v.Projects(ctx)
	expect(rt, "list projects", err, nil)
	if len(list) != len(m.model) {
		rt.Fatalf("projects: %v, want %v", list, slices.Sorted(maps.Keys(m.model)))
	}
	for _, p := range list {
		secrets, err := m.v.Secrets(ctx, p.Name)
		expect(rt, "list secrets", err, nil)
		got := map[string]string{}
		for _, s := range secrets {
			if got[s.Name], err = vaulttest.Get(m.v, p.Name, s.Name); err != nil {
				rt.Fatalf("using %s: %v", s.Name, err)
			}
			if s.Hint != vault.Hint([]byte(got[s.Name])) {
				rt.Fatalf("the hint of %s is %q", s.Name, s.Hint)
			}
		}
		if diff := cmp.Diff(m.model[p.Name], got); diff != "" || p.Secrets != len(got) {
			rt.Fatalf("project %s counts %d:\n%s", p.Name, p.Secrets, diff)
		}
	}
}

func TestVaultAgainstAModel(t *testing.T) {
	runs, checks := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		m := &machine{t: t, e: vaulttest.Shared(store.NewMem()), key: vaulttest.NewKey(t), state: t.TempDir(), model: model{project: {}}}
		m.v = vaulttest.On(t, m.e, m.key, vault.Options{State: m.state})
		rt.Repeat(map[string]func(*rapid.T){
			"":        func(rt *rapid.T) { checks++; m.check(rt) },
			"create":  m.create,
			"create2": m.create, // more often than the rest
			"edit":    m.edit,
			"delete":  m.remove,
			"clone":   m.clone,
			"project": m.projects,
			"reopen":  m.reopen,
			"rotate":  m.rotate,
		})
		damage, err := m.v.Verify(ctx, nil)
		if err != nil || len(damage) > 0 {
			rt.Fatalf("verify: %v, %v", damage, err)
		}
		m.v.Close()
	})
	prooftest.Cases(t, runs, "random vaults")
	prooftest.Cases(t, checks, "states compared")
}

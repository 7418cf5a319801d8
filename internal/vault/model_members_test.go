package vault_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
)

// given is what a member should have in a project.
type given struct {
	p      vault.Permission
	server bool
}

// company plays random changes of members and grants, while everybody keeps the
// vault open: by their own key, and as a server serves them.
type company struct {
	t       *testing.T
	x       *team
	file    map[string]*vault.Vault
	served  map[string]*vault.Vault
	grants  map[string]map[string]given // member, project
	secrets map[string]int              // of each project
}

var someMembers = rapid.SampledFrom([]string{"ann", "bob"})

func (c *company) add(rt *rapid.T) {
	m := someMembers.Draw(rt, "member")
	k := vaulttest.NewKey(c.t)
	_, err := c.x.v.AddMember(ctx, m, k.Recipient)
	var want error
	if c.grants[m] != nil {
		want = vault.ErrExists
	}
	if !expect(rt, "add "+m, err, want) {
		return
	}
	c.x.keys[m], c.grants[m] = k, map[string]given{}
	c.file[m] = c.x.openAs(c.t, m, vault.Options{})
	c.served[m], err = c.x.v.As(ctx, m)
	expect(rt, "as "+m, err, nil)
}

func (c *company) remove(rt *rapid.T) {
	m := someMembers.Draw(rt, "member")
	lost, err := c.x.v.RemoveMember(ctx, m, nil)
	var want error
	if c.grants[m] == nil {
		want = vault.ErrNotFound
	}
	if !expect(rt, "remove "+m, err, want) {
		return
	}
	for p, g := range c.grants[m] {
		c.lost(rt, p, g, given{}, lost[p])
	}
	for _, v := range []*vault.Vault{c.file[m], c.served[m]} {
		_, err := v.Projects(ctx)
		expect(rt, "the open vault of somebody removed", err, vault.ErrLocked)
	}
	delete(c.grants, m)
}

func (c *company) reads(g given) bool {
	return g.p&vault.PermUse != 0 || g.p&vault.PermManage != 0 && !g.server
}

func (c *company) lost(rt *rapid.T, project string, from, to given, names []string) {
	want := 0
	if c.reads(from) && !c.reads(to) {
		want = c.secrets[project]
	}
	if len(names) != want {
		rt.Fatalf("from %v to %v in %s: %v, want %d names", from, to, project, names, want)
	}
}

func (c *company) change(rt *rapid.T) {
	m, p := someMembers.Draw(rt, "member"), rapid.SampledFrom([]string{project, "b"}).Draw(rt, "project")
	next := given{rapid.SampledFrom(sets).Draw(rt, "set"), rapid.Bool().Draw(rt, "server")}
	var lost []string
	var err, want error
	before, had := c.grants[m][p]
	if next.p == 0 {
		lost, err = c.x.v.Revoke(ctx, m, p, nil)
		next = given{}
		if !had {
			want = vault.ErrNotFound
		}
	} else {
		lost, err = c.x.v.Grant(ctx, m, p, next.p, next.server, nil)
	}
	if c.grants[m] == nil || c.secrets[p] == 0 {
		want = vault.ErrNotFound
	}
	if !expect(rt, fmt.Sprintf("%v for %s in %s", next, m, p), err, want) {
		return
	}
	c.lost(rt, p, before, next, lost)
	c.grants[m][p] = next
	if next.p == 0 {
		delete(c.grants[m], p)
	}
}

// write has somebody who may create a secret, by their own key or a server's.
func (c *company) write(rt *rapid.T) {
	m, p := someMembers.Draw(rt, "member"), rapid.SampledFrom([]string{project, "b"}).Draw(rt, "project")
	g := c.grants[m][p]
	if g.p&vault.PermManage == 0 {
		return
	}
	v := c.served[m]
	if !g.server && rapid.Bool().Draw(rt, "by file") {
		v = c.file[m]
	}
	c.secrets[p]++
	vaulttest.Put(c.t, v, p, fmt.Sprintf("S_%d", c.secrets[p]), "value")
}

func (c *company) projects(rt *rapid.T) {
	if c.secrets["b"] == 0 {
		expect(rt, "create project", c.x.v.CreateProject(ctx, "b"), nil)
		vaulttest.Put(c.t, c.x.v, "b", "S_1", "value")
		c.secrets["b"] = 1
		return
	}
	expect(rt, "delete project", c.x.v.DeleteProject(ctx, "b"), nil)
	c.secrets["b"] = 0
	for _, of := range c.grants {
		delete(of, "b")
	}
}

// rotate leaves everybody in whom the owners' keys do not concern.
func (c *company) rotate(rt *rapid.T) { expect(rt, "rotate", c.x.v.Rotate(ctx, nil), nil) }

// check holds what everybody finds against the model.
func (c *company) check(rt *rapid.T) {
	for m, of := range c.grants {
		for way, v := range map[string]*vault.Vault{"file": c.file[m], "server": c.served[m]} {
			list, err := v.Projects(ctx)
			expect(rt, "list", err, nil)
			n := 0
			for p, g := range of {
				if way == "file" && g.server {
					continue
				}
				n++
				i := slices.IndexFunc(list, func(l vault.Project) bool { return l.Name == p })
				if i < 0 || !slices.Equal(list[i].Permissions, g.p.Strings()) || list[i].Secrets != c.secrets[p] {
					rt.Fatalf("%s by the %s: %+v, want %v in %s with %d secrets", m, way, list, g, p, c.secrets[p])
				}
				_, err := vaulttest.Get(v, p, "S_1")
				var want error
				if g.p&vault.PermUse == 0 {
					want = vault.ErrDenied
				}
				expect(rt, m+" uses", err, want)
			}
			if n != len(list) {
				rt.Fatalf("%s by the %s finds %+v", m, way, list)
			}
		}
	}
}

func TestMembersAgainstAModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := &company{
			t: t, x: newTeam(t), file: map[string]*vault.Vault{}, served: map[string]*vault.Vault{},
			grants: map[string]map[string]given{}, secrets: map[string]int{project: 1},
		}
		vaulttest.Put(t, c.x.v, project, "S_1", "value")
		c.add(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"": c.check, "add": c.add, "remove": c.remove, "change": c.change, "change2": c.change,
			"write": c.write, "projects": c.projects, "rotate": c.rotate,
		})
		damage, err := c.x.v.Verify(ctx, nil)
		if err != nil || len(damage) > 0 {
			rt.Fatalf("verify: %v, %v", damage, err)
		}
		for _, v := range c.file {
			v.Close()
		}
		c.x.v.Close()
	})
}

package tui

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
)

// A deed is something that the interface offers, with what the vault does for it.
// The vault's own matrix is in internal/vault/matrix_test.go; this is its face.
type deed struct {
	name   string
	keys   string // that lead to where it is offered; the last one is its own
	needs  vault.Permission
	owner  bool
	reason string // that it is greyed with, for those who lack it
	do     func(t *testing.T, v Vault) error
}

func draftOf(t *testing.T, name string) vault.Draft {
	return vault.Draft{Name: name, Value: vaulttest.Value(t, "a value of some length")}
}

// deeds are in such an order that one does not take away what the next one needs.
func deeds() []deed {
	ctx, p := context.Background(), "api-gateway"
	text := func(k vault.TextKind, name string) func(*testing.T, Vault) error {
		return func(_ *testing.T, v Vault) error {
			return only(v.SetText(ctx, p, k, name, "url: https://x.example/\n", 0))
		}
	}
	about := "words"
	return []deed{
		{"copy a placeholder", "1 y", mayRead, false, "", nil},
		{"used by", "1 u", mayRead, false, "", func(_ *testing.T, v Vault) error { return only(v.References(ctx, p)) }},
		{"activity", "5 f", mayRead, false, "", func(_ *testing.T, v Vault) error { return only(v.Events(ctx, p)) }},
		{"create a secret", "1 n", mayManage, false, "needs secrets:manage", func(t *testing.T, v Vault) error { return only(v.CreateSecret(ctx, p, draftOf(t, "NEW"))) }},
		{"edit a secret", "1 e", mayManage, false, "needs secrets:manage", func(_ *testing.T, v Vault) error {
			return only(v.EditSecret(ctx, p, "DATABASE_URL", vault.Edit{Description: &about}))
		}},
		{"clone a secret", "1 c", mayManage, false, "needs secrets:manage", nil}, // see TestCloneTargets
		{"delete a secret", "1 d", mayManage, false, "needs secrets:manage", func(_ *testing.T, v Vault) error { return v.DeleteSecrets(ctx, p, []string{"DATABASE_URL"}) }},
		{"try a tool", "2 x", mayUse, false, "needs secrets:use", nil}, // the vault gives no values through Vault
		{"create a tool", "2 n", mayBoth, false, "needs secrets:", text(vault.Tool, "new")},
		{"edit a tool", "2 e", mayBoth, false, "needs secrets:", text(vault.Tool, "curl-charge")},
		{"delete a tool", "2 d", mayBoth, false, "needs secrets:", func(_ *testing.T, v Vault) error { return v.DeleteText(ctx, p, vault.Tool, "curl-charge") }},
		{"create an instruction", "3 n", mayBoth, false, "needs secrets:", text(vault.Instruction, "new")},
		{"edit an instruction", "3 e", mayBoth, false, "needs secrets:", text(vault.Instruction, "oncall")},
		{"delete an instruction", "3 d", mayBoth, false, "needs secrets:", func(_ *testing.T, v Vault) error { return v.DeleteText(ctx, p, vault.Instruction, "oncall") }},
		{"show the owners' keys", ":show the keys that open this vault", 0, true, "needs an owner", func(_ *testing.T, v Vault) error { return only(v.Slots(ctx)) }},
		{"add a member", "4 n", 0, true, "needs an owner", func(_ *testing.T, v Vault) error { return only(v.AddMember(ctx, "dana", danasKey)) }},
		{"add a member, by name", ":add a member", 0, true, "needs an owner", nil},
		{"grant", "4 j e", 0, true, "needs an owner", func(_ *testing.T, v Vault) error { return only(v.Grant(ctx, "dave", p, mayUse, false, nil)) }},
		{"revoke", "4 j d", 0, true, "needs an owner", func(_ *testing.T, v Vault) error { return only(v.Revoke(ctx, "bob", p, nil)) }},
		{"remove a member", "4 j d", 0, true, "needs an owner", func(_ *testing.T, v Vault) error { return only(v.RemoveMember(ctx, "bob", nil)) }},
		{"create a project", "p n", 0, true, "needs an owner", func(_ *testing.T, v Vault) error { return v.CreateProject(ctx, "made") }},
		{"create a project, by name", ":create a project", 0, true, "needs an owner", nil},
		{"duplicate a project", "p c", 0, true, "needs an owner", func(_ *testing.T, v Vault) error { return v.DuplicateProject(ctx, p, "copied") }},
		{"rename a project", "p e", 0, true, "needs an owner", func(_ *testing.T, v Vault) error { return v.RenameProject(ctx, p, "renamed") }},
		{"delete a project", "p d", 0, true, "needs an owner", func(_ *testing.T, v Vault) error { return v.DeleteProject(ctx, "renamed") }},
	}
}

// A looker is somebody whom the interface is opened for.
type looker struct {
	name, header string
	may          vault.Permission
	owner        bool
	opts         []stageOption
}

func lookers() []looker {
	member := func(name, header string, p vault.Permission) looker {
		return looker{name, header, p, false, []stageOption{asMember(name, p)}}
	}
	server := func(name, header string, p vault.Permission) looker {
		return looker{name, header, p, false, []stageOption{onServer(name, p)}}
	}
	return []looker{
		{"test key", "owner", mayBoth, true, nil},
		member("rita", "read", mayRead), member("uwe", "use", mayUse), member("mona", "manage", mayManage), member("fritz", "full", mayBoth),
		server("remy", "read", mayRead), server("ulla", "use", mayUse), server("max", "manage", mayManage), server("fay", "full", mayBoth),
	}
}

// TestFace holds every set of permissions against every action: what the vault
// refuses is greyed with the reason, and does nothing; what it allows is offered.
func TestFace(t *testing.T) {
	for _, l := range lookers() {
		t.Run(l.name, func(t *testing.T) {
			s := newDrawn(t, 80, 24, l.opts...)
			s.sees(l.name + "  " + l.header)
			for _, d := range deeds() {
				allowed := l.may&d.needs == d.needs && (l.owner || !d.owner)
				s.face(d, allowed)
			}
			for _, d := range deeds() {
				if d.do == nil {
					continue
				}
				allowed := l.may&d.needs == d.needs && (l.owner || !d.owner)
				err := d.do(t, s.u.session.vault)
				if denied := errors.Is(err, vault.ErrDenied) || errors.Is(err, vault.ErrNotFound); denied == allowed || allowed && err != nil {
					t.Errorf("%s: the vault says %v, where allowed is %v", d.name, err, allowed)
				}
			}
		})
	}
}

// face checks how a deed is offered, and that its key does what that says.
func (s *stage) face(d deed, allowed bool) {
	s.Helper()
	if query, ok := strings.CutPrefix(d.keys, ":"); ok {
		s.keys(":")
		p := s.u.stack[0].(*palette)
		s.run(p.pick(s.u, slices.IndexFunc(p.actions, func(b binding) bool { return b.name == query })))
	} else {
		s.keys(d.keys)
	}
	toast := s.u.toast.text
	refused := s.u.toast.kind == toastWarn
	if refused == allowed || !allowed && !strings.HasPrefix(toast, d.reason) {
		s.Errorf("%s: allowed is %v and the toast %q:\n%s", d.name, allowed, toast, s.frame())
	}
	if !allowed && len(s.u.stack) > 1 {
		s.Errorf("%s opened something:\n%s", d.name, s.frame())
	}
	for range 4 {
		s.keys("esc")
	}
	if len(s.u.stack) > 0 {
		s.Fatalf("%s: a dialog stays:\n%s", d.name, s.frame())
	}
	s.keys("1")
}

// What is greyed in a menu and in the palette says why, and does nothing.
func TestGreyed(t *testing.T) {
	s := newDrawn(t, 80, 24, asMember("rita", mayRead))
	s.keys("enter")
	s.sees("Edit…              needs secrets:manage", "Delete…            needs secrets:manage", "Copy {{NAME}}                         y")
	s.keys("down enter")
	s.sees("! needs secrets:manage", "Edit…")
	s.keys("esc :")
	s.sees("create a secret                       needs secrets:manage")
	s.keys("enter")
	s.sees("! needs secrets:manage", "Command")
	s.keys("esc 4 enter down enter")
	s.sees("Permission in this project…  needs an owner", "! needs an owner")
	s.keys("esc p")
	s.sees("new, rename, duplicate, delete: needs an owner")
	s.keys("esc ?")
	s.sees("Keys")

	manager := newDrawn(t, 80, 24, asMember("mona", mayManage))
	manager.keys("n")
	manager.text("NEW")
	manager.keys("enter")
	manager.text("a value of some length")
	manager.keys("tab tab space")
	manager.sees("safe for the model  needs secrets:use", "Hosts        needs secrets:use")
	manager.click(manager.place("safe for the model"))
	manager.keys("tab") // past both of them
	manager.sees("[ ] safe for the model")
	manager.keys("ctrl+s")
	manager.sees("created NEW")
	manager.keys("e tab")
	manager.text("for them")
	manager.keys("tab space ctrl+s")
	manager.sees("saved NEW")

	empty := newDrawn(t, 80, 24, func(s *stage, c *Config) {
		asMember("uwe", mayUse)(s, c)
		s.grant("uwe", "web", mayRead, false)
		c.Project = "web"
	})
	empty.sees("No secrets in web yet.", "create one: needs secrets:manage")
	empty.keys("2")
	empty.sees("No tools in web yet.", "create one: needs secrets:manage")

	nobody := newDrawn(t, 80, 24, asMember("nia", 0))
	nobody.sees("Nothing in this vault was granted to you yet.")
	nobody.lacks("make the first one")
	nobody.keys("n")
	nobody.sees("nothing was granted to you")
	nobody.keys("p")
	nobody.sees("Nothing was granted to you yet.")
	nobody.keys("esc 4")
	nobody.sees("> nia (you)")
}

// TestCloneTargets holds what the picker says of each target against what the
// vault does, for a member on a server, where grants without keys count too.
func TestCloneTargets(t *testing.T) {
	s := newDrawn(t, 80, 24)
	ctx := context.Background()
	kinds := []struct {
		p      vault.Permission
		server bool
	}{{mayRead, false}, {mayUse, false}, {mayManage, false}, {mayBoth, false}, {mayManage, true}, {mayBoth, true}, {mayUse, true}}
	for i, from := range kinds {
		for j, to := range kinds {
			if from.p&vault.PermManage == 0 {
				continue // clone is greyed
			}
			name := fmt.Sprintf("m%d-%d", i, j)
			s.check(only(s.v.AddMember(ctx, name, vaulttest.NewKey(t).Recipient)))
			s.grant(name, "api-gateway", from.p, from.server)
			s.grant(name, "web", to.p, to.server)
			v, err := s.v.As(ctx, name)
			s.check(err)
			l, err := read(ctx, v, "api-gateway")
			s.check(err)
			u := &ui{data: data{projects: l.projects, project: l.project, people: l.people}}
			at := slices.IndexFunc(l.projects, func(p vault.Project) bool { return p.Name == "web" })
			target := newTarget(u, &l.projects[at])
			err = v.CloneSecrets(ctx, "api-gateway", []string{"GITHUB_TOKEN"}, "web", true)
			if denied := errors.Is(err, vault.ErrDenied); denied != target.denied || !denied && err != nil {
				t.Errorf("from %v server %v to %v server %v: the picker says %q, the vault %v", from.p.Strings(), from.server, to.p.Strings(), to.server, target.needs, err)
			}
		}
	}
}

// The picker says what is lacking where.
func TestCloneNotPermitted(t *testing.T) {
	s := newDrawn(t, 80, 24, func(s *stage, c *Config) {
		asMember("mona", mayManage)(s, c)
		s.grant("mona", "billing", mayRead, false)
		s.grant("mona", "web", mayBoth, false)
	})
	s.keys("c")
	s.sees("x needs manage", "x needs use here")
	s.keys("enter")
	s.sees("not permitted: billing needs manage")
	s.keys("down enter")
	s.sees("not permitted: web needs use here")
}

// TestGrantRules holds what the permission box says that saving will do against
// what the vault does, for every change of a grant there is.
func TestGrantRules(t *testing.T) {
	s := newDrawn(t, 80, 24)
	ctx := context.Background()
	var kinds []*vault.Grant
	for _, p := range []vault.Permission{mayRead, mayUse, mayManage, mayBoth} {
		kinds = append(kinds, &vault.Grant{Project: "billing", Permissions: p}, &vault.Grant{Project: "billing", Permissions: p, ServerOnly: true})
	}
	for _, old := range kinds {
		for _, next := range append([]*vault.Grant{nil}, kinds...) {
			s.grant("dave", "billing", old.Permissions, old.ServerOnly)
			resealed := false
			step := func(int, int) { resealed = true }
			var lost []string
			var err error
			if next == nil {
				lost, err = s.v.Revoke(ctx, "dave", "billing", step)
			} else {
				lost, err = s.v.Grant(ctx, "dave", "billing", next.Permissions, next.ServerOnly, step)
			}
			s.check(err)
			if said := keysOf(next) < keysOf(old); said != resealed {
				t.Errorf("from %s to %s: keys are taken is %v here and %v there", grantWords(old), grantWords(next), said, resealed)
			}
			if said := readsValues(old) && !readsValues(next); said != (len(lost) > 0) {
				t.Errorf("from %s to %s: to be changed is %v here and %v there", grantWords(old), grantWords(next), said, lost)
			}
		}
	}
}

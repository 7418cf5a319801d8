package tui

import (
	"context"
	"slices"
	"strings"

	"tacenda/internal/vault"
)

// people are those whom the vault is open to, as far as the caller may know: for
// an owner all, for a member themselves.
type people struct {
	owner bool     // the caller is one
	rows  []person // owners' keys, then members, by name
	err   error    // why the rows could not be read
}

// A person is a member, or an owner's key to the whole vault.
type person struct {
	name, kind, fingerprint string
	owner, you              bool
	grants                  []vault.Grant // by project
	lower                   string        // what the filter looks at
}

// readPeople reads them. That they cannot be read must not hide the secrets: it
// is told where they would be listed.
func readPeople(ctx context.Context, v Vault) *people {
	p := &people{owner: v.Owner()}
	me := v.Actor()
	add := func(x person) {
		x.you, x.lower = x.name == me, strings.ToLower(x.name+" "+x.kind+" "+x.fingerprint)
		p.rows = append(p.rows, x)
	}
	if p.owner {
		slots, err := v.Slots(ctx)
		if p.err = err; err != nil {
			return p
		}
		for _, s := range slots {
			add(person{name: s.Label, kind: string(s.Kind), fingerprint: s.Fingerprint, owner: true})
		}
		slices.SortStableFunc(p.rows, func(a, b person) int { return strings.Compare(a.name, b.name) })
	}
	members, err := v.Members(ctx)
	p.err = err
	for _, m := range members {
		add(person{name: m.Name, kind: keyKind(m.Recipient), fingerprint: m.Fingerprint, grants: m.Grants})
	}
	return p
}

// keyKind is what sort of key a recipient is.
func keyKind(recipient string) string {
	kind, _, _ := strings.Cut(recipient, " ")
	switch {
	case strings.HasPrefix(kind, "ssh-"):
		return kind
	case strings.HasPrefix(kind, "age1pq1"):
		return "age-pq"
	}
	return "age"
}

// find is who has a name, or nil.
func (p *people) find(name string) *person {
	if p == nil {
		return nil
	}
	for i := range p.rows {
		if p.rows[i].name == name {
			return &p.rows[i]
		}
	}
	return nil
}

// mine is what the caller was granted in a project; for an owner, who needs no
// grant, nil.
func (p *people) mine(project string) *vault.Grant {
	if p == nil {
		return nil
	}
	for i := range p.rows {
		if p.rows[i].you {
			return p.rows[i].grant(project)
		}
	}
	return nil
}

// grant is what a member was granted in a project, or nil.
func (p *person) grant(project string) *vault.Grant {
	i := slices.IndexFunc(p.grants, func(g vault.Grant) bool { return g.Project == project })
	if i < 0 {
		return nil
	}
	return &p.grants[i]
}

// keysOf is how many of a project's three keys come with a grant: taking one away
// seals the project anew. See vault.Grant.
func keysOf(g *vault.Grant) int {
	switch {
	case g == nil || g.ServerOnly:
		return 0
	case g.Permissions&vault.PermManage != 0:
		return 3
	case g.Permissions&vault.PermUse != 0:
		return 2
	}
	return 1
}

// readsValues tells whether values can be read by a grant: with its keys and a
// program of the member's own, or through a server.
func readsValues(g *vault.Grant) bool {
	return keysOf(g) > 1 || g != nil && g.Permissions&vault.PermUse != 0
}

// grantWord is a grant in a word or two, for a column.
func grantWord(g *vault.Grant) string {
	if g == nil {
		return "nothing"
	}
	word := permissionWord(g.Permissions.Strings())
	if g.ServerOnly {
		word += ", server"
	}
	return word
}

// grantWords is a grant in its own words.
func grantWords(g *vault.Grant) string {
	if g == nil {
		return "nothing"
	}
	words := strings.Join(g.Permissions.Strings(), " ")
	if g.ServerOnly {
		words += ", server only"
	}
	return words
}

// owns tells whether the caller may do what only owners do, and if not, why.
func (u *ui) owns() string {
	switch {
	case u.data.people == nil:
		return "one moment"
	case !u.data.people.owner:
		return "needs an owner"
	}
	return ""
}

// noProjects says what there is to do without any project: an owner makes one, a
// member was granted nothing.
func (u *ui) noProjects() (why, then string) {
	if p := u.data.people; p != nil && !p.owner {
		return "Nothing in this vault was granted to you yet.", ""
	}
	return "No projects yet. A project holds the secrets of one thing you build.", "make the first one"
}
